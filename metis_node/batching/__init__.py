"""L2 blocks to L1 frames and back: span batches, channels, compression, derivation. Pure."""
