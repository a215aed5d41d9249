"""A monitoring template and its values become monitors and mappings (flow of 2017). Pure.

    primary:                       monitor name: its key in state_monitoring and under /monitoring
      type: bgp_session            one of KINDS
      timeout: 120                 seconds for the first status; 300 without it
      time_between_retries: 5      seconds between two looks, instead of our own pace
      wanted_status: backup        what a VRRP session must be; master without it
      host: "{{ primary_ip }}"     the rest is forwarded
    db_mappings:
      - relation: primary
        mapped_id: "{{ primary_ip }}-{{ port }}"
        resource_type, resource_id   instead of the job's own resource

The text is read as YAML with places for the values, and the values are put in afterwards: whatever they hold, they stay
one value, or one part of one. A place that is all of a value keeps its type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from esi.errors import TemplateError
from esi.model.job import DELETE, Job
from esi.model.resource import Body, Ref
from esi.render.jinja import PLACE, render_places
from esi.stacks.template import parse_yaml

TIMEOUT_SECONDS = 300.0
MAPPINGS = "db_mappings"
MOST_MAPPINGS = 50
NOT_FORWARDED = frozenset({"type", "timeout", "time_between_retries", "wanted_status", "kafka_topic"})
UP, ESTABLISHED, ACTIVE = "UP", "ESTABLISHED", "ACTIVE"
ETCD_READER, KAFKA_MESSENGER, VRRP_SESSION = "etcd_reader", "kafka_messenger", "vrrp_session"


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of monitor: where its messages go ("": nowhere), what it needs, the word a probe must see."""

    topic: str
    needs: tuple[str, ...]
    wanted: str = UP


_SESSION = ("host", "port", "login", "password")
_PORT = ("device_ip", "community_name", "name")

KINDS: Mapping[str, Kind] = {
    "bgp_session": Kind("monitor_vpn_interface", (*_SESSION, "instance", "peer_address"), ESTABLISHED),
    VRRP_SESSION: Kind("monitor_igs_interface", (*_SESSION, "interface", "vrid"), "MASTER"),
    "physical_port": Kind("monitor_physical_port", _PORT),
    "logical_port": Kind("monitor_logical_port", _PORT),
    "switch": Kind("monitor_snmp_device", ("ip", "community_name")),
    "router": Kind("monitor_snmp_device", ("ip", "community_name")),
    "virtual_machine_interface": Kind("monitor_virtual_machine_interface", ("fq_name",)),
    ETCD_READER: Kind("", ("etcd_type", "etcd_id")),
    KAFKA_MESSENGER: Kind("", ("kafka_topic",)),
}


@dataclass(frozen=True, slots=True)
class Monitor:
    """One thing to watch. `topic` "" means no message; `wanted` is the probe's word, `found` what is then told.

    `asked` False: nobody waits for a first status. `pause`: seconds between two looks, None for our own pace.
    """

    name: str
    type: str
    topic: str
    properties: Body = field(repr=False)
    wanted: str = UP
    found: str = ACTIVE
    asked: bool = True
    timeout: float = TIMEOUT_SECONDS
    pause: float | None = None

    @property
    def device(self) -> str:
        """The management address that the properties name."""
        names = ("host", "device_ip", "ip", "primary_server_ip", "etcd_id")
        return next((str(self.properties[name]) for name in names if self.properties.get(name)), "no device")


@dataclass(frozen=True, slots=True)
class MappingWish:
    """What shall stand for a resource outside."""

    ref: Ref
    relation: str
    mapped_id: str


@dataclass(frozen=True, slots=True)
class Watch:
    """What a monitoring template comes to for one job, in its order."""

    monitors: Sequence[Monitor]
    mappings: Sequence[MappingWish]


def read_watch(source: str, values: Mapping[str, Any], job: Job) -> Watch:
    """Raises TemplateError with the place. For a delete nothing needs to be complete."""
    placed = render_places(source, values)
    raw = _filled(_parsed(placed.text), placed.values)
    if not isinstance(raw, dict):
        raise TemplateError("template_file", "must be a mapping of monitors")
    strict = job.action != DELETE
    wishes = raw.pop(MAPPINGS, None) or []
    monitors = [_monitor(name, item, strict=strict) for name, item in raw.items()]
    return Watch(monitors, _wishes(wishes, job) if strict else ())


@lru_cache(maxsize=256)
def _parsed(text: str) -> Any:
    """The same for every resource of a template: only places stand in the text."""
    return parse_yaml(text)


def _filled(tree: Any, values: Sequence[Any]) -> Any:
    if isinstance(tree, dict):
        return {_text(str(name), values): _filled(item, values) for name, item in tree.items()}
    if isinstance(tree, list):
        return [_filled(item, values) for item in tree]
    if not isinstance(tree, str):
        return tree
    whole = PLACE.fullmatch(tree)
    return _at(values, whole.group(1)) if whole else _text(tree, values)


def _text(text: str, values: Sequence[Any]) -> str:
    return PLACE.sub(lambda place: _word(_at(values, place.group(1))), text)


def _at(values: Sequence[Any], number: str) -> Any:
    if int(number) >= len(values):
        raise TemplateError("template_file", "holds a mark that no value belongs to")
    return values[int(number)]


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        raise TemplateError("template_file", f"a {type(value).__name__} cannot stand inside a text")
    return str(value)


def _monitor(name: str, raw: Any, *, strict: bool) -> Monitor:
    if not isinstance(raw, dict):
        raise TemplateError(name, "must be a mapping of properties")
    kind = KINDS.get(str(raw.get("type")))
    if kind is None:
        raise TemplateError(f"{name}.type", f"{raw.get('type')!r} is no monitor; known: {', '.join(sorted(KINDS))}")
    missing = [need for need in kind.needs if raw.get(need) in (None, "")]
    if missing and strict:
        raise TemplateError(name, f"needs {', '.join(missing)}")
    wanted = kind.wanted
    if raw["type"] == VRRP_SESSION:
        wanted = str(raw.get("wanted_status") or wanted).upper()
    return Monitor(
        name=name,
        type=raw["type"],
        topic=str(raw.get("kafka_topic") or "") if raw["type"] == KAFKA_MESSENGER else kind.topic,
        properties={name: value for name, value in raw.items() if name not in NOT_FORWARDED},
        wanted=wanted,
        found={ESTABLISHED: ESTABLISHED, UP: ACTIVE}.get(wanted, wanted.lower()),
        asked=raw["type"] != KAFKA_MESSENGER,
        timeout=_seconds(raw, "timeout", name) or TIMEOUT_SECONDS,
        pause=_seconds(raw, "time_between_retries", name),
    )


def _seconds(raw: Mapping[str, Any], key: str, name: str) -> float | None:
    if raw.get(key) is None:
        return None
    try:
        seconds = float(raw[key])
    except (TypeError, ValueError) as error:
        raise TemplateError(f"{name}.{key}", "is no number of seconds") from error
    if not 0.0 < seconds <= 86_400.0:
        raise TemplateError(f"{name}.{key}", "must be more than 0 and at most a day")
    return seconds


def _wishes(raw: Any, job: Job) -> list[MappingWish]:
    if not isinstance(raw, list) or len(raw) > MOST_MAPPINGS:
        raise TemplateError(MAPPINGS, f"must be a list of at most {MOST_MAPPINGS}")
    wishes = []
    for place, item in enumerate(raw):
        if not isinstance(item, dict) or not item.get("mapped_id") or not item.get("relation"):
            raise TemplateError(f"{MAPPINGS}[{place}]", "needs mapped_id and relation")
        ref = Ref(str(item.get("resource_type") or job.resource_type), str(item.get("resource_id") or job.resource_id))
        wishes.append(MappingWish(ref, str(item["relation"]), str(item["mapped_id"])))
    return list(dict.fromkeys(wishes))
