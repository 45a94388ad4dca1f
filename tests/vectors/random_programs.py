"""Random EVM programs that mostly do something: arguments are pushed, memory stays small, and
results go to memory, storage or the log, where a difference shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from tests.vectors.assembler import Program, init_code

_INTERESTING = (0, 1, 2, 3, 31, 32, 255, 256, 2**64, 2**128 - 1, 2**255 - 1, 2**255, 2**256 - 1)

# fmt: off
_BINARY = (
    "ADD", "MUL", "SUB", "DIV", "SDIV", "MOD", "SMOD", "EXP", "SIGNEXTEND", "LT", "GT", "SLT",
    "SGT", "EQ", "AND", "OR", "XOR", "BYTE", "SHL", "SHR", "SAR",
)
_NULLARY = (
    "ADDRESS", "ORIGIN", "CALLER", "CALLVALUE", "CALLDATASIZE", "CODESIZE", "GASPRICE",
    "RETURNDATASIZE", "COINBASE", "TIMESTAMP", "NUMBER", "PREVRANDAO", "GASLIMIT", "CHAINID",
    "SELFBALANCE", "BASEFEE", "BLOBBASEFEE", "PC", "MSIZE", "GAS",
)
# fmt: on
_OF_ADDRESS = ("BALANCE", "EXTCODESIZE", "EXTCODEHASH")
_UNARY = ("ISZERO", "NOT", "CALLDATALOAD", "BLOBHASH", "SLOAD", "TLOAD", "CLZ", "BLOCKHASH")
_SUMS = ("ADDMOD", "MULMOD")


class RandomProgram:
    """Writes one program. `addresses` are what it may look at and call."""

    def __init__(self, rng: Random, addresses: Sequence[bytes], *, nesting: int = 1) -> None:
        self._rng = rng
        self._addresses = addresses
        self._nesting = nesting
        self._program = Program()
        self._labels = 0
        self._steps: list[tuple[Callable[[], None], int]] = [
            (self._binary, 12),
            (self._sum, 2),
            (self._nullary, 9),
            (self._unary, 9),
            (self._of_address, 4),
            (self._hash, 2),
            (self._write, 6),
            (self._memory, 3),
            (self._copy, 3),
            (self._log, 3),
            (self._call, 6),
            (self._create, 1),
            (self._branch, 2),
            (self._loop, 1),
            (self._shuffle, 3),
        ]

    def write(self, steps: int) -> bytes:
        """Code of about `steps` steps and an ending."""
        kinds, weights = zip(*self._steps, strict=True)
        for step in self._rng.choices(kinds, weights, k=steps):
            step()
        if self._rng.random() < 0.03:
            self._program.raw(self._rng.randbytes(1))
        self._end()
        return self._program.code()

    # --- arguments and results ---

    def _value(self) -> int:
        kind = self._rng.random()
        if kind < 0.4:
            return self._rng.choice(_INTERESTING)
        if kind < 0.7:
            return self._rng.randrange(64)
        return self._rng.getrandbits(self._rng.choice([16, 64, 160, 256]))

    def _slot(self) -> int:
        return self._rng.randrange(6)

    def _offset(self) -> int:
        return self._rng.choice([0, 1, 31, 32, 64, 96, 128, 200])

    def _size(self) -> int:
        return self._rng.choice([0, 1, 20, 32, 64, 100])

    def _address(self) -> int:
        return int.from_bytes(self._rng.choice(self._addresses), "big")

    def _keep(self) -> None:
        """Take the top of the stack to where it can be seen."""
        kind = self._rng.random()
        if kind < 0.72:
            self._program.push(32 * self._rng.randrange(8)).op("MSTORE")
        elif kind < 0.82:
            self._program.push(self._slot()).op("SSTORE")
        elif kind < 0.9:
            self._program.push(self._slot()).op("TSTORE")
        else:
            self._program.push(0, 0).op("LOG1")

    # --- steps ---

    def _binary(self) -> None:
        name = self._rng.choice(_BINARY)
        small = name in ("EXP", "SHL", "SHR", "SAR", "BYTE", "SIGNEXTEND")
        first = self._rng.randrange(300) if small and self._rng.random() < 0.7 else self._value()
        pair = (first, self._value()) if name == "EXP" else (self._value(), first)
        self._program.push(*pair).op(name)
        self._keep()

    def _sum(self) -> None:
        self._program.push(self._value(), self._value(), self._value())
        self._program.op(self._rng.choice(_SUMS))
        self._keep()

    def _nullary(self) -> None:
        self._program.op(self._rng.choice(_NULLARY))
        self._keep()

    def _unary(self) -> None:
        name = self._rng.choice(_UNARY)
        if name in ("SLOAD", "TLOAD"):
            self._program.push(self._slot())
        elif name == "BLOCKHASH":
            self._program.push(self._rng.choice([0, 1, 2, 3, 2**256 - 1])).op("NUMBER", "SUB")
        else:
            self._program.push(self._value())
        self._program.op(name)
        self._keep()

    def _of_address(self) -> None:
        self._program.push(self._address()).op(self._rng.choice(_OF_ADDRESS))
        self._keep()

    def _hash(self) -> None:
        self._program.push(self._size(), self._offset()).op("KECCAK")
        self._keep()

    def _write(self) -> None:
        value = self._value() if self._rng.random() < 0.6 else 0
        name = self._rng.choice(["SSTORE", "SSTORE", "TSTORE"])
        self._program.push(value, self._slot()).op(name)

    def _memory(self) -> None:
        kind = self._rng.random()
        if kind < 0.3:
            self._program.push(self._value(), self._offset()).op("MSTORE8")
        elif kind < 0.6:
            self._program.push(self._offset()).op("MLOAD")
            self._keep()
        else:
            self._program.push(self._size(), self._offset(), self._offset()).op("MCOPY")

    def _copy(self) -> None:
        kind = self._rng.randrange(4)
        if kind == 0:
            self._program.push(self._size(), self._offset(), self._offset()).op("CALLDATACOPY")
        elif kind == 1:
            self._program.push(self._size(), self._offset(), self._offset()).op("CODECOPY")
        elif kind == 2:
            self._program.push(self._size(), self._offset(), self._offset(), self._address())
            self._program.op("EXTCODECOPY")
        else:
            excess = 1 if self._rng.random() < 0.05 else 0
            self._program.op("RETURNDATASIZE").push(excess).op("ADD")
            self._program.push(0, self._offset()).op("RETURNDATACOPY")

    def _log(self) -> None:
        topics = self._rng.randrange(5)
        self._program.push(*(self._value() for _ in range(topics)))
        self._program.push(self._size(), self._offset()).op(f"LOG{topics}")

    def _call(self) -> None:
        kind = self._rng.choice(["CALL", "CALL", "CALLCODE", "DELEGATECALL", "STATICCALL"])
        self._program.push(self._size(), self._offset(), self._size(), self._offset())
        if kind in ("CALL", "CALLCODE"):
            self._program.push(self._rng.choice([0, 0, 1, 1000]))
        self._program.push(self._address())
        if self._rng.random() < 0.5:
            self._program.push(self._rng.choice([0, 2300, 10_000, 40_000]))
        else:
            self._program.op("GAS")
        self._program.op(kind)
        self._keep()

    def _create(self) -> None:
        if not self._nesting:
            return
        inner = RandomProgram(self._rng, self._addresses, nesting=self._nesting - 1)
        code = inner.write(self._rng.randrange(1, 5))
        if self._rng.random() < 0.7:
            code = init_code(code)
        self._program.write_memory(256, code)
        kind = self._rng.choice(["CREATE", "CREATE2"])
        if kind == "CREATE2":
            self._program.push(self._rng.randrange(3))
        self._program.push(len(code), 256, self._rng.choice([0, 0, 1])).op(kind)
        self._keep()

    def _label(self) -> str:
        self._labels += 1
        return f"l{self._labels}"

    def _branch(self) -> None:
        over = self._label()
        condition = self._rng.choice(["CALLVALUE", "CALLDATASIZE", "RETURNDATASIZE", "GAS"])
        self._program.op(condition).push_label(over).op("JUMPI")
        self._write()
        self._program.label(over)

    def _loop(self) -> None:
        again = self._label()
        self._program.push(self._rng.randrange(1, 8)).label(again)
        self._memory()
        self._program.push(1).op("SWAP1", "SUB", "DUP1").push_label(again).op("JUMPI", "POP")

    def _shuffle(self) -> None:
        depth = self._rng.randrange(1, 17)
        self._program.push(*(self._rng.randrange(1, 99) for _ in range(depth + 1)))
        self._program.op(self._rng.choice([f"DUP{depth}", f"SWAP{depth}"]))
        self._keep()

    def _end(self) -> None:
        kind = self._rng.random()
        self._program.push(256, 0).op("LOG0")
        if kind < 0.4:
            self._program.op("STOP")
        elif kind < 0.75:
            self._program.push(self._size(), self._offset()).op("RETURN")
        elif kind < 0.88:
            self._program.push(self._size(), self._offset()).op("REVERT")
        elif kind < 0.94:
            self._program.push(self._address()).op("SELFDESTRUCT")
        else:
            self._program.raw(b"\xfe")
