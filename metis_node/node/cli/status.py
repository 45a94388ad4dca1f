"""`metis-node status`: ask a running node how it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metis_node.node.cli.node_address import node_client
from metis_node.node.cli.options import ConfigOption, DataDirOption, JsonOption, RpcOption

if TYPE_CHECKING:
    from metis_node.node.json_rpc_client import JsonRpcClient


ADDRESS_LENGTH = 42
IN_COINS = ("balance", "spentLastDay")


def command(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    rpc: RpcOption = None,
    health: Annotated[
        bool, typer.Option("--health", help="Only look whether the process answers (for probes).")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Print how a running node is: heads, leader, peers, mempool, L1, batches, and if it is ready.

    Exit code 0: ready. 6: running, but not ready (the reasons are printed). 5: no answer.
    """
    from metis_node.node.cli.printing import print_facts, print_json
    from metis_node.node.exit_codes import ExitCode

    client = node_client(config, data_dir, rpc)
    if health:
        raise typer.Exit(_health(client))
    facts = _facts(client)
    if json:
        print_json(facts)
    else:
        print_facts(_for_people(facts))
    if not facts["ready"]:
        raise typer.Exit(ExitCode.FAILED_CHECK)


def _health(client: JsonRpcClient) -> int:
    from metis_node.node.exit_codes import ExitCode

    status, _ = client.fetch("/healthz")
    return ExitCode.OK if status == 200 else ExitCode.FAILED_CHECK


def _facts(client: JsonRpcClient) -> dict[str, Any]:
    import orjson

    version, chain_id, syncing, pool, l1, batches, staking, active, sync = client.batch(
        missing_ok=True,  # a node may not serve all namespaces
        calls=[
            ("web3_clientVersion", []),
            ("eth_chainId", []),
            ("eth_syncing", []),
            ("txpool_status", []),
            ("metis_l1Status", []),
            ("metis_batches", []),
            ("metis_stakingStatus", []),
            ("metis_activeSequencer", []),
            ("metis_syncStatus", []),
        ],
    )
    heads = client.batch(
        [("eth_getBlockByNumber", [tag, False]) for tag in ("latest", "safe", "finalized")]
    )
    status, body = client.fetch("/readyz")
    return {
        "rpc": client.url,
        "client": version,
        "chain_id": int(chain_id, 16),
        "ready": status == 200,
        "readiness": orjson.loads(body),
        "latest": _head(heads[0]),
        "safe": _head(heads[1]),
        "finalized": _head(heads[2]),
        "syncing": syncing,
        "mempool": {name: int(count, 16) for name, count in pool.items()} if pool else None,
        "l1": l1,
        "batches": batches,
        "staking": staking,
        "agreement": _agreement(active, sync),
    }


def _agreement(active: dict[str, Any] | None, sync: dict[str, Any] | None) -> Any:
    """Who leads, and where this node stands; None on a chain without validators."""
    if sync is None or "isValidator" not in sync:
        return None
    own = ("height", "round", "peers", "target", "isSyncing", "isValidator", "isSigning")
    return {
        "leader": active,
        **{name: _decimal(sync[name]) for name in own},
        "stoppedSigning": sync["stoppedSigning"],
    }


def _decimal(value: Any) -> Any:
    return int(value, 16) if isinstance(value, str) else value


def _head(block: dict[str, Any] | None) -> dict[str, Any] | None:
    if block is None:
        return None
    return {
        "number": int(block["number"], 16),
        "hash": block["hash"],
        "timestamp": int(block["timestamp"], 16),
        "transactions": len(block["transactions"]),
    }


def _for_people(facts: dict[str, Any]) -> dict[str, object]:
    shown: dict[str, object] = {
        "node": f"{facts['client']} at {facts['rpc']}",
        "chain id": facts["chain_id"],
        "ready": "yes" if facts["ready"] else f"no: {_reasons(facts['readiness'])}",
    }
    for tag in ("latest", "safe", "finalized"):
        shown[tag] = _head_line(facts[tag])
    if facts["agreement"] is not None:
        shown |= _agreement_lines(facts["agreement"])
    if facts["mempool"] is not None:
        shown["mempool"] = ", ".join(f"{n} {name}" for name, n in facts["mempool"].items())
    for name in ("l1", "batches", "staking"):
        if isinstance(facts[name], dict):
            plain = {k: v for k, v in facts[name].items() if not isinstance(v, list)}
            shown[name] = ", ".join(_fact(key, value) for key, value in plain.items())
    if isinstance(facts["l1"], dict):
        for endpoint in facts["l1"].get("endpoints", []):
            shown[f"l1 {endpoint['name']}"] = _endpoint_line(endpoint)
    return shown


def _agreement_lines(told: dict[str, Any]) -> dict[str, object]:
    leader = told["leader"]
    lines: dict[str, object] = {"leader": "nobody: the next epoch is not decided by L1 yet"}
    if leader is not None:
        name = f"sequencer {int(leader['id'], 16)} ({leader['signer']})"
        lines["leader"] = f"{name}, this node" if leader["isMe"] else name
        lines["epoch"] = int(leader["epoch"], 16)
    if told["height"] is not None:
        lines["agreement"] = f"height {told['height']}, round {told['round']}"
    lines["signing"] = _signing(told)
    lines["peers"] = told["peers"]
    if told["isSyncing"]:
        lines["catching up"] = f"to block {told['target']}"
    return lines


def _signing(told: dict[str, Any]) -> str:
    if told["stoppedSigning"]:
        return f"stopped: {told['stoppedSigning']}"
    if not told["isValidator"]:
        return "no: not a validator of this epoch"
    return "yes" if told["isSigning"] else "not yet: listening whether the key signs elsewhere"


def _endpoint_line(endpoint: dict[str, Any]) -> str:
    """Its state, and what makes it not good."""
    parts = [endpoint["state"]]
    if endpoint["head"] is not None:
        parts.append(f"head {int(endpoint['head'], 16)}")
    parts += [
        f"{endpoint[name]} {name}"
        for name in ("failures", "limits", "disagreements")
        if endpoint[name]
    ]
    return ", ".join(parts) + (f": {endpoint['trouble']}" if endpoint["trouble"] else "")


def _fact(name: str, value: Any) -> str:
    """Numbers in decimal, coins as coins; hashes and words as they are."""
    if isinstance(value, str) and value.startswith("0x") and len(value) < ADDRESS_LENGTH:
        number = int(value, 16)
        return f"{name} {number / 10**18:.6f}" if name in IN_COINS else f"{name} {number}"
    return f"{name} {'none' if value is None else value}"


def _head_line(head: dict[str, Any] | None) -> str:
    if head is None:
        return "none"
    age_s = max(0, int(time.time()) - head["timestamp"])
    return f"{head['number']}  {head['hash']}  {age_s} s ago"


def _reasons(readiness: dict[str, Any]) -> str:
    """What /readyz found, by check."""
    problems = readiness.get("problems", {})
    return (
        "; ".join(f"{name}: {problem}" for name, problem in problems.items()) or "it gave no reason"
    )
