"""Chains with validators for tests: a double of the builders makes their blocks, one after another,
with the real engine, and counts by the rules what `SequencerSet` must have counted."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account

from metis_node.chain.blockchain import Blockchain, Imported
from metis_node.chain.header_rules import earliest_time_ms
from metis_node.codec.extra_data import decode_extra_data
from metis_node.engine.block_template import BlockTemplate, l2_template
from metis_node.engine.chain_epochs import ChainEpochs, chain_epochs
from metis_node.staking.epochs import Epoch, EpochWindow
from metis_node.staking.rewards import EpochRecord, SequencerRecord
from metis_node.storage.kv import KeyValueStore
from metis_node.types.primitives import Address
from tests import chains

LENGTH = 64
FIRST_KEY = 0xA000  # key of sequencer id is FIRST_KEY + id
FULL_PAY = 10_000


def signer(sequencer_id: int) -> Address:
    key = (FIRST_KEY + sequencer_id).to_bytes(32, "big")
    return Address(bytes.fromhex(Account.from_key(key).address[2:]))


def static_set(size: int, *, length: int = LENGTH, **options: Any) -> dict[str, Any]:
    """`rules.consensus` of a genesis file: `size` validators of unequal power."""
    validators = [
        {"id": number, "signer": "0x" + signer(number).hex(), "power": 20_000 + 1_000 * number}
        for number in range(1, size + 1)
    ]
    return {"validators": validators, "epoch_length": length, **options}


@dataclass
class Tally:
    """What one place did in an epoch."""

    built: int = 0
    missed: int = 0
    votes: int = 0
    pay: int = 0


@dataclass
class SequencedChain:
    """A chain and the double of its builders. Everybody builds whose turn it is, and every vote is
    recorded in the next block, unless a test says otherwise."""

    chain: Blockchain
    epochs: ChainEpochs
    tallies: dict[int, list[Tally]] = field(default_factory=dict)  # by epoch
    recorded: dict[int, int] = field(default_factory=dict)  # height -> places

    @classmethod
    def new(
        cls,
        size: int = 4,
        *,
        length: int = LENGTH,
        store: KeyValueStore | None = None,
        **rules: Any,
    ) -> SequencedChain:
        consensus = static_set(size, length=length)
        return cls.on(chains.new_blockchain(store, **{"consensus": consensus, **rules}))

    @classmethod
    def on(cls, chain: Blockchain) -> SequencedChain:
        epochs = chain_epochs(chain)
        assert epochs is not None
        return cls(chain, epochs)

    @property
    def window(self) -> EpochWindow:
        """Of the next block."""
        window = self.epochs.window_of(self.chain.head.number + 1)
        assert window is not None
        return window

    def place(self, steps: int = 0) -> int:
        """Whose turn the next block is, after `steps` that went past others."""
        head = self.chain.head
        parent_index = decode_extra_data(head.header.extra_data).builder_index
        epoch = self.window.current
        base = epoch.base(head.number + 1, parent_index)
        return (base + steps) % len(epoch.order)

    def votes(self, *, silent: Set[int] = frozenset()) -> tuple[int, ...]:
        """All precommits of the head but those of the silent, by id."""
        head = self.chain.head.number
        if head == 0:
            return ()
        order = self.window.order_at(head)
        return (places_of(order, [v.sequencer_id for v in order if v.sequencer_id not in silent]),)

    def template(
        self, *, steps: int = 0, participation: tuple[int, ...] | None = None, **options: Any
    ) -> BlockTemplate:
        chain, number = self.chain, self.chain.head.number + 1
        origin_number = decode_extra_data(chain.head.header.extra_data).origin_number
        record = self.window.record(
            number,
            place=self.place(steps),
            participation=self.votes() if participation is None else participation,
        )
        fields: dict[str, Any] = {
            "time_ms": earliest_time_ms(chain.head.header, chain.rules),
            "origin": chains.l1_origin(origin_number),
            "beneficiary": chains.BENEFICIARY,
            "record": record,
        }
        return l2_template(chain.head, chain.rules, **{**fields, **options})

    def sealed(
        self, raws: Sequence[bytes] = (), *, template: BlockTemplate | None = None, **options: Any
    ) -> tuple[bytes, list[bytes]]:
        """Header and transactions of a next block. Nothing is imported."""
        made = template if template is not None else self.template(**options)
        built = self.chain.engine.build(
            made.header,
            made.system,
            chains.decode(raws),
            max_bytes=self.chain.rules.max_block_bytes,
            strict=True,
        )
        return built.header, built.transactions

    def extend(
        self,
        raws: Sequence[bytes] = (),
        *,
        steps: int = 0,
        participation: tuple[int, ...] | None = None,
        **options: Any,
    ) -> Imported:
        """Build and import the next block, and count what it says."""
        window = self.window
        votes = self.votes() if participation is None else participation
        header, transactions = self.sealed(raws, steps=steps, participation=votes, **options)
        base, place = self.place(), self.place(steps)
        imported = self.chain.import_block(header, transactions, window)
        self._count(imported.number, window, (base, place), votes)
        return imported

    def run(self, blocks: int, **options: Any) -> None:
        for _ in range(blocks):
            self.extend(**options)

    def record(self, epoch: Epoch) -> EpochRecord:
        """As counted here."""
        done = tuple(
            SequencerRecord(
                sequencer_id=validator.sequencer_id,
                blocks_built=tally.built,
                turns_missed=tally.missed,
                votes_recorded=tally.votes,
                block_pay=tally.pay,
            )
            for validator, tally in zip(epoch.order, self._of(epoch), strict=True)
        )
        return EpochRecord(
            start=epoch.start, end=epoch.end, stake_block=epoch.stake_block, sequencers=done
        )

    def _of(self, epoch: Epoch) -> list[Tally]:
        return self.tallies.setdefault(epoch.number, [Tally() for _ in epoch.order])

    def _count(
        self, number: int, window: EpochWindow, turn: tuple[int, int], votes: tuple[int, ...]
    ) -> None:
        on_time = FULL_PAY if number == 1 else 0
        for index, places in enumerate(votes):
            height = number - 1 - index
            epoch = window.current if height >= window.current.start else window.previous
            assert epoch is not None
            fresh = places & ~self.recorded.get(height, 0)
            self.recorded[height] = self.recorded.get(height, 0) | places
            named = [place for place in range(len(epoch.order)) if fresh >> place & 1]
            for place in named:
                self._of(epoch)[place].votes += 1
            if index == 0:
                power = sum(epoch.order[place].power for place in named)
                on_time = power * FULL_PAY // epoch.total_power
        tallies, (base, builder) = self._of(window.current), turn
        while base != builder:
            tallies[base].missed += 1
            base = (base + 1) % len(tallies)
        tallies[builder].built += 1
        if tallies[builder].missed == 0:
            tallies[builder].pay += on_time


def places_of(order: Sequence[Any], ids: Sequence[int]) -> int:
    """Bits of the places of these sequencers."""
    return sum(1 << place for place, v in enumerate(order) if v.sequencer_id in ids)
