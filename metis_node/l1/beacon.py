"""Where blobs are read: beacon-style HTTP sources, each blob checked against its versioned hash.

Sources need no trust, so any archive will do. A consensus node addresses blobs by slot; a source
without a beacon chain (anvil, the embedded L1) by execution block number on the same route.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import BrokenExecutor, Executor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from metis_node.errors import InvalidBatch, Temporary
from metis_node.l1 import answers
from metis_node.l1.blobs import BLOB_BYTES, hash_of_blob
from metis_node.types.l1 import L1Header
from metis_node.types.primitives import Hash32

if TYPE_CHECKING:
    from aiohttp import ClientSession

log = structlog.get_logger(__name__)

MAX_CACHED_BLOBS = 64  # 8 MiB: what was just posted comes back in the next L1 blocks
MAX_ANSWER_BYTES = 16 << 20  # JSON of the blobs of one block, in hex
DEFAULT_SECONDS_PER_SLOT = 12


class BlobCache:
    """Blobs whose hash is known to be right. Forgets the oldest."""

    def __init__(self) -> None:
        self._blobs: OrderedDict[Hash32, bytes] = OrderedDict()

    def get(self, versioned_hash: Hash32) -> bytes | None:
        return self._blobs.get(versioned_hash)

    def put(self, versioned_hash: Hash32, blob: bytes) -> None:
        self._blobs[versioned_hash] = blob
        if len(self._blobs) > MAX_CACHED_BLOBS:
            self._blobs.popitem(last=False)


class BlobSources:
    """Tries the cache, then each source in order."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        cache: BlobCache,
        timeout_s: float = 10.0,
        executor: Executor | None = None,
    ) -> None:
        """`executor` for hashing blobs; None: a thread, in whose time the loop stands still."""
        self._executor = executor
        self._sources = [_Source(url, timeout_s=timeout_s) for url in urls]
        self._cache = cache

    async def aclose(self) -> None:
        for source in self._sources:
            await source.aclose()

    async def fetch(self, block: L1Header, hashes: Sequence[Hash32]) -> list[bytes]:
        """The blobs with these versioned hashes, in that order.

        Raises Temporary naming every source where one is missing everywhere.
        """
        found = {name: blob for name in hashes if (blob := self._cache.get(name)) is not None}
        reasons: list[str] = []
        for source in self._sources:
            missing = [name for name in dict.fromkeys(hashes) if name not in found]
            if not missing:
                break
            try:
                blobs = await source.blobs(block, missing)
                found.update(await self._checked(blobs, frozenset(missing)))
            except Temporary as error:
                reasons.append(error.message)
                continue
            left = sum(name not in found for name in missing)
            if left:
                reasons.append(f"{source.name} lacks {left} of {len(missing)}")
        if any(name not in found for name in hashes):
            raise Temporary(
                f"blobs of L1 block {block.number} cannot be had: {'; '.join(reasons)}. Consensus "
                "nodes drop blobs after 18 days: add a blob archive to l1.beacon_endpoints",
                l1_block=block.number,
            )
        for name, blob in found.items():
            self._cache.put(name, blob)
        return [found[name] for name in hashes]

    async def _checked(self, blobs: list[bytes], wanted: frozenset[Hash32]) -> dict[Hash32, bytes]:
        """Those of the blobs that are wanted, by their names."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._executor, _matching, blobs, wanted)
        except BrokenExecutor as error:
            raise Temporary("the process that checks blobs died") from error


def _matching(blobs: Iterable[bytes], wanted: frozenset[Hash32]) -> dict[Hash32, bytes]:
    """Those that hash to something wanted; the rest is ignored. Worker thread."""
    found: dict[Hash32, bytes] = {}
    for blob in blobs:
        try:
            name = hash_of_blob(blob)
        except InvalidBatch:
            continue
        if name in wanted:
            found[name] = blob
    return found


class _Source:
    def __init__(self, url: str, *, timeout_s: float) -> None:
        parts = urlsplit(url)
        self.name = f"blob source {parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._session: ClientSession | None = None
        self._slots: tuple[int, int] | None = None  # genesis time, seconds per slot
        self._asked = False

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def blobs(self, block: L1Header, hashes: Sequence[Hash32]) -> list[bytes]:
        """What the source has for these hashes. Temporary where it does not answer properly."""
        place = await self._place(block)
        query = "&".join(f"versioned_hashes=0x{name.hex()}" for name in hashes)
        blobs = await self._ask(f"/eth/v1/beacon/blobs/{place}?{query}")
        if len(blobs) < len(hashes) > 1:
            # Some sources (anvil) heed only one of several hashes: ask for all blobs of the block.
            blobs = await self._ask(f"/eth/v1/beacon/blobs/{place}")
        return blobs

    async def _ask(self, path: str) -> list[bytes]:
        answer = await self._get(path)
        if answer is None:
            return []
        try:
            return [answers.data(entry, size=BLOB_BYTES) for entry in _data_of(answer, list)]
        except answers.Malformed as error:
            raise Temporary(f"{self.name}: malformed blobs: {error}") from None

    async def _place(self, block: L1Header) -> int:
        """Slot of a block, or its number where the source knows no slots."""
        if not self._asked:
            self._slots = await self._ask_slots()
            self._asked = True
        if self._slots is None:
            return block.number
        genesis, seconds = self._slots
        return (block.timestamp - genesis) // seconds

    async def _ask_slots(self) -> tuple[int, int] | None:
        spec = await self._get("/eth/v1/config/spec")
        genesis = await self._get("/eth/v1/beacon/genesis") if spec is not None else None
        if spec is None or genesis is None:
            return None
        try:
            seconds = int(_data_of(spec, dict).get("SECONDS_PER_SLOT", DEFAULT_SECONDS_PER_SLOT))
            time = int(_data_of(genesis, dict)["genesis_time"])
        except (KeyError, TypeError, ValueError) as error:
            raise Temporary(f"{self.name}: malformed chain parameters: {error!r}") from None
        return time, max(seconds, 1)

    async def _get(self, path: str) -> Any:
        """Parsed JSON; None where the source answers 404."""
        import aiohttp

        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._timeout_s)
            self._session = aiohttp.ClientSession(timeout=timeout)
        try:
            async with self._session.get(self._url + path) as response:
                if response.status == 404:
                    return None
                if response.status != 200:
                    raise Temporary(f"{self.name} answers with status {response.status}")
                body = await response.content.readexactly(MAX_ANSWER_BYTES)
                raise Temporary(f"{self.name} answers with more than {len(body)} bytes")
        except asyncio.IncompleteReadError as whole:
            return _parsed(whole.partial, self.name)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Temporary(f"{self.name} failed: {type(error).__name__}: {error}") from error


def _parsed(body: bytes, name: str) -> Any:
    import orjson

    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Temporary(f"{name} answers with malformed JSON: {error}") from None


def _data_of(answer: Any, kind: type) -> Any:
    found = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(found, kind):
        raise answers.Malformed(f"`data` is no {kind.__name__}")
    return found
