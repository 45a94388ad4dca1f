"""What must hold, judged from outside by what leaves the nodes and what is on their disks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metis_node._native import recover_signers
from metis_node.codec.consensus import encode_message, signed_digests
from metis_node.consensus.effects import Decide
from metis_node.consensus.inputs import ReplayEnded
from metis_node.engine.consensus.journal import JournalledBlock
from metis_node.types.consensus import (
    Certificate,
    Evidence,
    Message,
    Proposal,
    Vote,
    VoteKind,
    Yield,
)
from metis_node.types.primitives import Address, Hash32
from tests.sim.blocks import is_valid
from tests.sim.disk import SimJournal
from tests.sim.scenario import EPOCH_LENGTH

if TYPE_CHECKING:
    from tests.sim.node import Decided, Node, Process
    from tests.sim.world import World

Place = tuple[Address, str, int, int]
ROUNDS_THAT_COUNT = 60  # ahead of the present one; what is further off is refused unread


class Violation(Exception):
    """`invariant` does not hold."""

    def __init__(self, invariant: str, words: str) -> None:
        super().__init__(words)
        self.invariant = invariant


class Checkers:
    """Told of everything that leaves a node; raises Violation."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._agreed: dict[int, Hash32] = {}
        self._heads: dict[str, int] = {}
        self._said: dict[Place, Hash32] = {}
        self._accused: set[Address] = set()
        self._certificates: set[bytes] = set()
        self.decided_in: dict[int, int] = {}  # height: the round of the first to decide it
        self.reselections = 0

    # --- chains --------------------------------------------------------------------------------

    def committed(self, node: Node, decided: Decided) -> None:
        """A block became the head of an honest node, or of a twin's."""
        block, certificate = decided.block, decided.certificate
        parent = node.chain[-2].block
        if not node.is_honest:
            return
        self._head_grows(node)
        self._agreement(node, block.number, block.hash)
        if not is_valid(block, parent):
            raise Violation("validity", f"{node.name} took an invalid block {block.number}")
        assert certificate is not None
        if (certificate.height, certificate.block_hash) != (block.number, block.hash):
            raise Violation("certificates", "a certificate is of another block")
        self._certificate(certificate, decided)
        self._builder_had_a_turn(node, decided)

    def decided(self, node: Node, decide: Decide) -> None:
        if node.is_honest:
            self.decided_in.setdefault(decide.certificate.height, decide.round)

    def _head_grows(self, node: Node) -> None:
        height = node.head.number
        if height != self._heads.get(node.name, 0) + 1:
            before = self._heads.get(node.name, 0)
            raise Violation("heads grow", f"{node.name} went from {before} to {height}")
        self._heads[node.name] = height

    def _agreement(self, node: Node, height: int, block_hash: Hash32) -> None:
        first = self._agreed.setdefault(height, block_hash)
        if first != block_hash:
            raise Violation(
                "agreement",
                f"at height {height} {node.name} took {block_hash.hex()[:6]}, "
                f"another {first.hex()[:6]}",
            )

    def _certificate(self, certificate: Certificate, decided: Decided) -> None:
        """More than 2/3 of the power, by this count alone."""
        encoded = encode_message(certificate)
        if encoded in self._certificates:
            return
        signers = recover_signers(signed_digests(self._world.domain, certificate))
        powers = {
            key.address: power
            for key, power in zip(self._world.keys, self._world.scenario.powers, strict=True)
        }
        power = sum(powers.get(Address(signer), 0) for signer in set(signers) if signer)
        whole = len(set(signers)) == len(signers) and all(signer in powers for signer in signers)
        if not whole or certificate.kind is not VoteKind.PRECOMMIT:
            raise Violation("certificates", f"that of block {decided.block.number} is malformed")
        if 3 * power <= 2 * sum(powers.values()):
            raise Violation(
                "certificates",
                f"block {decided.block.number} has {power} of {sum(powers.values())}",
            )
        self._certificates.add(encoded)

    def _builder_had_a_turn(self, node: Node, decided: Decided) -> None:
        """order[(base + r) mod n] built it, for a round r up to the certificate's."""
        assert decided.certificate is not None
        height = decided.block.number
        parent = node.chain[-2].block
        order, base = self._world.turns(height, parent)
        turns = range(min(decided.certificate.round + 1, len(order)))
        builders = [order[(base + turn) % len(order)].signer for turn in turns]
        if decided.block.builder not in builders:
            raise Violation("turns", f"block {height} was built out of turn")
        if len(self._agreed) == height and height % EPOCH_LENGTH and height > 1:
            fresh = self._heads[node.name] == max(self._heads.values())
            if fresh and decided.block.builder != parent.builder:
                self.reselections += list(self._heads.values()).count(height) == 1

    # --- what leaves a node --------------------------------------------------------------------

    def sent(self, node: Node, process: Process, message: Message) -> None:
        """Before the network has it."""
        if not node.is_honest or isinstance(message, Certificate):
            return
        if isinstance(message, Vote | Proposal | Yield) and message.sender == node.key.address:
            if process.journal.is_dirty:
                raise Violation("journal first", f"{node.name} sends what is not on its disk")
            self._said_once(node, message)

    def _said_once(self, node: Node, message: Vote | Proposal | Yield) -> None:
        kind = f"vote {message.kind}" if isinstance(message, Vote) else "turn"
        said = Hash32(bytes(32)) if isinstance(message, Yield) else message.block_hash
        place = (message.sender, kind, message.height, message.round)
        if self._said.setdefault(place, said) != said:
            raise Violation(
                "no double signature",
                f"{node.name} contradicts itself: {kind}, height {message.height}, "
                f"round {message.round}",
            )

    def evidence(self, node: Node, evidence: Evidence) -> None:
        """It is true, and never against an honest node."""
        if not node.is_honest:
            return
        first, second = evidence.first, evidence.second
        signers = recover_signers(
            [
                *signed_digests(self._world.domain, first),
                *signed_digests(self._world.domain, second),
            ]
        )
        same = (type(first), first.height, first.round) == (
            type(second),
            second.height,
            second.round,
        )
        if signers != [evidence.sender] * 2 or not same or first.block_hash == second.block_hash:
            raise Violation("evidence", f"{node.name} has evidence that proves nothing")
        culprits = {self._world.keys[place].address for place in self._world.scenario.byzantine}
        if evidence.sender not in culprits:
            name = self._world.name_of(evidence.sender)
            raise Violation("evidence", f"{node.name} accuses the honest {name}")
        self._accused.add(evidence.sender)
        self._world.counts["evidence"] += 1

    def heard(self, process: Process, vote: Vote) -> bool:
        """Whether the vote contradicts one that this process was told of, in rounds that count: its
        machine must then accuse the sender."""
        machine = process.machine
        at_hand = vote.height == machine.height and not machine.is_decided
        if not at_hand or vote.round > process.round + ROUNDS_THAT_COUNT:
            return False
        place = (vote.sender, f"vote {vote.kind}", vote.height, vote.round)
        if vote.sender not in machine.members:
            return False
        return process.heard.setdefault(place, vote.block_hash) != vote.block_hash

    def accused(self, process: Process, vote: Vote) -> None:
        """After a vote that contradicts another."""
        if process.node.is_honest and vote.sender not in process.accused:
            raise Violation(
                "accountability",
                f"{process.node.name} overlooked that {self._world.name_of(vote.sender)} voted "
                f"twice at height {vote.height}, round {vote.round}",
            )

    def stopped(self, node: Node, reason: str) -> None:
        if node.is_honest:
            raise Violation("signing goes on", f"{node.name} stopped signing: {reason}")

    def halted(self, node: Node, reason: str) -> None:
        if node.is_honest:
            raise Violation("no halt", f"{node.name} halted: {reason}")

    # --- journals ------------------------------------------------------------------------------

    def replayed(self, node: Node) -> None:
        """A new machine on a copy of the journal comes to the same state."""
        process = node.process
        assert process is not None
        height = process.machine.height
        if not height or process.machine.is_decided or not node.is_honest:
            return
        process.attempt(process.flush)
        if process.ended:
            return
        self._world.counts["replays compared"] += 1
        copy = node.journal.copy()
        journal = SimJournal(copy, None)
        machine = process.new_machine()
        machine.step(process.height_started(height))
        for entry in journal.entries(height):
            if not isinstance(entry, JournalledBlock):
                machine.step(entry)
        machine.step(ReplayEnded())
        journal.close()
        copy.close()
        if machine._driver.dump() != process.machine._driver.dump():
            raise Violation("replay", f"{node.name}'s journal leads to another state")

    # --- the end -------------------------------------------------------------------------------

    def at_the_end(self) -> None:
        """Chains are one, to the shortest head."""
        for node in self._world.honest:
            for decided in node.chain[1:]:
                self._agreement(node, decided.block.number, decided.block.hash)
