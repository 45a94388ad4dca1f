"""Talking to other nodes: gossip, direct streams and requests over libp2p. The only room of trio.

Here live the wire format, the limits of every message, who is dialled, refused, scored and banned.
Nothing here knows what a payload means. Start at `service.py`; `swarm/` is the trio side, and
importing it costs seconds and 90 MB, so only a started network does.
"""
