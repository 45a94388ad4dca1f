"""What keeps a key from signing twice (rule C18): one watermark each for proposals, prevotes and
precommits.

Pure; who holds it writes `to_json` to disk before a signature is made (`GuardFile` of
`engine/consensus/signer.py`).
Exported and imported as JSON, as EIP-3076 does for Ethereum's validators.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from metis_node.errors import Fatal, InvalidConfig
from metis_node.types.consensus import Proposal, Signed, Vote, VoteKind, Yield
from metis_node.types.primitives import ZERO_HASH, Address, Hash32

FORMAT_VERSION = 1


class SigningRefusedError(Fatal):
    """To sign this would contradict what the key has signed."""


class Duty(Enum):
    """What a watermark is for. A yield raises that of proposals."""

    PROPOSAL = "proposal"
    PREVOTE = "prevote"
    PRECOMMIT = "precommit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """The highest height and round that were signed for, and the block."""

    height: int
    round: int
    block_hash: Hash32

    def describe(self) -> str:
        return f"height {self.height}, round {self.round}, block 0x{self.block_hash.hex()[:16]}"


NEVER = Watermark(height=-1, round=-1, block_hash=ZERO_HASH)


class Guard:
    """Of one key, on one chain, in one version of the signing domain."""

    def __init__(
        self,
        *,
        signer: Address,
        chain_id: int,
        version: int,
        marks: dict[Duty, Watermark] | None = None,
    ) -> None:
        self.signer = signer
        self.chain_id = chain_id
        self.version = version
        self._marks = dict.fromkeys(Duty, NEVER) | (marks or {})

    def mark(self, duty: Duty) -> Watermark:
        return self._marks[duty]

    def admit(self, message: Signed) -> bool:
        """Whether the watermark has to be raised first: False where the very same was signed
        before. Raises SigningRefusedError, and then changes nothing."""
        duty = duty_of(message)
        mark, wanted = self._marks[duty], _mark_of(message)
        if (wanted.height, wanted.round) > (mark.height, mark.round):
            return True
        if wanted == mark and not isinstance(message, Yield):
            return False
        raise SigningRefusedError(
            f"the key has signed a {duty.value} for {mark.describe()}; one for "
            f"{wanted.describe()} would contradict it. Nothing was signed"
        )

    def raised(self, message: Signed) -> Guard:
        """The guard after `message` is signed. Ask `admit` first."""
        return self._with({**self._marks, duty_of(message): _mark_of(message)})

    def floored(self, height: int) -> Guard:
        """A guard that refuses everything up to and with `height`."""
        floor = Watermark(height=height, round=2**31 - 1, block_hash=ZERO_HASH)
        higher = {
            duty: max(mark, floor, key=lambda entry: (entry.height, entry.round))
            for duty, mark in self._marks.items()
        }
        return self._with(higher)

    def shows_another_signer(self, message: Signed) -> bool:
        """A valid signature of this key that the guard knows nothing of: the key runs elsewhere.
        What lies below the watermark may be an old message, and says nothing."""
        mark, seen = self._marks[duty_of(message)], _mark_of(message)
        if (seen.height, seen.round) > (mark.height, mark.round):
            return True
        at_it = (seen.height, seen.round) == (mark.height, mark.round)
        return at_it and seen.block_hash != mark.block_hash and not isinstance(message, Yield)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT_VERSION,
            "signer": "0x" + self.signer.hex(),
            "chain_id": self.chain_id,
            "version": self.version,
            "watermarks": {
                duty.value: {
                    "height": mark.height,
                    "round": mark.round,
                    "block_hash": "0x" + mark.block_hash.hex(),
                }
                for duty, mark in self._marks.items()
                if mark != NEVER
            },
        }

    def _with(self, marks: dict[Duty, Watermark]) -> Guard:
        return Guard(signer=self.signer, chain_id=self.chain_id, version=self.version, marks=marks)


def guard_from_json(value: Any) -> Guard:
    """Raises InvalidConfig naming the field that is wrong."""
    try:
        if value["format"] != FORMAT_VERSION:
            raise InvalidConfig(
                f"the signing history has format {value['format']}, this software knows "
                f"{FORMAT_VERSION}"
            )
        return Guard(
            signer=Address(_hex(value["signer"], 20)),
            chain_id=_whole(value["chain_id"]),
            version=_whole(value["version"]),
            marks={
                Duty(name): Watermark(
                    height=_whole(mark["height"]),
                    round=_whole(mark["round"]),
                    block_hash=Hash32(_hex(mark["block_hash"], 32)),
                )
                for name, mark in value["watermarks"].items()
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidConfig(
            f"the signing history is malformed ({type(error).__name__}: {error}): it is the JSON "
            "that `metis-node keys protection export` writes"
        ) from None


def merged(first: Guard, second: Guard) -> Guard:
    """The higher watermark of each duty: what an import of a history comes to."""
    if (first.signer, first.chain_id, first.version) != (
        second.signer,
        second.chain_id,
        second.version,
    ):
        raise InvalidConfig("the two signing histories are of different keys or chains")
    marks = {
        duty: max(
            first.mark(duty), second.mark(duty), key=lambda entry: (entry.height, entry.round)
        )
        for duty in Duty
    }
    return Guard(signer=first.signer, chain_id=first.chain_id, version=first.version, marks=marks)


def duty_of(message: Signed) -> Duty:
    """Which watermark a message has to pass."""
    if isinstance(message, Vote):
        return Duty.PREVOTE if message.kind is VoteKind.PREVOTE else Duty.PRECOMMIT
    return Duty.PROPOSAL


def _mark_of(message: Signed) -> Watermark:
    block_hash = message.block_hash if isinstance(message, Vote | Proposal) else ZERO_HASH
    return Watermark(height=message.height, round=message.round, block_hash=block_hash)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**64:
        raise ValueError(f"{value!r} is not a whole number of 64 bits")
    return value


def _hex(value: object, size: int) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError(f"{value!r} is not a 0x-prefixed hex string")
    raw = bytes.fromhex(value[2:])
    if len(raw) != size:
        raise ValueError(f"{value!r} has {len(raw)} bytes, expected {size}")
    return raw
