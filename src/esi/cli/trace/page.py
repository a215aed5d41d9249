"""The whole record as one HTML page, from the template `page.html.j2`.

The page needs nothing but itself: style, drawing and a few lines of script stand in it, and its Content-Security-Policy
lets nothing else in: no other address, and no script but that one. Every text is escaped by the template engine;
nothing here makes markup. What is computed here is places: the drawing's in pixels, the timeline's in hundredths.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import jinja2
from jinja2.loaders import PackageLoader

from esi.cli.trace.arrows import Arrow, arrows
from esi.cli.trace.changes import COLUMNS, change_rows, kind_of_status
from esi.cli.trace.chapters import Chapter, chapters
from esi.cli.trace.document import Trace, short
from esi.cli.trace.printed import print_value
from esi.cli.trace.stored import Stored
from esi.cli.trace.text import dropped, facts, milliseconds

GUTTER, STEP, HEAD = 84, 34, 56  # pixels: left of the first lifeline, per arrow, names
NEAREST, FARTHEST, ROOM = 96, 160, 1340  # pixels: between lifelines, and what they may take together
AFTER = 1.06  # the timeline goes on a little, so that the last status is seen
LETTER = 6.3  # pixels that a letter of a subject takes
TICKS = 5


def page(trace: Trace, stored: Sequence[Stored]) -> str:
    """The page as text, to be written in UTF-8."""
    rows = arrows(trace)
    found = chapters(trace)
    environment = _environment()
    return environment.get_template("page.html.j2").render(
        trace=trace,
        facts=facts(trace),
        dropped=dropped(trace),
        drawing=Drawing(trace.parties, rows),
        timeline=list(_timeline(trace, found)),
        ticks=_ticks(trace.end),
        chapters=found,
        stored=stored,
        columns=COLUMNS,
        changes=change_rows(trace),
        policy=_policy(environment),
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=PackageLoader("esi.cli.trace", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"ms": milliseconds, "short": short, "printed": print_value, "status": kind_of_status}
    return environment


def _policy(environment: jinja2.Environment) -> str:
    """Nothing from anywhere, styles as they stand, and the one script that has these bytes."""
    script = environment.get_template("page.js").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


class Drawing:
    """Where lifelines, arrows and words of the sequence diagram stand."""

    def __init__(self, parties: Sequence[str], rows: Sequence[Arrow]) -> None:
        self.pitch = max(NEAREST, min(FARTHEST, (ROOM - GUTTER) // max(1, len(parties))))
        self.parties = [(name.split(" ", 1), self.lane(number)) for number, name in enumerate(parties)]
        self.last = self.lane(len(parties) - 1)
        self.rows = [(row, STEP * (number + 1)) for number, row in enumerate(rows)]
        words = [self.words(row)[0] + len(row.title) * LETTER for row in rows if self.words(row)[1] == "start"]
        self.width = int(max([self.last + self.pitch / 2, *(end + 16 for end in words)]))
        self.height = STEP * (len(rows) + 1)
        self.head = HEAD

    def lane(self, number: int) -> float:
        return GUTTER + self.pitch * (number + 0.5)

    def arrow(self, row: Arrow) -> str:
        """The line's path, without its head; for a message to oneself a loop."""
        start, end = self.lane(row.start), self.lane(row.end)
        if row.start == row.end:
            return f"M{start} -5 h22 v10 h-16"
        return f"M{start} 0 H{end + (8 if end < start else -8)}"

    def head_of(self, row: Arrow) -> str:
        """The arrow's head as points."""
        end = self.lane(row.end)
        back = 9 if row.end <= row.start else -9
        low = 5 if row.start == row.end else 0
        return f"{end},{low} {end + back},{low - 4} {end + back},{low + 4}"

    def words(self, row: Arrow) -> tuple[float, str]:
        """Where the subject begins, or ends when it would leave the lifelines at the right."""
        left, right = sorted((self.lane(row.start), self.lane(row.end)))
        if row.start == row.end:
            left, right = left + 22, right + 22
        needed = len(row.title) * LETTER
        if left + needed > self.last + self.pitch / 2 and right - needed > GUTTER:
            return right - 12, "end"
        return left + 10, "start"


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of the timeline, in hundredths of the whole; `mark` is a message's number, or 0."""

    left: float
    width: float
    title: str
    kind: str
    mark: int = 0


def _timeline(trace: Trace, found: Sequence[Chapter]) -> Iterator[tuple[str, list[Bar]]]:
    """First the statuses of each resource, then the messages of each chapter."""
    whole = AFTER * trace.end or 1.0
    for schema, id in trace.resources():
        told = [item for item in trace.changes if item.of[:2] == (schema, id) and item.status]
        ends = [*(item.offset for item in told), whole]
        bars = [
            Bar(100 * begin / whole, max(0.4, 100 * (end - begin) / whole), item.status, kind_of_status(item.status))
            for item, (begin, end) in zip(told, pairwise(ends), strict=True)
        ]
        if bars:
            yield f"{schema} {trace.name_of(schema, id) or short(id)}", bars
    for chapter in found:
        yield (
            chapter.title,
            [
                Bar(
                    100 * item.offset / whole,
                    max(0.4, 100 * item.took / whole),
                    f"{milliseconds(item.offset)} {short(item.subject)}",
                    f"hop {item.hop}",
                    item.number,
                )
                for item in chapter.messages
            ],
        )


def _ticks(end: float) -> list[tuple[float, str]]:
    return [(100 / AFTER * number / TICKS, milliseconds(end * number / TICKS)) for number in range(TICKS + 1)]
