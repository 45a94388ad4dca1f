"""What is checked before an operation on stake is sent; each refusal has its figures. Pure."""

from __future__ import annotations

from typing import NoReturn

from metis_node.errors import InvalidRequest
from metis_node.l1.amounts import format_metis
from metis_node.l1.deployment.record import shown
from metis_node.l1.stake_facts import SequencerFacts, StakeFacts


def refuse(words: str) -> NoReturn:
    """InvalidRequest, as a contract would refuse."""
    raise InvalidRequest(words, code=-32000)


def named_sequencer(facts: StakeFacts) -> SequencerFacts:
    """The sequencer that the operation is about."""
    if facts.sequencer is None:
        raise InvalidRequest(
            f"{shown(facts.account.address)} owns no sequencer: name one with --id "
            "(`stake info --all` lists them), or begin with `stake lock AMOUNT`",
            code=-32000,
        )
    return facts.sequencer


def own_sequencer(facts: StakeFacts) -> SequencerFacts:
    """The same, owned by the account that asks."""
    one = named_sequencer(facts)
    if one.owner != facts.account.address:
        refuse(
            f"sequencer {one.sequencer_id} is owned by {shown(one.owner)}, not by "
            f"{shown(facts.account.address)}: use the owner's key"
        )
    return one


def require_staked(one: SequencerFacts) -> None:
    """Its stake is in the pool, not on its way out."""
    if not one.is_staked:
        hint = "its stake waits for `stake claim`" if one.status == "inactive" else "it is gone"
        refuse(f"sequencer {one.sequencer_id} is {one.status}: {hint}")


def require_open(facts: StakeFacts) -> None:
    """Pause and whitelist stop what comes in, never what goes out."""
    if facts.pool.paused:
        refuse(
            "the pool is paused by governance: locking waits; leaving, claiming and key changes "
            "go on"
        )
    if facts.pool.whitelist_required and not facts.account.whitelisted:
        who = shown(facts.account.address)
        refuse(
            f"{who} is not on the whitelist, which this network requires: ask governance for "
            f"`gov propose --call LockingPool.setWhitelist={who},true`"
        )


def require_range(facts: StakeFacts, amount: int, *, have: int) -> None:
    """Stake stays between least and most."""
    pool, total = facts.pool, have + amount
    if total < pool.min_lock:
        refuse(
            f"the stake would be {format_metis(total)}, the least is "
            f"{format_metis(pool.min_lock)}: lock {format_metis(pool.min_lock - have)} or more"
        )
    if total > pool.max_lock:
        refuse(
            f"the stake would be {format_metis(total)}, the most is "
            f"{format_metis(pool.max_lock)}: lock {format_metis(max(pool.max_lock - have, 0))} or "
            "less"
        )


def require_balance(facts: StakeFacts, amount: int) -> None:
    """The account has the METIS."""
    account = facts.account
    if account.metis < amount:
        refuse(
            f"{shown(account.address)} has {format_metis(account.metis)} on L1, "
            f"{format_metis(amount)} are needed: send {format_metis(amount - account.metis)} to it "
            "first"
        )


def lockable_rewards(facts: StakeFacts, own: SequencerFacts, amount: int) -> int:
    """Owed rewards that the fund covers and that fit below the most."""
    room = max(facts.pool.max_lock - own.stake - amount, 0)
    return min(own.owed, facts.pool.reward_fund, room)
