"""A transaction as the mempool sees it, without signature: for tests of ordering and bounds."""

from __future__ import annotations

from dataclasses import dataclass, field

from metis_node.codec.hashes import keccak256


@dataclass(slots=True, kw_only=True)
class PoolTransaction:
    """The attributes of `_native.Transaction` that the mempool reads."""

    sender: bytes
    nonce: int
    max_fee_per_gas: int = 2 * 10**9
    max_priority_fee_per_gas: int = 10**9
    gas_limit: int = 21_000
    value: int = 0
    type: int = 2
    to: bytes | None = bytes(20)
    data: bytes = b""
    size: int = 110
    intrinsic_gas: int = 21_000
    floor_gas: int = 21_000
    max_fee_per_blob_gas: int = 0
    blob_hashes: list[bytes] = field(default_factory=list)
    authorities: list[bytes] = field(default_factory=list)
    authorization_list: list[object] = field(default_factory=list)
    hash: bytes = b""

    def __post_init__(self) -> None:
        if not self.hash:
            text = f"{self.nonce} {self.max_fee_per_gas} {self.max_priority_fee_per_gas} "
            text += f"{self.gas_limit} {self.value} {self.type} {self.size} "
            text += f"{self.max_fee_per_blob_gas}"
            self.hash = keccak256(self.sender + text.encode() + self.data)

    @property
    def cost(self) -> int:
        return self.value + self.gas_limit * self.max_fee_per_gas

    def to_dict(self) -> dict[str, object]:
        return {"authorizationList": self.authorization_list or list(self.authorities)}
