"""`metis-node` for scripts that run it dozens of times: loaded once, forked for each command.

    python -m tests.e2e.preloaded_program serve SOCKET
    python tests/e2e/preloaded_program.py call SOCKET ARGUMENT...

A command gets the caller's arguments, directory, environment and terminal, and its exit code goes
back; only the loading of Python's modules, some seconds each time, is shared.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

MAX_REQUEST_BYTES = 1 << 20
STANDARD_FILES = (0, 1, 2)


def call(path: str, arguments: list[str]) -> int:
    """In the caller's process, which must start fast: only the standard library."""
    request = {"arguments": arguments, "directory": os.getcwd(), "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(path)
        socket.send_fds(door, [json.dumps(request).encode()], list(STANDARD_FILES))
        return int(door.recv(16) or b"1")


def serve(path: str) -> None:
    """Until killed. Prints a line once it listens."""
    _load()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen()
        print("listening", flush=True)
        while True:
            caller, _ = door.accept()
            with caller:
                data, files, _, _ = socket.recv_fds(caller, MAX_REQUEST_BYTES, len(STANDARD_FILES))
                child = os.fork()
                if child == 0:
                    os._exit(_run(json.loads(data), files))
                _, status = os.waitpid(child, 0)
                for file in files:
                    os.close(file)
                caller.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def _load() -> None:
    import metis_node.l1.provider
    import metis_node.node.checkup.rounds
    import metis_node.node.cli.main
    import metis_node.node.contract_deployment
    import metis_node.node.operator_desk  # noqa: F401


def _run(request: dict[str, Any], files: list[int]) -> int:
    from metis_node.node.cli.main import run

    os.setsid()
    for target, file in zip(STANDARD_FILES, files, strict=True):
        os.dup2(file, target)
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    code = 1
    try:
        code = int(run(request["arguments"]))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return code


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    sys.exit(call(sys.argv[2], sys.argv[3:]))
