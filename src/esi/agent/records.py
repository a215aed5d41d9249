"""A target's shapes: the request over REST, the record in etcd, the answer. Secrets leave in none of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from esi.errors import Broken, Invalid
from esi.model.codec import dumps, loads_object
from esi.model.target import Target

PREFIX = "/v2.0"
"""What stands before the plural in the path of every resource that is watched."""

MASK = "***"
SECRETS = frozenset({"password", "community_name"})
"""Shown masked, as recorded."""

Door = Literal["rest", "topic"]

TEXTS = ("tenant_id", "resource_id", "resource_type", "field_name", "type")
LONGEST_TEXT = 300
LONGEST_RECORD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """A target as it stands in etcd. `names`: value key → its name under /monitoring."""

    target: Target
    door: Door
    names: Mapping[str, str]

    @property
    def path(self) -> str:
        """The API path of the resource that it watches: agents share the work by it."""
        return f"{PREFIX}/{self.target.resource_type}/{self.target.resource_id}"


def parse_request(body: Any, types: frozenset[str]) -> Target:
    """What somebody wants watched, without id and time. Invalid lists everything that is wrong; `types` are known."""
    if not isinstance(body, Mapping):
        raise Invalid("a target is a JSON object")
    faults = _faults(body, types) or _syncer_faults(body.get("syncer_properties", {}))
    if not faults and len(dumps(dict(body))) > LONGEST_RECORD:
        faults = [("", f"is larger than {LONGEST_RECORD} bytes")]
    if faults:
        raise Invalid("the target cannot be watched", faults)
    given = {name: body[name] for name in (*TEXTS, "version")}
    return Target(
        id="", properties=body.get("properties", {}), syncer_properties=body.get("syncer_properties", {}), **given
    )


def _faults(body: Mapping[str, Any], types: frozenset[str]) -> list[tuple[str, str]]:
    wrong = f"must be a text of 1 to {LONGEST_TEXT} characters without slashes or spaces"
    faults = [(name, wrong) for name in TEXTS if not _plain(body.get(name))]
    version = body.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        faults.append(("version", "must be the resource's version, an integer"))
    for name in ("properties", "syncer_properties"):
        if not isinstance(body.get(name, {}), Mapping):
            faults.append((name, "must be an object"))
    if not faults and body["type"] not in types:
        faults.append(("type", f"nobody can look at it; known are {', '.join(sorted(types))}"))
    return faults


def _plain(value: Any) -> bool:
    return (
        isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT and value.isprintable() and not set(value) & set("/ ")
    )


def _syncer_faults(syncers: Mapping[str, Any]) -> list[tuple[str, str]]:
    faults = []
    for syncer in ("etcd", "tsdb"):
        place = f"syncer_properties.{syncer}"
        entries = syncers.get(syncer, {})
        if not isinstance(entries, Mapping):
            faults.append((place, "must be an object"))
            continue
        for key, entry in entries.items():
            wanted = {"etcd": "key", "tsdb": "metric"}[syncer]
            if key != "hold_options" and not (isinstance(entry, Mapping) and _plain(entry.get(wanted))):
                faults.append((f"{place}.{key}", f"must be an object with {wanted}"))
    hold = syncers.get("etcd", {}).get("hold_options") if not faults else None
    if hold is not None and not (isinstance(hold, Mapping) and isinstance(hold.get("time_seconds"), int | float)):
        faults.append(("syncer_properties.etcd.hold_options", "must be an object with time_seconds"))
    return faults


def names_of(target: Target) -> dict[str, str]:
    """Value key → its name under /monitoring."""
    entries = target.syncer_properties.get("etcd", {})
    return {key: str(entry["key"]) for key, entry in entries.items() if key != "hold_options"}


def encode(target: Target, door: Door) -> bytes:
    return dumps({**asdict(target), "door": door})


def decode(value: bytes, key: str = "target") -> Kept:
    raw = loads_object(value, key)
    door = raw.pop("door", "rest")
    try:
        target = Target(**raw)
        return Kept(target, door, names_of(target))
    except (TypeError, KeyError, AttributeError) as error:
        raise Broken(f"{key} is not a target: {error}") from error


def named(target: Target, id: str, now: float) -> Target:
    return replace(target, id=id, created_at=now)


def answer(target: Target, url: str) -> dict[str, Any]:
    """As the agent answers it; `url` is the agent's own address."""
    shown = asdict(target)
    shown["created_at"] = when(target.created_at)
    return {**_masked(shown), "monitorer": url, "link": f"{url}/targets/{target.id}"}


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: MASK if name in SECRETS and item else _masked(item) for name, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list) else value


def when(at: float) -> str:
    """RFC 3339, whole seconds, as recorded."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
