"""Whether the signer's key may sign: its history is there, and its own."""

from __future__ import annotations

from metis_node.engine.consensus.signer import GUARD_FILE, GuardFile
from metis_node.errors import MetisError
from metis_node.node.checkup.finding import Finding, fail, ok, warn
from metis_node.node.config import Config
from metis_node.node.keys import KeyDirectory
from metis_node.node.signing_history import watermarks

CHECK = "signing history"


def history_finding(config: Config, chain_id: int) -> Finding:
    """A node that lacks it runs, but does not sign."""
    path = config.chain.data_dir / GUARD_FILE
    if not path.exists():
        return warn(
            CHECK,
            f"none at {path}: the node cannot sign",
            "for a new key `metis-node keys protection init --never-signed`, else `keys protection "
            "import` what the machine that it ran on exported",
        )
    try:
        signer = KeyDirectory(config.keys_dir).entry(config.keys.signer).address
        file = GuardFile(path)
    except MetisError as error:
        return fail(CHECK, error.message, "see docs/operators/validator.md")
    guard = file.guard
    file.close()
    assert guard is not None
    if ("0x" + guard.signer.hex(), guard.chain_id) != (signer.lower(), chain_id):
        return fail(
            CHECK,
            f"it is that of 0x{guard.signer.hex()} on chain {guard.chain_id}",
            "each key has a history of its own, in a data directory of its own",
        )
    return ok(CHECK, f"precommits: {watermarks(guard)['precommit']}")
