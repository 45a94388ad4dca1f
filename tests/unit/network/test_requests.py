"""A request ends for who asked, whatever becomes of it in the network's thread."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from metis_node.network import service as module
from metis_node.network.errors import RequestTimedOut
from metis_node.network.service import NetworkService
from metis_node.types.network import PeerId, RequestKind


class DeafThread:
    """Takes the order, and never answers: a connection that is dead and does not know."""

    run = SimpleNamespace(start_ask=None)

    def post(self, *_: Any) -> None:
        return None


async def test_a_request_that_the_thread_never_ends_times_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REQUEST_GRACE_S", 0.02)
    service = NetworkService.__new__(NetworkService)
    service._loop = asyncio.get_running_loop()
    service._asked = set()
    service._thread = DeafThread()  # type: ignore[assignment]
    with pytest.raises(RequestTimedOut, match="does not end"):
        await service.request(PeerId("x"), RequestKind.STATUS, b"?", timeout_s=0.02)
    assert not service._asked
