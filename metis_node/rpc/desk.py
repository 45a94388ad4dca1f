"""What all connections of one RPC server share: dispatcher, bounds, who may call, counters."""

from __future__ import annotations

from dataclasses import dataclass, field

from metis_node.rpc.jsonrpc import Dispatcher
from metis_node.rpc.limits import ClientRates, RpcLimits


@dataclass(slots=True, kw_only=True)
class Desk:
    """What all connections of one server share."""

    dispatcher: Dispatcher
    limits: RpcLimits
    cors_origins: frozenset[str] = frozenset()  # "*" allows all
    virtual_hosts: frozenset[str] | None = None  # allowed Host names; None allows all
    rates: ClientRates = field(init=False)
    connections: int = 0
    requests: int = 0
    refused: int = 0  # requests and connections that never reached the dispatcher

    def __post_init__(self) -> None:
        self.rates = ClientRates(self.limits)

    def cors_header(self, origin: bytes) -> bytes:
        """The header that lets a browser's page at this origin read the answer, or nothing."""
        if "*" in self.cors_origins:
            return b"access-control-allow-origin: *\r\n"
        if origin.decode("latin-1") in self.cors_origins:
            return b"access-control-allow-origin: " + origin + b"\r\nvary: origin\r\n"
        return b""

    def host_allowed(self, host: bytes) -> bool:
        if self.virtual_hosts is None:
            return True
        name = host.decode("latin-1").rsplit(":", 1)[0].strip("[]").lower()
        numeric = all(part.isdigit() for part in name.split(".")) or ":" in name
        return numeric or name in self.virtual_hosts
