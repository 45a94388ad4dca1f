"""Writes random transactions that make a difference, for the state they will meet.

A generated transaction is one *scenario* (what it does) wrapped in one *envelope* (its type and
fees). Refused ones are wanted too: oracle and engine must refuse the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import rlp
from eth_hash.auto import keccak

from tests import factories
from tests.factories import GWEI, Key
from tests.vectors import contracts
from tests.vectors.assembler import Program, init_code
from tests.vectors.contracts import address_of
from tests.vectors.precompile_inputs import INPUTS, P256VERIFY, PAIRINGS
from tests.vectors.random_programs import RandomProgram
from tests.vectors.world import PRECOMPILES, World

OSAKA_GAS_CAP = 1 << 24  # EIP-7825
MAX_INIT_CODE = 49_152  # EIP-3860


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a transaction does, before its type and fees are chosen."""

    scenario: str
    to: bytes | None
    value: int = 0
    data: bytes = b""
    gas_limit: int = 300_000
    sender: Key | None = None
    nonce_offset: int = 0
    authorizations: tuple[list[Any], ...] = ()
    access_list: tuple[tuple[bytes, tuple[bytes, ...]], ...] = ()
    kind: int | None = None  # transaction type, if it matters
    max_fee_per_gas: int | None = None
    priority_fee_per_gas: int | None = None
    blob_hashes: tuple[bytes, ...] = ()
    max_fee_per_blob_gas: int = GWEI


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A signed transaction and the scenario it came from."""

    raw: bytes
    scenario: str
    sender: bytes
    creates: bytes | None  # where a creation would place its contract
    floor: int  # gas that EIP-7623 charges at least


class Generator:
    """Chooses scenarios by weight. One per chain."""

    def __init__(self, world: World, *, pairing_chance: float = 0.02, blobs: bool = False) -> None:
        self._world = world
        self._rng = world.rng
        self._pairing_chance = pairing_chance
        self._scenarios: list[tuple[Callable[[], Call], int]] = [
            (self._transfer, 12),
            (self._random_call, 16),
            (self._deploy, 9),
            (self._broken_creation, 3),
            (self._store, 9),
            (self._store_transiently, 3),
            (self._reenter, 2),
            (self._destroy, 3),
            (self._create_by_contract, 7),
            (self._precompile, 12),
            (self._set_code, 9),
            (self._inspect, 3),
            (self._count_zeros, 2),
            (self._move_memory, 2),
            (self._heavy_calldata, 4),
            (self._history, 3),
            (self._revert, 2),
            (self._burn, 1),
            (self._gas_edge, 4),
            (self._large_gas_limit, 1),
            (self._refused, 6),
        ]
        if blobs:
            self._scenarios.append((self._carry_blobs, 8))

    def next(self) -> Candidate:
        """A transaction for the state as it is now."""
        kinds, weights = zip(*self._scenarios, strict=True)
        call: Call = self._rng.choices(kinds, weights)[0]()
        if call.scenario != "large gas limit":
            call = replace(call, gas_limit=min(call.gas_limit, self._world.gas_left))
        return self._sign(call)

    # --- scenarios: plain calls ---

    def _transfer(self) -> Call:
        value = self._rng.choice([0, 1, 10**15, self._rng.getrandbits(60)])
        gas = self._rng.choice([21_000, 21_000, 30_000, 100_000])
        return Call(scenario="transfer", to=self._world.anyone(), value=value, gas_limit=gas)

    def _random_call(self) -> Call:
        return Call(
            scenario="random program",
            to=self._world.random_contract(),
            value=self._rng.choice([0, 0, 1, 10**9]),
            data=self._rng.randbytes(self._rng.choice([0, 4, 32, 100])),
            gas_limit=self._rng.choice([60_000, 150_000, 300_000, 600_000]),
            access_list=self._access_list() if self._rng.random() < 0.3 else (),
        )

    def _store(self) -> Call:
        pairs = b"".join(
            _word(self._rng.randrange(5))
            + _word(self._rng.choice([0, 0, 1, 2, self._rng.getrandbits(256)]))
            for _ in range(self._rng.randrange(1, 9))
        )
        to = address_of("store")
        slots = tuple(_word(slot) for slot in range(self._rng.randrange(4)))
        listed = ((to, slots),) if self._rng.random() < 0.4 else ()
        return Call(scenario="storage", to=to, data=pairs, access_list=listed)

    def _store_transiently(self) -> Call:
        return replace(
            self._store(), scenario="transient storage", to=address_of("store transiently")
        )

    def _reenter(self) -> Call:
        depth = _word(self._rng.randrange(20))
        return Call(scenario="re-entrance", to=address_of("re-enter"), data=depth)

    def _destroy(self) -> Call:
        heir = self._rng.choice([self._world.anyone(), address_of("destroy")])
        value = self._rng.choice([0, 7])
        data = heir.rjust(32, b"\0")
        return Call(scenario="selfdestruct", to=address_of("destroy"), data=data, value=value)

    def _inspect(self) -> Call:
        seen = b"".join(
            self._rng.choice(self._world.interesting()).rjust(32, b"\0") for _ in range(5)
        )
        return Call(scenario="inspection", to=address_of("inspect"), data=seen)

    def _count_zeros(self) -> Call:
        words = [self._rng.getrandbits(256) >> self._rng.randrange(257) for _ in range(4)]
        data = b"".join(_word(word) for word in words)
        return Call(scenario="leading zeros", to=address_of("count zeros"), data=data)

    def _move_memory(self) -> Call:
        words = [self._rng.choice([0, 1, 31, 32, 64, 200]) for _ in range(3)]
        if self._rng.random() < 0.1:
            words[self._rng.randrange(3)] = 2**64
        data = b"".join(_word(word) for word in words) + self._rng.randbytes(64)
        return Call(scenario="memory move", to=address_of("move memory"), data=data)

    def _heavy_calldata(self) -> Call:
        """EIP-7623: the floor decides; gas limits at, below and above it."""
        zeros, others = self._rng.randrange(600), self._rng.randrange(2500)
        data = bytes(zeros) + bytes(self._rng.randrange(1, 256) for _ in range(others))
        floor = 21_000 + 10 * (zeros + 4 * others)
        gas = floor + self._rng.choice([-1, 0, 0, 1, 5000, 300_000])
        to = self._rng.choice([self._world.anyone(), address_of("revert")])
        return Call(scenario="calldata floor", to=to, data=data, gas_limit=gas)

    def _history(self) -> Call:
        """Reads of EIP-2935 and EIP-4788, through a contract, in and out of their windows."""
        assert self._world.context is not None
        if self._rng.random() < 0.5:
            asked = self._world.context.number - self._rng.choice([-1, 0, 1, 2, 5])
            target = contracts.HISTORY_STORAGE
        else:
            asked = self._world.context.timestamp - self._rng.choice([-1, 0, 1, 2])
            target = contracts.BEACON_ROOTS
        data = target.rjust(32, b"\0") + _word(max(asked, 0))
        return Call(scenario="history", to=address_of("forward"), data=data)

    def _revert(self) -> Call:
        data = self._rng.randbytes(self._rng.randrange(70))
        return Call(scenario="revert", to=address_of("revert"), data=data)

    def _burn(self) -> Call:
        gas = self._rng.randrange(21_000, 40_000)
        return Call(scenario="out of gas", to=address_of("burn"), gas_limit=gas)

    def _precompile(self) -> Call:
        number = self._rng.choice(PRECOMPILES)
        if number in PAIRINGS and self._rng.random() > self._pairing_chance * 18 / 3:
            number = P256VERIFY
        data, address = INPUTS[number](self._rng), number.to_bytes(20, "big")
        if self._rng.random() < 0.15:
            return Call(scenario="precompile", to=address, data=data, gas_limit=1_000_000)
        names = ["forward", "forward", "forward by STATICCALL", "forward by DELEGATECALL"]
        to = address_of(self._rng.choice([*names, "forward by CALLCODE"]))
        gas = self._rng.choice([1_000_000, 1_000_000, 60_000])
        whole = address.rjust(32, b"\0") + data
        return Call(scenario="precompile", to=to, data=whole, gas_limit=gas)

    # --- scenarios: creations ---

    def _deploy(self) -> Call:
        code = RandomProgram(self._rng, self._world.interesting()).write(self._rng.randrange(2, 30))
        before = b""
        if self._rng.random() < 0.3:
            before = Program().push(self._rng.getrandbits(64), 1).op("SSTORE").code()
        return Call(
            scenario="creation",
            to=None,
            data=init_code(code, before=before) if self._rng.random() < 0.8 else code,
            value=self._rng.choice([0, 0, 5]),
            gas_limit=self._rng.choice([80_000, 300_000, 600_000]),
        )

    def _broken_creation(self) -> Call:
        """Bounds of EIPs 170, 3541 and 3860, reverts, empty code."""
        size = self._rng.choice([24_576, 24_577])
        data = self._rng.choice(
            [
                init_code(b"\xef\x00"),
                init_code(b"\xfe"),
                init_code(b""),
                b"",
                Program().push(size, 0).op("RETURN").code(),
                Program().push(0, 0).op("REVERT").code(),
                bytes(MAX_INIT_CODE),
                bytes(MAX_INIT_CODE + 1),
            ]
        )
        gas = 5_200_000 if len(data) < 100 else 900_000
        return Call(scenario="creation at its bounds", to=None, data=data, gas_limit=gas)

    def _create_by_contract(self) -> Call:
        runtime = RandomProgram(self._rng, self._world.interesting(), nesting=0).write(3)
        child = self._rng.choice(
            [
                contracts.CHILD_THAT_DIES,
                contracts.CHILD_THAT_DIES_AT_BIRTH,
                contracts.CHILD_THAT_DIES_TO_ITSELF,
                init_code(runtime),
                runtime,
            ]
        )
        # Few salts, so that CREATE2 meets its own former addresses.
        data = _word(self._rng.randrange(2)) + child
        to = address_of(self._rng.choice(["create", "create2", "create2"]))
        value = self._rng.choice([0, 0, 9])
        return Call(scenario="creation by contract", to=to, data=data, value=value)

    # --- scenarios: set code (EIP-7702) ---

    def _set_code(self) -> Call:
        sender = self._world.sender()
        count = self._rng.choice([1, 1, 1, 2, 3])
        tuples = tuple(self._authorization(sender) for _ in range(count))
        return Call(
            scenario="set code",
            sender=sender,
            to=self._rng.choice([self._world.authority().address, self._world.anyone()]),
            value=self._rng.choice([0, 1]),
            data=self._rng.randbytes(self._rng.choice([0, 64])),
            gas_limit=400_000,
            authorizations=tuples,
            kind=4,
        )

    def _authorization(self, sender: Key) -> list[Any]:
        authority = self._world.authority()
        nonce = self._world.nonce(authority.address) + (authority.address == sender.address)
        nonce += self._rng.choice([0] * 12 + [1, 2])
        target = self._rng.choice(
            [
                self._world.contract(),
                self._world.contract(),
                self._world.authority().address,
                self._rng.choice(PRECOMPILES).to_bytes(20, "big"),
                bytes(20),
            ]
        )
        chain_id = self._rng.choice([factories.CHAIN_ID] * 6 + [0, 0, 1])
        signed = factories.authorization(authority, address=target, nonce=nonce, chain_id=chain_id)
        return self._spoil_authorization(signed)

    def _spoil_authorization(self, signed: list[Any]) -> list[Any]:
        if self._rng.random() > 0.08:
            return signed
        order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
        chain_id, address, nonce, y, r, s = signed
        return self._rng.choice(
            [
                [chain_id, address, nonce, 1 - y, r, order - s],
                [chain_id, address, nonce, y, 0, s],
                [chain_id, address, nonce, 27 + y, r, s],
                [chain_id, address, 2**64 - 1, y, r, s],
            ]
        )

    # --- scenarios: blobs (EIP-4844) ---

    def _carry_blobs(self) -> Call:
        """One to three blobs, now and then a number, version or price that is refused."""
        count = self._rng.choice([1, 1, 2, 3])
        call = replace(
            self._random_call(),
            scenario="blobs",
            kind=3,
            blob_hashes=tuple(b"\x01" + self._rng.randbytes(31) for _ in range(count)),
            max_fee_per_blob_gas=self._rng.choice([GWEI, 10**6]),
        )
        if self._rng.random() > 0.15:
            return call
        return self._rng.choice(
            [
                replace(call, blob_hashes=()),
                replace(call, blob_hashes=call.blob_hashes * 7),
                replace(call, blob_hashes=(b"\x02" + bytes(31),)),
                replace(call, max_fee_per_blob_gas=1),
            ]
        )

    # --- scenarios: gas and refusals ---

    def _gas_edge(self) -> Call:
        """A call with just too little, just enough, or a random part of the gas it needs."""
        call = self._rng.choice(self._scenarios[:12])[0]()
        least = 21_000 + (32_000 if call.to is None else 0)
        gas = least + self._rng.choice([-1, 0, 1, self._rng.randrange(60_000)])
        return replace(call, scenario="gas edge", gas_limit=gas)

    def _large_gas_limit(self) -> Call:
        """EIP-7825: Osaka's cap of 2^24 gas for one transaction."""
        gas = OSAKA_GAS_CAP + self._rng.choice([0, 1])
        return Call(scenario="large gas limit", to=self._world.anyone(), gas_limit=gas)

    def _refused(self) -> Call:
        call = replace(self._transfer(), scenario="refused")
        base = self._world.base_fee()
        sender = self._world.sender()
        rich = self._world.balance(sender.address)
        many = bytes(MAX_INIT_CODE + 1)
        return self._rng.choice(
            [
                replace(call, nonce_offset=1),
                replace(call, nonce_offset=-1),
                replace(call, sender=sender, value=rich),
                replace(call, sender=sender, value=2**256 - 1),
                replace(call, sender=self._world.coded_key(), value=0),
                replace(call, max_fee_per_gas=base - 1, priority_fee_per_gas=0),
                replace(call, kind=2, max_fee_per_gas=base, priority_fee_per_gas=base + 1),
                replace(call, gas_limit=20_999),
                replace(call, to=None, gas_limit=2_000_000, data=many),
                replace(call, kind=4, gas_limit=100_000),
            ]
        )

    # --- envelopes ---

    def _access_list(self) -> tuple[tuple[bytes, tuple[bytes, ...]], ...]:
        return tuple(
            (
                self._rng.choice(self._world.interesting()),
                tuple(_word(self._rng.randrange(6)) for _ in range(self._rng.randrange(4))),
            )
            for _ in range(self._rng.randrange(4))
        )

    def _sign(self, call: Call) -> Candidate:
        sender = call.sender or self._world.sender()
        nonce = max(self._world.nonce(sender.address) + call.nonce_offset, 0)
        creates = None
        if call.to is None:
            creates = keccak(rlp.encode([sender.address, nonce]))[12:]
        raw = self._envelope(call, sender, nonce)
        zeros = call.data.count(0)
        return Candidate(
            raw=raw,
            scenario=call.scenario,
            sender=sender.address,
            creates=creates,
            floor=21_000 + 10 * (zeros + 4 * (len(call.data) - zeros)),
        )

    def _envelope(self, call: Call, sender: Key, nonce: int) -> bytes:
        kind = call.kind if call.kind is not None else self._kind(call)
        fields: dict[str, Any] = {
            "nonce": nonce,
            "to": call.to,
            "value": call.value,
            "data": call.data,
            "gas_limit": max(call.gas_limit, 0),
        }
        base = self._world.base_fee()
        cap = call.max_fee_per_gas
        cap = cap if cap is not None else base + self._rng.randrange(2 * GWEI)
        if kind == 0:
            chain_id = None if self._rng.random() < 0.2 else factories.CHAIN_ID
            return factories.sign_legacy(sender, gas_price=cap, chain_id=chain_id, **fields)
        listed = call.access_list
        if kind == 1:
            return factories.sign_access_list(sender, gas_price=cap, access_list=listed, **fields)
        tip = call.priority_fee_per_gas
        tip = tip if tip is not None else self._rng.randrange(cap + 1)
        fees: dict[str, Any] = {
            "max_fee_per_gas": cap,
            "max_priority_fee_per_gas": tip,
            "access_list": listed,
        }
        if kind == 2:
            return factories.sign_dynamic_fee(sender, **fees, **fields)
        if kind == 3:
            fees["max_fee_per_blob_gas"] = call.max_fee_per_blob_gas
            fees["blob_hashes"] = call.blob_hashes
            return factories.sign_blob(sender, **fees, **fields)
        tuples = list(call.authorizations)
        return factories.sign_set_code(sender, authorizations=tuples, **fees, **fields)

    def _kind(self, call: Call) -> int:
        if call.access_list:
            return self._rng.choice([1, 2])
        return self._rng.choice([0, 0, 1, 2, 2, 2])


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")
