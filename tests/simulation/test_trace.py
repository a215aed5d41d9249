"""One request is followed round the ring: its trace holds every hop with the right resource versions, in both flows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from esi.bootstrap.services import load_services
from esi.model import keys
from esi.store.messages import SqliteMessages
from esi.testing import chain
from esi.testing.eyes import AGENT, near_eyes
from esi.testing.loop import run
from simulation.recorded import Recorded, ask, open_api

INTERFACE, GATEWAY = chain.interface(), chain.gateway()
PATH = f"/v2.0/vpn_interfaces/{INTERFACE.id}"
OF = {("vpn_interface", INTERFACE.id, 1), ("vpn_gateway", GATEWAY.id, 2)}
"""What one interface sets in motion: itself, and its gateway once more."""

ROUND = [
    ("http", "client", "gohan"),
    ("sql", "gohan", "sql"),
    ("etcd", "gohan", "etcd"),
    ("job", "job manager", "etcd"),
    ("job", "heat worker", "etcd"),
    ("stack", "heat worker", "stack engine"),
    ("device", "devices", chain.PRIMARY_IP),
    ("device", "devices", chain.SECONDARY_IP),
    ("etcd", "heat worker", "etcd"),
    ("monitoring", "agent", "etcd"),
    ("status", "gohan", "client"),
]
"""Both flows. How the agent is told is the flow's own:"""

TOLD = {
    "2017": [
        ("job", "monitoring worker", "etcd"),
        ("etcd", "monitoring worker", "etcd"),
        ("topic", "monitoring worker", "bus"),
        ("topic", "bus", "agent"),
    ],
    "2018": [("target", "heat worker", "agent")],
}


async def followed(world: Recorded, folder: Path) -> dict[str, Any]:
    """The chain, then the interface as a request of its own; what the API tells of it."""
    messages = SqliteMessages(":memory:", clock=world.clock, inline=True)
    api = open_api(world, messages)
    for wish in [*chain.prerequisites(), GATEWAY]:
        await world.ask(wish)
        await world.until_status(wish, "ACTIVE", None)  # type: ignore[arg-type]  # a service has no status
    assert (await ask(api, "PUT", PATH, INTERFACE.body))[0] == 201
    await world.until_status(INTERFACE, "ACTIVE")
    await world.until_status(GATEWAY, "ACTIVE")
    await world.until(lambda: world.kv.get(keys.monitoring_key(PATH)))
    await messages.take(world.kept(folder))
    status, document = await ask(api, "GET", f"/esi/trace/vpn_interface/{INTERFACE.id}")
    await messages.close()
    assert status == 200, document
    trace: dict[str, Any] = document["trace"]
    return trace


@pytest.mark.parametrize("flow", ["2017", "2018"])
def test_a_request_is_followed_through_every_hop(flow: str, tmp_path: Path) -> None:
    found: list[dict[str, Any]] = []

    async def work() -> None:
        world = Recorded(load_services(flow), eyes=near_eyes, agent=AGENT)

        async def scenario() -> None:
            found.append(await followed(world, tmp_path))

        await world.run(scenario())

    run(work())
    (trace,) = found
    messages = trace["messages"]
    hops = {(item["hop"], item["from"], item["to"]) for item in messages}
    assert set(ROUND) | set(TOLD[flow]) <= hops
    refs = {(ref["schema"], ref["id"], ref["version"]) for item in messages for ref in item["refs"]}
    assert refs == OF
    assert [item["at"] for item in messages] == sorted(item["at"] for item in messages)
    assert (messages[0]["hop"], messages[0]["from"]) == ("http", "client")
    assert trace["parties"][:2] == ["client", "gohan"]
    assert (trace["method"], trace["complete"], trace["dropped"]) == ("create", True, 0)
    made = {(row["schema"], row["version"]): row for row in trace["changes"] if row["action"] in ("create", "update")}
    assert made["vpn_interface", 1]["cause"] is None
    assert made["vpn_gateway", 2]["cause"] == {"schema": "vpn_interface", "id": INTERFACE.id, "version": 1}
    assert made["vpn_gateway", 2]["request_id"] == trace["request_id"]
    words = [
        item["body"]["status"] for item in messages if item["hop"] == "status" and item["refs"][0]["id"] == trace["id"]
    ]
    assert (words[0], words[-1]) == ("PENDING_CREATE", "ACTIVE")
    diffs = [item["body"]["diff"] for item in messages if item["hop"] == "device" and item["body"].get("diff")]
    assert any("192.168.8.2/30" in diff for diff in diffs)
    assert any("192.168.8.6/30" in diff for diff in diffs)
