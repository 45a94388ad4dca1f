"""Suggested prices on full and empty blocks."""

from __future__ import annotations

from metis_node.rpc.gas_oracle import GasOracle
from tests import factories
from tests.integration.rpc.rpc_node import RpcNode, running_node

BURN = 0xFE  # INVALID: takes all the gas of its transaction


async def fill_block(node: RpcNode, nonce: int, tips: list[int]) -> None:
    """One block of creations that use all their gas, in sum nearly the block's limit."""
    limit = node.backend.blockchain.rules.gas_limit
    gas = limit * 95 // 100 // len(tips)
    raws = [
        factories.sign_dynamic_fee(
            factories.key(0),
            nonce=nonce + place,
            to=None,
            data=bytes((BURN,)),
            gas_limit=gas,
            max_fee_per_gas=10 * factories.GWEI,
            max_priority_fee_per_gas=tip,
        )
        for place, tip in enumerate(tips)
    ]
    await node.backend.intake.submit_many(raws)
    await node.mine()


async def test_the_tip_rises_only_after_a_full_block() -> None:
    async with running_node() as node:
        oracle = GasOracle(node.backend.queries, node.backend.blockchain.rules, 5)
        assert oracle.tip() == 5
        await fill_block(node, 0, [1_000] * 4)
        header = node.backend.blockchain.head.header
        assert header.gas_used > header.gas_limit * 9 // 10
        assert oracle.tip() == 1_100
        assert oracle.next_base_fee() > header.base_fee_per_gas
        await node.mine()
        assert oracle.tip() == 5


async def test_fee_history_weighs_tips_by_gas() -> None:
    async with running_node() as node:
        await fill_block(node, 0, [40, 30, 20, 10])
        history = await node.call("eth_feeHistory", "0x1", "latest", [10, 30, 60, 90])
        assert history["reward"] == [["0xa", "0x14", "0x1e", "0x28"]]
        assert history["gasUsedRatio"][0] > 0.9
        assert history["baseFeePerGas"][1] == await node.call("eth_baseFee")
