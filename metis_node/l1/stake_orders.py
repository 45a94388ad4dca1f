"""Each operation on stake: what is checked before anything is sent, and what is sent. Pure.

The contract decides in the end; what is checked here saves the operator a transaction that cannot
succeed, and says with figures why.
"""

from __future__ import annotations

from typing import Any

from metis_node.l1.amounts import (
    ONE_METIS,
    POWER_PER_METIS,
    format_duration,
    format_metis,
    format_time,
)
from metis_node.l1.contract_abi import contract
from metis_node.l1.deployment.record import shown
from metis_node.l1.orders import ContractCall, Order
from metis_node.l1.stake_checks import (
    lockable_rewards,
    named_sequencer,
    own_sequencer,
    refuse,
    require_balance,
    require_open,
    require_range,
    require_staked,
)
from metis_node.l1.stake_facts import SequencerFacts, StakeFacts
from metis_node.types.primitives import ZERO_ADDRESS, Address


def lock(
    facts: StakeFacts,
    *,
    token: Address,
    amount: int,
    signer: Address,
    signer_pubkey: bytes,
    recipient: Address = ZERO_ADDRESS,
) -> Order:
    """Become a sequencer. `signer_pubkey`: 64 bytes of key, 65 of proof."""
    pool, account = facts.pool, facts.account
    require_lockable(facts, amount)
    if signer == account.address:
        refuse(
            "owner and signer are one key: the signer's is online day and night and must not be "
            "able to move the stake; make another with `keys new`"
        )
    if recipient == pool.address:
        refuse("the pool itself cannot be paid rewards: name another recipient")
    if recipient == ZERO_ADDRESS:
        call = _call(facts, "lockFor", signer, amount, signer_pubkey)
    else:
        call = _call(facts, "lockWithRewardRecipient", signer, recipient, amount, signer_pubkey)
    return _order(
        facts,
        *_approval(facts, token, amount),
        call,
        effects=(
            f"{format_metis(amount)} move from {shown(account.address)} into the pool.",
            f"Sequencer {pool.sequencer_count + 1} begins, with the signer {shown(signer)}.",
            f"Rewards go to {shown(recipient if any(recipient) else account.address)}.",
            f"It can take a seat after {format_duration(pool.activation_delay)}: `stake activate`.",
            f"Stake that leaves is paid after {format_duration(pool.exit_delay)}.",
        ),
    )


def require_lockable(facts: StakeFacts, amount: int) -> None:
    """What can be told before the signer's key is opened."""
    if facts.account.sequencer_id:
        refuse(
            f"{shown(facts.account.address)} owns sequencer {facts.account.sequencer_id} already: "
            "add to it with `stake relock`, or use another owner"
        )
    require_open(facts)
    require_range(facts, amount, have=0)
    require_balance(facts, amount)


def relock(facts: StakeFacts, *, token: Address, amount: int, rewards: bool) -> Order:
    """Add stake: from the owner, from owed rewards, or both."""
    own = own_sequencer(facts)
    require_open(facts)
    require_staked(own)
    if own.tombstoned:
        refuse(f"sequencer {own.sequencer_id} is jailed for ever: what is left is `stake unlock`")
    from_rewards = lockable_rewards(facts, own, amount) if rewards else 0
    if not amount and not rewards:
        refuse("name an amount, or --rewards")
    if not amount and not from_rewards:
        refuse(
            f"no rewards can be locked: {format_metis(own.owed)} are owed, "
            f"{format_metis(facts.pool.reward_fund)} are in the reward fund"
        )
    if amount:
        require_range(facts, amount, have=own.stake)
        require_balance(facts, amount)
    total = own.stake + amount + from_rewards
    effects = [_stake_effect(own, total)]
    if from_rewards:
        effects.append(f"{format_metis(from_rewards)} of it come from owed rewards.")
    return _order(
        facts,
        *_approval(facts, token, amount),
        _call(facts, "relock", own.sequencer_id, amount, rewards),
        effects=tuple(effects),
    )


def withdraw(facts: StakeFacts, *, amount: int) -> Order:
    """Begin to take out a part."""
    own, pool = own_sequencer(facts), facts.pool
    require_staked(own)
    if not amount:
        refuse("the amount is zero: name one above it")
    rest = own.stake - amount
    if rest < pool.min_lock:
        most = max(own.stake - pool.min_lock, 0)
        refuse(
            f"of {format_metis(own.stake)} at least {format_metis(pool.min_lock)} must stay: "
            f"withdraw at most {format_metis(most)}, or leave with `stake unlock`"
        )
    if len(own.unbondings) >= pool.max_unbondings - 1:
        refuse(
            f"{len(own.unbondings)} parts unbond already, no more may: `stake claim` those that "
            "are due, or wait"
        )
    return _order(
        facts,
        _call(facts, "withdraw", own.sequencer_id, amount),
        effects=(_stake_effect(own, rest), _unbonding_effect(facts, amount)),
    )


def unlock(facts: StakeFacts) -> Order:
    """Begin to leave."""
    own = own_sequencer(facts)
    require_staked(own)
    return _order(
        facts,
        _call(facts, "unlock", own.sequencer_id),
        effects=(
            f"Sequencer {own.sequencer_id} leaves: its power ends now, and it never comes back.",
            _unbonding_effect(facts, own.stake),
            "Owed rewards stay claimable: `stake rewards`.",
        ),
    )


def claim(facts: StakeFacts) -> Order:
    """Take out what has unbonded."""
    own, now = own_sequencer(facts), facts.pool.now
    due = own.claimable(now)
    if not own.unbondings:
        refuse("nothing unbonds: begin with `stake withdraw AMOUNT` or `stake unlock`")
    if not due:
        first = min(part.claimable_at for part in own.unbondings)
        refuse(
            f"{format_metis(own.unbonding)} unbond, the first part is claimable at "
            f"{format_time(first)}, in {format_duration(first - now)}: try again then"
        )
    effects = [f"{format_metis(due)} go to {shown(own.owner)}."]
    if due < own.unbonding:
        effects.append(f"{format_metis(own.unbonding - due)} still unbond.")
    elif own.status == "inactive":
        effects.append(f"Sequencer {own.sequencer_id} is gone then; its owner may lock anew.")
    return _order(facts, _call(facts, "unlockClaim", own.sequencer_id), effects=tuple(effects))


def rewards(facts: StakeFacts) -> Order:
    """Take owed rewards."""
    own, fund = own_sequencer(facts), facts.pool.reward_fund
    if not own.owed:
        refuse(f"no rewards are owed to sequencer {own.sequencer_id}: nothing to do")
    if not fund:
        refuse(
            f"{format_metis(own.owed)} are owed, but the reward fund is empty: they stay owed; try "
            "again after somebody has paid into it"
        )
    paid = min(own.owed, fund)
    effects = [f"{format_metis(paid)} go to {shown(own.paid_to)}."]
    if paid < own.owed:
        effects.append(f"{format_metis(own.owed - paid)} stay owed: the reward fund is short.")
    return _order(facts, _call(facts, "withdrawRewards", own.sequencer_id), effects=tuple(effects))


def set_recipient(facts: StakeFacts, *, recipient: Address) -> Order:
    """Name who gets the rewards; zero is the owner."""
    own = own_sequencer(facts)
    if recipient == facts.pool.address:
        refuse("the pool itself cannot be paid rewards: name another recipient")
    to = own.owner if recipient == ZERO_ADDRESS else recipient
    return _order(
        facts,
        _call(facts, "setSequencerRewardRecipient", own.sequencer_id, recipient),
        effects=(f"Rewards go to {shown(to)}, those owed already too.",),
    )


def update_signer(facts: StakeFacts, *, signer: Address, signer_pubkey: bytes) -> Order:
    """Replace the signer key. The owner or the signer may."""
    one, account = named_sequencer(facts), facts.account.address
    if account not in (one.owner, one.signer):
        refuse(
            f"{shown(account)} is neither the owner ({shown(one.owner)}) nor the signer "
            f"({shown(one.signer)}) of sequencer {one.sequencer_id}: use the key of one of them"
        )
    if one.status == "unlocked":
        refuse(f"sequencer {one.sequencer_id} is gone: it needs no signer")
    if signer == one.signer:
        refuse(f"{shown(signer)} is the signer already: nothing to do")
    return _order(
        facts,
        _call(facts, "updateSigner", one.sequencer_id, signer_pubkey),
        effects=(
            f"Sequencer {one.sequencer_id} signs with {shown(signer)} from the next epochs on.",
            f"{shown(one.signer)} is never used again, by nobody.",
            "Keep a node with the old key running until the epochs fixed before are over.",
        ),
    )


def transfer_owner(facts: StakeFacts, *, to: Address) -> Order:
    """Invite another owner, who must accept; zero takes the invitation back."""
    own = own_sequencer(facts)
    if own.status == "unlocked":
        refuse(f"sequencer {own.sequencer_id} is gone: there is nothing to own")
    if to == own.owner:
        refuse(f"{shown(to)} owns sequencer {own.sequencer_id} already: nothing to do")
    if to == ZERO_ADDRESS and own.pending_owner == ZERO_ADDRESS:
        refuse("nobody is invited: nothing to take back")
    words = (
        f"The invitation of {shown(own.pending_owner)} is taken back."
        if to == ZERO_ADDRESS
        else f"{shown(to)} may become the owner of sequencer {own.sequencer_id}, with all its "
        "stake, by `stake transfer-owner --accept`. Until then nothing changes."
    )
    return _order(facts, _call(facts, "setSequencerOwner", own.sequencer_id, to), effects=(words,))


def accept_owner(facts: StakeFacts) -> Order:
    """Become the owner, as invited."""
    one, account = named_sequencer(facts), facts.account
    if one.pending_owner != account.address:
        invited = shown(one.pending_owner) if any(one.pending_owner) else "nobody"
        refuse(
            f"{shown(account.address)} is not invited to own sequencer {one.sequencer_id} "
            f"({invited} is): its owner runs `stake transfer-owner {shown(account.address)}` first"
        )
    if account.sequencer_id:
        refuse(
            f"{shown(account.address)} owns sequencer {account.sequencer_id} already, and one "
            "address owns one"
        )
    return _order(
        facts,
        _call(facts, "acceptSequencerOwner", one.sequencer_id),
        effects=(f"{shown(account.address)} owns sequencer {one.sequencer_id} and its stake.",),
    )


def activate(facts: StakeFacts, *, replaced: SequencerFacts | None) -> Order:
    """Take a seat: a free one, or that of a sequencer with a lower stake. Anybody may."""
    one, pool = named_sequencer(facts), facts.pool
    if one.status != "pending":
        refuse(f"sequencer {one.sequencer_id} is {one.status}: only a pending one takes a seat")
    if one.jailed:
        refuse(f"sequencer {one.sequencer_id} is jailed: `stake unjail` first")
    if pool.paused:
        refuse("the pool is paused by governance: activation waits")
    if pool.now < one.activatable_at:
        refuse(
            f"sequencer {one.sequencer_id} can be activated at {format_time(one.activatable_at)}, "
            f"in {format_duration(one.activatable_at - pool.now)}: try again then"
        )
    if one.stake < pool.min_lock:
        refuse(
            f"sequencer {one.sequencer_id} has {format_metis(one.stake)}, below the least of "
            f"{format_metis(pool.min_lock)}: relock first"
        )
    is_full = pool.seats_taken >= pool.max_sequencers
    if is_full and (replaced is None or replaced.stake >= one.stake):
        refuse(
            f"all {pool.max_sequencers} seats are taken: name an active sequencer with less than "
            f"{format_metis(one.stake)}, `--replaces ID` (`stake info --all` lists them)"
        )
    taken = replaced.sequencer_id if replaced is not None and is_full else 0
    power = min(one.stake, pool.max_lock) // (ONE_METIS // POWER_PER_METIS)
    shown_power = format_metis(power * (ONE_METIS // POWER_PER_METIS))
    effects = [f"Sequencer {one.sequencer_id} is active with a power of {shown_power}."]
    if taken:
        effects.append(f"Sequencer {taken} loses its seat and is pending.")
    return _order(facts, _call(facts, "activate", one.sequencer_id, taken), effects=tuple(effects))


def unjail(facts: StakeFacts) -> Order:
    """Leave jail after the term. The owner or the signer may."""
    one, account, now = named_sequencer(facts), facts.account.address, facts.pool.now
    if account not in (one.owner, one.signer):
        refuse(f"{shown(account)} is neither owner nor signer of sequencer {one.sequencer_id}")
    if not one.jailed:
        refuse(f"sequencer {one.sequencer_id} is not jailed: nothing to do")
    if one.tombstoned:
        refuse(f"sequencer {one.sequencer_id} is jailed for ever: what is left is `stake unlock`")
    if now < one.jailed_until:
        refuse(f"the jail term ends at {format_time(one.jailed_until)}: try again then")
    return _order(
        facts,
        _call(facts, "unjail", one.sequencer_id),
        effects=(f"Sequencer {one.sequencer_id} is out of jail and pending: `stake activate`.",),
    )


def _approval(facts: StakeFacts, token: Address, amount: int) -> tuple[ContractCall, ...]:
    """Exactly what this command needs: a larger allowance would outlive it."""
    if facts.account.allowance == amount or not amount:
        return ()
    data = contract("MetisToken").call("approve", facts.pool.address, amount)
    label = f"approve {format_metis(amount)}"
    return (ContractCall(label=label, to=token, data=data),)


def _call(facts: StakeFacts, function: str, *arguments: Any) -> ContractCall:
    data = contract("LockingPool").call(function, *arguments)
    return ContractCall(label=function, to=facts.pool.address, data=data)


def _order(facts: StakeFacts, *calls: ContractCall, effects: tuple[str, ...]) -> Order:
    return Order(sender=facts.account.address, calls=calls, effects=effects)


def _stake_effect(own: SequencerFacts, total: int) -> str:
    return (
        f"The stake of sequencer {own.sequencer_id} goes from {format_metis(own.stake)} to "
        f"{format_metis(total)}."
    )


def _unbonding_effect(facts: StakeFacts, amount: int) -> str:
    at = facts.pool.now + facts.pool.exit_delay
    return (
        f"{format_metis(amount)} unbond until about {format_time(at)} "
        f"({format_duration(facts.pool.exit_delay)}), can be slashed until then, and are paid by "
        "`stake claim`."
    )
