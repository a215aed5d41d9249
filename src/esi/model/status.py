"""Truth about status: one pure function from what is wanted, done and seen to the word that a user reads.

Words of `status`:

    NO_STATE                 nothing has been decided yet
    PENDING_CREATE           wanted, not yet done or not yet seen working
    PENDING_UPDATE           changed, the change is not yet done
    PENDING_DELETE           on its way out
    ACTIVE                   done, and as far as anybody looks: working
    DOWN                     there, but not in use
    MONITORING_UNAVAILABLE   done, but not seen working
    ERROR                    could not be done; the reason stands in status_reason

A pending word is set when a change is accepted and left only through this function. A rule that cannot say anything new
keeps the word that stands.
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

BAD = frozenset({MONITORING_UNAVAILABLE, ERROR, DOWN})
GOOD_WORDS = frozenset({"UP", "ACTIVE", "ESTABLISHED"})
VRRP_WORDS = frozenset({"MASTER", "BACKUP"})

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
    `monitoring`: whether anybody looks at all.
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
    if facts.rule == "monitored":
        return _monitored(facts)
    return _of_others(facts)


def _monitored(facts: Facts) -> str:
    if not facts.monitoring or facts.operational in (None, UP):
        return ACTIVE
    return MONITORING_UNAVAILABLE if facts.operational == FAIL else facts.current


def _of_others(facts: Facts) -> str:
    """Gateways and pairs: as good as the rows they stand on."""
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
    if word == CREATE_COMPLETE and known == UPDATE_IN_PROGRESS:
        return UPDATE_COMPLETE
    return word


def observed(values: Mapping[str, Any]) -> str | None:
    """UP or FAIL for the values of a monitoring report, nested under the target's name or flat; None when it has none.

    All words must be good ones. VRRP words are judged per virtual router (`primary_41` and `secondary_41` are one):
    exactly one MASTER and one BACKUP, whichever way round.
    """
    routers: dict[str, list[str]] = {}
    words: list[tuple[str, Any]] = [(name, value) for name, value in values.items() if name != "version"]
    if not words:
        return None
    while words:
        name, value = words.pop()
        if isinstance(value, Mapping):
            if not value:
                return FAIL
            words.extend(value.items())
        elif value in VRRP_WORDS:
            routers.setdefault(str(name).partition("_")[2], []).append(str(value))
        elif value not in GOOD_WORDS:
            return FAIL
    pairs = all(sorted(members) == ["BACKUP", "MASTER"] for members in routers.values())
    return UP if pairs else FAIL
