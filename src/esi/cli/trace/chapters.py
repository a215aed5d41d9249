"""The messages in chapters by where they went, in the order in which such records were always written by hand.

Within a chapter messages that belong together stand under one title: those of one resource version, of one device, of
one topic. Hops that are not known here come last, so that nothing recorded is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from esi.cli.trace.document import CLIENT, Message, Trace


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    title: str
    story: str
    sections: tuple[Section, ...]

    @property
    def messages(self) -> list[Message]:
        return [message for section in self.sections for message in section.messages]


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which messages a chapter has, and what its sections are."""

    title: str
    story: str
    has: Callable[[Message], bool]
    by: str = "version"


def _hop(*hops: str) -> Callable[[Message], bool]:
    return lambda message: message.hop in hops


def _of_client(message: Message) -> bool:
    return message.hop == "http" and CLIENT in (message.sender, message.receiver)


PLANS: Sequence[_Plan] = (
    _Plan("HTTP methods between client and gohan", "What was asked, and what was answered.", _of_client, "none"),
    _Plan("HTTP methods between heat and its services", "What stacks and their services asked.", _hop("http"), "none"),
    _Plan("Stored rows in SQL", "What the transactions wrote.", _hop("sql")),
    _Plan(
        "Stored data in etcd after receiving the request",
        "Keys and values in the order in which they were put. `body` is stored as a text; it stands here unfolded.",
        _hop("etcd"),
    ),
    _Plan("Jobs", "What the job manager made of it, and how each job ended.", _hop("job")),
    _Plan("Stored heat stacks", "The stacks and their actions.", _hop("stack")),
    _Plan("JUNOS configuration applied over NETCONF", "What was sent to each device.", _hop("device"), "device"),
    _Plan("Stored resources for monitoring in Kafka", "Messages by topic.", _hop("topic"), "subject"),
    _Plan("HTTP methods between heat and the collector agent", "What is to be watched.", _hop("target")),
    _Plan("What monitoring saw", "Values under /monitoring.", _hop("monitoring")),
    _Plan("Status", "What the resources were told to be.", _hop("status")),
    _Plan("Other messages", "Hops without a chapter of their own.", lambda message: True),
)


def chapters(trace: Trace) -> list[Chapter]:
    """Every message in exactly one chapter; chapters without messages are left out."""
    left, found = list(trace.messages), []
    for plan in PLANS:
        mine = [message for message in left if plan.has(message)]
        left = [message for message in left if not plan.has(message)]
        if mine:
            found.append(Chapter(plan.title, plan.story, _sections(trace, plan, mine)))
    return found


def _sections(trace: Trace, plan: _Plan, messages: Sequence[Message]) -> tuple[Section, ...]:
    """In the order of the first message; those of the resource itself before all others."""
    titled: dict[str, list[Message]] = {}
    own = (trace.schema, trace.id)
    if plan.by == "version":
        messages = sorted(messages, key=lambda message: own not in [ref[:2] for ref in message.refs])
    for message in messages:
        titled.setdefault(_title(trace, plan, message), []).append(message)
    return tuple(Section(title, tuple(items)) for title, items in titled.items())


def _title(trace: Trace, plan: _Plan, message: Message) -> str:
    if plan.by == "device":
        return message.sender if any(sign in message.sender for sign in ".:") else message.receiver
    if plan.by == "subject":
        return message.subject
    if plan.by == "none" or not message.refs:
        return ""
    return " and ".join(_named(trace, *ref) for ref in message.refs)


def _named(trace: Trace, schema: str, id: str, version: int) -> str:
    return f"{schema} {trace.name_of(schema, id) or id}, version {version}"
