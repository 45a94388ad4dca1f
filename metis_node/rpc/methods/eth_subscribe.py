"""eth_subscribe and eth_unsubscribe: only where news can be pushed, that is on a WebSocket."""

from __future__ import annotations

from typing import Any

from metis_node.errors import InvalidRequest
from metis_node.rpc import hexadecimal
from metis_node.rpc.errors import METHOD_NOT_FOUND, REFUSED, shorten
from metis_node.rpc.limits import RpcLimits
from metis_node.rpc.log_criteria import parse_criteria
from metis_node.rpc.method import Method
from metis_node.rpc.session import Session
from metis_node.rpc.subscriptions import KINDS, Feeds, Subscriber, Subscription


class EthSubscribe:
    def __init__(self, feeds: Feeds, limits: RpcLimits) -> None:
        self._feeds = feeds
        self._limits = limits

    def methods(self) -> list[Method]:
        return [
            Method("eth_subscribe", self.subscribe),
            Method("eth_unsubscribe", self.unsubscribe),
        ]

    def subscribe(self, params: list[Any], session: Session) -> str:
        subscriber = _subscriber(session)
        kind = hexadecimal.string(params, 0, "subscription")
        if kind not in KINDS:
            raise InvalidRequest(
                f'no "{shorten(kind)}" subscription in eth namespace: use one of '
                f"{', '.join(KINDS)}",
                code=METHOD_NOT_FOUND,
            )
        if kind == "logs":
            given = hexadecimal.optional(params, 1)
            criteria = None if given is None else parse_criteria(params, 1, self._limits)
            return self._feeds.add(Subscription(kind, subscriber, criteria))
        full = kind == "newPendingTransactions" and hexadecimal.boolean(params, 1, "full", False)
        return self._feeds.add(Subscription(kind, subscriber, full=full))

    def unsubscribe(self, params: list[Any], session: Session) -> bool:
        ident = hexadecimal.string(params, 0, "subscription")
        if not self._feeds.remove(_subscriber(session), ident):
            raise InvalidRequest("subscription not found", code=REFUSED)
        return True


def _subscriber(session: Session) -> Subscriber:
    if session.subscriber is None:
        raise InvalidRequest(
            "notifications not supported: subscribe over WebSocket, or poll with eth_newFilter",
            code=METHOD_NOT_FOUND,
        )
    return session.subscriber
