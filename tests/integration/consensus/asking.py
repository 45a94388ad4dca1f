"""What a villager's RPC would answer: the real methods over its host, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

from metis_node.chain.queries import Queries
from metis_node.engine.chain_epochs import chain_epochs
from metis_node.node.consensus_report import consensus_view
from metis_node.rpc.backend import Backend
from metis_node.rpc.block_tags import BlockTags
from metis_node.rpc.methods.admin import Admin
from metis_node.rpc.methods.metis_consensus import MetisConsensus, agreement_status
from metis_node.rpc.methods.metis_explain import MetisExplain
from metis_node.rpc.readers import Readers
from metis_node.rpc.session import Session
from tests.integration.consensus.village import Villager

THREADS = ThreadPoolExecutor(1)


def backend_of(villager: Villager) -> Backend:
    """The parts of a backend that the agreement's faces read."""
    parts = SimpleNamespace(blockchain=villager.chain, epochs=chain_epochs(villager.chain))
    view = consensus_view(cast("Any", parts), cast("Any", villager))
    others = villager.host._gossip.peers  # the wire is the village's
    return cast(
        "Backend",
        SimpleNamespace(
            blockchain=villager.chain,
            queries=Queries(villager.chain),
            epochs=parts.epochs,
            consensus=view,
            builds_alone=False,
            peer_count=lambda: len(others()),
        ),
    )


def asking(backend: Backend, *, is_page: bool = False) -> Callable[..., Any]:
    """`await ask("metis_certificate", "0x1")`."""
    readers = Readers(THREADS, 16)
    methods = [
        *MetisConsensus(backend, BlockTags(backend.queries), readers).methods(),
        *MetisExplain(backend, readers).methods(),
        *Admin(backend).methods(),
    ]
    session = Session("test", is_page=is_page)
    handlers = {method.name: method.handler for method in methods}

    async def ask(name: str, *params: Any) -> Any:
        answer = handlers[name](list(params), session)
        return await answer if asyncio.iscoroutine(answer) else answer

    return ask


__all__ = ["agreement_status", "asking", "backend_of"]
