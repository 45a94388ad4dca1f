"""Parts of the trio side without sockets: frames out of a stream's pieces, and gossip's queue."""

from __future__ import annotations

import subprocess
import sys

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.pubsub.pb import rpc_pb2

from metis_node.network.lanes import SHARE_OF_THE_LAST
from metis_node.network.swarm.rpc_lanes import (
    MAX_WAITING,
    MAX_WAITING_BYTES,
    RpcLanes,
    UrgentFirst,
    rank_of,
)
from metis_node.network.swarm.streams import BufferedStream, StreamEnded
from metis_node.network.wire import MalformedFrame, WireNames, encode_frame
from metis_node.types.network import NetworkIdentity, Topic
from metis_node.types.primitives import ZERO_HASH

NAMES = WireNames.of(NetworkIdentity(chain_id=1, genesis_hash=ZERO_HASH, parameters_hash=ZERO_HASH))


class Pieces:
    """A stream that brings its bytes in pieces of given sizes, then ends as libp2p's do."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data = data
        self._sizes = iter(sizes)

    async def read(self, n: int) -> bytes:
        if not self._data:
            raise StreamEOF
        size = min(n, next(self._sizes, 7))
        piece, self._data = self._data[:size], self._data[size:]
        return piece


@given(
    st.lists(st.tuples(st.integers(1, 6), st.binary(min_size=1, max_size=300)), max_size=6),
    st.lists(st.integers(1, 100), max_size=30),
)
@settings(deadline=None)
def test_frames_come_out_as_they_went_in(frames: list[tuple[int, bytes]], sizes: list[int]) -> None:
    async def read_all() -> list[tuple[int, bytes]]:
        stream = BufferedStream(Pieces(b"".join(encode_frame(*f) for f in frames), sizes))
        found = [await stream.read_frame(lambda _: 300) for _ in frames]
        with pytest.raises(StreamEnded):
            await stream.read_frame(lambda _: 300)
        return found

    assert trio.run(read_all) == frames


def test_the_length_is_refused_before_the_payload_is_read() -> None:
    async def read() -> None:
        head = encode_frame(1, bytes(1_000))[:6]  # and nothing behind it
        await BufferedStream(Pieces(head, [])).read_frame(lambda _: 999)

    with pytest.raises(MalformedFrame, match="1000 bytes; allowed are 1 to 999"):
        trio.run(read)


def test_a_frame_cut_short_is_an_end() -> None:
    async def read() -> None:
        cut = encode_frame(1, b"abc")[:-1]
        await BufferedStream(Pieces(cut, [])).read_frame(lambda _: 999)

    with pytest.raises(StreamEnded, match="1 of 3 bytes missing"):
        trio.run(read)


def rpc_of(topic: Topic, size: int = 10) -> rpc_pb2.RPC:
    return rpc_pb2.RPC(publish=[rpc_pb2.Message(data=bytes(size), topicIDs=[NAMES.topics[topic]])])


def test_gossip_leaves_by_urgency_and_control_first() -> None:
    queue = UrgentFirst()
    control = rpc_pb2.RPC(subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid="x")])
    for topic in reversed(Topic):
        assert queue.push(rpc_of(topic))
    assert queue.push(control)
    order = [queue.pop() for _ in range(len(Topic) + 1)]
    assert order[0] is control
    assert [rank_of(rpc) for rpc in order[1:]] == [1, 2, 3, 4, 5, 6]
    assert queue.pop() is None


def test_gossip_of_the_least_urgent_moves_in_a_storm() -> None:
    queue = UrgentFirst()
    queue.push(rpc_of(Topic.TRANSACTIONS))
    for _ in range(2 * SHARE_OF_THE_LAST):
        queue.push(rpc_of(Topic.VOTES))
    first = [rank_of(queue.pop()) for _ in range(SHARE_OF_THE_LAST)]
    assert first == [1] * (SHARE_OF_THE_LAST - 1) + [6]


def test_gossip_to_a_slow_peer_is_bounded_in_number_and_bytes() -> None:
    queue = UrgentFirst()
    assert all(queue.push(rpc_of(Topic.VOTES)) for _ in range(MAX_WAITING))
    assert not queue.push(rpc_of(Topic.VOTES))
    assert queue.push(rpc_of(Topic.BLOCKS))  # another lane
    queue = UrgentFirst()
    block = rpc_of(Topic.BLOCKS, MAX_WAITING_BYTES // 2)
    assert queue.push(block)
    assert queue.push(block)
    assert not queue.push(block)
    assert queue.push(rpc_of(Topic.VOTES))
    assert rank_of(queue.pop()) == 1
    queue.pop()
    assert queue.push(block)


def test_one_message_is_not_taken_apart() -> None:
    async def split() -> None:
        queue = RpcLanes()
        rpc = rpc_of(Topic.BLOCKS, 1_000_000)
        assert queue.split_rpc(rpc) == [rpc]
        many = rpc_pb2.RPC(publish=[rpc_of(Topic.BLOCKS, 3_000_000).publish[0]] * 2)
        assert len(queue.split_rpc(many)) == 2

    trio.run(split)


def test_nobody_pays_for_libp2p_who_starts_no_network() -> None:
    program = (
        "import sys; import metis_node.node.cli.main, metis_node.network.service; "
        "sys.exit(' '.join({'libp2p', 'trio', 'multiaddr'} & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
