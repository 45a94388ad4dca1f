"""The key of a sequencer behind its guard: what would contradict an earlier signature is refused,
and the guard is on disk before the signature is made."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import orjson

from metis_node._native import sign_digest
from metis_node.codec.announcement import announced_digest
from metis_node.codec.consensus import digest_of
from metis_node.consensus.guard import Guard, guard_from_json
from metis_node.errors import CorruptStore, InvalidConfig
from metis_node.types.announcement import Announcement
from metis_node.types.consensus import Signed
from metis_node.types.primitives import Address
from metis_node.types.signing import SigningDomain

GUARD_FILE = "signing-history.dat"
SLOT_BYTES = 1_024  # two of them, written in turn: a torn write leaves the other one


class GuardFile:
    """Two slots, each be32 CRC ‖ be64 count ‖ be16 length ‖ JSON; the higher count holds."""

    def __init__(self, path: Path) -> None:
        """Open. A file that is not there comes into being with the first `store`. Raises
        CorruptStore where neither slot reads."""
        self._path = path
        self._descriptor = -1
        self._count = 0
        self.guard: Guard | None = None
        if path.exists():
            self._descriptor = os.open(path, os.O_RDWR)
            try:
                self._load()
            except BaseException:
                self.close()
                raise

    def store(self, guard: Guard) -> None:
        """Return when it is on disk."""
        self._count += 1
        content = orjson.dumps(guard.to_json())
        body = self._count.to_bytes(8, "big") + len(content).to_bytes(2, "big") + content
        slot = zlib.crc32(body).to_bytes(4, "big") + body
        if len(slot) > SLOT_BYTES:
            raise ValueError("a guard does not fit its slot")
        if self._descriptor < 0:
            self._create()
        os.pwrite(self._descriptor, slot.ljust(SLOT_BYTES, b"\0"), SLOT_BYTES * (self._count % 2))
        os.fdatasync(self._descriptor)
        self.guard = guard

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _create(self) -> None:
        """Its name is on disk too before anything is signed."""
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _load(self) -> None:
        data = os.pread(self._descriptor, 2 * SLOT_BYTES, 0)
        found = [self._slot(data[at : at + SLOT_BYTES]) for at in (0, SLOT_BYTES)]
        read = [entry for entry in found if entry is not None]
        if not read:
            raise CorruptStore(
                f"the signing history {self._path} does not read: without it the key may "
                "contradict what it signed before. Set a floor at the highest height that it can "
                "have signed, one above the head of the other nodes: `metis-node keys protection "
                "init --floor HEIGHT`"
            )
        self._count, content = max(read)
        self.guard = guard_from_json(orjson.loads(content))

    def _slot(self, data: bytes) -> tuple[int, bytes] | None:
        if len(data) < 14:
            return None
        size = int.from_bytes(data[12:14], "big")
        body = data[4 : 14 + size]
        if len(body) != 10 + size or zlib.crc32(body) != int.from_bytes(data[:4], "big"):
            return None
        return int.from_bytes(data[4:12], "big"), body[10:]


class GuardedSigner:
    """Signs what the guard admits. Thread-bound: the disk is written before each signature."""

    def __init__(self, *, secret: bytes, signer: Address, domain: SigningDomain, file: GuardFile):
        """Raises InvalidConfig where the history on disk is another key's or chain's."""
        self.address = signer
        self.domain = domain
        self._secret = secret
        self._file = file
        guard = file.guard
        if guard is None:
            raise InvalidConfig(
                "the key has no signing history on this machine: import the one of the machine it "
                "ran on (`metis-node keys protection import FILE`), or say that it never signed "
                "(`metis-node keys protection init --never-signed`), or above which height it may "
                "(`metis-node keys protection init --floor HEIGHT`)"
            )
        if (guard.signer, guard.chain_id) != (signer, domain.chain_id):
            raise InvalidConfig(
                f"the signing history is that of key 0x{guard.signer.hex()} on chain "
                f"{guard.chain_id}, the node signs as 0x{signer.hex()} on {domain.chain_id}"
            )
        self._guard = guard

    @property
    def guard(self) -> Guard:
        return self._guard

    def sign(self, message: Signed) -> bytes:
        """65 bytes. Raises SigningRefusedError where the guard does not admit it."""
        if self._guard.admit(message):
            raised = self._guard.raised(message)
            self._file.store(raised)
            self._guard = raised
        return sign_digest(self._secret, digest_of(self.domain, message))

    def sign_announcement(self, announcement: Announcement) -> bytes:
        """65 bytes. Nothing that it says can contradict a vote: the guard has no part in it."""
        return sign_digest(self._secret, announced_digest(self.domain, announcement))
