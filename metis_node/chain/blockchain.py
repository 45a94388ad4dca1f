"""The chain: one head, extended by verified blocks, each written in one atomic, synced batch.

Everything here runs on the single execution thread, except the plain attributes, which any thread
may read: each is replaced as a whole, and only after the write it tells of is durable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metis_node.chain import block_store, header_rules
from metis_node.codec.headers import open_sealed
from metis_node.errors import InvalidBlock, InvalidConfig
from metis_node.execution.engine import DEFAULT_CACHE_BYTES, HISTORY_BLOCKS, Engine, new_engine
from metis_node.execution.genesis import Genesis, genesis_header, parse_genesis
from metis_node.staking.epochs import EpochWindow
from metis_node.storage.kv import KeyValueStore
from metis_node.types.blocks import SealedHeader
from metis_node.types.rules import ChainRules

if TYPE_CHECKING:
    from metis_node._native import Prepared, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A block that is on disk and is the head."""

    sealed: SealedHeader
    prepared: Prepared

    @property
    def number(self) -> int:
        return self.sealed.header.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A block that holds on the head, and what it writes. Void once another one is written."""

    sealed: SealedHeader
    prepared: Prepared


class Blockchain:
    """Owner of the head. Make one with `initialise` (new directory) or `open` (existing one)."""

    def __init__(
        self,
        *,
        store: KeyValueStore,
        genesis_file: Genesis,
        engine: Engine,
        genesis: SealedHeader,
        head: SealedHeader,
        safe_number: int,
        finalized_number: int,
    ) -> None:
        self.store = store
        self.engine = engine
        self.genesis_file = genesis_file
        self.rules: ChainRules = genesis_file.rules
        self.genesis = genesis
        self.head = head
        self.safe_number = safe_number
        self.finalized_number = finalized_number

    @classmethod
    def initialise(
        cls,
        store: KeyValueStore,
        genesis_file: Genesis,
        *,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        history_blocks: int = HISTORY_BLOCKS,
    ) -> Blockchain:
        """Write block 0 into an empty store. Raises InvalidConfig where it has a chain."""
        if block_store.read_head(store) is not None:
            raise InvalidConfig(
                "the database has a chain already: start the node on it, or choose an empty "
                "data directory"
            )
        engine = new_engine(
            genesis_file.rules, store, cache_bytes=cache_bytes, history_blocks=history_blocks
        )
        template = genesis_header(genesis_file)
        prepared = engine.genesis(template, genesis_file.alloc_json)
        sealed = open_sealed(prepared.header)
        changes = [
            *prepared.writes(),
            *block_store.block_writes(sealed),
            *block_store.genesis_writes(genesis_file.canonical),
        ]
        _write_prepared(store, engine, prepared, changes)
        return cls(
            store=store,
            genesis_file=genesis_file,
            engine=engine,
            genesis=sealed,
            head=sealed,
            safe_number=0,
            finalized_number=0,
        )

    @classmethod
    def open(
        cls,
        store: KeyValueStore,
        *,
        expected: Genesis | None = None,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        history_blocks: int = HISTORY_BLOCKS,
    ) -> Blockchain:
        """Continue at the stored head, with the rules of the stored genesis file.

        `expected`: the operator's genesis file; InvalidConfig if the store is of another chain.
        Raises CorruptStore where the store contradicts itself, InvalidConfig where it is empty.
        """
        genesis_file = _stored_genesis(store, expected)
        genesis = block_store.require_header(store, 0)
        head = block_store.require_head(store)
        engine = new_engine(
            genesis_file.rules, store, cache_bytes=cache_bytes, history_blocks=history_blocks
        )
        engine.open(head.header.number, head.rlp)
        return cls(
            store=store,
            genesis_file=genesis_file,
            engine=engine,
            genesis=genesis,
            head=head,
            safe_number=block_store.read_number(store, block_store.META_SAFE),
            finalized_number=block_store.read_number(store, block_store.META_FINALIZED),
        )

    def import_block(
        self,
        header_rlp: bytes,
        transactions: Sequence[bytes | Transaction],
        window: EpochWindow | None = None,
    ) -> Imported:
        """Verify a sealed block on the head, write it, make it the head. Execution thread only.

        `window`: of the block, on a chain with validators (`EpochSource.window_of`).

        Raises InvalidBlock and changes nothing where a rule is broken. An error of the store leaves
        head and state as they were.
        """
        return self.commit(self.verify(header_rlp, transactions, window))

    def verify(
        self,
        header_rlp: bytes,
        transactions: Sequence[bytes | Transaction],
        window: EpochWindow | None = None,
    ) -> Verified:
        """Everything of `import_block` but the write: execute on the head from committed state.
        Execution thread only. Raises InvalidBlock."""
        sealed = open_sealed(header_rlp)
        self.check(sealed, transactions, window)
        prepared = self.engine.verify(header_rlp, transactions)
        if prepared.hash != sealed.hash:
            raise InvalidBlock("the engine verified another header than the one given")
        return Verified(sealed=sealed, prepared=prepared)

    def commit(self, verified: Verified, certificate: bytes | None = None) -> Imported:
        """Write a verified block, with its encoded commit certificate where it has one, and make it
        the head: a certificate makes it safe as well. Execution thread only. An error of the store
        leaves head and state as they were.
        """
        sealed, prepared = verified.sealed, verified.prepared
        if sealed.header.parent_hash != self.head.hash:
            raise InvalidBlock(f"block {sealed.number} was verified on another head")
        changes = [*prepared.writes(), *block_store.block_writes(sealed)]
        if certificate is not None:
            changes.append(block_store.certificate_write(sealed.number, certificate))
            changes.append(block_store.safe_write(sealed.number))
        _write_prepared(self.store, self.engine, prepared, changes)
        self.head = sealed
        if certificate is not None:
            self.safe_number = sealed.number
        return Imported(sealed=sealed, prepared=prepared)

    def check(
        self,
        sealed: SealedHeader,
        transactions: Sequence[bytes | Transaction],
        window: EpochWindow | None = None,
    ) -> None:
        """All rules on a block that need no execution. Raises InvalidBlock."""
        header_rules.check_header(self.head, sealed, self.rules, window)
        header_rules.check_body(self.head.header, sealed.header, transactions, self.rules, window)

    def set_safe(self, number: int) -> None:
        """Move the safe head. It never passes the head and never goes back."""
        number = min(number, self.head.header.number)
        if number > self.safe_number:
            self.store.write([block_store.safe_write(number)], sync=False)
            self.safe_number = number

    def set_finalized(self, number: int) -> None:
        """Move the finalized head, and the safe head with it. Never back, never past the head."""
        number = min(number, self.head.header.number)
        if number > self.finalized_number:
            self.store.write([block_store.finalized_write(number)], sync=False)
            self.finalized_number = number
            self.set_safe(number)


def _stored_genesis(store: KeyValueStore, expected: Genesis | None) -> Genesis:
    canonical = block_store.read_genesis(store)
    if canonical is None:
        raise InvalidConfig(
            "the data directory holds no chain: run `metis-node init` with a genesis file first"
        )
    stored = parse_genesis(canonical)
    if expected is not None and expected.canonical != canonical:
        raise InvalidConfig(
            f"the data directory belongs to another chain (chain id {stored.rules.chain_id}): its "
            f"genesis differs from the given one (chain id {expected.rules.chain_id}); use the "
            "genesis file it was made with, or another data directory"
        )
    return stored


def _write_prepared(
    store: KeyValueStore,
    engine: Engine,
    prepared: Prepared,
    changes: list[tuple[bytes, bytes | None]],
) -> None:
    """The one way state reaches the disk: announce, write all or nothing, then commit or abort."""
    engine.begin_write(prepared)
    try:
        store.write(changes, sync=True)
    except BaseException:
        engine.abort(prepared)
        raise
    engine.commit(prepared)
