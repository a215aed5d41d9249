"""The ring of 2017 with its topics in a real Kafka: an interface ACTIVE, its messages seen by an outside reader, and a
broker that is killed and started again in between; and `esi topic` on both kinds of bus.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import pytest

from conformance.test_kafka import read_by
from e2e.processes import ENVIRONMENT, PATIENCE_SECONDS, esi, make_chain
from esi.agent.topics import GROUP, TYPES
from esi.bus import Bus
from esi.bus.kafka import KafkaBus
from esi.bus.kafka.access import Access, Shape
from esi.bus.kv import KvBus
from esi.client.resources import Client
from esi.clock import SystemClock, pauses
from esi.testing import chain
from esi.testing.etcd import running_etcd
from esi.testing.kafka import PASSWORD, USER, Broker

pytestmark = pytest.mark.real

CLOCK = SystemClock()
INTERFACE, GATEWAY = chain.interface(), chain.gateway()


def settings(kafka: Broker) -> tuple[str, ...]:
    return (
        *("--set", "bus.kind=kafka", "--set", f"bus.servers={kafka.servers}"),
        *("--set", "bus.replication=1", "--set", "bus.partitions=2"),
    )


def secure_settings(kafka: Broker) -> tuple[str, ...]:
    return (
        *("--set", "bus.kind=kafka", "--set", f"bus.servers={kafka.secure}", "--set", "bus.replication=1"),
        *(
            "--set",
            f"bus.user={USER}",
            "--set",
            f"bus.password={PASSWORD.reveal()}",
            "--set",
            f"bus.ca_file={kafka.ca}",
        ),
    )


async def printed(*arguments: str, code: int = 0) -> str:
    """What `esi topic …` prints; its words where it ends with another code."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "esi", "topic", *arguments),
        stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=ENVIRONMENT,
    )  # fmt: skip
    out, errors = await process.communicate()
    assert process.returncode == code, errors.decode()
    return (errors if code else out).decode()


async def told(*arguments: str) -> Any:
    return json.loads(await printed(*arguments, "--json"))


async def until_all_is_read(kafka: Broker) -> dict[str, dict[str, Any]]:
    """The topics of monitors, once the agent has finished what they hold."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for pause in pauses(0.1, 1.0):
            topics = {one["topic"]: one for one in (await told("list", *settings(kafka)))["topics"]}
            ours = {name: one for name, one in topics.items() if name in TYPES}
            lags = [one["groups"].get(GROUP) for one in ours.values() if one["messages"]]
            if lags and set(lags) == {0}:
                return ours
            await CLOCK.sleep(pause)
    raise AssertionError


async def test_an_interface_is_watched_over_kafka_and_a_killed_broker_costs_nothing(
    kafka: Broker, require: Callable[[str], Path], tmp_path: Path
) -> None:
    require("etcd")
    kcat = require("kcat")
    async with AsyncExitStack() as stack:
        start = stack.enter_async_context
        _, facts = await start(esi("etcd", "--folder", str(tmp_path)))
        await start(esi("lab", "--folder", str(tmp_path)))
        ways = ("--folder", str(tmp_path), "--etcd", facts["etcd"], "--flow", "2017")
        _, facts = await start(esi("agent", *ways, *settings(kafka), "--agent-port", "0"))
        await start(esi("worker", *ways, *settings(kafka), "--agent-url", facts["agent"]))
        _, facts = await start(esi("api", *ways, "--port", "0"))
        client = await start(Client(facts["api"], clock=CLOCK))
        await make_chain(client, [*chain.prerequisites(), GATEWAY])
        kafka.kill()
        try:
            await client.put(INTERFACE.schema, INTERFACE.id, INTERFACE.body)
        finally:
            kafka.begin()
            await asyncio.to_thread(kafka.until_ready)
        body = await client.wait(INTERFACE.schema, INTERFACE.id, at_most=PATIENCE_SECONDS)
        assert body["status"] == "ACTIVE"
        await until_all_is_read(kafka)
        await check_messages(kcat, kafka, "create", int(body.get("version", 1)))
        await client.delete(INTERFACE.schema, INTERFACE.id)
        await client.wait_gone(INTERFACE.schema, INTERFACE.id, at_most=PATIENCE_SECONDS)
        await until_all_is_read(kafka)
        assert not (await told("rejected", *settings(kafka), *TYPES))["rejected"]


async def check_messages(kcat: Path, kafka: Broker, action: str, version: int) -> None:
    """Topics, keys and bodies as recorded, one per monitor; a job that was done again may have sent one twice."""
    found = await asyncio.to_thread(read_by, kcat, kafka, "monitor_vpn_interface")
    mine = {one["key"]: json.loads(one["payload"]) for one in found if INTERFACE.id in one["key"]}
    path = f"/v2.0/vpn_interfaces/{INTERFACE.id}"
    assert set(mine) == {f"{path}/primary", f"{path}/secondary"}
    for side, ip in (("primary", chain.PRIMARY_IP), ("secondary", chain.SECONDARY_IP)):
        message = mine[f"{path}/{side}"]
        properties = message.pop("properties")
        assert message == {
            **{"gohan_resource_type": "vpn_interfaces", "gohan_id": INTERFACE.id, "tenant_id": chain.TENANT},
            **{"name": side, "version": version, "action": action},
        }
        assert properties["host"] == ip
        assert set(properties) == {"host", "port", "login", "password", "instance", "peer_address"}


@pytest.mark.parametrize("kind", ["kv", "kafka", "kafka-with-tls-and-password"])
async def test_topics_are_listed_and_poison_is_shown_and_put_back(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    topic = f"t-{uuid.uuid4().hex[:8]}"
    async with AsyncExitStack() as stack:
        bus: Bus
        if kind.startswith("kafka"):
            kafka: Broker = request.getfixturevalue("kafka")
            bus = KafkaBus(Access(kafka.servers), clock=CLOCK, shape=Shape(replication=1))
            ways = settings(kafka) if kind == "kafka" else secure_settings(kafka)
        else:
            child, kv = await stack.enter_async_context(running_etcd(tmp_path))
            bus, ways = KvBus(kv, clock=CLOCK), ("--etcd", child.endpoint)
        stack.push_async_callback(bus.close)
        await reject_one_of_two(bus, topic)
        listed = await told("list", *ways, topic)
        assert listed == {"topics": [{"topic": topic, "messages": 2, "groups": {"g": 1}}]}
        shown = await told("rejected", *ways, topic)
        (one,) = shown["rejected"]
        assert "hush" not in json.dumps(shown)
        table = await printed("rejected", *ways, topic)
        assert [word in table for word in (one["id"], "not JSON", "hush")] == [True, True, False]
        assert [topic, "2", "g", "1"] == (await printed("list", *ways, topic)).splitlines()[3].replace("|", " ").split()
        assert one == {**one, "topic": topic, "group": "g", "key": "k", "reason": "not JSON", "bytes": 19}
        assert await told("again", *ways, one["id"]) == {"again": [one["id"]]}
        assert await told("rejected", *ways, topic) == {"rejected": []}
        assert (await told("list", *ways, topic))["topics"][0]["groups"] == {"g": 2}
        assert "topic rejected" in await printed("again", *ways, one["id"], code=4)


async def reject_one_of_two(bus: Bus, topic: str) -> None:
    await bus.publish(topic, "k", b'{"password": "hush"')
    await bus.publish(topic, "k", b"{}")
    async with asyncio.timeout(PATIENCE_SECONDS), aclosing(bus.consume([topic], group="g")) as deliveries:
        await (await anext(deliveries)).reject("not JSON")
