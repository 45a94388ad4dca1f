"""`metis-node yield`: let a running sequencer hand its turn on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metis_node.errors import InvalidRequest
from metis_node.node.cli.node_address import node_client
from metis_node.node.cli.options import ConfigOption, DataDirOption, JsonOption, RpcOption
from metis_node.node.cli.signer_options import YesOption

if TYPE_CHECKING:
    from metis_node.node.json_rpc_client import JsonRpcClient

METHOD_NOT_FOUND = -32601


def command(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    rpc: RpcOption = None,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Let the turn of a running sequencer pass to the next in order, before work on its machine.

    Known before the next block is due, it costs no missed block. The next one keeps the turn until
    the epoch ends, and this sequencer gets no block pay for the rest of it. The node must serve the
    namespace admin (rpc.namespaces). Exit code 3: it does not hold the turn.
    """
    from metis_node.node.cli.printing import print_facts, print_json
    from metis_node.node.cli.questions import confirm

    client = node_client(config, data_dir, rpc)
    plan = _plan(client)
    if not json:
        print_facts(plan)
    confirm(f"Hand the turn on to sequencer {plan['next']}?", yes=yes)
    given = _given(client)
    facts = {**plan, "yielded": True, "height": int(given["height"], 16)}
    if json:
        print_json(facts)
    else:
        print_facts({"done": f"turn given away from block {facts['height']} on"})


def _plan(client: JsonRpcClient) -> dict[str, Any]:
    """What will happen. InvalidRequest where this node holds no turn."""
    active, members = client.batch([("metis_activeSequencer", []), ("metis_sequencerSet", [])])
    if active is None or members is None:
        raise InvalidRequest("there is no turn to hand on: no validators, or no epoch yet")
    if not active["isMe"]:
        holder = int(active["id"], 16)
        raise InvalidRequest(f"sequencer {holder} holds the turn, not this node: nothing to do")
    order = members["sequencers"]
    if len(order) == 1:
        raise InvalidRequest("this node is the only validator: there is nobody to hand on to")
    following = order[(int(active["place"], 16) + 1) % len(order)]
    return {
        "sequencer": int(active["id"], 16),
        "next": int(following["id"], 16),
        "keeps it until block": int(members["lastBlock"], 16),
        "cost": "block pay of this sequencer for the rest of the epoch",
    }


def _given(client: JsonRpcClient) -> dict[str, Any]:
    try:
        given: dict[str, Any] = client.call("admin_yield")
    except InvalidRequest as error:
        if error.code != METHOD_NOT_FOUND:
            raise
        raise InvalidRequest(
            "the node does not serve the namespace admin: add it to rpc.namespaces (on a port that "
            "only you reach) and restart, or ask through such a port with --rpc"
        ) from None
    return given
