"""ethers and viem: each script deploys, sends, subscribes, and gets reverts with their reasons."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.clients.conftest import CLIENTS, ROOT, Devnet

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(("script", "account"), [("ethers_client", 1), ("viem_client", 2)])
def test_a_client_nobody_here_wrote(
    devnet: Devnet, artifact: Path, script: str, account: int
) -> None:
    command = ["node", str(CLIENTS / f"{script}.mjs"), devnet.rpc, devnet.key(account)]
    run = subprocess.run(
        [*command, str(artifact)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4_000:]
    assert json.loads(run.stdout)["address"].startswith("0x")
