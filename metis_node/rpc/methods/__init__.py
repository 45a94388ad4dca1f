"""The JSON-RPC methods, one module per namespace or noun; `table.py` gathers them."""
