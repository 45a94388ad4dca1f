"""Contracts that generated transactions use. Each is a few instructions with one purpose."""

from __future__ import annotations

from tests.vectors.assembler import Program, init_code

BEACON_ROOTS = bytes.fromhex("000f3df6d732807ef1319fb7b8bb8522d0beac02")
HISTORY_STORAGE = bytes.fromhex("0000f90827f1c53a10cb7a02335b175320002935")

# The deployed code that EIP-4788 and EIP-2935 publish.
BEACON_ROOTS_CODE = bytes.fromhex(
    "3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f358015604957"
    "62001fff810690815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f"
    "359062001fff015500"
)
HISTORY_STORAGE_CODE = bytes.fromhex(
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257"
    "611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
)


def forwarder(kind: str = "CALL") -> bytes:
    """Calls the address in the first word of the calldata with the rest of it, and logs success,
    gas left and output."""
    program = Program()
    program.push(32).op("CALLDATASIZE", "SUB", "DUP1").push(32, 0).op("CALLDATACOPY")
    program.push(0, 0).op("DUP3").push(0)  # out size, out offset, in size, in offset
    if kind in ("CALL", "CALLCODE"):
        program.op("CALLVALUE")
    program.push(0).op("CALLDATALOAD", "GAS", kind)
    program.push(0).op("MSTORE", "GAS").push(32).op("MSTORE")
    program.op("RETURNDATASIZE").push(0, 64).op("RETURNDATACOPY")
    return program.op("RETURNDATASIZE").push(64).op("ADD").push(0).op("LOG0", "STOP").code()


def storage_writer(kind: str = "SSTORE") -> bytes:
    """Stores each pair of calldata words: slot, value. Logs the old value's read first."""
    load = "SLOAD" if kind == "SSTORE" else "TLOAD"
    program = Program().push(0).label("next").op("DUP1", "CALLDATASIZE", "GT")
    program.op("ISZERO").push_label("end").op("JUMPI")
    program.op("DUP1", "CALLDATALOAD", load).push(0).op("MSTORE").push(32, 0).op("LOG0")
    program.op("DUP1").push(32).op("ADD", "CALLDATALOAD", "DUP2", "CALLDATALOAD", kind)
    program.push(64).op("ADD").push_label("next").op("JUMP")
    return program.label("end").op("STOP").code()


def transient_reentry() -> bytes:
    """Counts its own depth in transient storage, calls itself until a bound, stores the count."""
    program = Program().push(0).op("TLOAD").push(1).op("ADD", "DUP1").push(0).op("TSTORE")
    program.op("DUP1").push(0).op("CALLDATALOAD", "GT", "ISZERO")
    program.push_label("deep").op("JUMPI")
    program.push(0).op("CALLDATALOAD").push(0).op("MSTORE")
    program.push(0, 0, 32, 0, 0).op("ADDRESS", "GAS", "CALL", "POP")
    program.label("deep").push(0).op("TLOAD").push(1).op("SSTORE")
    return program.push(0).op("TLOAD", "GAS").push(0, 0).op("LOG2", "STOP").code()


def self_destructor() -> bytes:
    """Destroys itself in favour of the address in the first calldata word."""
    return Program().push(0).op("CALLDATALOAD", "SELFDESTRUCT").code()


def factory(kind: str) -> bytes:
    """Creates from the calldata after the first word (CREATE2: its salt), then calls the child
    with all gas and a third of the call's value, and logs its address and code hash."""
    program = Program().push(32).op("CALLDATASIZE", "SUB", "DUP1").push(32, 0).op("CALLDATACOPY")
    if kind == "CREATE2":
        program.push(0).op("CALLDATALOAD", "SWAP1")
    program.push(0, 2).op("CALLVALUE", "DIV", kind)
    program.op("DUP1", "EXTCODEHASH").push(0).op("MSTORE", "DUP1").push(32, 0).op("LOG1")
    program.push(0, 0, 0, 0).push(3).op("CALLVALUE", "DIV", "DUP6", "GAS", "CALL")
    program.op("RETURNDATASIZE").push(0).op("MSTORE").push(32).op("MSTORE")
    return program.push(64, 0).op("LOG0", "STOP").code()


def reverter() -> bytes:
    """Stores, logs, then reverts with its calldata."""
    program = Program().push(1, 0).op("SSTORE").push(0, 0).op("LOG0")
    program.op("CALLDATASIZE").push(0, 0).op("CALLDATACOPY")
    return program.op("CALLDATASIZE").push(0).op("REVERT").code()


def inspector() -> bytes:
    """Logs balance, code size, code hash and the first code word of each address in calldata."""
    program = Program().push(0).label("next").op("DUP1", "CALLDATASIZE", "GT", "ISZERO")
    program.push_label("end").op("JUMPI").op("DUP1", "CALLDATALOAD")
    for offset, name in enumerate(("BALANCE", "EXTCODESIZE", "EXTCODEHASH")):
        program.op("DUP1", name).push(32 * offset).op("MSTORE")
    program.push(32, 0, 96).op("DUP4", "EXTCODECOPY")
    program.push(128, 0).op("LOG1").push(32).op("ADD").push_label("next").op("JUMP")
    return program.label("end").op("STOP").code()


def leading_zeros() -> bytes:
    """Logs CLZ (EIP-7939) of each calldata word."""
    program = Program().push(0).label("next").op("DUP1", "CALLDATASIZE", "GT", "ISZERO")
    program.push_label("end").op("JUMPI").op("DUP1", "CALLDATALOAD", "CLZ").push(0).op("MSTORE")
    program.push(32, 0).op("LOG0").push(32).op("ADD").push_label("next").op("JUMP")
    return program.label("end").op("STOP").code()


def shrinker() -> bytes:
    """Moves memory over itself (EIP-5656): calldata words are destination, source, length."""
    program = Program().op("CALLDATASIZE").push(0, 0).op("CALLDATACOPY")
    program.push(64).op("CALLDATALOAD").push(32).op("CALLDATALOAD").push(0).op("CALLDATALOAD")
    program.op("MCOPY", "MSIZE").push(0).op("KECCAK").push(0).op("MSTORE", "MSIZE")
    return program.push(32).op("MSTORE").push(64, 0).op("LOG0", "STOP").code()


def burner() -> bytes:
    """Runs until its gas is gone."""
    return Program().label("on").push_label("on").op("JUMP").code()


CHILD_THAT_DIES = init_code(Program().op("CALLER", "SELFDESTRUCT").code())
CHILD_THAT_DIES_AT_BIRTH = Program().op("CALLER", "SELFDESTRUCT").code()
CHILD_THAT_DIES_TO_ITSELF = init_code(Program().op("ADDRESS", "SELFDESTRUCT").code())

FIXED = {
    "forward": forwarder(),
    "forward by CALLCODE": forwarder("CALLCODE"),
    "forward by DELEGATECALL": forwarder("DELEGATECALL"),
    "forward by STATICCALL": forwarder("STATICCALL"),
    "store": storage_writer(),
    "store transiently": storage_writer("TSTORE"),
    "re-enter": transient_reentry(),
    "destroy": self_destructor(),
    "create": factory("CREATE"),
    "create2": factory("CREATE2"),
    "revert": reverter(),
    "inspect": inspector(),
    "count zeros": leading_zeros(),
    "move memory": shrinker(),
    "burn": burner(),
}


def address_of(name: str) -> bytes:
    """Where the genesis of a generated chain holds the fixed contract `name`."""
    return b"\xc0" + bytes(18) + bytes((list(FIXED).index(name),))
