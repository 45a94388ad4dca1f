"""Every command in docs/operators, run as it stands there, in a terminal, page after page.

In the pages, `sh` blocks are what is run; `<!-- test: ... -->` is what happens between them and is
no command of ours: METIS that arrives, time that passes. Questions are answered with yes.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e import preloaded_program
from tests.e2e.daemons import clean_environment
from tests.e2e.staking_events_by_hand import ByHand
from tests.e2e.staking_world import L1, anvil_l1

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "operators"
IN_ORDER = (
    "deploy-a-network",
    "become-a-sequencer",
    "validator",
    "rotate-a-key",
    "lost-key",
    "governance",
    "leave",
)
DEFAULT_ENDPOINT = "http://127.0.0.1:8546"
PART = re.compile(r"```(sh|toml)\n(.*?)```|<!-- test: (.*?) -->", re.DOTALL)
PAGE_S = 300.0
QUESTION = b"[y/N]: "


@pytest.fixture
def l1() -> Iterator[L1]:
    with anvil_l1() as running:
        yield running


def test_every_command_on_the_pages_works(l1: L1, tmp_path: Path) -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == {*IN_ORDER, "README"}
    by_hand = ByHand(l1, tmp_path)
    write_configuration(l1, tmp_path)
    parts = [
        (page, *part)
        for page in IN_ORDER
        for part in PART.findall((PAGES / f"{page}.md").read_text())
    ]
    assert sum(text.count("metis-node ") for _, _, text, _ in parts) > 40
    with installed_program(tmp_path):
        for page, language, text, directive in parts:
            if language == "toml":
                (tmp_path / "deployment.toml").write_text(text.replace(DEFAULT_ENDPOINT, l1.url))
            elif language == "sh":
                run_block(page, text, tmp_path)
            else:
                by_hand.do(*shlex.split(directive))


def test_the_pages_name_every_command_of_stake_and_gov() -> None:
    from metis_node.node.cli.gov import app as gov
    from metis_node.node.cli.stake import app as stake

    text = "\n".join(page.read_text() for page in PAGES.glob("*.md"))
    for group, app in (("stake", stake), ("gov", gov)):
        for command in app.registered_commands:
            if command.name != "unjail":  # nobody is jailed on these pages
                assert f"metis-node {group} {command.name}" in text, command.name


def write_configuration(l1: L1, directory: Path) -> None:
    """The index page's own configuration, on this L1, and a genesis file."""
    from metis_node.node.devnet_genesis import layer2_genesis
    from metis_node.node.genesis_file import write_genesis_file

    found = next(text for kind, text, _ in PART.findall((PAGES / "README.md").read_text()) if kind)
    (directory / "node.toml").write_text(found.replace(DEFAULT_ENDPOINT, l1.url))
    document = layer2_genesis(
        timestamp=int(time.time()),
        funded=[],
        batch_submitter="0x" + "11" * 20,
        l1_chain_id=l1.chain_id,
        l1_origin=None,
    )
    write_genesis_file(directory / "genesis.json", document)


@contextmanager
def installed_program(directory: Path) -> Iterator[None]:
    """`metis-node` on the path of the blocks."""
    script, door = Path(preloaded_program.__file__), directory / "door"
    server = subprocess.Popen(
        [sys.executable, "-m", preloaded_program.__name__, "serve", str(door)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env=clean_environment(),
    )
    program = directory / "bin" / "metis-node"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{script}" call "{door}" "$@"\n')
    program.chmod(0o755)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"listening\n"
        yield
    finally:
        server.kill()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()


def run_block(page: str, commands: str, directory: Path) -> None:
    """In a terminal of its own, which says yes."""
    environment = clean_environment() | {
        "PATH": f"{directory / 'bin'}:{os.environ['PATH']}",
        "METIS_NODE_CONFIG": str(directory / "node.toml"),
        "METIS_NODE_RPC__PORT": "0",  # the tests' own machine may use the usual one
        "METIS_NODE_KEYS__DIR": str(directory / "data" / "keys"),
        "TERM": "dumb",
    }
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-ec", commands],
        cwd=directory,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        shown = _conversation(ours)
    finally:
        os.close(ours)
        if process.poll() is None:
            process.wait(30)
    assert process.returncode == 0, f"{page}:\n{commands}\n{shown.decode(errors='replace')}"


def _conversation(terminal: int) -> bytes:
    """All that is printed until the end; each question gets its answer."""
    shown, answered = b"", 0
    deadline = time.monotonic() + PAGE_S
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], deadline - time.monotonic())[0]:
            break
        try:
            chunk = os.read(terminal, 65_536)
        except OSError:  # how Linux says that nobody has the other end any more
            return shown
        if not chunk:
            return shown
        shown += chunk
        while shown.count(QUESTION) > answered:
            os.write(terminal, b"y\n")
            answered += 1
    raise AssertionError(f"it did not end:\n{shown.decode(errors='replace')}")
