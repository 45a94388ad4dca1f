"""A node whose libp2p does what its test says, not what ours would."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from metis_node.network.swarm.run import SwarmRun
from metis_node.types.network import PeerId

from .nodes import Node

Attack = Callable[[SwarmRun, Any], Awaitable[None]]  # its own run, the victim's libp2p id


class Attacker(Node):
    """Attacks from its trio side."""

    async def attack(self, victim: PeerId, attack: Attack) -> None:
        """Run an attack to its end; a connection that is lost under way is no error."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        run = self.network._thread.run

        async def guarded() -> None:
            from libp2p.peer.id import ID

            try:
                with contextlib.suppress(Exception):
                    await attack(run, ID.from_string(victim))
            finally:
                loop.call_soon_threadsafe(done.set)

        run.post(lambda: run._nursery.start_soon(guarded))
        async with asyncio.timeout(60):
            await done.wait()


def raw_bytes(protocol: str, data: bytes) -> Attack:
    """Open a stream of that protocol and write those bytes."""

    async def attack(run: SwarmRun, victim: Any) -> None:
        import trio

        with trio.fail_after(5):
            stream = await run._host.new_stream(victim, [protocol])
            await stream.write(data)
            await stream.read(1)  # until the victim gives up on it

    return attack


def no_protocol(data: bytes) -> Attack:
    """Open a stream and write those bytes where the choice of a protocol belongs."""

    async def attack(run: SwarmRun, victim: Any) -> None:
        import trio

        with trio.fail_after(5):
            stream = await run._host.get_network().new_stream(victim)
            await stream.write(data)
            await stream.read(1)

    return attack
