"""Constructor calls of what follows the staking contracts, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from metis_node.codec.extra_data import decode_extra_data
from metis_node.engine.epoch_book import EpochBook
from metis_node.engine.staking_book import StakingBook, StakingSource
from metis_node.engine.staking_follower import StakingFollower
from metis_node.l1.staking_logs import L1StakingLogs
from metis_node.node.assembly import ChainParts
from metis_node.node.config import Config
from metis_node.node.l1_assembly import L1Parts
from metis_node.node.service import Service
from metis_node.node.staking_contracts import staking_source
from metis_node.rpc.backend import Check, StakingView
from metis_node.staking.seeds import SeedBlock
from metis_node.types.primitives import Hash32

LAG_BLOCKS = 32  # L1 blocks that may be unread before the node says that it is not ready


@dataclass(frozen=True, slots=True, kw_only=True)
class StakingParts:
    """What a node has of the staking contracts."""

    source: StakingSource
    follower: StakingFollower
    epochs: EpochBook

    @property
    def services(self) -> dict[str, Service]:
        return {"staking follower": self.follower.run}


def staking_parts(parts: ChainParts, l1: L1Parts, config: Config) -> StakingParts | None:
    """None on a network without contracts."""
    rules = parts.blockchain.rules
    source = staking_source(config, rules)
    if source is None:
        return None
    book = StakingBook(
        parts.blockchain.store,
        source=source,
        genesis=_genesis_block(parts),
        seed_interval=rules.seed_interval,
        dense_marks=config.staking.reorg_depth,
    )
    follower = StakingFollower(
        l1=l1.follower,
        source=l1.reader,
        logs=L1StakingLogs(l1.client, pool=source.pool, parameters=source.parameters),
        book=book,
        reorg_depth=config.staking.reorg_depth,
    )
    epochs = EpochBook(
        book=book,
        chain_id=rules.chain_id,
        origin_max_lag_s=rules.origin_max_lag_s,
        time_of=_time_of(parts),
    )
    follower.subscribe(epochs.on_step)
    return StakingParts(source=source, follower=follower, epochs=epochs)


def staking_view(staking: StakingParts | None) -> StakingView | None:
    """What the RPC answers from."""
    if staking is None:
        return None
    return StakingView(pool=staking.source.pool, follower=staking.follower, epochs=staking.epochs)


def staking_check(staking: StakingParts | None) -> Check:
    """The contracts are followed."""

    def problem() -> str | None:
        if staking is None:
            return None
        if staking.follower.problem:
            return staking.follower.problem
        if staking.follower.lag > LAG_BLOCKS:
            return f"{staking.follower.lag} L1 blocks of the staking contracts are still to be read"
        return None

    return Check(name="staking", problem=problem)


STAKING_GAUGES = {
    "metis_staking_l1_block": "L1 block up to which the staking contracts are read",
    "metis_staking_lag_blocks": "L1 blocks of the staking contracts that are still to be read",
    "metis_staking_validators": "Sequencers with power, as of that block",
    "metis_staking_total_power": "Their power, gwei of stake",
    "metis_staking_reorganisations": "L1 reorganisations undone in the staking events",
    "metis_staking_contradictions": "Times that staking events of an L1 endpoint were not true",
}


def staking_gauges(staking: StakingParts | None) -> Callable[[], dict[str, float]]:
    """The gauges of `STAKING_GAUGES`; none on a network without contracts."""

    def facts() -> dict[str, float]:
        if staking is None:
            return {}
        follower = staking.follower
        registry, number = follower.book.registry, follower.book.cursor.number
        return {
            "metis_staking_l1_block": float(number),
            "metis_staking_lag_blocks": float(follower.lag),
            "metis_staking_validators": float(len(registry.validators_at(number))),
            "metis_staking_total_power": float(registry.total_power_at(number)),
            "metis_staking_reorganisations": float(follower.reorganisations),
            "metis_staking_contradictions": float(follower.contradictions),
        }

    return facts


def _genesis_block(parts: ChainParts) -> SeedBlock:
    """The L1 block G, as block 0 names it."""
    header = parts.blockchain.genesis.header
    return SeedBlock(
        number=decode_extra_data(header.extra_data).origin_number,
        timestamp=header.timestamp,
        prev_randao=Hash32(header.mix_hash),
    )


def _time_of(parts: ChainParts) -> Callable[[int], int | None]:
    def time_of(number: int) -> int | None:
        sealed = parts.queries.header_by_number(number)
        if sealed is None:
            return None
        milliseconds = decode_extra_data(sealed.header.extra_data).milliseconds
        return sealed.header.timestamp * 1000 + milliseconds

    return time_of
