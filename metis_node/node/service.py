"""Runs the tasks of a daemon as one group: all of them or none, until told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import structlog

from metis_node.errors import Fatal
from metis_node.node.runtime import freeze_started_objects

log = structlog.get_logger(__name__)

Service = Callable[[], Coroutine[Any, Any, None]]


async def run_services(
    services: Mapping[str, Service],
    *,
    stop: asyncio.Event,
    on_started: Callable[[], None],
    before_start: Callable[[], Awaitable[object]] | None = None,
) -> None:
    """Start all services, call `on_started`, and run until `stop` is set or one of them fails.

    A service that fails takes the others with it, and its error is raised. A service that returns
    is a failure too: they are all meant to run for ever.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_endless(name, service), name=name)
            for name, service in services.items()
        ]
        if before_start is not None:
            await before_start()
        freeze_started_objects()
        on_started()
        await stop.wait()
        for task in tasks:
            task.cancel()


async def _endless(name: str, service: Service) -> None:
    try:
        await service()
    except asyncio.CancelledError:
        raise
    except Exception as error:
        log.error("a service failed", service=name, reason=str(error))
        raise
    raise Fatal(f"{name} ended by itself: this is a fault of the node, please report it")
