"""Constructor calls of what follows the staking contracts, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from metis_node.codec.extra_data import decode_extra_data
from metis_node.engine.epoch_book import EpochBook
from metis_node.engine.staking_book import StakingBook, StakingSource
from metis_node.engine.staking_follower import StakingFollower
from metis_node.l1.staking_logs import L1StakingLogs
from metis_node.node.assembly import ChainParts
from metis_node.node.config import Config
from metis_node.node.l1_assembly import L1Parts
from metis_node.node.staking_contracts import Unfinished, staking_source
from metis_node.rpc.backend import Check, StakingView
from metis_node.staking.seeds import SeedBlock
from metis_node.types.primitives import Hash32

LAG_BLOCKS = 32  # L1 blocks that may be unread before the node says that it is not ready
LOOK_MS = 1_000  # between two looks for an addresses file that is not there, or not finished

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StakingParts:
    """What a node has of the staking contracts."""

    source: StakingSource
    follower: StakingFollower
    epochs: EpochBook


class Staking:
    """Follows the contracts as soon as it is known which: at the start, or when the addresses file
    turns up. `parts` is None until then."""

    def __init__(self, parts: ChainParts, l1: L1Parts, config: Config) -> None:
        self.parts: StakingParts | None = None
        self.waits_for = ""  # why it does not follow, where there is something to follow
        self._chain = parts
        self._l1 = l1
        self._config = config
        self._look()

    async def run(self) -> None:
        clock = self._chain.clock
        while self.parts is None:
            await clock.wait_until_ms(clock.now_ms() + LOOK_MS)
            self._look()
        await self.parts.follower.run()

    def view(self) -> StakingView | None:
        """What the RPC answers from."""
        found = self.parts
        if found is None:
            return None
        return StakingView(pool=found.source.pool, follower=found.follower, epochs=found.epochs)

    def check(self) -> Check:
        """The contracts are followed."""
        return Check(name="staking", problem=self._problem)

    def gauges(self) -> dict[str, float]:
        """Those of `STAKING_GAUGES`; none on a network without contracts."""
        if self.parts is None:
            return {}
        follower = self.parts.follower
        registry, number = follower.book.registry, follower.book.cursor.number
        return {
            "metis_staking_l1_block": float(number),
            "metis_staking_lag_blocks": float(follower.lag),
            "metis_staking_validators": float(len(registry.validators_at(number))),
            "metis_staking_total_power": float(registry.total_power_at(number)),
            "metis_staking_reorganisations": float(follower.reorganisations),
            "metis_staking_contradictions": float(follower.contradictions),
        }

    def _problem(self) -> str | None:
        if self.parts is None:
            return None
        follower = self.parts.follower
        if follower.problem:
            return follower.problem
        if follower.lag > LAG_BLOCKS:
            return f"{follower.lag} L1 blocks of the staking contracts are still to be read"
        return None

    def _look(self) -> None:
        source = staking_source(self._config, self._chain.blockchain.rules)
        if isinstance(source, Unfinished):
            if not self.waits_for:
                log.info("the staking contracts are waited for", reason=source.why)
            self.waits_for = source.why
        elif source is not None:
            self.waits_for = ""
            self.parts = staking_parts(self._chain, self._l1, self._config, source)
            log.info(
                "the staking contracts are followed",
                locking_pool="0x" + source.pool.hex(),
                after_l1_block=self.parts.follower.book.cursor.number,
            )


def staking_parts(
    parts: ChainParts, l1: L1Parts, config: Config, source: StakingSource
) -> StakingParts:
    """InvalidConfig where the database follows other contracts."""
    rules = parts.blockchain.rules
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
    if parts.epochs is not None and not parts.epochs.has_plan:
        parts.epochs.follow(epochs)
    return StakingParts(source=source, follower=follower, epochs=epochs)


STAKING_GAUGES = {
    "metis_staking_l1_block": "L1 block up to which the staking contracts are read",
    "metis_staking_lag_blocks": "L1 blocks of the staking contracts that are still to be read",
    "metis_staking_validators": "Sequencers with power, as of that block",
    "metis_staking_total_power": "Their power, gwei of stake",
    "metis_staking_reorganisations": "L1 reorganisations undone in the staking events",
    "metis_staking_contradictions": "Times that staking events of an L1 endpoint were not true",
}


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
