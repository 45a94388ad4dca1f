"""Reading L1 for the hosts: headers, and the inbox payloads of a block. Implements `L1Source`."""

from __future__ import annotations

import structlog

from metis_node.errors import InvalidBatch, Temporary
from metis_node.l1.beacon import BlobSources
from metis_node.l1.blobs import decode_blob
from metis_node.l1.client import L1Client
from metis_node.l1.inbox import Inbox, InboxData
from metis_node.types.l1 import L1Header

log = structlog.get_logger(__name__)


class L1Reader:
    def __init__(self, *, client: L1Client, inbox: Inbox, blobs: BlobSources) -> None:
        self._client = client
        self._inbox = inbox
        self._blobs = blobs

    async def header(self, block: int | str) -> L1Header | None:
        return await self._client.header(block)

    async def payloads(self, header: L1Header) -> list[bytes]:
        found = await self._client.block(header.number)
        if found is None or found[0].hash != header.hash:
            raise Temporary(f"L1 block {header.number} is not 0x{header.hash.hex()} any more")
        payloads: list[bytes] = []
        for data in self._inbox.select(found[1]):
            payloads += await self._payloads_of(header, data)
        return payloads

    async def _payloads_of(self, header: L1Header, data: InboxData) -> list[bytes]:
        if data.calldata is not None:
            return [data.calldata]
        blobs = await self._blobs.fetch(header, data.blob_hashes)
        return [_payload_of(header, blob) for blob in blobs]


def _payload_of(header: L1Header, blob: bytes) -> bytes:
    try:
        return decode_blob(blob)
    except InvalidBatch as error:
        log.warning("a blob in the inbox is no payload", l1_block=header.number, why=error.message)
        return b""
