"""How daemons end: which error is told, what signals do, what a failed service takes with it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from metis_node.errors import CorruptStore, Fatal, InvalidConfig, Temporary
from metis_node.node.exit_codes import ExitCode, exit_code_of
from metis_node.node.runtime import FORCED_EXIT_CODE, most_severe, run_daemon
from metis_node.node.service import run_services


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidConfig("x"), ExitCode.INVALID),
        (CorruptStore("x"), ExitCode.FATAL),
        (Temporary("x"), ExitCode.UNAVAILABLE),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (ValueError("x"), ExitCode.UNEXPECTED),
    ],
)
def test_the_exit_code_says_who_must_act(error: BaseException, code: ExitCode) -> None:
    assert exit_code_of(error) is code


def test_the_most_severe_error_of_a_group_is_told() -> None:
    fatal, fault = CorruptStore("broken"), ValueError("bug")
    group = BaseExceptionGroup("", [Temporary("x"), BaseExceptionGroup("", [fault, fatal])])
    assert most_severe(group) is fatal
    assert most_severe(BaseExceptionGroup("", [Temporary("x"), fault])) is fault
    assert isinstance(most_severe(BaseExceptionGroup("", [Temporary("x")])), Temporary)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_daemon_quietly(number: signal.Signals) -> None:
    seen: list[str] = []

    async def daemon(stop: asyncio.Event) -> None:
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(), 5)
        seen.append("ended")

    run_daemon(daemon)
    assert seen == ["ended"]


def test_a_second_signal_forces_the_end_unless_it_is_an_echo() -> None:
    code = """
import asyncio, os, signal
from metis_node.node import runtime
runtime.ECHO_S = {echo_s}
async def daemon(stop):
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
    await stop.wait()
runtime.run_daemon(daemon)
"""
    for echo_s, expected in (("10", 0), ("0", FORCED_EXIT_CODE)):
        command = [sys.executable, "-c", code.format(echo_s=echo_s)]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == expected, done.stderr


def test_the_error_of_a_daemon_comes_out_of_its_groups() -> None:
    async def daemon(stop: asyncio.Event) -> None:
        async def fail() -> None:
            raise Fatal("the disk is gone")

        await run_services({"disk": fail}, stop=stop, on_started=lambda: None)

    with pytest.raises(Fatal, match="the disk is gone"):
        run_daemon(daemon)


async def test_a_failing_service_takes_the_others_with_it() -> None:
    ended: list[str] = []
    started = asyncio.Event()

    async def steady() -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            ended.append("steady")

    async def failing() -> None:
        await started.wait()
        raise Temporary("no more")

    with pytest.raises(ExceptionGroup) as group:
        await run_services(
            {"steady": steady, "failing": failing}, stop=asyncio.Event(), on_started=lambda: None
        )
    assert isinstance(most_severe(group.value), Temporary)
    assert ended == ["steady"]


async def test_a_service_that_returns_is_a_fault() -> None:
    async def brief() -> None:
        return None

    with pytest.raises(ExceptionGroup) as group:
        await run_services({"brief": brief}, stop=asyncio.Event(), on_started=lambda: None)
    assert isinstance(most_severe(group.value), Fatal)


async def test_services_stop_when_told_and_after_the_start_was_announced() -> None:
    stop = asyncio.Event()
    order: list[str] = []

    async def steady() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            order.append("stopped")

    async def prepare() -> None:
        await asyncio.sleep(0)  # one turn of the loop: the services begin
        order.append("prepared")

    def announce() -> None:
        order.append("announced")
        stop.set()

    await run_services({"steady": steady}, stop=stop, on_started=announce, before_start=prepare)
    assert order == ["prepared", "announced", "stopped"]
