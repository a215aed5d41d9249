"""The rows of the sequence diagram: one arrow each, equal ones that follow each other folded."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from esi.cli.trace.document import Message, Trace, short


@dataclass(frozen=True, slots=True)
class Arrow:
    """One row: from which lifeline to which, and how many messages it stands for."""

    number: int
    offset: float
    start: int
    end: int
    subject: str
    hop: str
    count: int

    @property
    def title(self) -> str:
        return f"{self.subject} \N{MULTIPLICATION SIGN}{self.count}" if self.count > 1 else self.subject


def arrows(trace: Trace) -> list[Arrow]:
    """All messages in time order. Equal means: the same way and the same subject."""
    lane = {party: number for number, party in enumerate(trace.parties)}
    groups = (list(group) for _, group in groupby(trace.messages, key=_likeness))
    return [
        Arrow(
            *(group[0].number, group[0].offset, lane[group[0].sender], lane[group[0].receiver]),
            *(short(group[0].subject), group[0].hop, len(group)),
        )
        for group in groups
    ]


def _likeness(message: Message) -> tuple[str, ...]:
    return message.sender, message.receiver, message.hop, message.subject
