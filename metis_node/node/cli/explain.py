"""`metis-node explain`: how a block came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from metis_node.errors import InvalidRequest
from metis_node.node.cli.node_address import node_client
from metis_node.node.cli.options import ConfigOption, DataDirOption, JsonOption, RpcOption

COLUMNS = ("ROUND", "LEADER", "ENTERED", "BLOCK CAME", "OUTCOME")


def command(
    height: Annotated[int, typer.Argument(min=1, max=2**53, help="Number of the block.")],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    rpc: RpcOption = None,
    json: JsonOption = False,
) -> None:
    """Print who led each round of a height, why the turn moved on, who signed and how long it took.

    Times are those that the asked node measured; it remembers the rounds of the last 4,096 heights,
    the chain tells the rest. Exit code 3: no such height. 5: no answer.
    """
    from metis_node.node.cli.printing import print_facts, print_json, print_table

    told = node_client(config, data_dir, rpc).call("metis_explain", hex(height))
    if told is None:
        raise InvalidRequest("this chain has no validators: its one sequencer builds every block")
    if json:
        print_json(told)
        return
    print_facts(_facts(told))
    if told["rounds"]:
        print_table(COLUMNS, [_row(entry) for entry in told["rounds"]])


def _facts(told: Mapping[str, Any]) -> dict[str, object]:
    facts: dict[str, object] = {
        "height": int(told["height"], 16),
        "epoch": int(told["epoch"], 16) if told["epoch"] is not None else "not decided",
        "story": told["summary"],
    }
    if told["decided"]:
        facts["builder"] = _named(told["builder"])
        if told["missed"]:
            facts["turns missed"] = [_named(entry) for entry in told["missed"]]
        if told["signers"] is not None:
            ids = ", ".join(str(int(entry, 16)) for entry in told["signers"])
            share = int(told["power"], 16) / int(told["totalPower"], 16)
            facts["signed by"] = f"sequencers {ids}: {share:.1%} of the power"
    if told["byCertificate"]:
        facts["seen"] = "taken from a peer by its certificate: this node did not take part"
    for number, remark in enumerate(told["remarks"], 1):
        facts[f"remark {number}"] = remark
    return facts


def _named(entry: Mapping[str, Any]) -> str:
    return f"sequencer {int(entry['id'], 16)} ({entry['signer']})"


def _row(entry: Mapping[str, Any]) -> tuple[object, ...]:
    leader = entry["leader"]
    return (
        int(entry["round"], 16),
        int(leader["id"], 16) if leader is not None else "",
        _after(entry["afterMs"]),
        _after(entry["proposedAfterMs"]),
        entry["outcome"],
    )


def _after(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds} ms"
