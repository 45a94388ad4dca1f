"""Addresses known before anything is sent, by the deterministic deployment proxy.

The proxy makes every contract. The address follows from salt and creation code alone (EIP-1014),
so a deployment that was cut short is found again on the chain, whoever looks and whatever was
remembered. The proxy stands at one address on every public Ethereum; where it is missing, its own
keyless transaction puts it there.
Pure.
"""

from __future__ import annotations

from metis_node.codec.hashes import keccak256
from metis_node.types.primitives import Address, Hash32

FACTORY = Address(bytes.fromhex("4e59b44847b379578588920ca78fbf26c0b4956c"))
FACTORY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234"
    "f58015156039578182fd5b8082525050506014600cf3"
)
# Its creation is signed by nobody's key: a transaction without chain id that pays 100 gwei per gas.
FACTORY_CREATOR = Address(bytes.fromhex("3fab184622dc19b6109349b94811493bf2a45362"))
FACTORY_FUNDS = 10**16  # 100,000 gas at 100 gwei
FACTORY_TRANSACTION = bytes.fromhex(
    "f8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffff"
    "ffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050"
    "506014600cf31ba02222222222222222222222222222222222222222222222222222222222222222a0222222222222"
    "2222222222222222222222222222222222222222222222222222"
)


def created_address(salt: Hash32, creation: bytes) -> Address:
    """Where the proxy puts a contract."""
    preimage = b"\xff" + FACTORY + salt + keccak256(creation)
    return Address(keccak256(preimage)[12:])


def creation_call(salt: Hash32, creation: bytes) -> bytes:
    """Calldata for the proxy."""
    return salt + creation
