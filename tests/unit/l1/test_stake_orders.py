"""Operations on stake as pure decisions: what is sent, and each refusal beside its acceptance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import decode

from metis_node.errors import InvalidRequest
from metis_node.l1 import stake_orders
from metis_node.l1.contract_abi import contract
from metis_node.l1.orders import Order
from metis_node.l1.stake_facts import (
    AccountFacts,
    PoolFacts,
    SequencerFacts,
    StakeFacts,
    Unbonding,
)
from metis_node.types.primitives import ZERO_ADDRESS, Address

METIS = 10**18
NOW = 1_800_000_000
POOL = Address(b"\x01" * 20)
TOKEN = Address(b"\x02" * 20)
OWNER = Address(b"\x03" * 20)
SIGNER = Address(b"\x04" * 20)
OTHER = Address(b"\x05" * 20)
PUBKEY = b"\x06" * 129

NETWORK = PoolFacts(
    address=POOL,
    now=NOW,
    min_lock=20_000 * METIS,
    max_lock=100_000 * METIS,
    exit_delay=1_814_400,
    activation_delay=86_400,
    max_sequencers=2,
    max_unbondings=8,
    seats_taken=1,
    sequencer_count=1,
    total_power=30_000 * 10**9,
    total_locked=30_000 * METIS,
    total_unbonding=0,
    reward_fund=50 * METIS,
    total_owed=10 * METIS,
    whitelist_required=False,
    paused=False,
)
HOLDER = AccountFacts(
    address=OWNER,
    ether=METIS,
    metis=70_000 * METIS,
    allowance=0,
    sequencer_id=0,
    signs_for=0,
    whitelisted=False,
)
SEQUENCER = SequencerFacts(
    sequencer_id=1,
    stake=30_000 * METIS,
    owed=10 * METIS,
    unbonding=0,
    status="active",
    jailed=False,
    tombstoned=False,
    jailed_until=0,
    activatable_at=0,
    power=30_000 * 10**9,
    owner=OWNER,
    pending_owner=ZERO_ADDRESS,
    signer=SIGNER,
    reward_recipient=ZERO_ADDRESS,
    unbondings=(),
)
NEWCOMER = StakeFacts(pool=NETWORK, account=HOLDER, sequencer=None)
RUNNING = StakeFacts(pool=NETWORK, account=replace(HOLDER, sequencer_id=1), sequencer=SEQUENCER)


def having(facts: StakeFacts, **changes: Any) -> StakeFacts:
    """`pool_`, `account_` and `one_` prefix the fields that differ."""
    for name, value in changes.items():
        part, _, field = name.partition("_")
        member = {"pool": "pool", "account": "account", "one": "sequencer"}[part]
        facts = replace(facts, **{member: replace(getattr(facts, member), **{field: value})})
    return facts


def calls_of(order: Order) -> list[tuple[str, tuple[Any, ...]]]:
    """Function names and arguments."""
    found = []
    for call in order.calls:
        abi = contract("MetisToken" if call.to == TOKEN else "LockingPool")
        function = next(f for f in abi.functions.values() if f.selector == call.data[:4])
        found.append((function.name, decode(function.inputs, call.data[4:])))
    return found


def shown(address: Address) -> str:
    return "0x" + address.hex()


def lock(facts: StakeFacts = NEWCOMER, amount: int = 20_000 * METIS, **more: Any) -> Order:
    options: dict[str, Any] = {"token": TOKEN, "signer": SIGNER, "signer_pubkey": PUBKEY} | more
    return stake_orders.lock(facts, amount=amount, **options)


def test_a_lock_approves_exactly_its_amount_first() -> None:
    amount = 20_000 * METIS
    assert calls_of(lock()) == [
        ("approve", (shown(POOL), amount)),
        ("lockFor", (shown(SIGNER), amount, PUBKEY)),
    ]
    approved = lock(having(NEWCOMER, account_allowance=amount))
    assert [name for name, _ in calls_of(approved)] == ["lockFor"]
    too_much = lock(having(NEWCOMER, account_allowance=amount + 1))
    assert calls_of(too_much)[0] == ("approve", (shown(POOL), amount))


def test_a_lock_may_name_who_gets_the_rewards() -> None:
    name, arguments = calls_of(lock(recipient=OTHER))[-1]
    assert name == "lockWithRewardRecipient"
    assert arguments == (shown(SIGNER), shown(OTHER), 20_000 * METIS, PUBKEY)


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({"account_sequencer_id": 7}, {}, "owns sequencer 7 already"),
        ({"pool_paused": True}, {}, "paused by governance"),
        ({"pool_whitelist_required": True}, {}, "not on the whitelist"),
        ({}, {"amount": 20_000 * METIS - 1}, "the least is 20,000 METIS: lock 20,000 METIS"),
        ({}, {"amount": 100_000 * METIS + 1}, "the most is 100,000 METIS"),
        ({}, {"amount": 80_000 * METIS}, "send 10,000 METIS to it first"),
        ({}, {"signer": OWNER}, "owner and signer are one key"),
        ({}, {"recipient": POOL}, "the pool itself cannot be paid"),
    ],
)
def test_a_lock_that_cannot_be_is_refused(
    changes: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        lock(having(NEWCOMER, **changes), **options)


def test_a_lock_at_the_edges_is_taken() -> None:
    assert lock(amount=20_000 * METIS)
    assert lock(having(NEWCOMER, account_metis=100_000 * METIS), amount=100_000 * METIS)
    listed = having(NEWCOMER, pool_whitelist_required=True, account_whitelisted=True)
    assert lock(listed)


def relock(facts: StakeFacts = RUNNING, amount: int = 0, rewards: bool = False) -> Order:
    return stake_orders.relock(facts, token=TOKEN, amount=amount, rewards=rewards)


def test_a_relock_takes_metis_rewards_or_both() -> None:
    assert [name for name, _ in calls_of(relock(amount=METIS))] == ["approve", "relock"]
    assert calls_of(relock(rewards=True)) == [("relock", (1, 0, True))]
    both = relock(amount=METIS, rewards=True)
    assert "from 30,000 METIS to 30,011 METIS" in both.effects[0]


def test_rewards_are_locked_as_far_as_fund_and_limit_allow() -> None:
    short = relock(having(RUNNING, pool_reward_fund=3 * METIS), rewards=True)
    assert "to 30,003 METIS" in short.effects[0]
    full = having(RUNNING, one_stake=99_995 * METIS)
    assert "to 100,000 METIS" in relock(full, rewards=True).effects[0]


@pytest.mark.parametrize(
    ("changes", "amount", "rewards", "words"),
    [
        ({}, 0, False, "name an amount, or --rewards"),
        ({"one_owner": OTHER}, METIS, False, "is owned by"),
        ({"one_status": "inactive"}, METIS, False, "is inactive"),
        ({"one_tombstoned": True}, METIS, False, "jailed for ever"),
        ({}, 70_001 * METIS, False, "the most is 100,000 METIS"),
        ({"one_owed": 0}, 0, True, "no rewards can be locked"),
        ({"pool_reward_fund": 0}, 0, True, "no rewards can be locked"),
        ({"account_metis": 0}, METIS, False, "1 METIS are needed"),
        ({"pool_paused": True}, METIS, False, "paused"),
    ],
)
def test_a_relock_that_cannot_be_is_refused(
    changes: dict[str, Any], amount: int, rewards: bool, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        relock(having(RUNNING, **changes), amount, rewards)


def test_a_part_can_leave_while_the_least_stays() -> None:
    order = stake_orders.withdraw(RUNNING, amount=10_000 * METIS)
    assert calls_of(order) == [("withdraw", (1, 10_000 * METIS))]
    with pytest.raises(InvalidRequest, match="withdraw at most 10,000 METIS"):
        stake_orders.withdraw(RUNNING, amount=10_000 * METIS + 1)
    with pytest.raises(InvalidRequest, match="the amount is zero"):
        stake_orders.withdraw(RUNNING, amount=0)


def test_only_so_many_parts_leave_at_once() -> None:
    part = Unbonding(amount=METIS, claimable_at=NOW + 1)
    six = having(RUNNING, one_unbondings=(part,) * 6)
    assert stake_orders.withdraw(six, amount=METIS)
    seven = having(RUNNING, one_unbondings=(part,) * 7)
    with pytest.raises(InvalidRequest, match="7 parts unbond already"):
        stake_orders.withdraw(seven, amount=METIS)
    assert stake_orders.unlock(seven)  # the last place is kept for leaving


@pytest.mark.parametrize("paused", [False, True])
def test_leaving_is_never_paused(paused: bool) -> None:
    facts = having(RUNNING, pool_paused=paused, pool_whitelist_required=paused)
    assert calls_of(stake_orders.unlock(facts)) == [("unlock", (1,))]
    assert stake_orders.withdraw(facts, amount=METIS)
    due = having(facts, one_unbondings=(Unbonding(amount=METIS, claimable_at=NOW),))
    assert calls_of(stake_orders.claim(due)) == [("unlockClaim", (1,))]


@pytest.mark.parametrize("status", ["inactive", "unlocked"])
def test_who_leaves_does_not_leave_again(status: str) -> None:
    with pytest.raises(InvalidRequest, match=f"is {status}"):
        stake_orders.unlock(having(RUNNING, one_status=status))


def test_what_is_due_is_claimed_and_the_rest_waits() -> None:
    parts = (
        Unbonding(amount=METIS, claimable_at=NOW),
        Unbonding(amount=2 * METIS, claimable_at=NOW + 1),
    )
    facts = having(RUNNING, one_unbondings=parts, one_unbonding=3 * METIS)
    order = stake_orders.claim(facts)
    assert "1 METIS go to" in order.effects[0]
    assert "2 METIS still unbond" in order.effects[1]
    early = having(facts, one_unbondings=parts[1:])
    with pytest.raises(InvalidRequest, match="in 1 s: try again then"):
        stake_orders.claim(early)
    with pytest.raises(InvalidRequest, match="nothing unbonds"):
        stake_orders.claim(RUNNING)


def test_rewards_are_paid_as_far_as_the_fund_goes() -> None:
    assert "10 METIS go to" in stake_orders.rewards(RUNNING).effects[0]
    short = stake_orders.rewards(having(RUNNING, pool_reward_fund=4 * METIS))
    assert "4 METIS go to" in short.effects[0]
    assert "6 METIS stay owed" in short.effects[1]
    with pytest.raises(InvalidRequest, match="no rewards are owed"):
        stake_orders.rewards(having(RUNNING, one_owed=0))
    with pytest.raises(InvalidRequest, match="the reward fund is empty"):
        stake_orders.rewards(having(RUNNING, pool_reward_fund=0))


def test_a_recipient_is_named_or_the_owner_again() -> None:
    assert calls_of(stake_orders.set_recipient(RUNNING, recipient=OTHER)) == [
        ("setSequencerRewardRecipient", (1, shown(OTHER)))
    ]
    assert stake_orders.set_recipient(RUNNING, recipient=ZERO_ADDRESS)
    with pytest.raises(InvalidRequest, match="the pool itself"):
        stake_orders.set_recipient(RUNNING, recipient=POOL)


def test_owner_and_signer_may_replace_the_signer() -> None:
    def update(facts: StakeFacts, signer: Address = OTHER) -> Order:
        return stake_orders.update_signer(facts, signer=signer, signer_pubkey=PUBKEY)

    assert calls_of(update(RUNNING)) == [("updateSigner", (1, PUBKEY))]
    assert update(having(RUNNING, account_address=SIGNER))
    with pytest.raises(InvalidRequest, match="neither the owner"):
        update(having(RUNNING, account_address=OTHER))
    with pytest.raises(InvalidRequest, match="is the signer already"):
        update(RUNNING, SIGNER)
    with pytest.raises(InvalidRequest, match="is gone"):
        update(having(RUNNING, one_status="unlocked"))
    with pytest.raises(InvalidRequest, match="owns no sequencer: name one with --id"):
        update(NEWCOMER)


def test_an_owner_is_invited_and_accepts() -> None:
    invite = stake_orders.transfer_owner(RUNNING, to=OTHER)
    assert calls_of(invite) == [("setSequencerOwner", (1, shown(OTHER)))]
    invited = having(RUNNING, one_pending_owner=OTHER)
    guest = having(invited, account_address=OTHER, account_sequencer_id=0)
    assert calls_of(stake_orders.accept_owner(guest)) == [("acceptSequencerOwner", (1,))]
    assert stake_orders.transfer_owner(invited, to=ZERO_ADDRESS)


def test_invitations_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="owns sequencer 1 already"):
        stake_orders.transfer_owner(RUNNING, to=OWNER)
    with pytest.raises(InvalidRequest, match="nobody is invited"):
        stake_orders.transfer_owner(RUNNING, to=ZERO_ADDRESS)
    stranger = having(RUNNING, account_address=OTHER, account_sequencer_id=0)
    with pytest.raises(InvalidRequest, match=r"is not invited .*\(nobody is\)"):
        stake_orders.accept_owner(stranger)
    busy = having(RUNNING, one_pending_owner=OTHER, account_address=OTHER, account_sequencer_id=4)
    with pytest.raises(InvalidRequest, match="owns sequencer 4 already, and one address owns one"):
        stake_orders.accept_owner(busy)


PENDING = having(RUNNING, one_status="pending", one_power=0, one_activatable_at=NOW)


def test_a_free_seat_is_taken() -> None:
    assert calls_of(stake_orders.activate(PENDING, replaced=None)) == [("activate", (1, 0))]
    weaker = replace(SEQUENCER, sequencer_id=2, stake=20_000 * METIS)
    heeded_only_if_full = stake_orders.activate(PENDING, replaced=weaker)
    assert calls_of(heeded_only_if_full) == [("activate", (1, 0))]


def test_a_seat_of_a_lower_stake_is_taken_where_all_are() -> None:
    full = having(PENDING, pool_seats_taken=2)
    weaker = replace(SEQUENCER, sequencer_id=2, stake=30_000 * METIS - 1)
    assert calls_of(stake_orders.activate(full, replaced=weaker)) == [("activate", (1, 2))]
    for other in (None, replace(weaker, stake=30_000 * METIS)):
        with pytest.raises(InvalidRequest, match="all 2 seats are taken"):
            stake_orders.activate(full, replaced=other)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"one_status": "active"}, "is active: only a pending one"),
        ({"one_jailed": True}, "is jailed: `stake unjail` first"),
        ({"pool_paused": True}, "activation waits"),
        ({"one_activatable_at": NOW + 60}, "in 1 min: try again then"),
        ({"one_stake": 19_000 * METIS}, "relock first"),
    ],
)
def test_a_seat_that_cannot_be_taken_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        stake_orders.activate(having(PENDING, **changes), replaced=None)


JAILED = having(PENDING, one_jailed=True, one_jailed_until=NOW)


def test_jail_ends_after_its_term() -> None:
    assert calls_of(stake_orders.unjail(JAILED)) == [("unjail", (1,))]
    assert stake_orders.unjail(having(JAILED, account_address=SIGNER))
    for changes, words in (
        ({"one_jailed_until": NOW + 1}, "try again then"),
        ({"one_tombstoned": True}, "jailed for ever"),
        ({"one_jailed": False}, "is not jailed"),
        ({"account_address": OTHER}, "neither owner nor signer"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            stake_orders.unjail(having(JAILED, **changes))
