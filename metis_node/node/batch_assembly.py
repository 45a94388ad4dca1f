"""Constructor calls of what reads the batches on the L1 and posts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metis_node.batching.machine import BatchPolicy
from metis_node.engine.batch_follower import BatchFollower
from metis_node.engine.batch_host import BatchHost
from metis_node.engine.batch_index import BatchIndex
from metis_node.engine.batch_scanner import BatchScanner
from metis_node.engine.block_builder import BlockBuilder
from metis_node.engine.derived_chain import DerivedChain
from metis_node.errors import InvalidConfig
from metis_node.l1.blobs import BLOB_CAPACITY
from metis_node.l1.fees import FeeCaps
from metis_node.l1.publisher import InboxPublisher
from metis_node.l1.send_state import SendPolicy
from metis_node.l1.sender import TransactionSender
from metis_node.l1.spending import SpendLedger
from metis_node.node.assembly import ChainParts
from metis_node.node.config import Config
from metis_node.node.keys import KeyDirectory
from metis_node.node.l1_assembly import L1Parts
from metis_node.node.passwords import require_password
from metis_node.node.service import Service

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

SPENDING_FILE = "l1-spending.json"
GWEI = 10**9
ETHER = 10**18
LEAST_BLOCK_BYTES = 1_024  # room for the system transaction, however hard batches press


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchParts:
    """Reading is for every node; posting (host and sender) for the sequencer alone."""

    index: BatchIndex
    follower: BatchFollower
    host: BatchHost | None
    sender: TransactionSender | None

    @property
    def services(self) -> dict[str, Service]:
        services: dict[str, Service] = {"batch follower": self.follower.run}
        if self.host is not None and self.sender is not None:
            services |= {"batch host": self.host.run, "l1 sender": self.sender.run}
        return services


def batch_parts(
    parts: ChainParts, l1: L1Parts, config: Config, builder: BlockBuilder | None
) -> BatchParts:
    """Posting needs the submitter's key: InvalidConfig where it is missing or another."""
    index = BatchIndex(parts.blockchain.store)
    alone = builder is None and parts.blockchain.rules.consensus is None
    follower = _follower(parts, l1, index, may_import=alone)
    if builder is None or not config.batcher.enabled:
        return BatchParts(index=index, follower=follower, host=None, sender=None)
    sender = _sender(parts, l1, config)
    if config.batcher.data != "calldata":
        l1.kzg.warm_up()
    host = _host(parts, l1, config, follower, sender, builder)
    return BatchParts(index=index, follower=follower, host=host, sender=sender)


def _follower(
    parts: ChainParts, l1: L1Parts, index: BatchIndex, *, may_import: bool
) -> BatchFollower:
    chain = DerivedChain(
        source=l1.reader,
        committer=parts.committer,
        queries=parts.queries,
        may_import=may_import,
        has_peers=parts.blockchain.rules.consensus is not None,
    )
    scanner = BatchScanner(source=l1.reader, chain=chain, index=index, rules=parts.blockchain.rules)
    return BatchFollower(follower=l1.follower, scanner=scanner, committer=parts.committer)


def _sender(parts: ChainParts, l1: L1Parts, config: Config) -> TransactionSender:
    batcher = config.batcher
    caps = FeeCaps(
        max_fee=batcher.max_fee_gwei * GWEI, max_blob_fee=batcher.max_blob_fee_gwei * GWEI
    )
    ledger = SpendLedger(
        cap=int(batcher.spend_cap_per_day_eth * ETHER),
        file=config.chain.data_dir / SPENDING_FILE,
    )
    return TransactionSender(
        client=l1.client,
        account=_submitter(parts, config),
        policy=SendPolicy(caps=caps, confirmations=batcher.confirmations),
        ledger=ledger,
        poll_s=config.l1.poll_interval_ms / 1000,
    )


def _submitter(parts: ChainParts, config: Config) -> LocalAccount:
    """The key that the genesis file names."""
    name = config.keys.batcher
    account = KeyDirectory(config.keys_dir).unlock(name, require_password(config.keys))
    wanted = parts.blockchain.rules.batch_submitter
    if wanted is None or bytes.fromhex(account.address[2:]) != wanted:
        named = f"0x{wanted.hex()}" if wanted is not None else "nobody"
        raise InvalidConfig(
            f"the key {name!r} is of {account.address}, but the genesis file lets {named} submit "
            "batches: name the right key in keys.batcher, or set batcher.enabled to false"
        )
    return account


def _host(
    parts: ChainParts,
    l1: L1Parts,
    config: Config,
    follower: BatchFollower,
    sender: TransactionSender,
    builder: BlockBuilder,
) -> BatchHost:
    batcher, rules = config.batcher, parts.blockchain.rules
    publisher = InboxPublisher(
        client=l1.client,
        sender=sender,
        inbox=l1.inbox,
        cache=l1.blob_cache,
        mode=batcher.data,
        target_blobs=batcher.target_blobs,
        executor=l1.kzg,
    )

    def hold_back(percent: int) -> None:
        allowed = rules.max_block_bytes * (100 - percent) // 100
        builder.max_bytes = max(LEAST_BLOCK_BYTES, allowed)

    return BatchHost(
        queries=parts.queries,
        rules=rules,
        heads=parts.heads,
        l1=l1.follower,
        batches=follower,
        publisher=publisher,
        policy=BatchPolicy(
            target_bytes=batcher.target_blobs * BLOB_CAPACITY,
            max_age_ms=batcher.max_channel_age_s * 1000,
        ),
        clock=parts.clock,
        on_pressure=hold_back,
    )
