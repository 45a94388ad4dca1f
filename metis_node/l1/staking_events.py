"""Events of the staking contracts: which logs to ask for, and what they say.

Signatures as in `contracts/src/l1/interfaces/ILockingPool.sol` and `INetworkParameters.sol`; a test
compares them with the ABI in `l1/artifacts`. Only decoding; asking is in `staking_logs.py`.
"""

from __future__ import annotations

from metis_node.codec.hashes import keccak256
from metis_node.l1.answers import Log, Malformed
from metis_node.staking.facts import Fact, ParameterSet, SeatChanged, StakeChanged, Status
from metis_node.types.primitives import Address, Hash32

SEAT_CHANGED = "SeatChanged(uint256,address,uint64,uint64)"
STAKE_CHANGED = "StakeChanged(uint256,uint8,bool,bool,uint256,uint256)"
PARAMETER_SET = "ParameterSet(bytes32,uint256)"


def topic_of(signature: str) -> Hash32:
    """The first topic of an event (Solidity ABI specification, "Events")."""
    return Hash32(keccak256(signature.encode()))


SEAT_TOPIC, STAKE_TOPIC, PARAMETER_TOPIC = map(
    topic_of, (SEAT_CHANGED, STAKE_CHANGED, PARAMETER_SET)
)
TOPICS = (SEAT_TOPIC, STAKE_TOPIC, PARAMETER_TOPIC)

TOTAL_POWER_AT = keccak256(b"totalPowerAt(uint256)")[:4]


def decode_log(log: Log, *, pool: Address, parameters: Address) -> Fact | None:
    """None for an event that is none of ours. Malformed where one of ours does not decode."""
    topic = log.topics[0] if log.topics else None
    if log.address == pool and topic == SEAT_TOPIC:
        return _seat_changed(log)
    if log.address == pool and topic == STAKE_TOPIC:
        return _stake_changed(log)
    if log.address == parameters and topic == PARAMETER_TOPIC:
        return _parameter_set(log)
    return None


def _seat_changed(log: Log) -> SeatChanged:
    power, total_power = _words(log, topics=3, words=2)
    return SeatChanged(
        sequencer_id=_number(log.topics[1]),
        signer=_address(log.topics[2]),
        power=_number(power, bits=64),
        total_power=_number(total_power, bits=64),
    )


def _stake_changed(log: Log) -> StakeChanged:
    status, jailed, tombstoned, locked, unbonding = _words(log, topics=2, words=5)
    number = _number(status, bits=8)
    if number > max(Status):
        raise Malformed(f"StakeChanged with the unknown status {number}")
    return StakeChanged(
        sequencer_id=_number(log.topics[1]),
        status=Status(number),
        jailed=bool(_number(jailed, bits=1)),
        tombstoned=bool(_number(tombstoned, bits=1)),
        locked=_number(locked),
        unbonding=_number(unbonding),
    )


def _parameter_set(log: Log) -> ParameterSet:
    (value,) = _words(log, topics=2, words=1)
    name = log.topics[1].rstrip(b"\0")
    if not name.isascii() or not name.decode("ascii", "replace").isprintable():
        raise Malformed(f"ParameterSet with the key 0x{log.topics[1].hex()}, which is no name")
    return ParameterSet(key=name.decode("ascii"), value=_number(value))


def _words(log: Log, *, topics: int, words: int) -> list[bytes]:
    if len(log.topics) != topics or len(log.data) != 32 * words:
        raise Malformed(
            f"an event with {len(log.topics)} topics and {len(log.data)} bytes, expected {topics} "
            f"and {32 * words}"
        )
    return [log.data[32 * i : 32 * i + 32] for i in range(words)]


def _number(word: bytes, *, bits: int = 256) -> int:
    number = int.from_bytes(word, "big")
    if number >> bits:
        raise Malformed(f"a number of more than {bits} bits in an event")
    return number


def _address(word: bytes) -> Address:
    if any(word[:12]):
        raise Malformed("an address of more than 20 bytes in an event")
    return Address(word[12:])
