"""What a devnet says once it serves: a page to copy from, or one JSON object for scripts."""

from __future__ import annotations

from typing import Any


def print_banner(facts: dict[str, Any], *, json: bool) -> None:
    """Print addresses and accounts to standard output."""
    from metis_node.node.cli.printing import print_json

    facts = facts | account_facts()
    if json:
        print_json(facts)
    else:
        print("\n".join(banner_lines(facts)), flush=True)


def account_facts() -> dict[str, Any]:
    """The funded accounts with their keys, and which of them posts the batches."""
    from metis_node.node.devnet_genesis import BATCHER_ACCOUNT, FUNDED_ACCOUNTS, FUNDS_WEI
    from metis_node.node.keys import DEVNET_MNEMONIC, devnet_accounts

    accounts = [
        {
            "address": account.address,
            "private_key": "0x" + bytes(account.key).hex(),
            "balance_wei": str(FUNDS_WEI),
        }
        for account in devnet_accounts(FUNDED_ACCOUNTS)
    ]
    return {
        "mnemonic": DEVNET_MNEMONIC,
        "accounts": accounts,
        "batcher": accounts[BATCHER_ACCOUNT]["address"],
    }


def banner_lines(facts: dict[str, Any]) -> list[str]:
    lines = [
        "",
        f"metis-node devnet is up (version {facts['version']})",
        "",
        f"  JSON-RPC    {facts['rpc']}",
        f"  WebSocket   {facts['websocket']}",
        f"  Chain id    {facts['chain_id']}",
        f"  L1          {facts['l1']}  (chain id {facts['l1_chain_id']})",
        f"  Metrics     {facts['rpc']}/metrics   ready? {facts['rpc']}/readyz",
        f"  Data        {facts['data_dir']}",
        f"  Contracts   {_contracts(facts)}",
        "",
        "  Accounts, 10,000 coins each at genesis. Everybody knows these keys: for tests only.",
        "",
    ]
    for index, account in enumerate(facts["accounts"]):
        lines.append(f"  ({index}) {account['address']}  {account['private_key']}")
    lines += [
        "",
        f"  Account 9 pays for the batches on the L1. Mnemonic: {facts['mnemonic']}",
        *_stake_lines(facts),
        f"  A block every {facts['block_time_ms']} ms, now at {facts['head']}. Ctrl-C stops.",
        "",
    ]
    return lines


def _contracts(facts: dict[str, Any]) -> str:
    if facts["contracts"] is not None:
        return f"{facts['contracts']}  (addresses on the L1)"
    return f"not deployed: {facts['contracts_problem'] or '--no-contracts'}"


def _stake_lines(facts: dict[str, Any]) -> list[str]:
    """The first step of who wants to try staking: keys and METIS are there."""
    if facts["contracts"] is None:
        return []
    return [
        "  Each has METIS on the L1; account 0 is the key `owner`. Become a sequencer:",
        f"    metis-node stake lock 20000 --data-dir {facts['data_dir']}",
    ]
