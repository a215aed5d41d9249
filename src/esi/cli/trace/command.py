"""The command: asks the API, and prints or writes what the pure functions beside it make of the answer."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from esi.cli.connection import complete_schema, options, where_of
from esi.cli.output import as_json
from esi.cli.trace.document import Trace, parse_trace
from esi.cli.trace.printed import Line, as_text
from esi.cli.trace.stored import Stored, ask_stored
from esi.cli.trace.text import brief_lines, full_lines
from esi.client.resources import Body, Client
from esi.clock import SystemClock
from esi.errors import NotFound, TerminalError, TimedOut

WIDTH = 100  # of a file or a pipe
WAIT_SECONDS = 120.0
SETTLED = frozenset({"ACTIVE", "DOWN", "MONITORING_UNAVAILABLE", "NO_STATE"})
"""What is not pending, besides ERROR and what is gone."""

COLOURS: dict[str, dict[str, Any]] = {
    "head": {"bold": True}, "dim": {"dim": True}, "name": {"fg": "cyan"}, "text": {"fg": "green"},
    "number": {"fg": "magenta"}, "word": {"fg": "magenta"}, "mask": {"fg": "yellow"}, "place": {"fg": "cyan"},
    "added": {"fg": "green"}, "removed": {"fg": "red"}, "good": {"fg": "green", "bold": True},
    "bad": {"fg": "red", "bold": True}, "waiting": {"fg": "yellow"},
}  # fmt: skip


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("schema", shell_complete=complete_schema)
@click.argument("name_or_id", metavar="NAME|ID")
@click.option("--request", default="", metavar="ID", help="This request; else the newest one that touched it.")
@click.option("--brief", is_flag=True, help="The sequence diagram only.")
@click.option("--json", "as_document", is_flag=True, help="Print the document as the API gives it.")
@click.option("--html", "file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path),
              help="Write one page that needs nothing else.")  # fmt: skip
@click.option("--wait", is_flag=True, help=f"First wait until nothing is pending, at most {WAIT_SECONDS:g} s.")
def trace(schema: str, name_or_id: str, brief: bool, as_document: bool, file: Path | None, **given: Any) -> None:
    """Show what one request set in motion, from the POST to the routers.

    A sequence diagram, every message over database, etcd, jobs and stacks to the devices and back to the status, and
    what stands in gohan in the end. Secrets are masked.

    \b
    Examples:
      esi trace vpn_interface sample-vpn-interface
      esi trace vpn_interface sample-vpn-interface --brief
      esi trace vpn_interface 0bea303d-b6eb-4edc-83ef-e32f915d3047 --html page.html
    """
    where = where_of(click.get_current_context())
    whole = file is not None or not (brief or as_document)

    async def work(client: Client) -> tuple[Body, Trace, list[Stored]]:
        answer = await client.trace(schema, name_or_id, request=given["request"])
        if given["wait"]:
            clock = SystemClock()
            end = clock.monotonic() + WAIT_SECONDS
            while not answer.get("complete"):
                await _settled(client, answer, end - clock.monotonic())
                answer = await client.trace(schema, name_or_id, request=given["request"])
        found = parse_trace(answer)
        return answer, found, await ask_stored(client, found) if whole else []

    answer, found, stored = where.run(work)
    if file is not None:
        from esi.cli.trace.page import page  # here: the other forms need no template engine

        try:
            write_whole(file, page(found, stored))
        except OSError as error:
            raise click.FileError(str(file), error.strerror) from error
        click.echo(f"the page is {file.absolute()}", err=as_document)
    if as_document:
        click.echo(as_json({"trace": answer}))
    elif file is None:
        lines = brief_lines(found, width=_width()) if brief else full_lines(found, stored, width=_width())
        click.echo("\n".join(_painted(lines)))


trace.params += options()  # the API is named as for `esi client`


async def _settled(client: Client, answer: Body, at_most: float) -> None:
    """Wait until nothing that the request has touched so far is pending: what came of it, the trace tells."""
    touched = dict.fromkeys((change["schema"], change["id"]) for change in answer["changes"])
    try:
        async with asyncio.timeout(max(0.0, at_most)):
            for schema, id in touched:
                try:
                    await client.wait(schema, id, until=SETTLED, at_most=WAIT_SECONDS)
                except (NotFound, TerminalError):
                    continue
    except TimeoutError:
        what = f"{answer['schema']} {answer['id']}"
        late = f"{what} is still pending after {WAIT_SECONDS:g} s; without --wait it is shown as far as it is"
        raise TimedOut(late) from None


def _width() -> int:
    """Of the terminal; a narrow one breaks lines itself."""
    return max(WIDTH, os.get_terminal_size(sys.stdout.fileno()).columns) if sys.stdout.isatty() else WIDTH


def _painted(lines: Sequence[Line]) -> list[str]:
    """Coloured on a terminal, plain anywhere else."""
    if not sys.stdout.isatty():
        return [as_text(line).rstrip() for line in lines]
    return ["".join(click.style(word.text, **COLOURS.get(word.kind, {})) for word in line) for line in lines]


def write_whole(file: Path, text: str) -> None:
    """The file has all of it or what it had before, whatever happens."""
    handle, name = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
