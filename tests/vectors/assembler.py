"""Assembles EVM programs. Numbers of the instructions come from the execution specs."""

from __future__ import annotations

from ethereum.forks.osaka.vm.instructions import Ops

OPCODES = {op.name: op.value for op in Ops}


class Program:
    """EVM code under construction."""

    def __init__(self) -> None:
        self._code = bytearray()
        self._patches: list[tuple[int, str]] = []
        self._labels: dict[str, int] = {}

    def op(self, *names: str) -> Program:
        """Append instructions by name."""
        self._code.extend(OPCODES[name] for name in names)
        return self

    def push(self, *values: int | bytes) -> Program:
        """Push each value with the shortest instruction, PUSH0 for zero; the last ends on top."""
        for value in values:
            self._push(int.from_bytes(value, "big") if isinstance(value, bytes) else value)
        return self

    def _push(self, value: int) -> None:
        size = (value.bit_length() + 7) // 8
        self._code.append(0x5F + size)
        self._code.extend(value.to_bytes(size, "big"))

    def raw(self, code: bytes) -> Program:
        self._code.extend(code)
        return self

    def push_label(self, name: str) -> Program:
        """Push the place of a label, which may come later."""
        self._code.append(0x61)
        self._patches.append((len(self._code), name))
        self._code.extend(b"\0\0")
        return self

    def label(self, name: str) -> Program:
        """A jump destination."""
        self._labels[name] = len(self._code)
        return self.op("JUMPDEST")

    def write_memory(self, offset: int, data: bytes) -> Program:
        """Memory from `offset` holds `data`, and zeros up to a full word."""
        for start in range(0, len(data), 32):
            self.push(data[start : start + 32].ljust(32, b"\0"), offset + start).op("MSTORE")
        return self

    def code(self) -> bytes:
        """The finished code."""
        done = bytearray(self._code)
        for place, name in self._patches:
            done[place : place + 2] = self._labels[name].to_bytes(2, "big")
        return bytes(done)

    def __len__(self) -> int:
        return len(self._code)


def init_code(runtime: bytes, *, before: bytes = b"") -> bytes:
    """Creation code that runs `before` and then deploys `runtime`."""
    head = 13  # length of the instructions below
    size, offset = len(runtime).to_bytes(3, "big"), (len(before) + head).to_bytes(3, "big")
    # PUSH3 size DUP1 PUSH3 offset PUSH0 CODECOPY PUSH0 RETURN
    copy = b"\x62" + size + b"\x80\x62" + offset + b"\x5f\x39\x5f\xf3"
    assert len(copy) == head
    return before + copy + runtime
