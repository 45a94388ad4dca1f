"""The consensus machine on the real driver, four at a time."""

from __future__ import annotations

from metis_node.consensus.certificates import check_certificate
from metis_node.consensus.effects import (
    Abstain,
    Broadcast,
    CancelBuild,
    Halt,
    RefuseMessage,
    ReportEvidence,
    Sign,
)
from metis_node.consensus.inputs import (
    HeightStarted,
    MessageSigned,
    ProposalReceived,
    ReplayEnded,
    SigningRefused,
    Stalled,
    VoteReceived,
    YieldRequested,
)
from metis_node.consensus.members import Members
from metis_node.types.consensus import Message, Proposal, RoundCertificate, Vote, VoteKind, Yield
from metis_node.types.primitives import Hash32
from tests.unit.consensus.network import (
    ADDRESSES,
    SECRETS,
    Wire,
    as_input,
    block,
    over_the_wire,
    signed,
)


def decisions(wire: Wire) -> set[bytes]:
    return {decided.certificate.block_hash for node in wire.nodes for decided in node.decided}


def test_four_nodes_decide_the_proposers_block_in_round_0() -> None:
    wire = Wire()
    wire.start()
    assert all(len(node.decided) == 1 for node in wire.nodes)
    assert decisions(wire) == {block(0, 0)}
    for node in wire.nodes:
        check_certificate(node.decided[0].certificate, Members(wire.members, 0))


def test_one_node_decides_alone() -> None:
    wire = Wire(1)
    wire.start()
    assert decisions(wire) == {block(0, 0)}


def test_heights_follow_each_other_and_early_messages_wait() -> None:
    wire = Wire()
    wire.start(1)
    late = wire.nodes[3]
    for node in wire.nodes[:3]:
        wire.queue.append((node.index, HeightStarted(height=2, order=wire.members, base=0)))
    wire.run()
    assert [len(node.decided) for node in wire.nodes] == [2, 2, 2, 1]
    wire.feed(late, HeightStarted(height=2, order=wire.members, base=0))
    wire.run()
    assert len(late.decided) == 2


def test_a_dead_proposer_is_replaced_by_the_next_in_order() -> None:
    wire = Wire()
    wire.nodes[0].is_down = True
    wire.start()
    assert decisions(wire) == set()
    wire.elapse()  # propose
    assert decisions(wire) == {block(1, 1)}, "nil precommits of more than 2/3 end the round at once"
    assert all(node.decided[0].round == 1 for node in wire.nodes[1:])


def test_with_two_dead_of_four_nothing_is_decided_and_all_is_when_one_returns() -> None:
    wire = Wire()
    for node in wire.nodes[:2]:
        node.is_down = True
    wire.start()
    for _ in range(5):
        wire.elapse()
    assert decisions(wire) == set()
    back = wire.nodes[1] = wire.new_node(1)
    wire.feed(back, HeightStarted(height=1, order=wire.members, base=0))
    for node in wire.nodes[2:]:
        wire.feed(node, Stalled(height=1))
    wire.run()
    for _ in range(6):
        wire.elapse()
        for node in wire.nodes[1:]:
            if not node.decided:
                wire.feed(node, Stalled(height=1))
        wire.run()
    assert len(decisions(wire)) == 1
    assert all(node.decided for node in wire.nodes[1:])


def test_an_invalid_block_is_voted_down_and_the_next_one_decided() -> None:
    wire = Wire()
    for node in wire.nodes[1:]:
        node.invalid.add(block(0, 0))
    wire.start()
    assert decisions(wire) == {block(1, 1)}


def test_who_alone_finds_a_decided_block_invalid_halts() -> None:
    wire = Wire()
    wire.nodes[3].invalid.add(block(0, 0))
    wire.start()
    assert any(isinstance(effect, Halt) for effect in wire.nodes[3].seen)
    assert not wire.nodes[3].decided
    assert all(node.decided for node in wire.nodes[:3])


def test_a_yield_before_the_block_costs_no_timeout() -> None:
    wire = Wire()
    wire.nodes[0].builds = False  # its block is not due yet
    wire.start()
    wire.feed(wire.nodes[0], YieldRequested())
    wire.run()
    assert any(isinstance(effect, CancelBuild) for effect in wire.nodes[0].seen)
    assert decisions(wire) == {block(1, 1)}


def test_a_yield_after_the_block_holds_for_the_next_height() -> None:
    wire = Wire()
    wire.start(1)
    wire.feed(wire.nodes[0], YieldRequested())
    wire.run()
    wire.start(2)
    assert {node.decided[1].certificate.block_hash for node in wire.nodes} == {block(1, 1)}


def test_a_yield_is_forgotten_with_the_turn_that_it_was_for() -> None:
    """By its next turn, epochs later, nobody remembers that the operator asked."""
    wire = Wire()
    wire.start(1)
    wire.feed(wire.nodes[0], YieldRequested())
    wire.run()
    wire.start(2, base=1)
    wire.start(3)
    decided = [{node.decided[at].certificate.block_hash for node in wire.nodes} for at in (1, 2)]
    assert decided == [{block(1, 0)}, {block(0, 0)}]


def test_a_yield_of_somebody_elses_turn_is_refused() -> None:
    wire = Wire()
    wire.nodes[0].builds = False
    wire.start()
    forged = over_the_wire(signed(Yield(height=1, round=0, sender=ADDRESSES[2]), SECRETS[2]))
    wire.feed(wire.nodes[1], as_input(forged))
    wire.run()
    assert decisions(wire) == set()
    refused = [effect for effect in wire.nodes[1].seen if isinstance(effect, RefuseMessage)]
    assert [effect.is_offence for effect in refused] == [True]


def proposal(builder: int, round_number: int, sender: int, tag: int = 0) -> ProposalReceived:
    message = Proposal(
        height=1,
        round=round_number,
        valid_round=-1,
        block_hash=Hash32(bytes((0xB0 + builder, round_number + tag)) * 16),
        sender=ADDRESSES[sender],
    )
    known = over_the_wire(signed(message, SECRETS[sender]))
    assert isinstance(known, Proposal)
    return ProposalReceived(proposal=known, builder=ADDRESSES[builder])


def test_only_the_proposer_of_a_round_proposes_and_only_its_own_fresh_block() -> None:
    wire = Wire()
    wire.nodes[0].builds = False
    wire.start()
    wire.feed(wire.nodes[3], proposal(builder=1, round_number=0, sender=1))
    wire.feed(wire.nodes[3], proposal(builder=1, round_number=0, sender=0))
    wire.run()
    reasons = [effect.reason for effect in wire.nodes[3].seen if isinstance(effect, RefuseMessage)]
    assert reasons == [
        "its sender is not the proposer of the round",
        "a fresh block has its proposer as builder",
    ]
    assert decisions(wire) == set()
    wire.feed(wire.nodes[3], proposal(builder=0, round_number=0, sender=0))
    wire.run()
    assert any(
        isinstance(effect, Sign) and isinstance(effect.message, Vote)
        for effect in wire.nodes[3].seen
    )


def test_two_proposals_of_one_round_are_evidence() -> None:
    wire = Wire()
    wire.nodes[0].builds = False
    wire.start()
    for tag in (0, 7, 9):
        wire.feed(wire.nodes[2], proposal(builder=0, round_number=0, sender=0, tag=tag))
    found = [effect for effect in wire.nodes[2].seen if isinstance(effect, ReportEvidence)]
    assert found
    assert {effect.evidence.sender for effect in found} == {ADDRESSES[0]}


def vote(sender: int, block_hash: Hash32, round_number: int = 0) -> VoteReceived:
    message = Vote(
        kind=VoteKind.PREVOTE,
        height=1,
        round=round_number,
        block_hash=block_hash,
        sender=ADDRESSES[sender],
    )
    known = over_the_wire(signed(message, SECRETS[sender]))
    assert isinstance(known, Vote)
    return VoteReceived(vote=known)


def test_two_votes_of_one_round_are_evidence_once() -> None:
    wire = Wire()
    wire.nodes[0].builds = False
    wire.start()
    for tag in (1, 2, 3):
        wire.feed(wire.nodes[2], vote(3, Hash32(bytes((tag,)) * 32)))
    found = [effect for effect in wire.nodes[2].seen if isinstance(effect, ReportEvidence)]
    assert len(found) == 1
    assert found[0].evidence.sender == ADDRESSES[3]


def test_strangers_and_far_rounds_are_refused() -> None:
    wire = Wire()
    wire.nodes[0].builds = False
    wire.start()
    wire.feed(wire.nodes[1], vote(5, Hash32(b"\1" * 32)))
    wire.feed(wire.nodes[1], vote(2, Hash32(b"\1" * 32), round_number=90))
    reasons = [effect.reason for effect in wire.nodes[1].seen if isinstance(effect, RefuseMessage)]
    assert reasons == ["its sender is no validator of this height", "its round is far ahead"]


def test_a_round_certificate_leads_a_late_node_far_ahead() -> None:
    wire = Wire()
    wire.nodes[0].is_down = True
    asleep = wire.nodes[3]
    asleep.is_down = True
    wire.start()
    for _ in range(3):
        wire.elapse()
    assert wire.nodes[1].machine.round <= 1
    back = wire.nodes[3] = wire.new_node(3)
    wire.feed(back, HeightStarted(height=1, order=wire.members, base=0))
    nil = [
        signed(
            Vote(
                kind=VoteKind.PRECOMMIT,
                height=1,
                round=299,
                block_hash=Hash32(bytes(32)),
                sender=ADDRESSES[index],
            ),
            SECRETS[index],
        )
        for index in range(3)
    ]
    certificate = RoundCertificate(
        height=1, enter_round=300, votes=tuple(one for one in nil if isinstance(one, Vote))
    )
    wire.feed(back, as_input(over_the_wire(certificate)))
    assert back.machine.round == 299
    wire.elapse()
    assert back.machine.round == 300


def test_a_proposal_that_the_guard_refuses_lets_the_turn_pass() -> None:
    """A crash may come between handing a turn over and recording that."""
    wire = Wire()
    wire.nodes[0].builds = False
    wire.start()
    proposer = wire.nodes[0]
    refused = Proposal(
        height=1, round=0, valid_round=-1, block_hash=block(0, 0), sender=proposer.address
    )
    wire.feed(proposer, SigningRefused(message=refused, reason="history"))
    assert not any(isinstance(effect, Abstain) for effect in proposer.seen)
    signs = [effect.message for effect in proposer.seen if isinstance(effect, Sign)]
    assert [(type(sign), sign.round) for sign in signs] == [(Vote, 0)]
    wire.elapse()
    wire.elapse()
    assert decisions(wire) == {block(1, 1)}


def test_a_vote_that_the_guard_refuses_is_left_out_and_the_next_one_is_not() -> None:
    wire = Wire()
    node = wire.nodes[3]
    wire.nodes[0].builds = False
    wire.start()
    wire.feed(node, SigningRefused(message=vote(3, Hash32(b"\1" * 32)).vote, reason="history"))
    assert any(isinstance(effect, Abstain) for effect in node.seen)
    before = sum(isinstance(effect, Sign) for effect in node.seen)
    wire.elapse()
    assert sum(isinstance(effect, Sign) for effect in node.seen) > before


def test_a_height_that_stands_says_its_messages_again() -> None:
    wire = Wire()
    wire.drop = lambda *sent: isinstance(sent[2], Vote)
    wire.start()
    assert decisions(wire) == set()
    wire.drop = lambda *_: False
    for node in wire.nodes:
        wire.feed(node, Stalled(height=1))
    wire.run()
    assert decisions(wire) == {block(0, 0)}


def test_the_journal_brings_a_machine_back_to_where_it_was() -> None:
    """Crash after each recorded entry: the rest of the network decides with what comes back."""
    lengths = len(_journal_of_node_2())
    assert lengths > 5
    for kept in range(lengths + 1):
        wire = Wire()
        wire.drop = lambda *sent: sent[1] == 1 or is_precommit(sent[2])
        wire.start()
        journal = wire.nodes[2].journal[:kept]
        signed_before = [one.message for one in journal if isinstance(one, MessageSigned)]
        back = wire.nodes[2] = wire.new_node(2, is_replaying=True)
        wire.drop = lambda *_: False
        wire.feed(back, HeightStarted(height=1, order=wire.members, base=0))
        for entry in journal:
            wire.feed(back, entry)
        assert not back.seen, "nothing leaves before the journal is read"
        wire.feed(back, ReplayEnded())
        said = [effect.message for effect in back.seen if isinstance(effect, Broadcast)]
        for message in signed_before:
            assert message in said, "what was signed is said again, and nothing else in its place"
        for _ in range(4):
            for node in wire.nodes:
                if not node.decided:
                    wire.feed(node, Stalled(height=1))
            wire.run()
        assert decisions(wire) == {block(0, 0)}, f"after {kept} entries"


def is_precommit(message: Message) -> bool:
    return isinstance(message, Vote) and message.kind is VoteKind.PRECOMMIT


def _journal_of_node_2() -> list[object]:
    wire = Wire()
    wire.start()
    return list(wire.nodes[2].journal)
