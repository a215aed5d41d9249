"""What a story looks like: a spinner and colours on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text

from esi.clock import Clock

WIDE = 10_000  # nothing is wrapped or cut in a file or a pipe


class Screen:
    """Where the story is told. `times` are the seconds of each step, in order."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._terminal = sys.stdout.isatty()
        self._console = Console(width=None if self._terminal else WIDE, highlight=False, soft_wrap=True)
        self._status: Status | None = None
        self.times: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[None]:
        """One step: its title while it runs, then a line with its time."""
        began = self._clock.monotonic()
        self._status = self._console.status(title) if self._terminal else None
        if self._status is not None:
            self._status.start()
        sign = "failed"
        try:
            yield
            sign = "ok"
        finally:
            took = self.times[name] = self._clock.monotonic() - began
            if self._status is not None:
                self._status.stop()
                self._status = None
            style = "green" if sign == "ok" else "bold red"
            self._console.print(Text.assemble((f"{sign:>6}", style), f"  {title}", (f"  {took:.2f} s", "dim")))

    def note(self, text: str) -> None:
        """A word about the running step."""
        self._console.print(Text(f"        {text}", style="dim"))

    def heading(self, text: str) -> None:
        self._console.print()
        self._console.print(Text(text, style="bold"))

    def lines(self, lines: Sequence[str], *, indent: int = 0) -> None:
        """Lines as they are; those of a comparison in its colours."""
        for line in lines:
            style = {"+": "green", "-": "red", "[": "cyan"}.get(line[:1], "")
            self._console.print(Text(" " * indent + line, style=style))

    def judged(self, text: str, held: bool, seen: str) -> None:
        self._console.print(Text.assemble(("  held  " if held else "  NOT   ", "green" if held else "bold red"), text))
        if not held:
            self.lines(seen.splitlines(), indent=12)
