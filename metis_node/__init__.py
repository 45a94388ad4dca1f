"""metis-node: a full node daemon for decentralized sequencers. Holds the version only."""

__version__ = "0.1.0"
