"""The staking follower beside the operator's steps: started anew at each, on what it stored."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from metis_node.l1.client import L1Client
from metis_node.l1.refusals import STATUS_NAMES
from metis_node.storage.memory import MemoryStore
from metis_node.types.primitives import Address
from tests.e2e.staking_world import METIS, Operator
from tests.integration.l1.staked_l1 import StakedL1
from tests.integration.l1.test_staking_follower import started


class FollowerInStep:
    """Says what the contracts say, after every step."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._store = MemoryStore()

    def check(self) -> None:
        asyncio.run(self._check())

    async def _check(self) -> None:
        operator = self._operator
        client = L1Client([operator.l1.url], chain_id=operator.l1.chain_id)
        try:
            node = started(cast("StakedL1", self._contracts()), client, self._store)
            await node.settle()
        finally:
            await client.aclose()
        head = node.book.cursor.number
        told = await asyncio.to_thread(operator.json, "stake", "info", "--all")
        self._compare(node.book.registry, head, told)

    def _contracts(self) -> SimpleNamespace:
        at = self._operator.address
        return SimpleNamespace(
            pool=Address(bytes.fromhex(at("LockingPool")[2:])),
            parameters=Address(bytes.fromhex(at("NetworkParameters")[2:])),
        )

    def _compare(self, registry: Any, head: int, told: dict[str, Any]) -> None:
        known = registry.sequencers_at(head)
        assert len(known) == len(told.get("sequencers", []))
        for one, entry in zip(known, told.get("sequencers", []), strict=True):
            assert one.sequencer_id == entry["id"]
            assert str(one.locked) == entry["stake_wei"]
            assert str(one.unbonding) == entry["unbonding_wei"]
            assert STATUS_NAMES[one.status] == entry["status"]
            signer, power = registry.seat_at(entry["id"], head)
            assert power == entry["power"]
            assert "0x" + signer.hex() == entry["signer"].lower()
        assert registry.total_power_at(head) == told["pool"]["total_power"]
        most = registry.parameters_at(head)["maxLock"]
        assert str(most) == told["pool"]["max_lock_wei"]
        assert most % METIS == 0
