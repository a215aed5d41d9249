"""The sequence diagram in text: the parties' lifelines side by side, one arrow per row, its subject at the right.

    no        ms  client
                  │   gohan
                  │   │   sql
     1       0.0  ├──▶│   │    POST /v2.0/vpn_interfaces
     2       1.3  │   ├──▶│    insert vpn_interfaces

Lifelines stand as far apart as the width allows while the subject keeps room; a subject that is too long goes on
below, between lifelines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from esi.cli.trace.arrows import Arrow
from esi.cli.trace.printed import Line, Word, broken

MARGIN = 4 + 10 + 2  # number, offset in ms, a gap
SUBJECT = 38  # columns that a subject has at least
NEAREST, FARTHEST = 3, 12
MILLISECONDS = 1000.0


def print_diagram(parties: Sequence[str], rows: Sequence[Arrow], *, width: int) -> list[Line]:
    """The lines of the diagram, at most `width` columns wide where the number of parties allows it."""
    if not parties:
        return []
    pitch = max(NEAREST, min(FARTHEST, (width - MARGIN - SUBJECT) // len(parties)))
    lanes = pitch * (len(parties) - 1) + 1
    room = max(SUBJECT // 2, width - MARGIN - lanes - 2)
    return [*_heads(parties, pitch), *(line for row in rows for line in _row(row, len(parties), pitch, room))]


def _heads(parties: Sequence[str], pitch: int) -> Iterator[Line]:
    """The names on one line where they fit, else as stairs."""
    margin = Word(f"{'no':>4}{'ms':>10}  ", "dim")
    if max(map(len, parties)) + 2 <= pitch:
        yield (margin, Word("".join(party.ljust(pitch) for party in parties).rstrip(), "head"))
        return
    for number, party in enumerate(parties):
        before = "".join("│".ljust(pitch) for _ in range(number))
        yield (Word(" " * MARGIN) if number else margin, Word(before, "dim"), Word(party, "head"))


def _row(row: Arrow, count: int, pitch: int, room: int) -> Iterator[Line]:
    subject = broken(row.title, room)
    drawn = "".join(_strokes(row, count, pitch))
    yield _line(f"{row.number:>4}{row.offset * MILLISECONDS:>10.1f}  ", drawn, subject[0], row.hop)
    still = "".join("│".ljust(pitch) for _ in range(count - 1)) + "│"
    for more in subject[1:]:
        yield _line(" " * MARGIN, still, more, row.hop)


def _line(margin: str, lanes: str, subject: str, hop: str) -> Line:
    return Word(margin, "dim"), Word(lanes), Word("  "), Word(subject, f"hop {hop}")


def _strokes(row: Arrow, count: int, pitch: int) -> list[str]:
    """The lifelines, crossed by one arrow; a message to oneself is a knot."""
    signs = [" "] * (pitch * (count - 1) + 1)
    signs[::pitch] = ["│"] * count
    left, right = sorted((row.start * pitch, row.end * pitch))
    if left == right:
        signs[left] = "●"
        return signs
    for place in range(left + 1, right):
        signs[place] = "┼" if signs[place] == "│" else "─"
    if row.start < row.end:
        signs[left], signs[right - 1] = "├", "▶"
    else:
        signs[right], signs[left + 1] = "┤", "◀"
    return signs
