"""The one question that a command asks before it sends something that costs."""

from __future__ import annotations

import sys

import typer

from metis_node.errors import InvalidRequest


def confirm(question: str, *, yes: bool) -> None:
    """Return if the answer is yes. Without a terminal to ask on, --yes must have said so."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidRequest(f"{question} There is nobody to ask: say so with --yes")
    typer.confirm(question, abort=True, err=True)
