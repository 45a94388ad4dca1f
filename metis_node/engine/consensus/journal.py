"""What went into the agreement on the present height, on disk: rule C22.

Entries are those of `consensus/effects.Recorded`, with their senders, and the blocks they speak of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from metis_node.codec import rlp
from metis_node.codec.consensus import decode_message, encode_message, with_senders
from metis_node.consensus.effects import Recorded
from metis_node.consensus.inputs import (
    BlockBuilt,
    BlockValidated,
    CertificateReceived,
    MessageSigned,
    ProposalReceived,
    RoundCertificateReceived,
    TimeoutElapsed,
    Verdict,
    VoteReceived,
)
from metis_node.consensus.timeouts import Step
from metis_node.engine.consensus.workers import apart
from metis_node.errors import CorruptStore, Invalid
from metis_node.storage.write_ahead_log import WriteAheadLog
from metis_node.types.consensus import (
    Certificate,
    Message,
    Proposal,
    RoundCertificate,
    Signed,
    Vote,
)
from metis_node.types.primitives import Address, Hash32

JOURNAL_FILE = "consensus.wal"

_HEIGHT, _VOTE, _PROPOSAL, _POLKA, _VALIDATED, _BUILT, _SIGNED, _TIMEOUT, _BLOCK, _ROUND = range(10)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalledBlock:
    """A block that an entry after it speaks of."""

    header_rlp: bytes
    transactions: tuple[bytes, ...]


Entry = Recorded | JournalledBlock


class ConsensusJournal:
    """The write-ahead log of one height at a time."""

    def __init__(self, path: Path) -> None:
        """Raises CorruptStore where the file is damaged, which no torn write explains."""
        self._log = WriteAheadLog(path)
        self._height = 0

    def entries(self, height: int) -> list[Entry]:
        """What was recorded for `height` before the process ended; of a height that is over,
        nothing. Raises CorruptStore where the journal is of a later height: a database was lost."""
        records, self._log.records = self._log.records, []
        if not records:
            return []
        recorded_height = int.from_bytes(records[0][1:], "big")
        if recorded_height > height:
            raise CorruptStore(
                f"the journal is of height {recorded_height}, the database ends before {height}: "
                "the database was put back or lost. Let the node sync without its signer first, or "
                "restore the database that belongs to this journal"
            )
        if recorded_height < height:
            return []
        self._height = height
        return [_decoded(record) for record in records[1:]]

    def begin(self, height: int) -> None:
        """Forget the height before, unless this is the one that was begun already."""
        if self._height == height:
            return
        self._log.reset()
        self._height = height
        self._log.append(bytes((_HEIGHT,)) + height.to_bytes(8, "big"))

    def record(self, entry: Entry) -> None:
        """Not durable before `flush` returned."""
        self._log.append(_encoded(entry))

    async def flush(self) -> None:
        if self._log.is_dirty:
            await apart(self._log.flush)

    def close(self) -> None:
        self._log.close()


def _encoded(entry: Entry) -> bytes:
    match entry:
        case VoteReceived():
            return _signed(_VOTE, entry.vote)
        case ProposalReceived():
            return _signed(_PROPOSAL, entry.proposal) + entry.builder
        case MessageSigned():
            return _signed(_SIGNED, entry.message)
        case CertificateReceived():
            signers = [signature.signer for signature in entry.certificate.signatures]
            return _certified(_POLKA, signers, entry.certificate)
        case RoundCertificateReceived():
            return _certified(
                _ROUND, [v.sender for v in entry.certificate.votes], entry.certificate
            )
        case BlockValidated():
            valid = b"\1" if entry.verdict is Verdict.VALID else b"\0"
            return bytes((_VALIDATED,)) + entry.height.to_bytes(8, "big") + entry.block_hash + valid
        case BlockBuilt():
            place = entry.height.to_bytes(8, "big") + entry.round.to_bytes(4, "big")
            return bytes((_BUILT,)) + place + entry.block_hash
        case TimeoutElapsed():
            place = entry.height.to_bytes(8, "big") + entry.round.to_bytes(4, "big")
            return bytes((_TIMEOUT,)) + place + bytes((entry.step,))
        case JournalledBlock():
            return bytes((_BLOCK,)) + rlp.encode([entry.header_rlp, list(entry.transactions)])


def _signed(kind: int, message: Signed) -> bytes:
    encoded = encode_message(message)
    return bytes((kind,)) + message.sender + len(encoded).to_bytes(2, "big") + encoded


def _certified(kind: int, senders: list[Address], certificate: Message) -> bytes:
    count = len(senders).to_bytes(2, "big")
    return bytes((kind,)) + count + b"".join(senders) + encode_message(certificate)


def _decoded(record: bytes) -> Entry:
    try:
        return _DECODERS[record[0]](record[1:])
    except (Invalid, IndexError, ValueError, KeyError) as error:
        raise CorruptStore(
            f"an entry of the consensus journal does not read ({error}): it was written by another "
            "version of this software. Move it away and start again: the signing history keeps the "
            "key from signing twice"
        ) from None


def _sender_and_message(body: bytes) -> tuple[Message, bytes]:
    size = int.from_bytes(body[20:22], "big")
    message = with_senders(decode_message(body[22 : 22 + size]), [body[:20]])
    return message, body[22 + size :]


def _vote(body: bytes) -> VoteReceived:
    return VoteReceived(vote=cast("Vote", _sender_and_message(body)[0]))


def _proposal(body: bytes) -> ProposalReceived:
    message, rest = _sender_and_message(body)
    return ProposalReceived(proposal=cast("Proposal", message), builder=Address(rest[:20]))


def _own(body: bytes) -> MessageSigned:
    return MessageSigned(message=cast("Signed", _sender_and_message(body)[0]))


def _polka(body: bytes) -> CertificateReceived:
    return CertificateReceived(certificate=cast("Certificate", _certificate(body)))


def _round(body: bytes) -> RoundCertificateReceived:
    return RoundCertificateReceived(certificate=cast("RoundCertificate", _certificate(body)))


def _certificate(body: bytes) -> Message:
    count = int.from_bytes(body[:2], "big")
    senders = [body[at : at + 20] for at in range(2, 2 + 20 * count, 20)]
    return with_senders(decode_message(body[2 + 20 * count :]), senders)


def _validated(body: bytes) -> BlockValidated:
    return BlockValidated(
        height=int.from_bytes(body[:8], "big"),
        block_hash=Hash32(body[8:40]),
        verdict=Verdict.VALID if body[40] else Verdict.INVALID,
    )


def _built(body: bytes) -> BlockBuilt:
    return BlockBuilt(
        height=int.from_bytes(body[:8], "big"),
        round=int.from_bytes(body[8:12], "big"),
        block_hash=Hash32(body[12:44]),
    )


def _timeout(body: bytes) -> TimeoutElapsed:
    return TimeoutElapsed(
        height=int.from_bytes(body[:8], "big"),
        round=int.from_bytes(body[8:12], "big"),
        step=Step(body[12]),
    )


def _block(body: bytes) -> JournalledBlock:
    header_rlp, transactions = cast("tuple[bytes, list[bytes]]", rlp.decode(body))
    return JournalledBlock(header_rlp=header_rlp, transactions=tuple(transactions))


_DECODERS: dict[int, Callable[[bytes], Entry]] = {
    _VOTE: _vote,
    _PROPOSAL: _proposal,
    _POLKA: _polka,
    _ROUND: _round,
    _VALIDATED: _validated,
    _BUILT: _built,
    _SIGNED: _own,
    _TIMEOUT: _timeout,
    _BLOCK: _block,
}
