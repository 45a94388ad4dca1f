"""Who asks: one client connection, as the methods see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from metis_node.rpc.limits import TokenBucket
    from metis_node.rpc.subscriptions import Subscriber


class Session:
    """One connection. `subscriber` is set where notifications can be pushed (WebSocket).

    `is_page`: a browser speaks for a web page, since it named an origin; what an operator may order
    is not for pages that an operator happens to look at.
    """

    __slots__ = ("bucket", "client", "is_page", "subscriber")

    def __init__(
        self,
        client: str,
        bucket: TokenBucket | None = None,
        subscriber: Subscriber | None = None,
        *,
        is_page: bool = False,
    ) -> None:
        self.client = client
        self.bucket = bucket
        self.subscriber = subscriber
        self.is_page = is_page
