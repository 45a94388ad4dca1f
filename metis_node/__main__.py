"""`python -m metis_node`: the command line, by another name."""

from metis_node.node.cli.main import main

if __name__ == "__main__":
    main()
