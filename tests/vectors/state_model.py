"""A chain of storage-holding contracts that are written, destroyed and created again, and a plain
model of what they must hold.

It runs under Shanghai, where SELFDESTRUCT still deletes: accounts and their whole storage come and
go, within a block and across blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import rlp
from eth_hash.auto import keccak

from metis_node import _native
from metis_node.storage import tables
from metis_node.storage.kv import KeyValueStore
from tests.factories import Chain, alloc_json, funded, key, new_chain, sign_dynamic_fee
from tests.vectors.assembler import Program, init_code
from tests.vectors.reference_trie import Nodes, independent_root, root_and_nodes

CONTRACTS = 6
FACTORY = b"\xfa" * 20
_SENDER = key(0)
_BENEFICIARY = b"\xfb" * 20
_GAS_LIMIT = 2_000_000_000


def _writer() -> bytes:
    """Stores each pair of calldata words; a single byte of calldata destroys it."""
    program = Program().push(1).op("CALLDATASIZE", "EQ").push_label("die").op("JUMPI")
    program.push(0).label("next").op("DUP1", "CALLDATASIZE", "GT", "ISZERO")
    program.push_label("end").op("JUMPI", "DUP1").push(32).op("ADD", "CALLDATALOAD")
    program.op("DUP2", "CALLDATALOAD", "SSTORE").push(64).op("ADD")
    program.push_label("next").op("JUMP")
    return program.label("end").op("STOP").label("die").op("CALLER", "SELFDESTRUCT").code()


def _factory() -> bytes:
    """CREATE2 of a writer, with the calldata's first word as salt."""
    creation = init_code(_writer())
    program = Program().write_memory(0, creation).push(0).op("CALLDATALOAD")
    return program.push(len(creation), 0, 0).op("CREATE2", "STOP").code()


def address(index: int) -> bytes:
    """Where the factory places contract `index` (EIP-1014)."""
    salt = index.to_bytes(32, "big")
    return keccak(b"\xff" + FACTORY + salt + keccak(init_code(_writer())))[12:]


@dataclass(slots=True)
class StateModel:
    """The chain, and what its contracts must hold: slots by contract, None where there is none."""

    chain: Chain
    contracts: list[dict[int, int] | None]
    strangers: set[bytes] = field(default_factory=set)
    pending: list[bytes] = field(default_factory=list)
    nonce: int = 0

    @classmethod
    def new(cls, store: KeyValueStore | None = None) -> StateModel:
        alloc = alloc_json(funded(1, 10**30), code={FACTORY: _factory()})
        chain = new_chain(
            "shanghai", alloc=alloc, store=store, gas_limit=_GAS_LIMIT, base_fee_per_gas=7
        )
        return cls(chain, [None] * CONTRACTS)

    # --- steps: each is one transaction of the next block ---

    def create(self, index: int) -> None:
        self._send(FACTORY, index.to_bytes(32, "big"))
        if self.contracts[index] is None:
            self.contracts[index] = {}

    def write(self, index: int, slots: dict[int, int]) -> None:
        words = [number.to_bytes(32, "big") for pair in slots.items() for number in pair]
        self._send(address(index), b"".join(words))
        held = self.contracts[index]
        if held is not None:
            held.update(slots)
            for slot in [slot for slot, value in slots.items() if not value]:
                held.pop(slot, None)

    def destroy(self, index: int) -> None:
        self._send(address(index), b"\x01")
        self.contracts[index] = None

    def pay(self, to: bytes, wei: int) -> None:
        self._send(to, b"", wei)
        if wei:
            self.strangers.add(to)

    def _send(self, to: bytes, data: bytes, value: int = 0) -> None:
        words = len(data) // 64
        raw = sign_dynamic_fee(
            _SENDER,
            nonce=self.nonce,
            to=to,
            value=value,
            data=data,
            gas_limit=200_000 + 30_000 * words,
            max_fee_per_gas=10**12,
        )
        self.nonce += 1
        self.pending.append(raw)

    # --- blocks ---

    def seal(self) -> _native.Built:
        """The next block, not yet imported. All pending transactions must be in it."""
        built = self.chain.build(
            self.pending, max_bytes=1 << 26, beneficiary=_BENEFICIARY, gas_limit=_GAS_LIMIT
        )
        if built.skipped:
            raise AssertionError(f"{built.skipped[0].code}: {built.skipped[0].message}")
        self.pending = []
        return built

    def commit(self) -> _native.Prepared:
        built = self.seal()
        return self.chain.accept(built.header, built.transactions)

    # --- what must be ---

    def addresses(self) -> list[bytes]:
        """All accounts that exist."""
        live = [address(i) for i, slots in enumerate(self.contracts) if slots is not None]
        return [_SENDER.address, FACTORY, *([_BENEFICIARY] * self._paid()), *live, *self.strangers]

    def _paid(self) -> bool:
        return self.chain.engine.account(_BENEFICIARY, self.chain.number) is not None

    def expected_storage(self) -> dict[bytes, dict[bytes, bytes]]:
        """Of each contract with slots: keccak(slot) -> RLP of the value, as its trie holds them."""
        return {
            address(index): {
                keccak(slot.to_bytes(32, "big")): rlp.encode(value) for slot, value in slots.items()
            }
            for index, slots in enumerate(self.contracts)
            if slots
        }

    def expected_nodes(self) -> tuple[bytes, dict[bytes, Nodes]]:
        """State root by full rebuild, and the trie nodes under their table prefixes.

        Nonces, balances and code hashes are the engine's; storage is the model's.
        """
        nodes: dict[bytes, Nodes] = {}
        storage_roots: dict[bytes, bytes] = {}
        for holder, items in self.expected_storage().items():
            storage_roots[holder], held = root_and_nodes(items)
            assert storage_roots[holder] == independent_root(items)
            nodes[tables.STORAGE_TRIE + keccak(holder)] = held
        accounts = {keccak(who): self._account(who, storage_roots) for who in self.addresses()}
        root, nodes[tables.ACCOUNT_TRIE] = root_and_nodes(accounts)
        assert root == independent_root(accounts)
        return root, nodes

    def _account(self, who: bytes, storage_roots: dict[bytes, bytes]) -> bytes:
        found = self.chain.engine.account(who, self.chain.number)
        assert found is not None, f"the engine does not hold 0x{who.hex()}"
        nonce, balance, code_hash, storage_root = found
        expected = storage_roots.get(who, root_and_nodes({})[0])
        assert storage_root == expected, f"storage root of 0x{who.hex()}"
        encoded: bytes = rlp.encode([nonce, balance, storage_root, code_hash])
        return encoded
