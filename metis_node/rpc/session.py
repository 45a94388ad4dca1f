"""Who asks: one client connection, as the methods see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metis_node.rpc.limits import TokenBucket
    from metis_node.rpc.subscriptions import Subscriber


class Session:
    """One connection. `subscriber` is set where notifications can be pushed (WebSocket)."""

    __slots__ = ("bucket", "client", "subscriber")

    def __init__(
        self,
        client: str,
        bucket: TokenBucket | None = None,
        subscriber: Subscriber | None = None,
    ) -> None:
        self.client = client
        self.bucket = bucket
        self.subscriber = subscriber
