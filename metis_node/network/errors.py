"""What the network tells whoever asked it for something."""

from __future__ import annotations

from metis_node.errors import Fatal, Temporary


class NetworkDown(Temporary):
    """The network is starting again; what was under way is lost."""


class PeerUnreachable(Temporary):
    """The peer is not connected, or went away before it answered."""


class RequestTimedOut(Temporary):
    """The peer did not answer in time."""


class RequestRefused(Temporary):
    """The peer answered that it will not."""


class NetworkFailed(Fatal):
    """The network does not come up, or falls again and again."""
