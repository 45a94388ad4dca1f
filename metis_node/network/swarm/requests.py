"""Questions to a peer, each on a stream of its own, and answers to theirs. Rules N12 to N14."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import structlog
import trio
from libp2p.custom_types import TProtocol

from metis_node.errors import MetisError
from metis_node.network.errors import PeerUnreachable, RequestRefused, RequestTimedOut
from metis_node.network.limits import (
    MAX_REASON_BYTES,
    READ_REQUEST_S,
    REQUEST_LIMITS,
    SERVE_S,
    SERVED,
    SERVED_PER_PEER,
)
from metis_node.network.scores import Misdeed
from metis_node.network.state import NetworkState
from metis_node.network.swarm.peers import Peer, Peers
from metis_node.network.swarm.streams import BufferedStream, reset_quietly, write_frame
from metis_node.network.wire import (
    ANSWER_CODE,
    REFUSAL_CODE,
    REQUEST_CODES,
    REQUESTS,
    MalformedFrame,
    encode_frame,
)
from metis_node.types.network import Offence, PeerId, RequestKind

log = structlog.get_logger(__name__)


class Requests:
    """Both sides of the request protocol."""

    def __init__(self, host: Any, state: NetworkState, peers: Peers) -> None:
        self._host = host
        self._state = state
        self._peers = peers
        self._serving = 0

    async def ask(self, peer: PeerId, kind: RequestKind, payload: bytes, timeout_s: float) -> bytes:
        """The peer's answer. PeerUnreachable, RequestTimedOut or RequestRefused."""
        entry = self._peers.get(peer)
        if entry is None or not entry.accepted.is_set():
            raise PeerUnreachable(f"{peer} is not connected")
        self._state.counters.requests_out += 1
        try:
            with trio.fail_after(timeout_s):
                async with entry.asking:
                    return await self._exchange(entry, kind, payload)
        except trio.TooSlowError as error:
            self._state.counters.requests_failed += 1
            raise RequestTimedOut(
                f"{peer} gave no answer to {kind.value} within {timeout_s} s"
            ) from error
        except RequestRefused:
            self._state.counters.requests_failed += 1
            raise
        except MalformedFrame as error:
            self._state.counters.requests_failed += 1
            self._peers.blame(peer, Offence.MALFORMED)
            raise PeerUnreachable(f"{peer} answered nonsense to {kind.value}: {error}") from error
        except Exception as error:
            self._state.counters.requests_failed += 1
            raise PeerUnreachable(f"{peer} went away during {kind.value}: {error!r}") from error

    async def _exchange(self, entry: Peer, kind: RequestKind, payload: bytes) -> bytes:
        protocols = [TProtocol(self._state.names.request)]
        stream = await self._host.new_stream(entry.raw_id, protocols)
        try:
            await write_frame(stream, encode_frame(REQUEST_CODES[kind], payload))
            limits = {ANSWER_CODE: REQUEST_LIMITS[kind].max_response_bytes}
            limits[REFUSAL_CODE] = MAX_REASON_BYTES
            code, answer = await BufferedStream(stream).read_frame(lambda code: limits.get(code, 0))
            entry.heard_at = time.monotonic()
            await stream.close()
        except BaseException:
            await reset_quietly(stream)
            raise
        if code == REFUSAL_CODE:
            raise RequestRefused(f"{entry.id}: {answer.decode(errors='replace')}")
        return answer

    async def serve(self, stream: Any) -> None:
        """Handle an inbound stream: one request, one answer or refusal."""
        entry = self._peers.get(PeerId(str(stream.muxed_conn.peer_id)))
        if entry is None:
            await reset_quietly(stream)
            return
        entry.serving += 1
        self._serving += 1
        try:
            await self._serve_one(entry, stream)
        except MalformedFrame as error:
            self._state.counters.malformed += 1
            self._peers.blame(entry.id, Offence.MALFORMED)
            log.info("request refused", peer=entry.id, why=str(error))
            await reset_quietly(stream)
        except Exception as error:
            log.debug("request lost", peer=entry.id, why=repr(error)[:200])
            await reset_quietly(stream)
        finally:
            entry.serving -= 1
            self._serving -= 1

    async def _serve_one(self, entry: Peer, stream: Any) -> None:
        with trio.fail_after(READ_REQUEST_S):
            await entry.accepted.wait()
            code, payload = await BufferedStream(stream).read_frame(_limit_of)
        entry.heard_at = time.monotonic()
        kind = REQUESTS[code]
        frame = await self._answer(entry, kind, payload)
        with trio.fail_after(SERVE_S):
            await write_frame(stream, frame)
            with contextlib.suppress(Exception):
                await stream.close()

    async def _answer(self, entry: Peer, kind: RequestKind, payload: bytes) -> bytes:
        if reason := self._no_capacity(entry, kind):
            self._state.counters.requests_refused += 1
            return encode_frame(REFUSAL_CODE, reason.encode())
        try:
            answer = await self._state.serve(entry.id, kind, payload, SERVE_S)
        except MetisError as error:
            self._state.counters.requests_refused += 1
            words = error.message.encode()[:MAX_REASON_BYTES] or b"refused"
            return encode_frame(REFUSAL_CODE, words)
        if not 0 < len(answer) <= REQUEST_LIMITS[kind].max_response_bytes:
            log.error("answer of wrong size", kind=kind.value, bytes=len(answer))
            return encode_frame(REFUSAL_CODE, b"the answer would be empty or too large")
        self._state.counters.requests_served += 1
        return encode_frame(ANSWER_CODE, answer)

    def _no_capacity(self, entry: Peer, kind: RequestKind) -> str:
        rate = REQUEST_LIMITS[kind].rate
        if not self._state.rates.take((entry.id, "asks", kind), rate, time.monotonic()):
            self._peers.blame(entry.id, Misdeed.TOO_FAST)
            return f"too many requests of this kind: {rate.per_second:g} a second are allowed"
        if entry.serving > SERVED_PER_PEER:
            return f"too many requests at once: {SERVED_PER_PEER} of one peer are allowed"
        if self._serving > SERVED:
            return "busy"
        return ""


def _limit_of(code: int) -> int:
    if code not in REQUESTS:
        raise MalformedFrame(f"a frame of code {code:#x} names no request")
    return REQUEST_LIMITS[REQUESTS[code]].max_request_bytes
