"""Checks a whole database against itself, from genesis: `metis-node db verify`.

Headers link and obey the rules; every block's records give its transaction and receipt roots, its
bloom and gas; the indexes say exactly what the records say; the flat state gives the head's state
root, and the trie nodes are just those that it leads to; codes have their hashes; nothing stands
above the head. Blocks are not executed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from metis_node._native import (
    TransactionRecord,
    decode_log_positions,
    keccak256_many,
    ordered_trie_root,
    verify_nodes,
    verify_state,
)
from metis_node.chain import block_store, header_rules
from metis_node.codec.hashes import keccak256
from metis_node.codec.sequencer_transactions import opening_of
from metis_node.errors import CorruptStore, InvalidBlock, MetisError
from metis_node.execution.genesis import parse_genesis
from metis_node.staking.epochs import EpochWindow, epoch_of_opening
from metis_node.storage.kv import Reader
from metis_node.storage.tables import (
    ACCOUNT_TRIE,
    ACCOUNTS,
    BLOCK_NUMBERS,
    CODE,
    HEADERS,
    LOG_INDEX,
    RECORDS,
    SLOTS,
    STORAGE_TRIE,
    TRANSACTION_INDEX,
    be32,
    be64,
    log_key,
    transaction_key,
)
from metis_node.types.blocks import Header, SealedHeader
from metis_node.types.rules import ChainRules

MAX_FINDINGS = 100
STATE_CHUNK = 4_096  # pairs handed to the state check at once
END = b"\xff"

Progress = Callable[[str, int, int], None]  # what, done, of how many (0: unknown)


@dataclass(slots=True, kw_only=True)
class VerificationReport:
    """What was checked, and what is wrong. Empty `findings`: the database is sound."""

    head: int = 0
    head_hash: bytes = b""
    state_root: bytes = b""
    blocks: int = 0
    transactions: int = 0
    logs: int = 0
    findings: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.findings

    def note(self, finding: str) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)


def verify_store(store: Reader, progress: Progress | None = None) -> VerificationReport:
    """Check everything; findings never raise. Of a live store give it a snapshot."""
    report = VerificationReport()
    tell = progress if progress is not None else _silent
    try:
        _Walk(store, report, tell).run()
    except MetisError as error:
        report.note(error.message)
    return report


class _Walk:
    """One pass over a store."""

    def __init__(self, store: Reader, report: VerificationReport, progress: Progress) -> None:
        self._store = store
        self._report = report
        self._progress = progress
        self._log_entries = 0
        self._window: EpochWindow | None = None  # on a chain with validators

    def run(self) -> None:
        canonical = block_store.read_genesis(self._store)
        if canonical is None:
            raise CorruptStore("the genesis file is missing")
        rules = parse_genesis(canonical).rules
        head = block_store.require_head(self._store)
        self._report.head, self._report.head_hash = head.header.number, head.hash
        self._blocks(rules, head)
        self._counts(head)
        self._above(head.header.number)
        self._state(head.header)

    def _blocks(self, rules: ChainRules, head: SealedHeader) -> None:
        parent: SealedHeader | None = None
        for number in range(head.header.number + 1):
            sealed = block_store.require_header(self._store, number)
            if block_store.read_number_of(self._store, sealed.hash) != number:
                self._report.note(f"block {number}: its hash is not in the number index")
            records = self._records(number)
            self._block(parent, sealed, records, rules)
            self._report.blocks += 1
            self._report.transactions += len(records)
            parent = sealed
            self._progress("blocks", number + 1, head.header.number + 1)

    def _records(self, number: int) -> list[TransactionRecord]:
        start = RECORDS + be64(number)
        records: list[TransactionRecord] = []
        for key, value in self._store.iterate(start, RECORDS + be64(number + 1)):
            if key[-4:] != be32(len(records)):
                self._report.note(f"block {number}: record {len(records)} is missing")
            records.append(TransactionRecord.decode(value))
        return records

    def _block(
        self,
        parent: SealedHeader | None,
        sealed: SealedHeader,
        records: Sequence[TransactionRecord],
        rules: ChainRules,
    ) -> None:
        header, number = sealed.header, sealed.header.number
        raws = [record.raw for record in records]
        try:
            if parent is not None:
                if rules.consensus is not None:
                    self._window = _window_after(self._window, number, raws)
                header_rules.check_header(parent, sealed, rules, self._window)
                header_rules.check_body(parent.header, header, raws, rules, self._window)
        except InvalidBlock as error:
            self._report.note(f"block {number}: {error.message}")
        self._expect(number, "transactions root", ordered_trie_root(raws), header.transactions_root)
        receipts = ordered_trie_root([record.receipt_raw() for record in records])
        self._expect(number, "receipts root", receipts, header.receipts_root)
        self._expect(number, "bloom", _joined_bloom(records), header.logs_bloom)
        used = records[-1].cumulative_gas_used if records else 0
        if used != header.gas_used:
            self._report.note(f"block {number}: gas used is {used}, the header says otherwise")
        self._indexes(number, records)

    def _expect(self, number: int, what: str, actual: bytes, expected: bytes) -> None:
        if actual != expected:
            self._report.note(
                f"block {number}: {what} is 0x{actual.hex()[:64]}, the header says "
                f"0x{expected.hex()[:64]}"
            )

    def _indexes(self, number: int, records: Sequence[TransactionRecord]) -> None:
        keys = [transaction_key(record.hash) for record in records]
        for index, value in enumerate(self._store.get_many(keys)):
            if value != be64(number) + be32(index):
                self._report.note(f"block {number}: transaction {index} is not in the index")
        expected = _log_positions(number, records)
        self._report.logs += sum(len(record.logs) for record in records)
        self._log_entries += len(expected)
        for (key, positions), value in zip(
            expected.items(), self._store.get_many(list(expected)), strict=True
        ):
            if value is None or decode_log_positions(value) != positions:
                self._report.note(f"block {number}: log index entry 0x{key.hex()} is wrong")

    def _counts(self, head: SealedHeader) -> None:
        """The indexes hold nothing that the blocks do not have."""
        for prefix, what, expected in (
            (TRANSACTION_INDEX, "transaction index", self._report.transactions),
            (LOG_INDEX, "log index", self._log_entries),
            (BLOCK_NUMBERS, "block number index", head.header.number + 1),
        ):
            count = sum(1 for _ in self._store.keys(prefix, prefix + END * 64))
            if count != expected:
                self._report.note(f"the {what} has {count} entries, expected {expected}")
            self._progress(what, count, expected)

    def _above(self, head: int) -> None:
        for prefix, what in ((HEADERS, "header"), (RECORDS, "record")):
            first = next(iter(self._store.keys(prefix + be64(head + 1), prefix + END * 16)), None)
            if first is not None:
                number = int.from_bytes(first[1:9], "big")
                self._report.note(f"a {what} of block {number} stands above the head {head}")

    def _state(self, header: Header) -> None:
        root = verify_state(
            self._chunks(ACCOUNTS, "accounts"),
            self._chunks(SLOTS, "storage slots"),
        )
        self._report.state_root = root
        if root != header.state_root:
            self._report.note(
                f"the state has root 0x{root.hex()}, the head's header says "
                f"0x{header.state_root.hex()}"
            )
        verify_nodes(
            root,
            self._chunks(ACCOUNTS, "accounts again"),
            self._chunks(ACCOUNT_TRIE, "account trie nodes"),
            self._chunks(STORAGE_TRIE, "storage trie nodes"),
        )
        self._codes()

    def _codes(self) -> None:
        following = self._chunks(CODE, "codes")
        while chunk := following():
            hashes = keccak256_many([code for _, code in chunk])
            for (key, _), code_hash in zip(chunk, hashes, strict=True):
                if key[1:] != code_hash:
                    self._report.note(f"the code 0x{key[1:].hex()} has another hash")

    def _chunks(self, prefix: bytes, what: str) -> Callable[[], list[tuple[bytes, bytes]] | None]:
        """A function that gives the pairs under a prefix chunk by chunk, then None."""
        pairs = self._store.iterate(prefix, prefix + END * 72)
        done = 0

        def following() -> list[tuple[bytes, bytes]] | None:
            nonlocal done
            chunk = list(islice(pairs, STATE_CHUNK))
            done += len(chunk)
            self._progress(what, done, 0)
            return chunk or None

        return following


def _window_after(
    window: EpochWindow | None, number: int, raws: Sequence[bytes]
) -> EpochWindow | None:
    """The epochs that a block is held against: what the first block of each says of it. Whether
    stake decided it so was checked when the block was imported."""
    if window is not None and number <= window.current.end:
        return window
    opening = opening_of(raws, number)
    if opening is None:
        raise InvalidBlock("an epoch begins here, and the block does not open it")
    following = 0 if window is None else window.current.number + 1
    if opening.epoch != following:
        raise InvalidBlock(f"the block opens epoch {opening.epoch}, expected {following}")
    return EpochWindow(
        current=epoch_of_opening(opening, start=number),
        previous=window.current if window is not None else None,
    )


def _log_positions(
    number: int, records: Sequence[TransactionRecord]
) -> dict[bytes, list[tuple[int, int]]]:
    """The log index entries that a block must have."""
    expected: dict[bytes, list[tuple[int, int]]] = {}
    for index, record in enumerate(records):
        for place, log in enumerate(record.logs):
            position = (index, record.first_log_index + place)
            for kind, value in _indexed(log.address, log.topics):
                key = log_key(kind, keccak256(value)[:16], number)
                expected.setdefault(key, []).append(position)
    return expected


def _indexed(address: bytes, topics: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    yield 0, address
    for place, topic in enumerate(topics):
        yield place + 1, topic


def _joined_bloom(records: Sequence[TransactionRecord]) -> bytes:
    joined = 0
    for record in records:
        joined |= int.from_bytes(record.bloom, "big")
    return joined.to_bytes(256, "big")


def _silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
