"""metis-node: a full node daemon for decentralized sequencers. Holds the version and nothing else."""

__version__ = "0.1.0"
