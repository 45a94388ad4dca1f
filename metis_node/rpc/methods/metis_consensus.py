"""metis_: the agreement. Who holds the pen, who votes, what proves a block, and who contradicted
itself.

All of it is null on a chain without validators.
"""

from __future__ import annotations

from typing import Any

from metis_node.rpc import hexadecimal, views
from metis_node.rpc.backend import Backend, ConsensusView
from metis_node.rpc.block_tags import BlockTags, parse_block
from metis_node.rpc.leadership import turn_view
from metis_node.rpc.method import Method
from metis_node.rpc.methods.metis_staking import validator_view
from metis_node.rpc.readers import Readers
from metis_node.rpc.session import Session
from metis_node.staking.epochs import Epoch
from metis_node.types.announcement import Announcement
from metis_node.types.consensus import Certificate, Evidence, Proposal, Vote, VoteKind

Json = dict[str, Any]


class MetisConsensus:
    def __init__(self, backend: Backend, tags: BlockTags, readers: Readers) -> None:
        self._backend = backend
        self._readers = readers
        self._tags = tags

    def methods(self) -> list[Method]:
        return [
            Method("metis_activeSequencer", self.active_sequencer),
            Method("metis_sequencerSet", self.sequencer_set),
            Method("metis_certificate", self.certificate),
            Method("metis_evidence", self.evidence),
        ]

    def active_sequencer(self, params: list[Any], _session: Session) -> Any:
        """Whose turn the next block is. Null while its epoch is not decided."""
        hexadecimal.reject_more(params, 0)
        view = self._backend.consensus
        turn = view.turn() if view is not None else None
        return turn_view(view, turn) if view is not None and turn is not None else None

    def sequencer_set(self, params: list[Any], _session: Session) -> Any:
        """Who votes on a block, in order; by default on the next one. Null for blocks that are not
        there."""
        hexadecimal.reject_more(params, 1)
        named = hexadecimal.optional(params, 0)
        sealed = None if named is None else self._tags.find(parse_block(named, 0))
        source, head = self._backend.epochs, self._backend.blockchain.head.number
        if source is None or (named is not None and sealed is None):
            return None
        height = head + 1 if sealed is None else sealed.number
        epoch = source.epoch_of(height)
        return _sequencer_set(height, epoch, self._backend.consensus) if epoch else None

    async def certificate(self, params: list[Any], _session: Session) -> Any:
        """The votes that decided a block. Null for a block that is not there, and for one without:
        block 0, and what was rebuilt from L1."""
        hexadecimal.reject_more(params, 1)
        named = parse_block(hexadecimal.required(params, 0, "block"), 0)
        view, sealed = self._backend.consensus, self._tags.find(named)
        if view is None or sealed is None:
            return None
        found = await self._readers.run(view.certificate, sealed.number)
        return self._certificate(found) if found is not None else None

    def evidence(self, params: list[Any], _session: Session) -> Any:
        """Contradictions that this node has seen since its start, the newest 256 of them."""
        hexadecimal.reject_more(params, 0)
        view = self._backend.consensus
        return None if view is None else [self._evidence(entry) for entry in view.evidence()]

    def _certificate(self, found: Certificate) -> Json:
        epoch = self._epoch_of(found.height)
        power = {v.signer: v.power for v in epoch.order} if epoch is not None else {}
        return {
            "number": hex(found.height),
            "hash": views.hex_data(found.block_hash),
            "round": hex(found.round),
            "epoch": hex(epoch.number) if epoch is not None else None,
            "power": hex(sum(power.get(entry.signer, 0) for entry in found.signatures)),
            "totalPower": hex(sum(power.values())),
            "signatures": [
                {
                    "id": _id_of(epoch, entry.signer),
                    "signer": views.hex_data(entry.signer),
                    "signature": views.hex_data(entry.signature),
                }
                for entry in found.signatures
            ],
        }

    def _evidence(self, entry: Evidence) -> Json:
        first = entry.first
        return {
            "id": _id_of(self._epoch_of(first.height), entry.sender),
            "signer": views.hex_data(entry.sender),
            "kind": _kind(first),
            "height": hex(first.height),
            "round": hex(first.round),
            "messages": [_signed(first), _signed(entry.second)],
        }

    def _epoch_of(self, height: int) -> Epoch | None:
        source = self._backend.epochs
        return source.epoch_of(height) if source is not None else None


def agreement_status(backend: Backend) -> Json:
    """What metis_syncStatus says beside the heads."""
    view = backend.consensus
    if view is None:
        return {}
    sync, (height, round_number) = view.sync(), view.position()
    stopped, is_validator = view.stopped_signing(), _is_validator(view)
    return {
        "target": hex(sync.target),
        "isSyncing": sync.is_syncing,
        "peer": sync.peer or None,
        "peers": hex(backend.peer_count()),
        "height": hex(height) if height else None,
        "round": hex(round_number) if round_number >= 0 else None,
        "signer": views.hex_data(view.me) if view.me is not None else None,
        "isValidator": is_validator,
        "isSigning": is_validator and height > 0 and not stopped,
        "stoppedSigning": stopped or None,
    }


def _is_validator(view: ConsensusView) -> bool:
    turn = view.turn()
    return turn is not None and any(v.signer == view.me for v in turn.epoch.order)


def _sequencer_set(height: int, epoch: Epoch, view: ConsensusView | None) -> Json:
    announced = view.announced() if view is not None else {}
    own = announced.get(view.me) if view is not None and view.me is not None else None
    return {
        "block": hex(height),
        "epoch": hex(epoch.number),
        "firstBlock": hex(epoch.start),
        "lastBlock": hex(epoch.end),
        "stakeBlock": hex(epoch.stake_block),
        "totalPower": hex(epoch.total_power),
        "sequencers": [
            {
                "place": hex(place),
                **validator_view(validator),
                "announced": _announced(announced.get(validator.signer), own),
            }
            for place, validator in enumerate(epoch.order)
        ],
    }


def _announced(one: Announcement | None, own: Announcement | None) -> Json | None:
    """Null for a sequencer that was not heard of."""
    if one is None:
        return None
    return {
        "peer": one.peer,
        "addresses": list(one.addresses),
        "version": one.version,
        "settingsHash": views.hex_data(one.settings_hash),
        "sameSettings": None if own is None else one.settings_hash == own.settings_hash,
        "time": hex(one.time_ms),
    }


def _id_of(epoch: Epoch | None, signer: bytes) -> str | None:
    """Null for a signer that is no validator of the epoch."""
    order = epoch.order if epoch is not None else ()
    return next((hex(v.sequencer_id) for v in order if v.signer == signer), None)


def _kind(message: Vote | Proposal) -> str:
    if isinstance(message, Proposal):
        return "proposal"
    return "prevote" if message.kind is VoteKind.PREVOTE else "precommit"


def _signed(message: Vote | Proposal) -> Json:
    body: Json = {
        "blockHash": views.hex_data(message.block_hash),
        "signature": views.hex_data(message.signature),
    }
    if isinstance(message, Proposal):
        body["validRound"] = message.valid_round
    return body
