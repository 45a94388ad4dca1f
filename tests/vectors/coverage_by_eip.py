"""Which EIPs a transaction exercised, judged by what the specification did with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ethereum import trace

from tests.vectors.generator import Candidate

_BY_INSTRUCTION = {
    "EIP-7 DELEGATECALL": {"DELEGATECALL"},
    "EIP-140 REVERT": {"REVERT"},
    "EIP-145 shifts": {"SHL", "SHR", "SAR"},
    "EIP-211 return data": {"RETURNDATASIZE", "RETURNDATACOPY"},
    "EIP-214 STATICCALL": {"STATICCALL"},
    "EIP-1014 CREATE2": {"CREATE2"},
    "EIP-1052 EXTCODEHASH": {"EXTCODEHASH"},
    "EIP-1153 transient storage": {"TLOAD", "TSTORE"},
    "EIP-1344 CHAINID": {"CHAINID"},
    "EIP-1884 SELFBALANCE": {"SELFBALANCE"},
    "EIP-3198 BASEFEE": {"BASEFEE"},
    "EIP-3529 storage gas and refunds": {"SSTORE"},
    "EIP-3855 PUSH0": {"PUSH0"},
    "EIP-4399 PREVRANDAO": {"PREVRANDAO"},
    "EIP-4844 BLOBHASH": {"BLOBHASH"},
    "EIP-5656 MCOPY": {"MCOPY"},
    "EIP-6780 SELFDESTRUCT": {"SELFDESTRUCT"},
    "EIP-7516 BLOBBASEFEE": {"BLOBBASEFEE"},
    "EIP-7939 CLZ": {"CLZ"},
    "BLOCKHASH": {"BLOCKHASH"},
}

_BY_PRECOMPILE = {
    "ecrecover, sha256, ripemd160, identity": {1, 2, 3, 4},
    "EIP-198/2565 MODEXP": {5},
    "EIP-196 BN254 add, mul": {6, 7},
    "EIP-197 BN254 pairing": {8},
    "EIP-152 blake2f": {9},
    "EIP-4844 point evaluation": {10},
    "EIP-2537 BLS12-381": set(range(0x0B, 0x12)),
    "EIP-7951 P256VERIFY": {0x100},
}

_BY_SCENARIO = {
    "history": "EIP-2935, EIP-4788 history reads",
    "creation at its bounds": "EIP-170, EIP-3541, EIP-3860 creation bounds",
}

_BY_REFUSAL = {
    "InvalidSenderError": "EIP-3607 sender with code (refused)",
    "InitCodeTooLargeError": "EIP-3860 init code too large (refused)",
    "TransactionGasLimitExceededError": "EIP-7825 gas cap (refused)",
    "PriorityFeeGreaterThanMaxFeeError": "EIP-1559 tip above cap (refused)",
}


@dataclass(slots=True)
class Recorder:
    """Listens to the specification: instructions and precompiles since the last `take`."""

    instructions: set[str] = field(default_factory=set)
    precompiles: set[int] = field(default_factory=set)
    delegated: bool = False  # code ran that an account delegates to (EIP-7702)
    steps: int = 0  # instructions executed in all

    def __call__(self, evm: Any, event: trace.TraceEvent) -> None:
        if isinstance(event, trace.OpStart):
            self.instructions.add(event.op.name)
            self.steps += 1
        elif isinstance(event, trace.PrecompileStart):
            self.precompiles.add(int.from_bytes(event.address, "big"))
        elif isinstance(event, trace.EvmStop | trace.OpException):
            # Set by the specification where it follows a delegation, and nowhere else.
            self.delegated |= evm.message.disable_precompiles

    def take(self) -> tuple[set[str], set[int]]:
        taken = self.instructions, self.precompiles
        self.instructions, self.precompiles, self.delegated = set(), set(), False
        return taken


def count_included(
    counts: Counter[str], recorder: Recorder, candidate: Candidate, fork: str, gas_used: int
) -> None:
    """Count the EIPs of a transaction that was included, once each."""
    if recorder.delegated:
        counts["EIP-7702 delegated code run"] += 1
    instructions, precompiles = recorder.take()
    counts.update(eip for eip, names in _BY_INSTRUCTION.items() if names & instructions)
    counts.update(eip for eip, numbers in _BY_PRECOMPILE.items() if numbers & precompiles)
    if 5 in precompiles and fork == "osaka":
        counts["EIP-7823/7883 MODEXP bounds and price"] += 1
    if candidate.scenario in _BY_SCENARIO:
        counts[_BY_SCENARIO[candidate.scenario]] += 1
    counts.update([_envelope(candidate.raw)])
    if gas_used == candidate.floor > 21_000:
        counts["EIP-7623 calldata floor decided"] += 1


def count_refused(counts: Counter[str], recorder: Recorder, reason: str) -> None:
    """Count the EIP whose rule refused a transaction."""
    recorder.take()
    if reason in _BY_REFUSAL:
        counts[_BY_REFUSAL[reason]] += 1


def _envelope(raw: bytes) -> str:
    names = {1: "EIP-2930 type 1", 2: "EIP-1559 type 2", 3: "EIP-4844 type 3"}
    return {**names, 4: "EIP-7702 type 4"}.get(raw[0], "type 0")
