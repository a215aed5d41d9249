"""How answers of the API look: as JSON exactly as the recorded command printed it, or as a table for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

FORMATS = ("table", "json")
WIDE = 10_000  # columns of a table that goes to a file or a pipe: nothing is cut there


def as_json(body: Any) -> str:
    """Four spaces, keys in order, text as it is."""
    return json.dumps(body, indent=4, sort_keys=True, ensure_ascii=False)


def chosen(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The row with these members only, all of them when no name is given."""
    return dict(row) if not names else {name: row[name] for name in names if name in row}


def print_one(singular: str, row: Mapping[str, Any], *, form: str, names: Sequence[str] = ()) -> None:
    row = chosen(row, names)
    if form == "json":
        click.echo(as_json({singular: row}))
        return
    print_rows(["property", "value"], [[name, cell(row[name])] for name in (names or sorted(row)) if name in row])


def print_many(
    plural: str, rows: Sequence[Mapping[str, Any]], *, form: str, names: Sequence[str] = (), usual: Sequence[str] = ()
) -> None:
    """`usual` are the columns of a table when the caller did not choose any."""
    if form == "json":
        click.echo(as_json({plural: [chosen(row, names) for row in rows]}))
        return
    columns = list(names) or [name for name in usual if any(name in row for row in rows)]
    print_rows(columns, [[cell(row.get(name)) for name in columns] for row in rows])


def cell(value: Any) -> str:
    """One value in a table: text as it is, everything else as compact JSON, nothing for null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for people."""
    from rich import box  # here: it costs more than most commands
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=box.SQUARE if sys.stdout.isatty() else box.ASCII)
    for row in rows:
        table.add_row(*(Text(value) for value in row))
    Console(width=None if sys.stdout.isatty() else WIDE, file=sys.stdout).print(table)
