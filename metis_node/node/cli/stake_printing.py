"""What `stake` prints: the pool, sequencers, and how an operation ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metis_node.l1.stake_facts import PoolFacts, SequencerFacts, StakeFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What was looked at. `one`: a sequencer was named."""

    network: PoolFacts
    sequencers: list[SequencerFacts]
    one: bool


def print_info(info: Info, *, json: bool) -> None:
    from metis_node.node.cli.printing import print_facts, print_json, print_rows

    if json:
        shown = [sequencer_json(entry) for entry in info.sequencers]
        print_json(shown[0] if info.one else {"pool": pool_json(info.network)} | _listed(shown))
    elif info.one:
        print_facts(sequencer_lines(info.sequencers[0], info.network))
    elif info.sequencers:
        columns = ("ID", "STATUS", "STAKE", "POWER", "SHARE", "OWNER", "SIGNER")
        print_rows(columns, (_row(entry, info.network) for entry in info.sequencers))
    else:
        print_facts(pool_lines(info.network))


def print_result(done: dict[str, Any], facts: StakeFacts, *, json: bool) -> None:
    """After an operation: what was paid, and how things stand."""
    from metis_node.l1.amounts import format_ether, format_metis
    from metis_node.node.cli.printing import print_facts, print_json

    account, one = facts.account, facts.sequencer
    if json:
        after = {
            "account": {"ether_wei": str(account.ether), "metis_wei": str(account.metis)},
            "sequencer": sequencer_json(one) if one is not None else None,
        }
        print_json(done | after)
        return
    cost = sum(int(transaction["cost_wei"]) for transaction in done["transactions"])
    if one is not None:
        print_facts(sequencer_lines(one, facts.pool))
    balance = f"{format_metis(account.metis)}, {format_ether(account.ether)}"
    print_facts({"account": balance, "paid": format_ether(cost, 9)})


def sequencer_lines(one: SequencerFacts, pool: PoolFacts) -> dict[str, object]:
    from metis_node.l1.amounts import format_metis, format_time
    from metis_node.l1.deployment.record import shown

    lines: dict[str, object] = {
        "sequencer": one.sequencer_id,
        "status": _status(one, pool.now),
        "stake": format_metis(one.stake),
        "power": f"{one.power:,} ({_share(one, pool)} of all)",
        "rewards owed": format_metis(one.owed),
        "owner": shown(one.owner),
        "signer": shown(one.signer),
        "rewards go to": shown(one.paid_to),
    }
    if any(one.pending_owner):
        lines["invited owner"] = shown(one.pending_owner)
    for number, part in enumerate(one.unbondings, start=1):
        when = "claimable now" if part.claimable_at <= pool.now else format_time(part.claimable_at)
        lines[f"unbonding {number}"] = f"{format_metis(part.amount)}, {when}"
    return lines


def pool_lines(pool: PoolFacts) -> dict[str, object]:
    from metis_node.l1.amounts import format_duration, format_metis
    from metis_node.l1.deployment.record import shown

    return {
        "pool": shown(pool.address),
        "seats": f"{pool.seats_taken} of {pool.max_sequencers} taken",
        "sequencers ever": pool.sequencer_count,
        "total power": f"{pool.total_power:,}",
        "locked": format_metis(pool.total_locked),
        "unbonding": format_metis(pool.total_unbonding),
        "rewards": f"{format_metis(pool.total_owed)} owed, {format_metis(pool.reward_fund)} in the "
        "fund",
        "stake": f"{format_metis(pool.min_lock)} to {format_metis(pool.max_lock)}",
        "delays": f"activation {format_duration(pool.activation_delay)}, exit "
        f"{format_duration(pool.exit_delay)}",
        "whitelist": "required" if pool.whitelist_required else "not required",
        "paused": pool.paused,
    }


def sequencer_json(one: SequencerFacts) -> dict[str, Any]:
    """Amounts as text in wei: JSON's numbers are too small for them."""
    from metis_node.l1.deployment.record import shown

    return {
        "id": one.sequencer_id,
        "status": one.status,
        "stake_wei": str(one.stake),
        "power": one.power,
        "rewards_owed_wei": str(one.owed),
        "unbonding_wei": str(one.unbonding),
        "unbondings": [
            {"amount_wei": str(part.amount), "claimable_at": part.claimable_at}
            for part in one.unbondings
        ],
        "jailed": one.jailed,
        "tombstoned": one.tombstoned,
        "jailed_until": one.jailed_until or None,
        "activatable_at": one.activatable_at,
        "owner": shown(one.owner),
        "pending_owner": shown(one.pending_owner) if any(one.pending_owner) else None,
        "signer": shown(one.signer),
        "rewards_go_to": shown(one.paid_to),
    }


def pool_json(pool: PoolFacts) -> dict[str, Any]:
    from metis_node.l1.deployment.record import shown

    return {
        "address": shown(pool.address),
        "l1_time": pool.now,
        "seats_taken": pool.seats_taken,
        "max_sequencers": pool.max_sequencers,
        "sequencer_count": pool.sequencer_count,
        "total_power": pool.total_power,
        "total_locked_wei": str(pool.total_locked),
        "total_unbonding_wei": str(pool.total_unbonding),
        "total_owed_wei": str(pool.total_owed),
        "reward_fund_wei": str(pool.reward_fund),
        "min_lock_wei": str(pool.min_lock),
        "max_lock_wei": str(pool.max_lock),
        "exit_delay_s": pool.exit_delay,
        "activation_delay_s": pool.activation_delay,
        "whitelist_required": pool.whitelist_required,
        "paused": pool.paused,
    }


def _listed(shown: list[dict[str, Any]]) -> dict[str, Any]:
    return {"sequencers": shown} if shown else {}


def _row(one: SequencerFacts, pool: PoolFacts) -> tuple[object, ...]:
    from metis_node.l1.amounts import format_metis
    from metis_node.l1.deployment.record import shown

    return (
        one.sequencer_id,
        "jailed" if one.jailed else one.status,
        format_metis(one.stake),
        f"{one.power:,}",
        _share(one, pool),
        shown(one.owner),
        shown(one.signer),
    )


def _share(one: SequencerFacts, pool: PoolFacts) -> str:
    if not pool.total_power:
        return "0 %"
    return f"{one.power * 10_000 // pool.total_power / 100:g} %"


def _status(one: SequencerFacts, now: int) -> str:
    from metis_node.l1.amounts import format_time

    if one.tombstoned:
        return f"{one.status}, jailed for ever"
    if one.jailed:
        return f"{one.status}, jailed until {format_time(one.jailed_until)}, then `stake unjail`"
    if one.status == "pending" and now < one.activatable_at:
        return f"pending; `stake activate` from {format_time(one.activatable_at)} on"
    if one.status == "pending":
        return "pending; `stake activate` takes a seat"
    if one.status == "inactive":
        return "inactive: leaving, `stake claim` pays what has unbonded"
    return one.status
