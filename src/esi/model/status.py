"""Truth about status: one pure function from what is wanted, done and seen to the word that a user reads.

MEANS has the words of `status`. A pending word is set when a change is accepted and left only through this function. A
rule that cannot say anything new keeps the word that stands. `because` is the sentence beside a word that needs one:
who sees what, or who is waited for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NO_STATE = "NO_STATE"
PENDING_CREATE = "PENDING_CREATE"
PENDING_UPDATE = "PENDING_UPDATE"
PENDING_DELETE = "PENDING_DELETE"
ACTIVE = "ACTIVE"
DOWN = "DOWN"
MONITORING_UNAVAILABLE = "MONITORING_UNAVAILABLE"
ERROR = "ERROR"

MEANS: Mapping[str, str] = {
    NO_STATE: "nothing has been decided yet",
    PENDING_CREATE: "wanted, not yet done or not yet seen working",
    PENDING_UPDATE: "changed, the change is not yet done",
    PENDING_DELETE: "on its way out",
    ACTIVE: "done, and as far as anybody looks: working",
    DOWN: "there, but not in use",
    MONITORING_UNAVAILABLE: "done, but not seen working",
    ERROR: "could not be done; the reason stands in status_reason",
}

CREATE_IN_PROGRESS = "CREATE_IN_PROGRESS"
CREATE_COMPLETE = "CREATE_COMPLETE"
UPDATE_IN_PROGRESS = "UPDATE_IN_PROGRESS"
UPDATE_COMPLETE = "UPDATE_COMPLETE"
DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
DELETE_COMPLETE = "DELETE_COMPLETE"
SYNC_COMPLETE = "SYNC_COMPLETE"
DONE = frozenset({CREATE_COMPLETE, UPDATE_COMPLETE, SYNC_COMPLETE})

INIT = "INIT"
UP = "UP"
FAIL = "FAIL"
UNKNOWN = "UNKNOWN"
"""Nobody has looked for longer than a look counts."""

PENDING = frozenset({PENDING_CREATE, PENDING_UPDATE, PENDING_DELETE})
BAD = frozenset({MONITORING_UNAVAILABLE, ERROR, DOWN})
GOOD_WORDS = frozenset({"UP", "ESTABLISHED"})
FIRST_WORDS = GOOD_WORDS | {"ACTIVE"}
"""The monitoring worker's first look says ACTIVE for what is up. Later looks never do: there it is a BGP session that
is still trying.
"""
VRRP_WORDS = frozenset({"MASTER", "BACKUP"})

NOT_VALUES = frozenset({"version", "reasons", "seen"})
"""Keys of a monitoring report that are about the values: `reasons` {key: sentence}, `seen` epoch seconds."""

HELD = "held"
"""Key beside what was seen: {version, words} of what holds a version up that is not done yet."""

WORKER_STATES: Mapping[str, str] = {
    "READ_COMPLETE": SYNC_COMPLETE,
    "CREATE_COMPLETED": CREATE_COMPLETE,
    "MODIFY_COMPLETED": UPDATE_COMPLETE,
    "DELETE_COMPLETED": DELETE_COMPLETE,
}
"""worker_state of a report to the orchestration_state it stands for."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one resource. `orchestration` and `operational` are None where the schema has no such column;
    `settled`: the known state answers to the newest version; `others`: status of the rows that the rule names;
    `monitoring`: whether anybody looks at all; `overdue`: what is done has been waited for long enough.
    """

    rule: str
    current: str
    orchestration: str | None
    operational: str | None
    settled: bool
    failed: bool = False
    deleting: bool = False
    others: tuple[str, ...] = ()
    monitoring: bool = True
    overdue: bool = False


def derive(facts: Facts) -> str:
    """The status that the facts make."""
    if facts.rule == "none":
        return facts.current
    if facts.rule == "mirror" and not facts.failed and not facts.deleting:
        return facts.others[0] if facts.others else facts.current
    if facts.failed and facts.settled:
        return ERROR
    if facts.deleting:
        return PENDING_DELETE
    if not facts.settled or (facts.orchestration is not None and facts.orchestration not in DONE):
        return facts.current
    if facts.rule == "default":
        return ACTIVE
    if facts.rule == "idle":
        return DOWN
    if facts.rule == "connected":
        return ACTIVE if ACTIVE in facts.others else DOWN
    own = {"monitored": _monitored(facts), "waits": facts.current}.get(facts.rule, ACTIVE)
    words = {own, _of_others(facts)}
    word = next((word for word in (MONITORING_UNAVAILABLE, facts.current) if word in words), ACTIVE)
    return MONITORING_UNAVAILABLE if facts.overdue and word in PENDING else word


def _monitored(facts: Facts) -> str:
    if not facts.monitoring or facts.operational in (None, UP):
        return ACTIVE
    return MONITORING_UNAVAILABLE if facts.operational in (FAIL, UNKNOWN) else facts.current


def _of_others(facts: Facts) -> str:
    """As good as the rows it stands on: all there is to gateways and pairs."""
    if all(status == ACTIVE for status in facts.others):
        return ACTIVE
    if any(status in BAD for status in facts.others):
        return MONITORING_UNAVAILABLE
    return facts.current


def reported(state: Mapping[str, Any], known: str, *, failed: bool) -> str | None:
    """The orchestration_state that a worker's report means, `known` being the one that stands; None if it says none.

    Where the report of an update ends with a create (its last job made a new monitor), it is still an update that
    ended.
    """
    if failed:
        given = str(state.get("orchestration_state") or "")
        verb = known.partition("_")[0] if known.endswith("_IN_PROGRESS") else "UPDATE"
        return given if given.endswith("_FAILED") else f"{verb}_FAILED"
    stated = state.get("orchestration_state")
    if isinstance(stated, str) and stated:
        return stated
    word = WORKER_STATES.get(str(state.get("worker_state")))
    if word == CREATE_COMPLETE and known.startswith("UPDATE_"):
        return UPDATE_COMPLETE
    return word


def observed(values: Mapping[str, Any], *, good: frozenset[str] = GOOD_WORDS) -> str | None:
    """UP or FAIL for the values of a monitoring report, nested under the target's name or flat; None when it has none.

    All words must be `good` ones. VRRP words are judged per virtual router (`primary_41` and `secondary_41` are one):
    exactly one MASTER and one BACKUP, whichever way round.
    """
    routers: dict[str, list[str]] = {}
    words: list[tuple[str, Any]] = [(name, value) for name, value in values.items() if name not in NOT_VALUES]
    if not words:
        return None
    while words:
        name, value = words.pop()
        if isinstance(value, Mapping):
            if not value:
                return FAIL
            words.extend(value.items())
        elif str(value).upper() in VRRP_WORDS:
            routers.setdefault(str(name).partition("_")[2], []).append(str(value).upper())
        elif value not in good:
            return FAIL
    pairs = all(sorted(members) == ["BACKUP", "MASTER"] for members in routers.values())
    return UP if pairs else FAIL


REASON_CHARACTERS = 4_000
"""How much of a reason is kept."""


def because(values: Mapping[str, Any], reasons: Mapping[str, Any]) -> str:
    """Why what is seen is not as it should be: the watcher's own sentences, else the words that are not good ones."""
    told = [str(reason) for reason in reasons.values() if reason]
    if not told and observed(values) == FAIL:
        told = [f"{name} is {word}" for name, word in _words(values) if word not in GOOD_WORDS]
    return "; ".join(told)[:REASON_CHARACTERS]


def _words(values: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Dotted names and what stands there."""
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        if name in NOT_VALUES and not above:
            continue
        if isinstance(value, Mapping) and value:
            found += _words(value, f"{above}{name}.")
        else:
            found.append((f"{above}{name}", "empty" if isinstance(value, Mapping) else str(value)))
    return found
