"""What was asked of Nova, and what Nova asked, in the record: our resource type against the lab's Nova, in that order.

The seed names each request with its body; the log has two runs with their looks. How often is looked, and when, is ours
(the record slept for minutes); the events to Nova are compared where they are made, in tests/conformance.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from conformance.compute_desk import Desk, compute_desk
from esi.lab.glance import APPLIANCE_IMAGE
from esi.stacks import Props
from esi.stacks.resources.instance import Instance
from esi.testing.compare import Comparison, Ids
from recorded.cases import case

pytestmark = [pytest.mark.recorded, pytest.mark.usefixtures("cases")]

CALLS = "load_balancer/nova_calls"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
ID = re.compile(rf"<[^>]+>|{UUID}")
NEW = "0d0e0f00-0000-4000-8000-00000000000d"


def documented(sender: str) -> list[dict[str, Any]]:
    """The requests of one side, in their order, with paths below the tenant's."""
    calls = [call for call in case(CALLS)["documented_in_seed"] if call["from"] == sender]
    paths = [re.sub("^/v2/[0-9a-f]{32}", "", call["path"]) for call in calls]
    return [
        {"method": call["method"], "path": path, "body": call["body"]} for call, path in zip(calls, paths, strict=True)
    ]


def observed(name: str) -> list[str]:
    """What the log of one run shows that heat has changed."""
    rows = case(CALLS)[name]
    return [
        f"{method} /{ID.sub('<id>', path)}" for _, who, method, path, _ in rows if who == "heat" and method != "GET"
    ]


def asked(desk: Desk) -> list[dict[str, Any]]:
    found = []
    for message in desk.recorder.messages:
        method, _, path = message.subject.partition(" ")
        if message.receiver == "nova" and method != "GET":
            found.append({"method": method, "path": path, "body": message.body.get("request")})
    return found


def short(calls: list[dict[str, Any]]) -> list[str]:
    return [f"{call['method']} {ID.sub('<id>', call['path'])}" for call in calls]


def props(name: str, ports: list[str]) -> Props:
    networks = [{"port": port} for port in ports]
    given = {"name": name, "flavor": "m1.xlarge", "image": APPLIANCE_IMAGE, "networks": networks}
    return {**given, "availability_zone": "nova", "reboot": ""}


async def test_nova_is_asked_and_asks_as_recorded(report: Callable[[str], None]) -> None:
    by_heat, by_nova = documented("heat"), documented("nova")
    name = by_heat[0]["body"]["server"]["name"]
    ports = [re.findall(UUID, call["path"])[0] for call in by_nova]
    async with compute_desk(ports=[*ports, NEW]) as desk:
        desk.ports.kept.discard(ports[1])  # the port of the slot that changes is really deleted
        live = await Instance(desk.clouds, desk.clock, first_look=0.005).create(desk.context(), props(name, ports))
        made, told = asked(desk), [call for call in desk.ports.log if call.startswith("PUT")]
        ours = [{"method": "PUT", "path": f"/v2.0/{call[4:]}.json", "body": _of(desk, call)} for call in told]
        desk.recorder.messages.clear()
        await Instance(desk.clouds, desk.clock, first_look=0.005).update(
            desk.context("op2"), live, props(name, [ports[0], NEW, ports[2]])
        )
        changed = asked(desk)
    comparison = Comparison(Ids())
    for port in ports:  # the same here as there: one cannot stand for another
        comparison.ids.learn(port, port)
    comparison.ids.learn(re.findall(UUID, by_heat[1]["path"])[0], live.physical_id)
    tally = comparison.compare([by_heat, by_nova], [made, ours], CALLS)
    assert tally.differences == [], tally.not_recorded
    report(f"recorded {CALLS:42} {tally.line()}")
    assert short(made) == observed("observed_create")
    assert short(changed) == observed("observed_update_interface")
    report(
        f"recorded {CALLS + ' observed':42} {len(made) + len(changed)} changes compared, in their order; looks are ours"
    )


def _of(desk: Desk, call: str) -> dict[str, Any]:
    """What Nova has put into a port, as the port holds it."""
    row = desk.ports.rows[call.rpartition("/")[2]]
    return {"port": {name: row[name] for name in ("device_owner", "device_id")}}
