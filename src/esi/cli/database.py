"""`esi db`: how the database differs from what the schemas want, and the safe part of making it so.

Both go to the database itself, with the settings of the ring's API. `diff` exits with 0 when nothing differs and with 1
when something does, also when that is only left over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from esi.cli.configuration import given, settings_options
from esi.cli.output import as_json as pretty
from esi.cli.output import print_rows
from esi.clock import SystemClock

if TYPE_CHECKING:
    from esi.bootstrap.database import Databases
    from esi.store.migration import Difference

COLUMNS = ("table", "what", "state", "words")
DIFFERENT = 1

_json = click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")


@click.group("db", context_settings={"help_option_names": ["-h", "--help"]})
def database() -> None:
    """Compare the database with the schemas, and add what is missing."""


@database.command()
@settings_options("folder", "flow", "services")
@_json
def diff(as_json: bool, **options: Any) -> int:
    """Show how the database differs from what the schemas want.

    Exits with 0 when nothing differs, with 1 when something does. Nothing is changed.

    \b
    Examples:
      esi db diff
      esi db diff --set database.url=postgresql://esi@db.example/esi --json
    """
    databases = _databases(options)
    found = asyncio.run(databases.look())
    _show(databases, found, as_json=as_json)
    return DIFFERENT if found else 0


@database.command()
@settings_options("folder", "flow", "services")
@click.option("--dry-run", is_flag=True, help="Print the statements; change nothing.")
@_json
def migrate(dry_run: bool, as_json: bool, **options: Any) -> None:
    """Add the tables, columns and indexes that are missing, while others read and write.

    What is not safe is refused with what to do by hand, and then nothing is done. May be interrupted and run again at
    any time; of several at once one works and the others wait.

    \b
    Examples:
      esi db migrate --dry-run
      esi db migrate --config esi.yaml
    """
    from esi.store.migration import missing

    databases = _databases(options)
    todo = missing(asyncio.run(databases.look()))
    if as_json:
        _show(databases, todo, as_json=True)
    elif not todo:
        click.echo(f"{databases.place} has everything")
    for one in todo if dry_run and not as_json else ():
        for text in one.statements:
            click.echo(f"{text};")
    if dry_run or not todo:
        return
    with _progress(sum(len(one.statements) for one in todo)) as (tell, far):
        asyncio.run(databases.expand(tell, far))
    if not as_json:
        click.echo(f"{databases.place}: {len(todo)} added: {', '.join(f'{one.table} {one.what}' for one in todo)}")


def _databases(options: Any) -> Databases:
    from esi.bootstrap.database import Databases

    return Databases(given(options), SystemClock())


def _show(databases: Databases, found: Sequence[Difference], *, as_json: bool) -> None:
    if as_json:
        rows = [{name: getattr(one, name) for name in (*COLUMNS, "statements")} for one in found]
        click.echo(pretty({"database": databases.place, "differences": rows}))
    elif found:
        print_rows(COLUMNS, [[getattr(one, name) for name in COLUMNS] for one in found])
    else:
        click.echo(f"{databases.place} is as the schemas want it")


@contextmanager
def _progress(statements: int) -> Iterator[tuple[Callable[[str], None], Callable[[int, int], None]]]:
    """What hears each statement, and how far a long one is: a bar on a terminal, else one line each."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    words = TextColumn("{task.description}", markup=False)
    with Progress(words, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console) as bar:
        whole = bar.add_task("migration", total=statements)
        index = bar.add_task("index", total=None, visible=False)

        def tell(text: str) -> None:
            bar.update(index, visible=False, completed=0, total=None)
            bar.update(whole, advance=1, description=" ".join(text.split())[:60])
            if not console.is_terminal:
                console.print(" ".join(text.split()), markup=False, highlight=False, soft_wrap=True)

        yield tell, lambda done, total: bar.update(index, visible=True, completed=done, total=total)
        bar.update(whole, description="done", completed=statements)
