"""`metis-node version`."""

from __future__ import annotations

from metis_node.node.cli.options import JsonOption


def command(json: JsonOption = False) -> None:
    """Print the versions of the node and of what it runs on."""
    import platform
    from importlib.metadata import version

    from metis_node import __version__
    from metis_node.node.cli.printing import print_facts, print_json
    from metis_node.storage.tables import SCHEMA_VERSION

    facts = {
        "metis-node": __version__,
        "database schema": SCHEMA_VERSION,
        "python": platform.python_version(),
        "web3": version("web3"),
        "plyvel": version("plyvel"),
    }
    if json:
        print_json(
            {name.replace(" ", "_").replace("-", "_"): value for name, value in facts.items()}
        )
    else:
        print_facts(facts)
