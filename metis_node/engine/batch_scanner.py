"""Reads the inbox block by block of L1 and moves the derived chain. Shared by the host that follows
L1 and by the rebuild from L1.

Remembers enough of the last L1 blocks to go back when L1 reorganises.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from metis_node.batching.derivation import BatchReader, Found, Skip
from metis_node.engine.batch_index import BatchIndex, BatchRecord, Cursor
from metis_node.engine.derived_chain import DerivedChain
from metis_node.engine.l1_ports import L1Source
from metis_node.errors import InvalidBatch, Temporary
from metis_node.types.batches import SpanBatch
from metis_node.types.l1 import L1Header
from metis_node.types.primitives import Hash32
from metis_node.types.rules import ChainRules

log = structlog.get_logger(__name__)

MAX_OWN_CHANNELS = 16  # kept until they land: twice what is on its way at most
MAX_HISTORY = 4_096  # L1 blocks that a scan can go back without starting over
FETCHED_AHEAD = 16  # L1 blocks fetched together: a blob block weighs about a megabyte
CURSOR_EVERY = 64  # L1 blocks between two cursors while catching up


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """The scan after one L1 block."""

    number: int
    hash: Hash32
    resume_at: int
    safe: int


class BatchScanner:
    """`next` is the L1 block that comes next. `progress`: called after each L1 block."""

    def __init__(
        self,
        *,
        source: L1Source,
        chain: DerivedChain,
        index: BatchIndex,
        rules: ChainRules,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.next = rules.l1_start + 1
        self.skipped: Counter[str] = Counter()  # by code
        self.batches = 0
        self._source = source
        self._chain = chain
        self._index = index
        self._rules = rules
        self._progress = progress
        self._own: dict[bytes, SpanBatch] = {}  # by channel id
        self._reader = self._new_reader()
        self._history: deque[_Mark] = deque(maxlen=MAX_HISTORY)

    @property
    def safe(self) -> int:
        """The L2 block at which the batches on L1 end."""
        return self._chain.safe

    def safe_at(self, l1_block: int) -> int:
        """The same as of an earlier L1 block; 0 where that is forgotten."""
        for mark in reversed(self._history):
            if mark.number <= l1_block:
                return mark.safe
        return 0

    def remember(self, channel_id: bytes, batch: SpanBatch) -> None:
        """A channel made here, of stored blocks: when it lands, its data need not be read again."""
        self._own[channel_id] = batch
        while len(self._own) > MAX_OWN_CHANNELS:
            del self._own[next(iter(self._own))]

    def _new_reader(self) -> BatchReader:
        return BatchReader(chain_id=self._rules.chain_id, known=self._own.get)

    async def resume(self) -> None:
        """Go on where an earlier run stopped, if L1 still has that block; else from the start."""
        cursor = self._index.load_cursor()
        if cursor is None or cursor.next_l1_block <= self.next:
            return
        header = await self._source.header(cursor.next_l1_block - 1)
        if header is None or header.hash != cursor.l1_hash:
            log.warning("the batches on L1 are scanned again from the start", start=self.next)
            return
        self.next = cursor.next_l1_block
        self._chain.safe = min(cursor.safe, self._chain.head_number)
        self._remember(header, resume_at=self.next)

    async def advance(self, to: int) -> None:
        """Scan up to and including L1 block `to`. Temporary: call again, nothing is lost."""
        while self.next <= to:
            count = min(FETCHED_AHEAD, to - self.next + 1)
            numbers = range(self.next, self.next + count)
            headers = await asyncio.gather(*map(self._header, numbers))
            if not self._is_linked(headers[0]):
                await self._go_back()
                continue
            fetched = await asyncio.gather(*map(self._source.payloads, headers))
            for header, payloads in zip(headers, fetched, strict=True):
                if not self._is_linked(header):
                    break
                await self._scan(header, payloads)
        self.save()

    def save(self) -> None:
        """Let the next run begin here."""
        if not self._history:
            return
        mark = self._history[-1]
        before = next((m for m in self._history if m.number == mark.resume_at - 1), None)
        if before is not None:
            self._index.save_cursor(
                Cursor(next_l1_block=mark.resume_at, l1_hash=before.hash, safe=mark.safe)
            )

    async def _header(self, number: int) -> L1Header:
        header = await self._source.header(number)
        if header is None:
            raise Temporary(f"the L1 does not show block {number}")
        return header

    def _is_linked(self, header: L1Header) -> bool:
        if not self._history:
            return True
        last = self._history[-1]
        return last.number + 1 != header.number or last.hash == header.parent_hash

    async def _scan(self, header: L1Header, payloads: list[bytes]) -> None:
        if payloads:
            results = await asyncio.to_thread(self._reader.read, header.number, payloads)
        else:
            results = self._reader.read(header.number, payloads)
        try:
            for result in results:
                await self._take(header, result)
        except BaseException:
            self._restart_reader()  # what it has read is not applied: read it again
            raise
        self.next = header.number + 1
        self._remember(header, resume_at=self._reader.resume_at(self.next))
        if header.number % CURSOR_EVERY == 0:
            self.save()
        if self._progress is not None:
            self._progress(header.number)

    async def _take(self, header: L1Header, result: Found | Skip) -> None:
        if isinstance(result, Skip):
            self._skip(header, result.code, result.reason)
            return
        before = self._chain.safe
        try:
            await self._chain.apply(result)
        except InvalidBatch as error:
            self._skip(header, "block" if self._chain.safe > before else "batch", error.message)
        if self._chain.safe > before:
            self._on_batch(header, result, before + 1)

    def _on_batch(self, header: L1Header, found: Found, first: int) -> None:
        self.batches += 1
        record = BatchRecord(
            first=first,
            last=self._chain.safe,
            l1_block=header.number,
            l1_hash="0x" + header.hash.hex(),
            channel="0x" + found.channel_id.hex(),
        )
        self._index.record(record)
        log.info("batch on L1", first=first, last=record.last, l1_block=header.number)

    def _skip(self, header: L1Header, code: str, reason: str) -> None:
        self.skipped[code] += 1
        log.warning("inbox data skipped", l1_block=header.number, code=code, reason=reason)

    def _remember(self, header: L1Header, *, resume_at: int) -> None:
        self._history.append(
            _Mark(
                number=header.number,
                hash=header.hash,
                resume_at=resume_at,
                safe=self._chain.safe,
            )
        )

    def _restart_reader(self) -> None:
        """A fresh reader that will see every channel that was open before the block under way."""
        self._reader = self._new_reader()
        if self._history:
            self._rewind_to(self._history[-1], keep_safe=True)

    async def _go_back(self) -> None:
        """L1 has other blocks now: find the last one that both have, and go on from there."""
        self._chain.forget_origins()
        while self._history:
            mark = self._history[-1]
            header = await self._header(mark.number)
            if header.hash == mark.hash:
                log.warning(
                    "batches are read again after an L1 reorganisation", l1_block=mark.number
                )
                self._reader = self._new_reader()
                self._rewind_to(mark, keep_safe=False)
                return
            self._history.pop()
        log.warning("the batches on L1 are scanned again from the start")
        self._reader = self._new_reader()
        self.next = self._rules.l1_start + 1
        self._chain.safe = 0

    def _rewind_to(self, mark: _Mark, *, keep_safe: bool) -> None:
        while self._history and self._history[-1].number >= mark.resume_at:
            self._history.pop()
        self.next = mark.resume_at
        if not keep_safe:
            self._chain.safe = mark.safe
