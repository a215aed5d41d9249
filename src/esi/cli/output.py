"""How answers of the API look: as JSON exactly as the recorded command printed it, as YAML, as CSV, or as a table."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

FORMATS = ("table", "json", "yaml", "csv")
WIDE = 10_000  # columns of a table that goes to a file or a pipe: nothing is cut there
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def as_json(body: Any) -> str:
    """Four spaces, keys in order, text as it is."""
    return json.dumps(body, indent=4, sort_keys=True, ensure_ascii=False)


def as_yaml(body: Any) -> str:
    import yaml  # here: few ask for it

    return str(yaml.safe_dump(body, allow_unicode=True, sort_keys=True, default_flow_style=False)).rstrip("\n")


def as_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """A head, then the rows. Text that a spreadsheet would run gets an apostrophe in front."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_safe(row.get(name)) for name in columns] for row in rows)
    return out.getvalue().rstrip("\n")


def _safe(value: Any) -> str:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else cell(value)


def chosen(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The row with these members only, all of them when no name is given."""
    return dict(row) if not names else {name: row[name] for name in names if name in row}


def print_one(singular: str, row: Mapping[str, Any], *, form: str, names: Sequence[str] = ()) -> None:
    row = chosen(row, names)
    if form in ("json", "yaml"):
        click.echo((as_json if form == "json" else as_yaml)({singular: row}))
    elif form == "csv":
        click.echo(as_csv(list(names) or sorted(row), [row]))
    else:
        print_rows(["property", "value"], [[name, cell(row[name])] for name in (names or sorted(row)) if name in row])


def print_many(
    plural: str, rows: Sequence[Mapping[str, Any]], *, form: str, names: Sequence[str] = (), usual: Sequence[str] = ()
) -> None:
    """`usual` are the columns of a table when the caller did not choose any; CSV then has them all."""
    if form in ("json", "yaml"):
        click.echo((as_json if form == "json" else as_yaml)({plural: [chosen(row, names) for row in rows]}))
    elif form == "csv":
        click.echo(as_csv(list(names) or sorted({name for row in rows for name in row}), rows))
    else:
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
