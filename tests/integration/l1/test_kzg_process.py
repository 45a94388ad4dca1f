"""KZG in a process of its own: same results, a standing loop never, a dead child replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import suppress

import pytest

from metis_node.l1.blobs import encode_blob, hash_of_blob, make_sidecar
from metis_node.l1.kzg_process import KzgProcess


@pytest.fixture
def kzg() -> Iterator[KzgProcess]:
    process = KzgProcess()
    yield process
    process.shutdown()


def test_it_computes_what_the_process_itself_would(kzg: KzgProcess) -> None:
    blob = encode_blob(b"data")
    assert kzg.submit(hash_of_blob, blob).result(60) == hash_of_blob(blob)
    assert kzg.submit(make_sidecar, [blob], version=0).result(60) == make_sidecar([blob], version=0)


async def test_the_loop_goes_on_meanwhile(kzg: KzgProcess) -> None:
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(kzg, os.getpid)  # loaded
    work = loop.run_in_executor(kzg, _sidecar, encode_blob(b"data"))
    turns, started = 0, time.thread_time()
    while not work.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert turns >= 3  # of some sixty on an idle machine: the proofs take 0.3 s
    assert time.thread_time() - started < 0.2
    assert len(work.result().proofs) == 128


def test_a_dead_child_is_replaced(kzg: KzgProcess) -> None:
    child = kzg.submit(os.getpid).result(60)
    os.kill(child, signal.SIGKILL)
    other = child
    for _ in range(3):  # the first call or two may notice the death, and fail
        with suppress(BrokenExecutor):
            other = kzg.submit(os.getpid).result(60)
    assert other != child


def test_the_child_ends_with_the_executor(kzg: KzgProcess) -> None:
    child = kzg.submit(os.getpid).result(60)
    kzg.shutdown()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def _sidecar(blob: bytes) -> object:
    return make_sidecar([blob], version=1)
