"""Who breaks the protocol with a key of its own: random votes and proposals, truly signed, beside
bytes that are nothing. Twins, bad builders and the silent are made of ordinary nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from metis_node.codec.consensus import encode_message
from metis_node.types.consensus import Proposal, Signed, Vote, VoteKind, Yield
from metis_node.types.primitives import ZERO_HASH, Hash32
from tests.sim.blocks import SimBlock, root_after
from tests.sim.network import Envelope

if TYPE_CHECKING:
    from tests.sim.world import World

MESSAGES_PER_SECOND = 12


class Forger:
    """Signs whatever chance says, and never keeps to it."""

    def __init__(self, world: World, place: int) -> None:
        self._world = world
        self._place = place
        self._address = world.keys[place].address

    def each_second(self) -> None:
        random = self._world.random
        for _ in range(MESSAGES_PER_SECOND):
            self._world.later(random.randrange(1_000), self._speak)

    def _speak(self) -> None:
        """To a random part of the others."""
        world = self._world
        self._world.counts["forged messages"] += 1
        envelope = self._envelope()
        for name in world.nodes:
            if world.random.random() < 0.7:
                world.transmit(f"{self._place}", name, envelope)

    def _envelope(self) -> Envelope:
        random = self._world.random
        choice = random.random()
        if choice < 0.1:
            return Envelope("prevote", random.randbytes(random.randrange(1, 200)))
        if choice < 0.7:
            return self._signed("prevote", self._vote())
        if choice < 0.75:
            height, round_number = self._place_in_time()
            hand_over = Yield(height=height, round=round_number, sender=self._address)
            return self._signed("yield", hand_over)
        return self._proposal()

    def _vote(self) -> Vote:
        height, round_number = self._place_in_time()
        return Vote(
            kind=self._world.random.choice(list(VoteKind)),
            height=height,
            round=round_number,
            block_hash=self._some_hash(),
            sender=self._address,
        )

    def _proposal(self) -> Envelope:
        """Fresh or old, valid or not, in its turn if chance will have it."""
        random = self._world.random
        parent = random.choice(self._world.honest).head
        salt = random.getrandbits(32)
        root = root_after(parent, self._address, salt)
        block = SimBlock(
            number=parent.number + 1,
            parent=parent.hash,
            builder=self._address,
            time_ms=parent.time_ms + 1_000,
            root=root if random.random() < 0.7 else ZERO_HASH,
            salt=salt,
        )
        _, round_number = self._place_in_time()
        proposal = Proposal(
            height=block.number,
            round=round_number,
            valid_round=random.randrange(-1, max(round_number, 0)),
            block_hash=block.hash,
            sender=self._address,
        )
        return self._signed("proposal", proposal, block.encoded)

    def _signed(self, kind: str, message: Signed, block: bytes = b"") -> Envelope:
        signed = replace(message, signature=self._world.sign(self._place, message))
        return Envelope(kind, encode_message(signed), block)

    def _place_in_time(self) -> tuple[int, int]:
        random = self._world.random
        node = random.choice(self._world.honest)
        round_number = node.process.round if node.process is not None else 0
        ahead = random.choice((0, 0, 0, 1, 2, 500, 2**31 - 1))
        rounds = min(2**31 - 1, max(0, round_number + ahead))
        return node.head.number + random.choice((1, 1, 1, 1, 2, 9, 0)), rounds

    def _some_hash(self) -> Hash32:
        random = self._world.random
        known = [
            block_hash
            for node in self._world.honest
            if node.process is not None
            for block_hash in node.process.blocks
        ]
        choices = [ZERO_HASH, Hash32(random.randbytes(32)), *known]
        return random.choice(choices)
