"""Differential runs: generated blocks through the execution specs and through the engine.

`python -m tests.vectors.differential --transactions 12000 --seed 1` runs until so many transactions
were compared and prints what they covered. Nothing is recorded: the oracle answers at run time.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from eth_hash.auto import keccak
from ethereum import trace

from metis_node import _native
from tests.factories import (
    CHAIN_ID,
    GENESIS_TIME,
    Chain,
    alloc_json,
    child_template,
    header_fields,
    new_chain,
    rules_json,
)
from tests.vectors.coverage_by_eip import Recorder, count_included, count_refused
from tests.vectors.generator import OSAKA_GAS_CAP, Candidate, Generator
from tests.vectors.oracle import BlockContext, Oracle, OracleBlock, OracleReceipt, Refused
from tests.vectors.world import World

CHAIN_LENGTH = 20  # blocks before a new genesis: the specification slows down with its state
SWITCH_AFTER = 26  # seconds from genesis to the later fork: some four blocks
BLOCK_TRANSACTIONS = 40  # candidates per block
EXCESS_BLOB_GAS = 40_000_000  # of a genesis with blobs: a price at which blobs cost something


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The rules of one generated chain."""

    fork: str
    later_fork: str = ""
    blobs: bool = False


PLANS = (
    Plan(fork="prague"),
    Plan(fork="osaka"),
    Plan(fork="prague", later_fork="osaka"),
    Plan(fork="prague", blobs=True),
    Plan(fork="osaka", blobs=True),
)

_COMMITMENTS = ("transactions_root", "receipts_root", "logs_bloom")

# Where the specification names one fault, the engine must name the same.
_CODES = {
    "nonce too low": "nonce_low",
    "nonce too high": "nonce_high",
    "InsufficientBalanceError": "funds",
    "InsufficientMaxFeePerGasError": "fee_low",
}


@dataclass(slots=True)
class Report:
    """What was compared, what it covered, and every difference."""

    seed: int
    included: int = 0
    refused: int = 0
    blocks: int = 0
    forks: Counter[str] = field(default_factory=Counter)
    scenarios: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    eips: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    oracle_seconds: float = 0.0
    engine_seconds: float = 0.0
    instructions: int = 0

    @property
    def transactions(self) -> int:
        return self.included + self.refused

    def text(self) -> str:
        """The report for a reader."""
        counts = f"{self.included} included, {self.refused} refused"
        faults = f"{len(self.differences)} differences"
        times = f"specification {self.oracle_seconds:.1f} s, engine {self.engine_seconds:.2f} s"
        lines = [
            f"{self.transactions} transactions ({counts}), {self.blocks} blocks: {faults}",
            f"seed {self.seed}, {self.instructions} instructions; {times}",
        ]
        for title in ("forks", "outcomes", "scenarios", "refusals", "eips"):
            counted: Counter[str] = getattr(self, title)
            lines.append(f"{title}:")
            lines.extend(f"  {count:>7}  {name}" for name, count in counted.most_common())
        return "\n".join([*lines, *(f"DIFFERENCE {item}" for item in self.differences)])


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledBlock:
    """A block as the specification executed it."""

    template: bytes
    candidates: list[Candidate]
    receipts: dict[int, OracleReceipt]  # by candidate
    refusals: dict[int, Refused]
    result: OracleBlock


def run(
    *,
    transactions: int,
    seed: int,
    seconds: float | None = None,
    pairing_chance: float = 0.02,
    chain_length: int = CHAIN_LENGTH,
) -> Report:
    """Compare until `transactions` are done, or until `seconds` of processor time are used."""
    report = Report(seed=seed)
    recorder = Recorder()
    began = time.process_time()
    with _listening(recorder):
        for number in range(transactions):
            late = seconds is not None and time.process_time() - began > seconds
            if report.transactions >= transactions or report.differences or late:
                break
            plan = PLANS[number % len(PLANS)]
            rng = Random(f"{seed} {number}")
            left = transactions - report.transactions
            _Comparison(plan, rng, report, recorder, pairing_chance).run(left, chain_length)
    report.instructions = recorder.steps
    return report


@contextmanager
def _listening(recorder: Recorder) -> Iterator[None]:
    before = trace.set_evm_trace(recorder)
    try:
        yield
    finally:
        trace.set_evm_trace(before)


class _Comparison:
    """One chain, executed by both sides."""

    def __init__(
        self, plan: Plan, rng: Random, report: Report, recorder: Recorder, pairing_chance: float
    ) -> None:
        self._rng, self._report, self._recorder = rng, report, recorder
        self._plan = plan
        self._oracle = Oracle(plan.fork, CHAIN_ID)
        self._world = World(rng, self._oracle)
        self._generator = Generator(self._world, pairing_chance=pairing_chance, blobs=plan.blobs)
        self._switch_time = GENESIS_TIME + SWITCH_AFTER
        self._chain = self._genesis()

    def _genesis(self) -> Chain:
        plan = self._plan
        later = {self._switch_time: plan.later_fork} if plan.later_fork else None
        rules = rules_json(plan.fork, later_forks=later, blobs=plan.blobs, max_block_bytes=1 << 24)
        chain = new_chain(
            alloc=_allocation(self._oracle),
            rules=rules,
            excess_blob_gas=EXCESS_BLOB_GAS if plan.blobs else 0,
        )
        self._expect("genesis state root", _root(chain.head), self._oracle.state_root())
        return chain

    def run(self, transactions: int, chain_length: int) -> None:
        """Blocks until the chain is long enough, the count is reached, or the sides differ."""
        until = self._report.transactions + transactions
        for _ in range(chain_length):
            if self._report.differences or self._report.transactions >= until:
                return
            began = time.process_time()
            filled = self._fill(min(BLOCK_TRANSACTIONS, until - self._report.transactions))
            middle = time.process_time()
            self._compare(filled)
            self._report.oracle_seconds += middle - began
            self._report.engine_seconds += time.process_time() - middle
            self._report.blocks += 1

    # --- the specification's side ---

    def _fill(self, count: int) -> FilledBlock:
        template = self._template()
        of = header_fields(template)
        context = _context(of, self._chain.headers)
        self._world.context = context
        self._oracle.begin_block(context)
        self._recorder.take()
        candidates: list[Candidate] = []
        receipts: dict[int, OracleReceipt] = {}
        refusals: dict[int, Refused] = {}
        gas_left = context.gas_limit
        while len(candidates) < count and gas_left > 2 * OSAKA_GAS_CAP:
            self._world.gas_left = gas_left
            candidate = self._generator.next()
            index = len(candidates)
            candidates.append(candidate)
            try:
                receipts[index] = self._oracle.execute(candidate.raw)
            except Refused as refused:
                refusals[index] = refused
                self._count_refused(refused)
            else:
                gas_left -= receipts[index].gas_used
                self._count_included(candidate, receipts[index])
        return FilledBlock(
            template=template,
            candidates=candidates,
            receipts=receipts,
            refusals=refusals,
            result=self._oracle.end_block(),
        )

    def _template(self) -> bytes:
        time = header_fields(self._chain.head)["timestamp"] + self._rng.randrange(1, 13)
        later = self._plan.later_fork
        if later not in ("", self._oracle.fork) and time >= self._switch_time:
            self._oracle.switch_fork(later)
        return child_template(
            self._chain.head,
            timestamp=time,
            excess_blob_gas=self._oracle.next_excess_blob_gas(self._chain.head),
            beneficiary=self._rng.choice([b"\xfb" * 20, self._world.sender().address]),
            mix_hash=self._rng.randbytes(32),
            parent_beacon_block_root=self._rng.randbytes(32),
        )

    def _count_included(self, candidate: Candidate, receipt: OracleReceipt) -> None:
        report = self._report
        report.included += 1
        report.forks[self._oracle.fork] += 1
        report.scenarios[candidate.scenario] += 1
        report.outcomes["success" if receipt.success else "failure"] += 1
        count_included(report.eips, self._recorder, candidate, self._oracle.fork, receipt.gas_used)
        self._remember(candidate, receipt)

    def _remember(self, candidate: Candidate, receipt: OracleReceipt) -> None:
        created = [candidate.creates] if candidate.creates and receipt.success else []
        if candidate.scenario == "creation by contract":
            created += [log.topics[0][12:] for log in receipt.logs if len(log.topics) == 1]
        for address in created:
            if self._oracle.account(address)[2]:
                self._world.remember(address)

    def _count_refused(self, refused: Refused) -> None:
        self._report.refused += 1
        self._report.refusals[refused.reason] += 1
        count_refused(self._report.eips, self._recorder, refused.reason)

    # --- the engine's side ---

    def _compare(self, filled: FilledBlock) -> None:
        built = self._build(filled)
        if built is None or self._report.differences:
            return
        try:
            prepared = self._chain.accept(built.header, built.transactions)
        except Exception as error:
            self._differ(f"the engine's own block does not verify: {error!r}")
            return
        self._compare_transactions(filled, prepared)
        self._compare_block(filled, prepared)

    def _build(self, filled: FilledBlock) -> _native.Built | None:
        decoded, places = self._decode(filled)
        engine = self._chain.engine
        built = engine.build(filled.template, [], decoded, max_bytes=1 << 24)
        skipped = {places[item.index]: item for item in built.skipped}
        for index, item in skipped.items():
            if index not in filled.refusals:
                self._differ_at(filled, index, f"engine skipped it: {item.code}: {item.message}")
            else:
                self._compare_refusal(filled, index, item)
        for index in (places[i] for i in built.included):
            if index in filled.refusals:
                self._differ_at(filled, index, f"engine included it, {filled.refusals[index]}")
        return built

    def _decode(self, filled: FilledBlock) -> tuple[list[_native.Transaction], list[int]]:
        raws = [candidate.raw for candidate in filled.candidates]
        decoded: list[_native.Transaction] = []
        places: list[int] = []
        items = _native.decode_transactions(raws, chain_id=CHAIN_ID, allow_blobs=self._plan.blobs)
        for index, item in enumerate(items):
            if not isinstance(item, tuple):
                decoded.append(item)
                places.append(index)
            elif index not in filled.refusals:
                self._differ_at(filled, index, f"engine does not decode it: {item}")
        return decoded, places

    def _compare_refusal(self, filled: FilledBlock, index: int, item: _native.Skipped) -> None:
        refusal = filled.refusals[index]
        for words, code in _CODES.items():
            if words in str(refusal) and item.code != code:
                self._differ_at(filled, index, f"refused as {item.code}, not {code} ({refusal})")

    def _compare_transactions(self, filled: FilledBlock, prepared: _native.Prepared) -> None:
        records = prepared.records()
        self._expect("number of transactions", len(records), len(filled.receipts))
        for record, (index, receipt) in zip(records, filled.receipts.items(), strict=False):
            logs = [(log.address, tuple(log.topics), log.data) for log in record.logs]
            expected_logs = [(log.address, log.topics, log.data) for log in receipt.logs]
            compared = {
                "success": (record.success, receipt.success),
                "gas used": (record.gas_used, receipt.gas_used),
                "cumulative gas": (record.cumulative_gas_used, receipt.cumulative_gas_used),
                "logs": (logs, expected_logs),
                "sender": (record.sender, filled.candidates[index].sender),
                "raw": (record.raw, filled.candidates[index].raw),
            }
            for what, (ours, theirs) in compared.items():
                if ours != theirs:
                    self._differ_at(filled, index, f"{what}: engine {ours!r}, spec {theirs!r}")

    def _compare_block(self, filled: FilledBlock, prepared: _native.Prepared) -> None:
        header = header_fields(prepared.header)
        for name in (*_COMMITMENTS, "gas_used", "blob_gas_used"):
            self._expect(name, header[name], getattr(filled.result, name))
        excess = header_fields(filled.template)["excess_blob_gas"]
        self._expect("excess blob gas", header["excess_blob_gas"], excess)
        if header["state_root"] != filled.result.state_root:
            self._differ(f"state root\n{self._state_differences()}")

    def _state_differences(self) -> str:
        """The accounts of the specification that the engine holds otherwise."""
        lines = []
        number = self._chain.number
        for address in self._oracle.addresses():
            nonce, balance, code = self._oracle.account(address)
            found = self._chain.engine.account(address, number)
            if found is None or found[:3] != (nonce, balance, keccak(code)):
                lines.append(f"  0x{address.hex()}: engine {found}, spec {nonce}, {balance}")
            for slot, value in self._oracle.storage(address).items():
                stored = int.from_bytes(self._chain.engine.storage(address, slot, number), "big")
                if stored != value:
                    lines.append(f"  0x{address.hex()}[{slot.hex()}]: {stored}, spec {value}")
        return "\n".join(lines) or "  none among the specification's accounts"

    # --- differences ---

    def _expect(self, what: str, ours: object, theirs: object) -> None:
        if ours != theirs:
            self._differ(f"{what}: engine {ours!r}, spec {theirs!r}")

    def _differ_at(self, filled: FilledBlock, index: int, what: str) -> None:
        candidate = filled.candidates[index]
        self._differ(
            f"transaction {index} ({candidate.scenario}) {what}\n  raw 0x{candidate.raw.hex()}"
        )

    def _differ(self, what: str) -> None:
        place = f"seed {self._report.seed}, {self._plan}, block {self._report.blocks}"
        self._report.differences.append(f"{place} [{self._oracle.fork}]: {what}")


def _root(header: bytes) -> bytes:
    root: bytes = header_fields(header)["state_root"]
    return root


def _allocation(oracle: Oracle) -> bytes:
    accounts = {address: oracle.account(address) for address in oracle.addresses()}
    return alloc_json(
        balances={address: balance for address, (_, balance, _) in accounts.items()},
        code={address: code for address, (_, _, code) in accounts.items() if code},
        nonces={address: nonce for address, (nonce, _, _) in accounts.items()},
        storage={
            address: {int.from_bytes(k, "big"): v for k, v in oracle.storage(address).items()}
            for address in accounts
        },
    )


def _context(of: dict[str, Any], headers: list[bytes]) -> BlockContext:
    return BlockContext(
        number=of["number"],
        timestamp=of["timestamp"],
        gas_limit=of["gas_limit"],
        base_fee_per_gas=of["base_fee_per_gas"],
        beneficiary=of["beneficiary"],
        prev_randao=of["mix_hash"],
        excess_blob_gas=of["excess_blob_gas"],
        parent_beacon_block_root=of["parent_beacon_block_root"],
        block_hashes=tuple(keccak(header) for header in headers[-256:]),
    )


def main() -> int:
    """Run from the command line; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transactions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=None, help="of processor time")
    chosen = parser.parse_args()
    report = run(transactions=chosen.transactions, seed=chosen.seed, seconds=chosen.seconds)
    sys.stdout.write(report.text() + "\n")
    return 1 if report.differences else 0


if __name__ == "__main__":
    sys.exit(main())
