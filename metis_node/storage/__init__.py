"""The key-value store: port, LevelDB adapter, key layout. Knows keys and bytes, not the protocol."""
