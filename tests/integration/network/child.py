"""A node in a process: `python -m tests.integration.network.child DIRECTORY ADDRESS…`."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from metis_node.types.network import Topic

from .nodes import Node

SECRET = b"\x42" * 32


async def main(directory: str, *bootstrap: str) -> None:
    """Say something ten times a second, until killed."""
    node = Node(Path(directory), "child", bootstrap=bootstrap, secret=SECRET)
    async with node.network:
        while True:
            node.network.publish(Topic.VOTES, b"child %d" % time.time_ns())
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
