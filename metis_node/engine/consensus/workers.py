"""Threads of the agreement's own, for what must not wait on the event loop: journal, signatures,
recovery of signers.

The event loop's default pool also resolves names and compresses batches: while L1's name server is
silent all of its threads may wait for seconds, and no vote would leave this node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

WORKERS = 3  # one waits for the disk, one recovers, one serves

_pool = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="agreement")


async def apart(work: Callable[[], T]) -> T:
    """Run `work` on one of the threads."""
    return await asyncio.get_running_loop().run_in_executor(_pool, work)
