"""What commands print: JSON for scripts, rich text for people. Standard output only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import Console


def print_json(value: object) -> None:
    """One JSON value on standard output, two spaces deep."""
    import sys

    import orjson

    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str) + b"\n")
    sys.stdout.buffer.flush()


def console() -> Console:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A plain table that survives copy and paste."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console().print(table)


def print_rows(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A table whose lines are never wrapped, however long: addresses stay whole for copying."""
    from rich.text import Text

    heads = list(columns)
    cells = [[_plain(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    for number, line in enumerate([heads, *cells]):
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        console().print(Text("  ".join(padded).rstrip(), style="" if number else "bold"))


def print_facts(facts: Mapping[str, object]) -> None:
    """Names and values, one pair a line, never wrapped: lines stay whole for grep and copying."""
    from rich.text import Text

    width = max(map(len, facts), default=0) + 2
    for name, value in facts.items():
        console().print(
            Text(name.ljust(width), style="bold").append(_plain(value), style="not bold")
        )


def _cell(value: object) -> str:
    from rich.markup import escape

    return escape(_plain(value))


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
