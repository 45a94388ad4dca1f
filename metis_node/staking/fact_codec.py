"""Facts as bytes, for the store: one RLP list per fact, the kind first."""

from __future__ import annotations

from metis_node.codec import rlp
from metis_node.errors import Invalid
from metis_node.staking.facts import Fact, ParameterSet, SeatChanged, StakeChanged, Status
from metis_node.types.primitives import Address

SEAT, STAKE, PARAMETER = 1, 2, 3


class MalformedFact(Invalid):
    """Bytes that no fact has."""


def encode_fact(fact: Fact) -> bytes:
    fields: list[int | bytes]
    match fact:
        case SeatChanged():
            fields = [SEAT, fact.sequencer_id, fact.signer, fact.power, fact.total_power]
        case StakeChanged():
            fields = [STAKE, fact.sequencer_id, fact.status, fact.jailed, fact.tombstoned]
            fields += [fact.locked, fact.unbonding]
        case ParameterSet():
            fields = [PARAMETER, fact.key.encode(), fact.value]
    return rlp.encode([f if isinstance(f, bytes) else rlp.int_to_bytes(f) for f in fields])


def decode_fact(data: bytes) -> Fact:
    """MalformedFact for anything that `encode_fact` does not make."""
    try:
        fields = rlp.decode(data)
        fact = _fact(fields if isinstance(fields, list) else [])
    except (rlp.MalformedRlp, ValueError) as error:
        raise MalformedFact(f"not a staking fact: {error}") from error
    return fact


def _fact(fields: list[rlp.Decoded]) -> Fact:
    kind = rlp.bytes_to_int(fields[0], name="kind") if fields else 0
    match kind, fields[1:]:
        case 1, [sequencer_id, signer, power, total]:
            return SeatChanged(
                sequencer_id=rlp.bytes_to_int(sequencer_id, name="sequencer id"),
                signer=Address(rlp.fixed_bytes(signer, 20, name="signer")),
                power=rlp.bytes_to_int(power, name="power", max_bytes=8),
                total_power=rlp.bytes_to_int(total, name="total power", max_bytes=8),
            )
        case 2, [sequencer_id, status, jailed, tombstoned, locked, unbonding]:
            return StakeChanged(
                sequencer_id=rlp.bytes_to_int(sequencer_id, name="sequencer id"),
                status=Status(rlp.bytes_to_int(status, name="status")),
                jailed=_flag(jailed),
                tombstoned=_flag(tombstoned),
                locked=rlp.bytes_to_int(locked, name="locked"),
                unbonding=rlp.bytes_to_int(unbonding, name="unbonding"),
            )
        case 3, [key, value]:
            if not isinstance(key, bytes):
                raise MalformedFact("a parameter's name is a list")
            return ParameterSet(key=key.decode(), value=rlp.bytes_to_int(value, name="value"))
    raise MalformedFact(f"kind {kind} with {len(fields) - 1} fields")


def _flag(value: rlp.Decoded) -> bool:
    number = rlp.bytes_to_int(value, name="flag")
    if number > 1:
        raise MalformedFact(f"a flag of {number}")
    return bool(number)
