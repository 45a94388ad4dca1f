"""The chain that generated transactions act on: its genesis, its accounts, its present state."""

from __future__ import annotations

from random import Random

from tests.factories import ETHER, Key, key
from tests.vectors.contracts import (
    BEACON_ROOTS,
    BEACON_ROOTS_CODE,
    FIXED,
    HISTORY_STORAGE,
    HISTORY_STORAGE_CODE,
    address_of,
)
from tests.vectors.oracle import BlockContext, Oracle
from tests.vectors.random_programs import RandomProgram

KEYS = 20  # funded senders
RANDOM_CONTRACTS = 14
_UNFUNDED = 6  # keys that only ever authorize
_CODED_KEY = KEYS + _UNFUNDED  # a key whose account holds ordinary code (EIP-3607)

PRECOMPILES = (*range(1, 0x12), 0x100)


class World:
    """A chain under the oracle's rules, seen by whoever writes transactions for it."""

    def __init__(self, rng: Random, oracle: Oracle) -> None:
        self.rng = rng
        self.oracle = oracle
        self.context: BlockContext | None = None
        self.gas_left = 0  # of the block being filled
        self.contracts = [address_of(name) for name in FIXED]
        self._place_accounts()

    def _place_accounts(self) -> None:
        for index in range(KEYS):
            self.oracle.set_account(key(index).address, balance=10**6 * ETHER)
        for name, code in FIXED.items():
            self.oracle.set_account(address_of(name), code=code, nonce=1, balance=ETHER)
        self.oracle.set_account(BEACON_ROOTS, code=BEACON_ROOTS_CODE, nonce=1)
        self.oracle.set_account(HISTORY_STORAGE, code=HISTORY_STORAGE_CODE, nonce=1)
        self.oracle.set_account(
            self.coded_key().address, code=FIXED["revert"], nonce=1, balance=ETHER
        )
        self._place_random_contracts()

    def _place_random_contracts(self) -> None:
        addresses = [b"\xc1" + bytes(18) + bytes((i,)) for i in range(RANDOM_CONTRACTS)]
        seen = [*self.interesting(), *addresses]
        for address in addresses:
            code = RandomProgram(self.rng, seen).write(self.rng.randrange(6, 40))
            storage = {slot: self.rng.getrandbits(256) for slot in range(self.rng.randrange(5))}
            self.oracle.set_account(
                address, code=code, nonce=1, balance=self.rng.randrange(10**6), storage=storage
            )
        self.contracts.extend(addresses)

    # --- who and where ---

    def sender(self) -> Key:
        return key(self.rng.randrange(KEYS))

    def authority(self) -> Key:
        return key(self.rng.randrange(KEYS + _UNFUNDED))

    @staticmethod
    def coded_key() -> Key:
        return key(_CODED_KEY)

    def nonce(self, address: bytes) -> int:
        return self.oracle.account(address)[0]

    def balance(self, address: bytes) -> int:
        return self.oracle.account(address)[1]

    def base_fee(self) -> int:
        assert self.context is not None
        return self.context.base_fee_per_gas

    def contract(self) -> bytes:
        return self.rng.choice(self.contracts)

    def random_contract(self) -> bytes:
        return self.rng.choice(self.contracts[len(FIXED) :])

    def remember(self, address: bytes) -> None:
        """A new contract that later transactions may call."""
        self.contracts.append(address)

    def interesting(self) -> list[bytes]:
        """Addresses that programs look at and call: precompiles, keys, contracts, strangers."""
        keys = [key(index).address for index in range(0, KEYS + _UNFUNDED, 4)]
        cheap = [n.to_bytes(20, "big") for n in PRECOMPILES if n not in (0x08, 0x0A, 0x0F)]
        strangers = [bytes(20), b"\xfa" * 20, b"\xfb" * 20]
        return [*cheap, *keys, *self.contracts[-40:], *strangers, HISTORY_STORAGE]

    def anyone(self) -> bytes:
        """An address to send to, sometimes one that nobody has used."""
        if self.rng.random() < 0.25:
            return self.rng.randbytes(20)
        return self.rng.choice(self.interesting())
