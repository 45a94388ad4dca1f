"""Fixtures that forge reads are what the engine of today makes: headers, state roots, proofs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "contracts/test/fixtures/epochs.py"


def test_the_chains_that_forge_proves_from_are_the_engines() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--check"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
