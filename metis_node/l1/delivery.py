"""Waiting for one transaction as a person does: told how far it is, and why it cannot go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from metis_node.errors import InvalidRequest, Temporary
from metis_node.l1.answers import Receipt
from metis_node.l1.sender import Submission, TransactionSender, Undelivered
from metis_node.types.primitives import Hash32

LOOK_S = 0.1  # at what the sender has found in the meantime


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Confirmations count the block that the transaction is in."""

    label: str
    hash: Hash32 | None
    mined_in: int | None
    confirmations: int


OnProgress = Callable[[Progress], None]


def unheard(_: Progress) -> None:
    """For those who only want the end."""


async def delivered(
    sender: TransactionSender,
    submission: Submission,
    label: str,
    on_progress: OnProgress = unheard,
) -> Receipt:
    """The receipt, once it counts. InvalidRequest where money is missing, Temporary where the
    transaction is lost or failed on chain."""
    last: Progress | None = None
    while not submission.outcome.done():
        await asyncio.wait([submission.outcome], timeout=LOOK_S)
        now = _progress(sender, submission, label)
        if now != last:
            on_progress(now)
            last = now
        if sender.blocked_reason and submission.mined_in is None:
            submission.withdraw()
            raise InvalidRequest(f"{label}: not sent: {sender.blocked_reason}")
    try:
        return submission.outcome.result()
    except Undelivered as error:
        name = "0x" + submission.hash.hex() if submission.hash else "never sent"
        raise Temporary(
            f"{label}: {error.message} ({name}); run the same command again to go on"
        ) from error


def _progress(sender: TransactionSender, submission: Submission, label: str) -> Progress:
    depth = 0
    if submission.mined_in is not None:
        depth = max(1, sender.head_number - submission.mined_in + 1)
    return Progress(
        label=label, hash=submission.hash, mined_in=submission.mined_in, confirmations=depth
    )
