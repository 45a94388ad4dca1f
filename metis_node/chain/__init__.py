"""The ledger: header rules, block store, blockchain (atomic import, heads), mempool, log index."""
