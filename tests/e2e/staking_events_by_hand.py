"""What happens to an operator from outside, by hand: METIS that is sent, rewards, time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from eth_account import Account

from metis_node.l1.amounts import parse_metis
from metis_node.l1.contract_abi import contract
from metis_node.node.keys import KeyDirectory, devnet_accounts
from tests.e2e.daemons import await_result
from tests.e2e.staking_world import L1

ETHER = 10**18


class ByHand:
    """`fund KEY METIS`, `reward ID METIS`, `pass SECONDS`, `blocks COUNT`, `invite KEY`."""

    def __init__(self, l1: L1, directory: Path) -> None:
        self._l1 = l1
        self._directory = directory
        self._deployer = devnet_accounts(1)[0]
        key = directory / "deployer.key"
        key.write_text("0x" + bytes(self._deployer.key).hex())
        key.chmod(0o600)

    def do(self, verb: str, *arguments: str) -> None:
        match verb, arguments:
            case "pass", (seconds,):
                self._l1.pass_time(int(seconds))
            case "blocks", (count,):
                self._l1.pass_blocks(int(count))
            case "fund", (key, metis):
                self._fund(key, parse_metis(metis))
            case "reward", (sequencer_id, metis):
                self._reward(int(sequencer_id), parse_metis(metis))
            case "invite", (key,):
                self._own(self._unlocked("owner"), "setSequencerOwner", 1, self._address(key))
            case "invite-back", ():
                new = self._unlocked("owner-2")
                self._own(new, "setSequencerOwner", 1, self._address("owner"))
                self._own(self._unlocked("owner"), "acceptSequencerOwner", 1)
            case _:
                raise AssertionError(f"no such happening: {verb} {arguments}")

    def _fund(self, key: str, metis: int) -> None:
        address = self._address(key)
        self._l1.rpc.call("anvil_setBalance", address, hex(10 * ETHER))
        if metis:
            self._send(self._deployer, "MetisToken", "transfer", address, metis)

    def _reward(self, sequencer_id: int, metis: int) -> None:
        """The settlement owes it, and the fund has it."""
        pool, settlement = self._at("LockingPool"), self._at("EpochSettlement")
        self._send(self._deployer, "MetisToken", "approve", pool, metis)
        self._send(self._deployer, "LockingPool", "fundRewards", metis)
        self._l1.rpc.call("anvil_setBalance", settlement, hex(ETHER))
        self._l1.rpc.call("anvil_impersonateAccount", settlement)
        data = contract("LockingPool").call("creditRewards", [sequencer_id], [metis])
        call = {"from": settlement, "to": pool, "data": "0x" + data.hex()}
        self._mined(self._l1.rpc.call("eth_sendTransaction", call))

    def _own(self, account: Any, function: str, *arguments: Any) -> None:
        self._send(account, "LockingPool", function, *arguments)

    def _send(self, account: Any, name: str, function: str, *arguments: Any) -> None:
        rpc = self._l1.rpc
        signed = Account.sign_transaction(
            {
                "chainId": self._l1.chain_id,
                "nonce": int(rpc.call("eth_getTransactionCount", account.address, "latest"), 16),
                "to": self._at(name),
                "data": contract(name).call(function, *arguments),
                "gas": 500_000,
                "maxFeePerGas": 10**10,
                "maxPriorityFeePerGas": 10**9,
            },
            account.key,
        )
        self._mined(rpc.call("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex()))

    def _mined(self, name: str) -> None:
        receipt = await_result(self._l1.rpc, "eth_getTransactionReceipt", name)
        assert receipt["status"] == "0x1", receipt

    def _at(self, name: str) -> str:
        file = self._directory / "l1-contracts.json"
        return str(orjson.loads(file.read_bytes())["contracts"][name]["address"])

    def _address(self, key: str) -> str:
        return KeyDirectory(self._directory / "data" / "keys").entry(key).address

    def _unlocked(self, key: str) -> Any:
        password = (self._directory / "password").read_text().split("\n")[0]
        return KeyDirectory(self._directory / "data" / "keys").unlock(key, password)
