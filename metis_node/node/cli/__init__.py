"""The command line `metis-node`: one file per command; slow imports stand inside them."""
