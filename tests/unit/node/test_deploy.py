"""Files for operators: the systemd unit is valid, environment files name keys that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from metis_node.node.config import load_config
from metis_node.node.exit_codes import ExitCode

DEPLOY = Path(__file__).parents[3] / "deploy"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_is_valid(tmp_path: Path) -> None:
    unit = tmp_path / "metis-node.service"
    text = (DEPLOY / "metis-node.service").read_text()
    unit.write_text(text.replace("/opt/metis-node/bin/metis-node", "/bin/true"))
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert unit.name not in result.stderr


def test_the_unit_does_not_restart_what_needs_a_person() -> None:
    text = (DEPLOY / "metis-node.service").read_text()
    codes = re.search(r"^RestartPreventExitStatus=(.*)$", text, re.MULTILINE)
    assert codes is not None
    assert {int(code) for code in codes[1].split()} == {
        ExitCode.USAGE,
        ExitCode.INVALID,
        ExitCode.FATAL,
    }


@pytest.mark.parametrize("name", ["metis-node.env", "compose.env"])
def test_environment_files_name_keys_that_exist(name: str) -> None:
    text = (DEPLOY / name).read_text()
    environment = dict(re.findall(r"^(?:# )?(METIS_NODE_[A-Z0-9_]+)=(.*)$", text, re.MULTILINE))
    assert environment
    environment.pop("METIS_NODE_CONFIG", None)
    load_config(None, {}, environment)
