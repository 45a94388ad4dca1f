"""The key-value store: port, LevelDB adapter, key layout. Knows bytes, not the protocol."""
