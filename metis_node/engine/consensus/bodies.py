"""Transactions of a block: whether they are those of its header, and who else may have them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from metis_node._native import ordered_trie_root
from metis_node.codec.block_messages import decode_transactions_message, encode_ref
from metis_node.engine.consensus.ports import Gossip
from metis_node.errors import Invalid, Temporary
from metis_node.types.blocks import BlockRef, SealedHeader
from metis_node.types.network import Offence, PeerId, RequestKind

ASK_TIMEOUT_S = 2.0
ASK_AGAIN_S = 0.1  # after a round over all peers that brought nothing

log = structlog.get_logger(__name__)


def is_body_of(sealed: SealedHeader, transactions: Sequence[bytes]) -> bool:
    """Whether the header commits to just these transactions: others spoil a copy, not the block."""
    return ordered_trie_root(list(transactions)) == sealed.header.transactions_root


class BodyFetcher:
    """Asks one peer after the other, whoever sent the proposal first."""

    def __init__(self, gossip: Gossip) -> None:
        self._gossip = gossip
        self.fetched = 0

    async def fetch(self, sealed: SealedHeader, first: PeerId | None) -> tuple[bytes, ...]:
        """Go on until somebody has it; the caller sets the time."""
        while True:
            peers = list(self._gossip.peers())
            if first in peers:
                peers.remove(first)
                peers.insert(0, first)
            for peer in peers:
                body = await self._ask(peer, sealed)
                if body is not None:
                    self.fetched += 1
                    return body
            await asyncio.sleep(ASK_AGAIN_S)

    async def _ask(self, peer: PeerId, sealed: SealedHeader) -> tuple[bytes, ...] | None:
        ref = encode_ref(BlockRef(number=sealed.number, hash=sealed.hash))
        try:
            answer = await self._gossip.request(
                peer, RequestKind.PROPOSAL, ref, timeout_s=ASK_TIMEOUT_S
            )
            body = tuple(decode_transactions_message(answer))
        except Temporary:
            return None
        except Invalid:
            self._gossip.penalise(peer, Offence.MALFORMED)
            return None
        if not is_body_of(sealed, body):
            self._gossip.penalise(peer, Offence.FORGED)
            return None
        return body
