"""The whole record in text, for a terminal of a hundred columns and more."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from esi.cli.trace.arrows import arrows
from esi.cli.trace.changes import kind_of_status, print_changes
from esi.cli.trace.chapters import Chapter, chapters
from esi.cli.trace.diagram import MILLISECONDS, print_diagram
from esi.cli.trace.document import Message, Trace
from esi.cli.trace.printed import INDENT, Line, Word, broken, print_value
from esi.cli.trace.stored import Stored

NOTHING: Line = (Word(""),)


def brief_lines(trace: Trace, *, width: int) -> list[Line]:
    """Heading and sequence diagram."""
    return [*_heading(trace), NOTHING, *print_diagram(trace.parties, arrows(trace), width=width)]


def full_lines(trace: Trace, stored: Sequence[Stored], *, width: int) -> list[Line]:
    """Heading, then the chapters: the diagram, the messages by hop, what is stored now, the changes."""
    parts = [
        ("Sequence diagram", "", print_diagram(trace.parties, arrows(trace), width=width)),
        *((chapter.title, chapter.story, list(_messages(chapter, width))) for chapter in chapters(trace)),
        ("Stored resources in gohan", "As they are now.", [line for item in stored for line in _stored(item)]),
        ("Changes", "", print_changes(trace)),
    ]
    lines = [*_heading(trace)]
    for number, (title, story, content) in enumerate((part for part in parts if part[2]), 1):
        lines += [NOTHING, (Word(f"{number}. {title}", "head"),)]
        lines += [(Word(line, "dim"),) for line in textwrap.wrap(story, width)]
        lines += [NOTHING, *content]
        if lines[-1] == NOTHING:
            lines.pop()
    return lines


def facts(trace: Trace) -> list[str]:
    """What stands beside the status in every heading."""
    begun = datetime.fromtimestamp(trace.at, UTC)
    said = [f"{begun:%Y-%m-%d %H:%M:%S}.{begun.microsecond // 1000:03d} UTC"]
    said.append(f"took {trace.took:.3f} s" if trace.complete else f"not finished after {trace.took:.3f} s")
    said.append(f"{len(trace.messages)} messages between {len(trace.parties)} parties")
    return said


def dropped(trace: Trace) -> str:
    """A warning when the record has holes; else nothing."""
    return f"{trace.dropped} more messages were not kept: the record has holes." if trace.dropped else ""


def milliseconds(seconds: float) -> str:
    return f"{seconds * MILLISECONDS:,.1f} ms"


def _heading(trace: Trace) -> Iterator[Line]:
    yield (Word(f"{trace.method} {trace.schema} {trace.name}".rstrip(), "head"), Word(f"  {trace.id}", "dim"))
    yield Word(trace.status or "no status", kind_of_status(trace.status)), Word("  " + ", ".join(facts(trace)))
    if trace.request:
        yield (Word(f"request {trace.request}", "dim"),)
    if warning := dropped(trace):
        yield (Word(warning, "bad"),)


def _messages(chapter: Chapter, width: int) -> Iterator[Line]:
    for section in chapter.sections:
        if section.title:
            yield from ((Word(line, "place"),) for line in textwrap.wrap(f"* {section.title}", width))
            yield NOTHING
        for message in section.messages:
            yield from _message(message, width)


def _message(message: Message, width: int) -> Iterator[Line]:
    way = f"{message.sender} → {message.receiver}"
    took = f", took {milliseconds(message.took)}" if message.took else ""
    start = f"{f'[{message.number}]':>6}  {milliseconds(message.offset)}  {way}{took}"
    yield Word(start[:6], "head"), Word(start[6:], "dim")
    for line in broken(message.subject, width - 8):
        yield Word(" " * 8), Word(line, f"hop {message.hop}")
    for words in print_value(message.body, diff=message.hop == "device"):
        yield (Word(" " * 8 + INDENT), *words)
    yield NOTHING


def _stored(item: Stored) -> Iterator[Line]:
    yield Word("$ ", "dim"), Word(item.command, "head")
    yield from print_value(item.answer)
    yield NOTHING
