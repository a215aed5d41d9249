"""Why a status is what it is, in sentences: a pure function of the facts that `GET /esi/why/<schema>/<id>` tells.

In order: the word and what it means, the reason, which version is wanted and how far the workers are, what the status
stands on or who looks, what happened last, and what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from esi.model.status import (
    ACTIVE,
    BAD,
    DOWN,
    ERROR,
    MEANS,
    MONITORING_UNAVAILABLE,
    NO_STATE,
    PENDING,
    PENDING_DELETE,
    UNKNOWN,
)

Facts = Mapping[str, Any]


def sentences(facts: Facts) -> list[str]:
    """One paragraph each."""
    told = [_word(facts), _reason(facts), _versions(facts), _waits(facts), *_rule(facts), _last(facts), _next(facts)]
    return [sentence for sentence in told if sentence]


def _word(facts: Facts) -> str:
    name = f"{facts['schema']} {_called(facts)}"
    status = facts.get("status")
    if status is None:
        return f"{name} is there. It has no status."
    meaning = MEANS.get(str(status), "a word that is not esi's")
    return f"{name} is {status}: {meaning.partition(';')[0]}."


def _reason(facts: Facts) -> str:
    reason = facts.get("status_reason")
    return f"The reason: {reason}." if reason else ""


def _versions(facts: Facts) -> str:
    wanted, known, asked = facts["wanted"], facts["known"], facts.get("asked")
    text = f"Version {wanted} is wanted"
    if asked:
        request = f" in request {asked['request_id']}" if asked["request_id"] else " by esi itself"
        text += f", by {asked['action']}{request}, {_ago(facts, asked['at'])}"
    if not facts["versioned"]:
        return f"{text}. No worker has to do anything for it."
    if known == wanted:
        outcome = facts.get("orchestration_state") or ("failed" if facts["failed"] else "done")
        return f"{text}; that is the version that was answered to: {outcome}."
    before = f"the last answer was to version {known}" if known else "nobody has answered yet"
    return f"{text}; {before}."


def _waits(facts: Facts) -> str:
    if facts.get("status") not in PENDING:
        return ""
    told = [f"Where it has got to: {facts['waits_for']}."] if facts.get("waits_for") else []
    if facts.get("due"):
        told.append(f"If nothing comes, it will be given up {_ago(facts, facts['due'])}.")
    return " ".join(told)


VERBS = {
    "mirror": "It shows the status of what stands in",
    "pair": "Once it is done, it is as good as what stands in",
    "waits": "It is done when it is taken into use, and waits for what stands in",
    "connected": "It is ACTIVE while one is that names it in",
}


def _rule(facts: Facts) -> list[str]:
    """Where the word comes from."""
    rule = facts["rule"]
    if facts.get("status") is None:
        return []
    if rule == "none":
        return ["Nobody derives its status: it is what was written into it."]
    if rule == "default":
        return ["Its status says what the workers have done; nobody looks at it."]
    if rule == "idle":
        return ["It is there, and nobody uses it."]
    if rule == "monitored":
        return [_looked(facts)]
    others = facts["stands_on"]
    names = ", ".join(f"{other['schema']} {_called(other)} ({other['status']})" for other in others)
    relations = " and ".join(facts["of"])
    told = [f"{VERBS.get(rule, VERBS['pair'])} {relations}: {names or 'nothing that is there'}."]
    for other in others:
        if other["status"] in BAD and other["reason"]:
            told.append(f"{other['schema']} {_called(other)}: {other['reason']}.")
    return told


def _looked(facts: Facts) -> str:
    if not facts["watched"]:
        return "Nobody watches in this ring (ring.monitoring is none): ACTIVE means configured, not seen working."
    if facts.get("seen") is None:
        values = _values(facts["values"])
        return f"What was seen: {values}." if values else "Nobody has told yet what is seen of it."
    values = _values(facts["values"])
    what = f" and saw {values}" if values else ""
    age = facts["now"] - facts["seen"]
    old = ", which is too old to count" if age > facts["age_seconds"] else ""
    return f"The collector agent looked {_ago(facts, facts['seen'])}{what}{old}."


def _values(values: Mapping[str, Any], above: str = "") -> str:
    found = []
    for name, value in sorted(values.items()):
        inner = _values(value, f"{above}{name}.") if isinstance(value, Mapping) else f"{above}{name} {value}"
        found.append(inner or f"{above}{name} empty")
    return ", ".join(found)


def _last(facts: Facts) -> str:
    last = facts.get("last")
    if not last:
        return ""
    what = f"{last['action']}: {last['detail']}" if last["detail"] else last["action"]
    return f"Since {_at(last['at'])} nothing has changed; the last was {what}."


def _next(facts: Facts) -> str:
    """What to do."""
    status, name = facts.get("status"), f"{facts['schema']} {facts['id']}"
    verb, gohan = ("delete" if facts["deleting"] else "set --retry"), f"gohan client {facts['schema']}"
    if status in (ACTIVE, None) or (status == NO_STATE and facts["rule"] == "none"):
        return "Nothing has to be done."
    if status == ERROR:
        text = f"Mend what the reason names, then try again: `{gohan} {verb} {facts['id']}`."
        gone = f"an administrator drops the record: `{gohan} delete --force {facts['id']}`"
        return f"{text} If the device is gone for good, {gone}." if facts["deleting"] else f"{text} Or delete it."
    if status == MONITORING_UNAVAILABLE:
        return _mend(facts)
    if status == PENDING_DELETE:
        return f"Wait; it is gone when the workers have taken it down: `{gohan} delete --wait {facts['id']}` follows."
    if status in PENDING:
        return f"Wait; `esi why {name}` says how far it is. If it takes long, see whether all rooms run."
    if status == DOWN:
        return "Whoever took it out of use puts it back into use."
    return "Set it again, so that a word is decided upon."


def _mend(facts: Facts) -> str:
    if facts.get("operational_state") == UNKNOWN:
        return "See whether an agent runs and reaches the device; it becomes ACTIVE by itself when it is seen working."
    bad = [other for other in facts["stands_on"] if other["status"] != ACTIVE]
    if bad:
        asked = ", ".join(f"`esi why {other['schema']} {other['id']}`" for other in bad)
        return f"Ask of what it stands on: {asked}. It becomes ACTIVE by itself when they are."
    return (
        "Mend what the reason names, on the router or at its other side; it becomes ACTIVE by itself when seen working."
    )


def _called(about: Facts) -> str:
    return f"{about['name']!r} ({about['id']})" if about.get("name") else str(about["id"])


def _at(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _ago(facts: Facts, at: float) -> str:
    """A time, and how far it is from now."""
    seconds = facts["now"] - at
    size, unit = next(((size, unit) for size, unit in _UNITS if abs(seconds) >= 2 * size), (1, "s"))
    text = f"{abs(seconds) / size:.0f} {unit}"
    return f"at {_at(at)} ({text} ago)" if seconds >= 0 else f"at {_at(at)} (in {text})"


_UNITS = ((86_400, "days"), (3_600, "hours"), (60, "min"))
