"""A contract by hand, for tests of calls, logs and reverts. The first byte of calldata chooses:

(none)  add the call value to slot 0, emit LOG2(TOPIC, caller) with the value as data
0x01    revert with Error("nope")
0x02    loop until the gas is gone
0x03    return slot 0
0x04    loop 20,000 times, then return 1
0x05    revert without data
"""

from __future__ import annotations

from eth_hash.auto import keccak

TOPIC = keccak(b"Paid(address,uint256)")

PUSH0, DUP1, POP, EQ, SHR, JUMP, JUMPI, JUMPDEST = 0x5F, 0x80, 0x50, 0x14, 0x1C, 0x56, 0x57, 0x5B
MSTORE, SLOAD, SSTORE, RETURN, REVERT, STOP, LOG2 = 0x52, 0x54, 0x55, 0xF3, 0xFD, 0x00, 0xA2
CALLDATALOAD, CALLDATASIZE, CALLVALUE, CALLER, ISZERO, ADD, SUB = (
    0x35,
    0x36,
    0x34,
    0x33,
    0x15,
    0x01,
    0x03,
)

Item = int | bytes | str  # opcode, bytes to push, or a label (":x" defines it, "x" pushes it)


def assemble(*items: Item) -> bytes:
    """Opcodes, pushes and two-byte labels to code."""
    code = bytearray()
    labels: dict[str, int] = {}
    holes: list[tuple[int, str]] = []
    for item in items:
        if isinstance(item, int):
            code.append(item)
        elif isinstance(item, bytes):
            code += bytes((0x5F + len(item),)) + item
        elif item.startswith(":"):
            labels[item[1:]] = len(code)
            code.append(JUMPDEST)
        else:
            holes.append((len(code) + 1, item))
            code += b"\x61\0\0"
    for at, label in holes:
        code[at : at + 2] = labels[label].to_bytes(2, "big")
    return bytes(code)


def _case(number: int, label: str) -> tuple[Item, ...]:
    return DUP1, bytes((number,)), EQ, label, JUMPI


RUNTIME = assemble(
    *(CALLDATASIZE, ISZERO, "pay", JUMPI),
    *(PUSH0, CALLDATALOAD, b"\xf8", SHR),
    *_case(1, "revert"),
    *_case(2, "forever"),
    *_case(3, "read"),
    *_case(4, "long"),
    *(PUSH0, PUSH0, REVERT),
    *(":pay", PUSH0, SLOAD, CALLVALUE, ADD, PUSH0, SSTORE),
    *(CALLVALUE, PUSH0, MSTORE, CALLER, TOPIC, b"\x20", PUSH0, LOG2, STOP),
    *(":revert", b"\x08\xc3\x79\xa0" + bytes(28), PUSH0, MSTORE, b"\x20", b"\x04", MSTORE),
    *(b"\x04", b"\x24", MSTORE, b"nope" + bytes(28), b"\x44", MSTORE, b"\x64", PUSH0, REVERT),
    *(":forever", "forever", JUMP),
    *(":read", PUSH0, SLOAD, PUSH0, MSTORE, b"\x20", PUSH0, RETURN),
    *(":long", b"\x4e\x20", ":again", b"\x01", 0x90, SUB, DUP1, "again", JUMPI),
    *(b"\x01", PUSH0, MSTORE, b"\x20", PUSH0, RETURN),
)

REVERT_DATA = "0x08c379a0" + f"{32:064x}{4:064x}" + b"nope".hex() + "00" * 28


def init_code(runtime: bytes = RUNTIME) -> bytes:
    """Code that deploys `runtime`."""
    size = len(runtime).to_bytes(2, "big")
    head = assemble(size, DUP1, b"\x0c", PUSH0, 0x39, PUSH0, RETURN)
    assert len(head) == 0x0A
    return head.ljust(0x0C, b"\0") + runtime
