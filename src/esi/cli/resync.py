"""`esi resync`: what stands in SQL and what in etcd, and putting the difference right.

It goes to both stores itself, with the settings of the ring; what it puts right goes by the outbox, and is written by
whoever leads the sync.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from esi.cli.configuration import given, settings_options
from esi.cli.output import as_json as pretty
from esi.cli.output import cell, print_rows
from esi.clock import SystemClock

if TYPE_CHECKING:
    from esi.sync.resync import Finding

COLUMNS = ("kind", "schema", "id", "wanted", "found", "key", "words")
SHOWN = 50
"""Rows of a table; the rest is counted. `--json` has them all."""

DIFFERENT = 1


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@settings_options("folder", "flow", "services", "etcd")
@click.option("--repair", is_flag=True, help="Tell again what is missing or older, and remove orphans.")
@click.option("--schema", "schemas", metavar="ID", multiple=True, help="Only this schema; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def resync(repair: bool, schemas: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Compare the rows in SQL with their keys in etcd, and put right what differs.

    Without --repair nothing is changed; it exits with 0 when nothing differs, with 1 when something does. With --repair
    rows go through the outbox, and whoever leads the sync writes them: a newer version is never overwritten.

    \b
    Examples:
      esi resync --etcd 127.0.0.1:2379
      esi resync --etcd 127.0.0.1:2379 --repair
      esi resync --etcd 127.0.0.1:2379 --schema vpn_gateway --json
    """
    return asyncio.run(_resync(repair, schemas, as_json, options))


async def _resync(repair: bool, schemas: tuple[str, ...], as_json: bool, options: Any) -> int:
    from esi.bootstrap.resync import open_resync
    from esi.sync.resync import FAULTS, MENDED

    async with open_resync(given(options), schemas, SystemClock()) as (work, led):
        with _progress(await work.size() * 2) as tell:
            found = [finding async for finding in work.findings(tell)]
        if as_json:
            told: dict[str, Any] = {"looked": dict(work.looked), "findings": [asdict(one) for one in found]}
        else:
            _show(found, work.looked)
        left = [one for one in found if one.kind in FAULTS]
        if repair:
            with _progress(sum(one.kind in MENDED for one in found)) as tell:
                mended = await work.mend(found, tell)
            left = [one for one in left if one.kind not in MENDED]
            leads = await led()
            if as_json:
                told |= {"mended": mended, "leader": leads}
            else:
                _tell_mended(mended, leads)
        if as_json:
            click.echo(pretty(told))
    return DIFFERENT if left else 0


def _show(found: Sequence[Finding], looked: Counter[str]) -> None:
    counted = Counter(one.kind for one in found)
    if found:
        print_rows(COLUMNS, [[cell(getattr(one, name)) for name in COLUMNS] for one in found[:SHOWN]])
    if len(found) > SHOWN:
        click.echo(f"and {len(found) - SHOWN} more: --json lists all")
    words = ", ".join(f"{count} {kind}" for kind, count in sorted(counted.items())) or "no difference"
    click.echo(f"{looked['rows']} rows, {looked['keys']} keys: {words}")


def _tell_mended(mended: int, leads: bool) -> None:
    if mended and not leads:
        click.echo(f"{mended} stand in the outbox, but nobody leads the sync: start `esi api`, which writes them")
    else:
        click.echo(f"{mended} stand in the outbox: whoever leads the sync writes them")


@contextmanager
def _progress(whole: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking", total=whole or None)
        yield lambda count: bar.update(task, advance=count)
