"""One module per JSON-RPC namespace."""
