"""The `metis-node` command line, one module per group of commands."""
