"""metis_explain: how a height came about. Who led each round, why the turn moved on, what it took.

Rounds and reasons are what this node saw while it stood at the height, as long as it remembers;
builder, votes and whose turns were missed are in the chain for ever.
"""

from __future__ import annotations

from typing import Any

from metis_node.codec.extra_data import decode_extra_data
from metis_node.engine.consensus.tale import RoundTale, Tale
from metis_node.errors import InvalidRequest
from metis_node.rpc import hexadecimal
from metis_node.rpc.backend import Backend, ConsensusView
from metis_node.rpc.errors import REFUSED
from metis_node.rpc.method import Method
from metis_node.rpc.methods.metis_staking import number_or_latest, validator_view
from metis_node.rpc.readers import Readers
from metis_node.rpc.session import Session
from metis_node.staking.epochs import Epoch
from metis_node.types.blocks import SealedHeader
from metis_node.types.consensus import Certificate

Json = dict[str, Any]


class MetisExplain:
    def __init__(self, backend: Backend, readers: Readers) -> None:
        self._backend = backend
        self._readers = readers

    def methods(self) -> list[Method]:
        return [Method("metis_explain", self.explain)]

    async def explain(self, params: list[Any], _session: Session) -> Any:
        """Of a height that is decided, by default the head, or of the one that is agreed on now."""
        hexadecimal.reject_more(params, 1)
        named = number_or_latest(params, "height")
        view, source = self._backend.consensus, self._backend.epochs
        if view is None or source is None:
            return None
        head = self._backend.blockchain.head.number
        height = head if named is None else named
        if not 1 <= height <= head + 1:
            raise InvalidRequest(
                f"height {height} has no story: blocks 1 to {head} are decided, {head + 1} is "
                "agreed on",
                code=REFUSED,
            )
        epoch, tale = source.epoch_of(height), view.tale(height)
        if height > head:
            return _under_way(height, epoch, tale)
        assert epoch is not None
        return await self._decided(view, height, epoch, tale)

    async def _decided(
        self, view: ConsensusView, height: int, epoch: Epoch, tale: Tale | None
    ) -> Json:
        queries = self._backend.queries
        sealed, parent = queries.header_by_number(height), queries.header_by_number(height - 1)
        assert sealed is not None
        assert parent is not None
        base, place = _turns(epoch, sealed, parent)
        certificate = await self._readers.run(view.certificate, height)
        return {
            **_facts(height, epoch, tale),
            "decided": True,
            "builder": _seat(epoch, place),
            "due": _seat(epoch, base),
            "missed": [_seat(epoch, missed) for missed in _passed(epoch, base, place)],
            **_votes(epoch, certificate),
            "rounds": _rounds(epoch, tale) or _rounds_of_chain(epoch, base, certificate),
            "summary": _summary(epoch, (base, place), tale, certificate),
        }


def _turns(epoch: Epoch, sealed: SealedHeader, parent: SealedHeader) -> tuple[int, int]:
    """Whose turn round 0 was, and who built, by place."""
    before = decode_extra_data(parent.header.extra_data).builder_index
    built = decode_extra_data(sealed.header.extra_data).builder_index
    return epoch.base(sealed.number, before), built


def _under_way(height: int, epoch: Epoch | None, tale: Tale | None) -> Json:
    waits = "it waits: its epoch is not decided by L1 yet"
    return {
        **_facts(height, epoch, tale),
        "decided": False,
        "rounds": _rounds(epoch, tale) if epoch is not None else [],
        "summary": waits if epoch is None else f"block {height} is agreed on now",
    }


def _facts(height: int, epoch: Epoch | None, tale: Tale | None) -> Json:
    """What does not depend on whether it is decided."""
    return {
        "height": hex(height),
        "epoch": hex(epoch.number) if epoch is not None else None,
        "seen": tale is not None and not tale.by_certificate and bool(tale.rounds),
        "byCertificate": tale.by_certificate if tale is not None else None,
        "tookMs": tale.took_ms if tale is not None and tale.took_ms else None,
        "remarks": list(tale.remarks) if tale is not None else [],
    }


def _votes(epoch: Epoch, certificate: Certificate | None) -> Json:
    if certificate is None:
        return {"round": None, "signers": None, "power": None, "totalPower": hex(epoch.total_power)}
    signed = {entry.signer for entry in certificate.signatures}
    voters = [v for v in epoch.order if v.signer in signed]
    return {
        "round": hex(certificate.round),
        "signers": [hex(v.sequencer_id) for v in voters],
        "power": hex(sum(v.power for v in voters)),
        "totalPower": hex(epoch.total_power),
    }


def _rounds(epoch: Epoch, tale: Tale | None) -> list[Json]:
    return [_round(epoch, tale, told) for told in tale.rounds] if tale is not None else []


def _round(epoch: Epoch, tale: Tale, told: RoundTale) -> Json:
    leader = next((v for v in epoch.order if v.signer == told.proposer), None)
    decided = told.number == tale.decided_round
    return {
        "round": hex(told.number),
        "leader": validator_view(leader) if leader is not None else None,
        "afterMs": told.entered_ms,
        "proposedAfterMs": told.proposed_ms,
        "outcome": "decided" if decided else told.ended or "under way",
    }


def _rounds_of_chain(epoch: Epoch, base: int, certificate: Certificate | None) -> list[Json]:
    """Where the tale is gone: only whose turn they were, bounded by the order's length."""
    if certificate is None:
        return []
    first = max(0, certificate.round + 1 - len(epoch.order))
    return [
        {
            "round": hex(number),
            "leader": validator_view(epoch.proposer(base, number)),
            "afterMs": None,
            "proposedAfterMs": None,
            "outcome": "decided" if number == certificate.round else "failed, not remembered why",
        }
        for number in range(first, certificate.round + 1)
    ]


def _seat(epoch: Epoch, place: int) -> Json:
    return {"place": hex(place), **validator_view(epoch.order[place])}


def _passed(epoch: Epoch, base: int, place: int) -> list[int]:
    """Places whose turn went by, from the one it was to the builder's."""
    size = len(epoch.order)
    return [(base + step) % size for step in range((place - base) % size)]


def _summary(
    epoch: Epoch, turns: tuple[int, int], tale: Tale | None, certificate: Certificate | None
) -> str:
    base, place = turns
    due, builder = epoch.order[base].sequencer_id, epoch.order[place].sequencer_id
    took = f" in {tale.took_ms} ms" if tale is not None and tale.took_ms else ""
    proof = f" by {len(certificate.signatures)} of {len(epoch.order)}" if certificate else ""
    if base == place:
        rounds = certificate.round if certificate is not None else 0
        more = f", after {rounds} failed rounds" if rounds else ""
        return f"built by sequencer {builder}, whose turn it was{more}; decided{proof}{took}"
    first = tale.rounds[0].ended if tale is not None and tale.rounds else ""
    why = f" ({first})" if first else ""
    return (
        f"it was the turn of sequencer {due}{why}; sequencer {builder} built instead and keeps "
        f"the turn until block {epoch.end}; decided{proof}{took}"
    )
