"""Awaiting an asyncio coroutine from the trio side."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import trio


async def await_on_loop(
    loop: asyncio.AbstractEventLoop, call: Callable[[], Awaitable[bytes]]
) -> bytes:
    """The result of a coroutine function that runs on the event loop, or what it raised."""
    done, token = trio.Event(), trio.lowlevel.current_trio_token()
    results: list[bytes | BaseException] = []

    async def run() -> None:
        try:
            results.append(await call())
        except BaseException as error:
            results.append(error)
            if not isinstance(error, Exception):
                raise
        finally:
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(done.set)

    task = asyncio.run_coroutine_threadsafe(run(), loop)
    try:
        await done.wait()
    except trio.Cancelled:
        task.cancel()
        raise
    result = results[0] if results else ConnectionError("the event loop stopped")
    if isinstance(result, BaseException):
        raise result if isinstance(result, Exception) else ConnectionError("cancelled")
    return result
