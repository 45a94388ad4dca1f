"""The trio side: a libp2p host and what runs around it. Imported by the network's thread alone."""
