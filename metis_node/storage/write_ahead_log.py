"""A file that records are appended to, so that a process that dies can go on where it was.

    file   = magic (8 bytes) ‖ record*
    record = be32 length ‖ be32 CRC-32 of length and payload ‖ payload

A torn tail (the process or the machine died while it was written) is cut off when the file is
opened: nothing that depended on it has left the process. Damage before the last record is an error:
something that did leave may be forgotten.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

from metis_node.errors import CorruptStore

MAGIC = b"METISWAL"
MAX_RECORD_BYTES = 32 << 20  # a block of the largest allowed size, and what goes with it
_FRAME_BYTES = 8


class WriteAheadLog:
    """One writer. `append` only buffers; `flush` makes it durable."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises CorruptStore where a record before the last does not read."""
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self.records: list[bytes] = self._recover()
        except BaseException:
            os.close(self._descriptor)
            raise
        self._buffer: list[bytes] = []

    def append(self, payload: bytes) -> None:
        if len(payload) > MAX_RECORD_BYTES:
            raise ValueError(f"a record has at most {MAX_RECORD_BYTES} bytes, not {len(payload)}")
        self._buffer.append(_framed(payload))

    @property
    def is_dirty(self) -> bool:
        """Whether something was appended that is not durable."""
        return bool(self._buffer)

    def flush(self) -> None:
        """Return when everything appended is on disk. Any thread, one at a time."""
        buffered, self._buffer = self._buffer, []
        if buffered:
            _write_all(self._descriptor, b"".join(buffered))
            os.fdatasync(self._descriptor)

    def reset(self) -> None:
        """Forget all records. Need not be durable: whoever reads them knows they are over."""
        self._buffer = []
        os.ftruncate(self._descriptor, len(MAGIC))
        os.lseek(self._descriptor, len(MAGIC), os.SEEK_SET)

    def close(self) -> None:
        os.close(self._descriptor)

    def _recover(self) -> list[bytes]:
        data = self._path.read_bytes()
        if not data.startswith(MAGIC):
            self._refuse_foreign(data)
            os.ftruncate(self._descriptor, 0)
            _write_all(self._descriptor, MAGIC)
            os.fsync(self._descriptor)
            return []
        records, end = self._read(data)
        os.ftruncate(self._descriptor, end)
        os.lseek(self._descriptor, end, os.SEEK_SET)
        return records

    def _refuse_foreign(self, data: bytes) -> None:
        if data and not MAGIC.startswith(data) and data.strip(b"\0"):
            raise CorruptStore(
                f"{self._path} is no journal of this software: move it away if the node that wrote "
                "it will never run again"
            )

    def _read(self, data: bytes) -> tuple[list[bytes], int]:
        records: list[bytes] = []
        at = len(MAGIC)
        while at < len(data):
            end = _end_of_record(data, at)
            if end is None:
                self._refuse_damage(data, at, len(records))
                break
            records.append(data[at + _FRAME_BYTES : end])
            at = end
        return records, at

    def _refuse_damage(self, data: bytes, at: int, count: int) -> None:
        """A bad record that others follow was not torn."""
        length = int.from_bytes(data[at : at + 4], "big")
        following = at + _FRAME_BYTES + length
        if following >= len(data) or not data[at:].strip(b"\0"):
            return
        if _end_of_record(data, following) is not None:
            raise CorruptStore(
                f"record {count} of {self._path} is damaged: the node does not sign on a journal "
                "that forgot something. If the signing history (`metis-node keys protection show`) "
                "is whole, move the journal away and start again: the history keeps the key from "
                "signing twice"
            )


def _framed(payload: bytes) -> bytes:
    length = len(payload).to_bytes(4, "big")
    return length + _checksum(length, payload).to_bytes(4, "big") + payload


def _checksum(length: bytes, payload: bytes) -> int:
    """Of the length too, or a run of zeros would be a run of empty records."""
    return zlib.crc32(payload, zlib.crc32(length))


def _end_of_record(data: bytes, at: int) -> int | None:
    """Where the record at `at` ends; None where there is no whole one."""
    if at + _FRAME_BYTES > len(data):
        return None
    length = int.from_bytes(data[at : at + 4], "big")
    end = at + _FRAME_BYTES + length
    if length > MAX_RECORD_BYTES or end > len(data):
        return None
    crc = int.from_bytes(data[at + 4 : at + 8], "big")
    return end if _checksum(data[at : at + 4], data[at + _FRAME_BYTES : end]) == crc else None


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
