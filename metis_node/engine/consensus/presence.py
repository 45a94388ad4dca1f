"""Which peer speaks for which validator, and whether it is still there (rule C26, ADR 0011).

A validator's process that dies takes its connections with it, and every peer sees that at once.
Then there is no use in waiting the whole time-out for its block.
"""

from __future__ import annotations

from collections import OrderedDict

from metis_node.engine.consensus.ports import Gossip
from metis_node.types.network import PeerId
from metis_node.types.primitives import Address

MAX_KNOWN = 1_024  # validators


class Presence:
    """Event loop only."""

    def __init__(self, gossip: Gossip) -> None:
        self._gossip = gossip
        self._peers: OrderedDict[Address, PeerId] = OrderedDict()

    def saw(self, signer: Address, peer: PeerId) -> None:
        """A message of `signer` came from `peer` itself."""
        self._peers[signer] = peer
        self._peers.move_to_end(signer)
        if len(self._peers) > MAX_KNOWN:
            self._peers.popitem(last=False)

    def is_gone(self, signer: Address) -> bool:
        """It was connected once, and is not now. Who was never seen is not called gone."""
        peer = self._peers.get(signer)
        return peer is not None and peer not in self._gossip.peers()
