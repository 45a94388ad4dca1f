"""The host that follows L1: its head, its finalized block, and its reorganisations.

Keeps a window of canonical headers linked by parent hash. What they mean for origins and batches is
the business of those who subscribe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from metis_node.engine.l1_ports import L1Source
from metis_node.engine.ports import Clock
from metis_node.errors import Fatal, Temporary
from metis_node.types.blocks import BlockRef
from metis_node.types.l1 import L1Header
from metis_node.types.primitives import ZERO_HASH

log = structlog.get_logger(__name__)

MAX_HEADERS = 4_096  # window; a reorganisation deeper than this is no reorganisation any more
START_DEPTH = 64  # headers fetched below the head when the node starts: two epochs of Ethereum
MAX_BACK_OFF = 16  # times the poll interval, while the L1 does not answer

Listener = Callable[[], None]


class L1Follower:
    """Run it as a task. `anchor` is the newest L1 block that the L2 chain builds on: its origin.

    Raises Fatal from `run` where L1 has another block there: then the L2 chain stands on nothing.
    """

    def __init__(
        self, *, source: L1Source, clock: Clock, anchor: BlockRef, poll_ms: int = 1_000
    ) -> None:
        self.version = 0  # counts changes of head or finalized block
        self.finalized_number = 0
        self.seen_ms = 0  # when L1 last answered
        self._source = source
        self._clock = clock
        self._anchor = anchor
        self._anchor_is_checked = anchor.hash == ZERO_HASH
        self._poll_ms = poll_ms
        self._headers: dict[int, L1Header] = {}  # by number, without holes
        self._first_seen_ms: dict[int, int] = {}
        self._head: L1Header | None = None
        self._listeners: list[Listener] = []
        self._changed = asyncio.Event()
        self._trouble = ""

    @property
    def head(self) -> L1Header | None:
        return self._head

    @property
    def problem(self) -> str:
        """Why L1 is not followed at the moment; empty when it is."""
        return self._trouble

    def header(self, number: int) -> L1Header | None:
        """A canonical header of the window."""
        return self._headers.get(number)

    def first_seen_ms(self, number: int) -> int:
        """When a block was seen first; its own time for those before the node started."""
        return self._first_seen_ms.get(number, 0)

    def subscribe(self, listener: Listener) -> None:
        """Called on the loop after each change of head or finalized block. Must be quick."""
        self._listeners.append(listener)

    async def changed(self, since: int | None = None) -> None:
        """Return once `version` is above `since`; None: after the next change."""
        since = self.version if since is None else since
        while self.version <= since:
            self._changed.clear()
            await self._changed.wait()

    def use(self, anchor: BlockRef) -> None:
        """The L2 chain builds on a newer L1 block now."""
        if anchor.number > self._anchor.number:
            self._anchor = anchor

    async def run(self) -> None:
        failures = 0
        while True:
            try:
                await self.look()
                failures, self._trouble = 0, ""
            except Temporary as error:
                failures += 1
                if not self._trouble:
                    log.warning("L1 cannot be followed", reason=error.message)
                self._trouble = error.message
            wait_ms = self._poll_ms * min(2**failures, MAX_BACK_OFF)
            await self._clock.wait_until_ms(self._clock.now_ms() + wait_ms)

    async def look(self) -> None:
        """Ask L1 once and take over what is new."""
        head = await self._source.header("latest")
        if head is None:
            raise Temporary("the L1 has no head block")
        finalized = await self._source.header("finalized")
        self.seen_ms = self._clock.now_ms()
        await self._check_anchor(head)
        known = self._headers.get(head.number)
        is_new = known is None or known.hash != head.hash  # else: an endpoint that lags
        if is_new:
            await self._extend_to(head)
        number = finalized.number if finalized is not None else 0
        if number > self.finalized_number or is_new:
            self.finalized_number = max(number, self.finalized_number)
            self._tell()

    async def _check_anchor(self, head: L1Header) -> None:
        if self._anchor_is_checked or head.number < self._anchor.number:
            return
        found = await self._source.header(self._anchor.number)
        if found is None:
            raise Temporary(f"the L1 does not show block {self._anchor.number}")
        if found.hash != self._anchor.hash:
            raise self._lost_anchor(found)
        self._anchor_is_checked = True

    async def _extend_to(self, head: L1Header) -> None:
        """Fetch what is between the window and `head`, back to a block that both share."""
        if self._headers and head.number < next(iter(self._headers)):
            raise Temporary(f"the L1 endpoint lags: it shows block {head.number} as its head")
        branch = [head]
        floor = self._floor(head)
        while branch[-1].number > floor:
            parent = self._headers.get(branch[-1].number - 1)
            if parent is not None and parent.hash == branch[-1].parent_hash:
                break
            branch.append(await self._parent_of(branch[-1]))
        self._replace(branch)

    def _floor(self, head: L1Header) -> int:
        """The lowest header worth fetching."""
        depth = MAX_HEADERS if self._headers else START_DEPTH
        return max(head.number - depth, 0)

    async def _parent_of(self, child: L1Header) -> L1Header:
        parent = await self._source.header(child.number - 1)
        if parent is None or parent.hash != child.parent_hash:
            raise Temporary(f"the L1 changed its chain below block {child.number} meanwhile")
        return parent

    def _replace(self, branch: list[L1Header]) -> None:
        """Take over a branch, newest first."""
        lowest = branch[-1]
        if self._head is not None and lowest.number <= self._head.number:
            self._on_reorganisation(lowest)
        linked = self._headers.get(lowest.number - 1)
        if linked is None or linked.hash != lowest.parent_hash:
            self._headers.clear()
            self._first_seen_ms.clear()
        now_ms, starts = self._clock.now_ms(), self._head is None
        for header in reversed(branch):
            self._headers[header.number] = header
            self._first_seen_ms[header.number] = header.timestamp * 1000 if starts else now_ms
        for number in [n for n in self._headers if n > branch[0].number]:
            self._forget(number)
        while len(self._headers) > MAX_HEADERS:
            self._forget(next(iter(self._headers)))
        self._head = branch[0]

    def _forget(self, number: int) -> None:
        del self._headers[number]
        self._first_seen_ms.pop(number, None)

    def _on_reorganisation(self, lowest: L1Header) -> None:
        assert self._head is not None
        log.warning(
            "L1 reorganisation",
            first_changed=lowest.number,
            depth=self._head.number - lowest.number + 1,
        )
        found = lowest if lowest.number == self._anchor.number else None
        if lowest.number <= self._anchor.number and self._anchor.hash != ZERO_HASH:
            raise self._lost_anchor(found)

    def _lost_anchor(self, found: L1Header | None) -> Fatal:
        other = f"0x{found.hash.hex()}" if found is not None else "another block"
        return Fatal(
            f"an L1 reorganisation below an origin in use: this chain builds on L1 block "
            f"{self._anchor.number} (0x{self._anchor.hash.hex()}), the L1 has {other} there. Check "
            "that l1.endpoints are of the right network and in sync; if the reorganisation is "
            "real, restore the chain with `metis-node sync --from l1`, and raise l1.confirmations",
            l1_block=self._anchor.number,
        )

    def _tell(self) -> None:
        self.version += 1
        self._changed.set()
        for listener in self._listeners:
            listener()
