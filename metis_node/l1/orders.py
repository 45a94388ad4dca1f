"""What a command wants to send: calls in their order, and what they will do, in words. Values."""

from __future__ import annotations

from dataclasses import dataclass

from metis_node.types.primitives import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractCall:
    """One transaction."""

    label: str
    to: Address
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """`effects` are sentences for the person who decides."""

    sender: Address
    calls: tuple[ContractCall, ...]
    effects: tuple[str, ...]
