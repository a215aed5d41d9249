"""The recorded chain of one flow, played: each chapter's requests are posted, then all that it shows is looked at.

Ids are our own: they are paired with the recorded ones by role, the n-th request of a kind with the n-th resource of
that kind which the chapter shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from esi.bootstrap.services import load_services
from esi.errors import NotFound
from esi.render.junos.secret9 import decode
from esi.render.junos.text import parse
from esi.testing.compare import ABSENT, Ids, align
from esi.testing.eyes import near_eyes
from esi.testing.facts import Facts, tree_of
from esi.testing.loop import run
from esi.testing.replay import Ring, on_ring
from recorded.cases import case

TENANT = {
    "old": "0b576f6f4cbf414f829cd12f008bf08f",
    "new": "b3e3095c0a5b4383805efe9cf2a6b5ef",
    "network": "ae69b52f46ba480bb9636f62736436f4",
}
FLOW = {"old": "2017", "new": "2018", "network": "2018"}
STEPS = {"old": "vpn_chain/steps_old", "new": "vpn_chain/steps_new", "network": "logical_network/steps"}
AGENT = "http://collector-agents-se.monitoringrefactordocker_default:7070"
AGENT_OF_NETWORKS = "http://collector-agents-se:7070"


MADE: dict[str, Callable[[Any], Any]] = {
    "port": lambda port: (port["device_owner"], [item["ip_address"] for item in port["fixed_ips"]]),
    "ese_logical_port": lambda port: port["name"],
}
"""What is made by the system, and how one is known among its kind."""


@dataclass
class Played:
    """A flow as it went, after each chapter: `shown` is what our side shows, in the form of the record, and `running`
    the configuration of each router by address, its stored secrets in clear as "<$9$ of …>".
    """

    ids: Ids
    facts: Facts
    shown: list[list[Any]] = field(default_factory=list)
    running: list[dict[str, Any]] = field(default_factory=list)


def play(flow: str) -> Played:
    """Play the chain of the "old" or "new" flow, or the logical network of the new one, on a ring of its own."""
    played = Played(Ids(), Facts())
    played.ids.learn(TENANT[flow], "5c1e5c1e5c1e45c1a5c1e5c1e5c1e5c1")

    async def scene(ring: Ring) -> None:
        played.facts = ring.facts
        for chapter in case(STEPS[flow]):
            await _chapter(ring, played, chapter)

    services = load_services(FLOW[flow], recorded_quirks=True)
    agent = AGENT_OF_NETWORKS if flow == "network" else AGENT
    run(on_ring(services, scene, recorded_quirks=True, eyes=near_eyes, agent=agent))
    return played


async def _chapter(ring: Ring, played: Played, chapter: Any) -> None:
    shown: dict[str, list[Any]] = {kind: [] for kind in (_kind(request) for request in chapter["requests"])}
    for entry in chapter["shown"]:
        if entry["verb"] == "show" and entry["resource"] in shown:
            shown[entry["resource"]].append(entry["body"][entry["resource"]])
    for request in chapter["requests"]:
        kind = _kind(request)
        recorded = shown[kind].pop(0)
        body = {name: recorded[name] if value == "***" else value for name, value in request["body"][kind].items()}
        answer = await ring.post(request["path"], {kind: played.ids.translated(body)})
        played.ids.learn(recorded["id"], answer["id"])
        await ring.rest()
    for entry in chapter["shown"]:
        if entry["verb"] == "show" and entry["resource"] in MADE and entry["resource"] not in shown:
            await _learn_made(ring, played, entry["resource"], entry["body"][entry["resource"]])
    played.shown.append([await _look(ring, played, entry) for entry in chapter["shown"]])
    played.running.append({ip: _printed(text) for ip, text in ring.running().items()})


async def _learn_made(ring: Ring, played: Played, kind: str, recorded: Any) -> None:
    """What a request has made beside its own resource is known by what it is for, not by its id."""
    for ours in await ring.list(kind):
        if MADE[kind](ours) == MADE[kind](recorded):
            played.ids.learn(recorded["id"], ours["id"])


def _printed(text: str) -> Any:
    clear = re.sub(r'\$9\$[^";\s]+', lambda found: f"<$9$ of {decode(found.group())}>", text)
    return tree_of(parse(clear))


def _kind(request: Any) -> str:
    ((kind, _),) = request["body"].items()
    return str(kind)


def mappings_like(ids: Ids, recorded: list[Any], ours: list[Any]) -> list[Any]:
    """Our rows in the order of the record, with the record's times where ours stand in the same relation to each other:
    what was at the same second is, and nothing comes before what came before it.
    """
    names = ("resource_type", "resource_id", "relation", "mapped_id")

    def same(one: Any, other: Any) -> bool:
        if (one["deleted"] is None) != (other["deleted"] is None):
            return False
        return all(ids.translated(one[name]) == other[name] for name in names)

    found = align(recorded, ours, same).ours + [row for row in ours if not any(same(one, row) for one in recorded)]
    times: dict[float, float] = {}
    for one, other in zip(recorded, found, strict=False):
        if other is not ABSENT:
            times |= {one[name]: times.get(one[name], other[name]) for name in ("created", "deleted") if one[name]}
    in_order = [times[time] for time in sorted(times)] == sorted(times.values())
    back = [
        {
            **other,
            **{name: one[name] for name in ("created", "deleted") if in_order and times.get(one[name]) == other[name]},
        }
        if other is not ABSENT
        else other
        for one, other in zip(recorded, found, strict=False)
    ]
    return back + found[len(recorded) :]


async def _look(ring: Ring, played: Played, entry: Any) -> Any:
    """What our side shows of the same resource, or the same list, in the order of the record."""
    kind = entry["resource"]
    if entry["verb"] != "show":
        ((plural, recorded),) = entry["body"].items()
        types = {row["resource_type"] for row in recorded}
        rows: Any = [row for row in await ring.list(kind) if row.get("resource_type") in types]
        ours = mappings_like(played.ids, recorded, rows) if kind == "resource_mapping" else rows
        return {"resource": kind, "verb": entry["verb"], "body": {plural: ours}}
    try:
        body = await ring.show(kind, played.ids.translate(entry["body"][kind]["id"]))
    except NotFound:
        body = {}
    return {"resource": kind, "verb": "show", "body": {kind: body}}
