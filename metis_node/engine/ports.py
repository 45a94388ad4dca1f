"""What the hosts of this room need from others, as Protocols. `node/assembly` wires them."""

from __future__ import annotations

import asyncio
from typing import Protocol

from metis_node.staking.epochs import Epoch, EpochWindow
from metis_node.types.l1 import L1Origin


class Clock(Protocol):
    """Wall-clock time and waiting for it."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        ...

    async def wait_until_ms(self, due_ms: int) -> None:
        """Return at or just after a wall-clock time; at once where it has passed."""
        ...


class Leadership(Protocol):
    """Whose turn it is to build."""

    def is_proposer(self, height: int) -> bool: ...

    async def changed(self) -> None:
        """Return when `is_proposer` may answer differently than it last did."""
        ...


class EpochSource(Protocol):
    """The epochs of a chain with validators. `chain_epochs.ChainEpochs` is the one implementation;
    to be asked on the event loop. What was decided once never changes."""

    @property
    def has_plan(self) -> bool:
        """Whether this node knows what stake decides. Without it the next epoch is known from the
        block that opens it alone (`sync --from l1` of a staked set)."""
        ...

    def epoch(self, number: int) -> Epoch | None:
        """None where it is not decided yet: before the last block of the epoch before it, or while
        this node has not read enough of L1."""
        ...

    def newest(self) -> Epoch | None:
        """The newest that is decided: that of the head, or the next one where the head is the last
        block of its epoch."""
        ...

    def epoch_of(self, height: int) -> Epoch | None:
        """The epoch of a block; None where it is not decided yet."""
        ...

    def window_of(self, height: int) -> EpochWindow | None:
        """`epoch_of` with the epoch before it: what `Blockchain.check`, `import_block` and, by
        `EpochWindow.record`, the template of a block need."""
        ...


class EpochPlan(Protocol):
    """Epochs as far as stake, randomness and block times decide them: before participation.
    `staking.static_epochs.StaticEpochs`, or `epoch_book.EpochBook` for a staked set."""

    def after(self, previous: Epoch | None) -> Epoch | None:
        """The epoch after one that the chain has, or its first. None where it is not decided yet,
        or not known here."""
        ...


class Origins(Protocol):
    """The L1 blocks that an L2 block may name."""

    def origin_for(self, parent_origin_number: int, block_time_s: int) -> L1Origin | None:
        """The origin for a block with this time (seconds) whose parent has that origin: at least
        as new as the parent's, young enough for the lag rule. None: not known yet, wait."""
        ...

    async def changed(self) -> None:
        """Return when `origin_for` may answer differently than it last did."""
        ...


class SoleProposer:
    """Leadership of a chain with one sequencer: every height is ours."""

    def is_proposer(self, height: int) -> bool:  # noqa: ARG002
        return True

    async def changed(self) -> None:
        await asyncio.Event().wait()  # never
