"""KZG in a process of its own: same results, a standing loop never, a dead child replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
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


def test_it_ends_while_a_call_is_written_that_the_child_does_not_read(kzg: KzgProcess) -> None:
    """The pipe holds less than a blob: the writer waits until the child is gone."""
    child = kzg.submit(os.getpid).result(60)
    os.kill(child, signal.SIGSTOP)
    call = _Large()
    work = kzg.submit(call)
    assert call.is_sent.wait(10)
    kzg.shutdown()
    with pytest.raises(BrokenExecutor):
        work.result(10)


def test_it_ends_while_the_child_is_starting() -> None:
    process = KzgProcess()
    process.warm_up()
    works = [process.submit(hash_of_blob, encode_blob(b"data")) for _ in range(3)]
    process.shutdown()
    assert all(work.cancelled() or work.exception(10) for work in works)


def test_an_error_of_a_call_comes_back_and_the_child_stays(kzg: KzgProcess) -> None:
    child = kzg.submit(os.getpid).result(60)
    with pytest.raises(ValueError, match="invalid literal"):
        kzg.submit(int, "blob").result(60)
    assert kzg.submit(os.getpid).result(60) == child


class _Large:
    """A call of the size of a blob, which notes that it goes on its way."""

    def __init__(self) -> None:
        self.is_sent = threading.Event()

    def __call__(self) -> None: ...

    def __reduce__(self) -> tuple[object, ...]:
        self.is_sent.set()
        return bytes, (encode_blob(b"data"),)


def _sidecar(blob: bytes) -> object:
    return make_sidecar([blob], version=1)
