"""`--wait`: following a resource until it settles, with a line that says how far it is where a terminal shows it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from esi.cli.connection import Duration

if TYPE_CHECKING:
    from esi.client.resources import Body

WAIT_SECONDS = 120.0


def wait_options(until: str) -> list[click.Parameter]:
    return [
        click.Option(["--wait"], is_flag=True, help=f"Wait until it is {until}, or has failed."),
        click.Option(
            ["--timeout"], type=Duration(), default=WAIT_SECONDS, metavar="DURATION",
            help=f"How long --wait waits, as 90s or 10m. Default: {WAIT_SECONDS:g}s.",
        ),
    ]  # fmt: skip


@contextmanager
def progress(what: str) -> Iterator[Callable[[Body], None] | None]:
    """What is to be told of each look; None where nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # here: it costs more than most commands
    from rich.text import Text

    with Console(file=sys.stderr).status(Text(f"{what} …")) as line:

        def tell(body: Any) -> None:
            line.update(Text(told(what, body)))

        yield tell


def told(what: str, body: Body) -> str:
    """How far it is: the summary, what the workers say, and why it is not better."""
    words = [str(body.get(name) or "") for name in ("status", "orchestration_state", "operational_state")]
    reason = body.get("status_reason")
    return f"{what}: {' · '.join(word for word in words if word)}" + (f": {reason}" if reason else "")
