"""What the monitoring worker publishes, waits for and leaves behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from esi.errors import EsiError, Rejected, TemplateError, Unreachable, Unsupported
from esi.kv import Put
from esi.model import keys
from esi.model.codec import dumps
from esi.model.job import DELETE
from esi.model.resource import Ref
from esi.model.target import Observation
from esi.monitoring import MonitorsNotSeen
from esi.monitoring.first import NotSeen
from esi.tasks import Tasks
from esi.testing.loop import run
from unit.monitoring.bench import (
    ALL_UP,
    DOWNLINK,
    GATEWAY,
    GATEWAY_VALUES,
    INTERFACE,
    INTERFACE_VALUES,
    TENANT,
    Answer,
    Bench,
    job_of,
    path_of,
)

TOPICS = ("monitor_logical_port", "monitor_vpn_interface")


def play(scene: Callable[[Bench], Awaitable[None]], **probes: list[Answer]) -> None:
    async def work() -> None:
        bench = Bench(**(probes or {name: list(answers) for name, answers in ALL_UP.items()}))
        await scene(bench)
        await bench.kv.close()

    run(work())


def test_a_vpn_interface_is_published_looked_at_and_mapped() -> None:
    async def scene(bench: Bench) -> None:
        result = await bench.run(job_of(INTERFACE, INTERFACE_VALUES))
        assert result.state == {
            "state_monitoring": {
                "primary_uplink": "ACTIVE",
                "secondary_uplink": "ACTIVE",
                "primary": "ESTABLISHED",
                "secondary": "ESTABLISHED",
            }
        }
        published = bench.published(*TOPICS)
        assert [(topic, message["name"]) for topic, message in published] == [
            ("monitor_logical_port", "primary_uplink"),
            ("monitor_logical_port", "secondary_uplink"),
            ("monitor_vpn_interface", "primary"),
            ("monitor_vpn_interface", "secondary"),
        ]
        assert published[2][1] == {
            "gohan_resource_type": "vpn_interfaces",
            "gohan_id": "i1",
            "tenant_id": TENANT,
            "name": "primary",
            "version": 1,
            "action": "create",
            "properties": {
                "host": "10.79.5.185",
                "port": 830,
                "login": "esi",
                "password": "esiesi0000",
                "instance": "vrf_gw_1025",
                "peer_address": "192.168.8.1",
            },
        }
        rows = await bench.rows(INTERFACE)
        assert {(row["relation"], row["mapped_id"], row["deleted"]) for row in rows} == {
            ("primary", "10.79.5.185-ge-0/0/1.122", None),
            ("secondary", "10.79.5.184-ge-0/0/1.122", None),
        }
        assert {(row["resource_type"], row["resource_id"], row["tenant_id"]) for row in rows} == {
            ("vpn_interface", "i1", TENANT)
        }
        assert rows[0]["created"] == rows[1]["created"]

    play(scene)


def test_a_session_that_is_slow_to_come_up_is_waited_for() -> None:
    answers: list[Answer] = [Unreachable("10.79.5.185 does not answer"), "FAIL", "FAIL", "ESTABLISHED"]

    async def scene(bench: Bench) -> None:
        result = await bench.run(job_of(INTERFACE, INTERFACE_VALUES))
        assert result.state["state_monitoring"]["primary"] == "ESTABLISHED"
        assert len(bench.probes["bgp_session"].asked) >= 4
        assert bench.clock.monotonic() < 5.0

    play(scene, bgp_session=answers, logical_port=["UP"])


def test_time_over_names_monitor_device_and_what_was_seen_last() -> None:
    seen = Observation({"status": "FAIL"}, "10.79.5.185 sees 192.168.8.1 as Idle")

    async def scene(bench: Bench) -> None:
        bench.template(
            "vpn_interface_monitoring",
            "primary: {type: logical_port, device_ip: 1.2.3.4, name: x, community_name: c, timeout: 7}",
        )
        with pytest.raises(NotSeen) as one:
            await bench.run(job_of(INTERFACE, {}))
        assert str(one.value) == (
            "monitor primary (logical_port on 1.2.3.4) is not ACTIVE within 7 s; seen last: mx1: Permission denied"
        )
        assert bench.clock.monotonic() == 7.0

    play(scene, bgp_session=[seen], logical_port=[Rejected("mx1", "Permission denied")])


def test_every_monitor_that_was_not_seen_says_so() -> None:
    seen = Observation({"status": "FAIL"}, "sees the peer as Idle")

    async def scene(bench: Bench) -> None:
        with pytest.raises(MonitorsNotSeen) as both:
            await bench.run(job_of(INTERFACE, INTERFACE_VALUES))
        assert str(both.value) == (
            "monitor primary (bgp_session on 10.79.5.185) is not ESTABLISHED within 120 s; seen last: sees the peer as "
            "Idle; monitor secondary (bgp_session on 10.79.5.184) is not ESTABLISHED within 120 s; seen last: sees the "
            "peer as Idle"
        )
        assert "esiesi0000" not in str(both.value.details)
        assert await bench.rows(INTERFACE) == [], "nothing is mapped before it is seen"

    play(scene, bgp_session=[seen], logical_port=["UP"])


def test_vrrp_is_what_the_template_wants() -> None:
    text = """
    primary_41: {type: vrrp_session, host: h, port: 830, login: u, password: p, interface: ae0.5, vrid: 41}
    secondary_41: {type: vrrp_session, wanted_status: backup, host: i, port: 830, login: u, password: p,
      interface: ae0.5, vrid: 41}
    """

    async def scene(bench: Bench) -> None:
        bench.template("vpn_interface_monitoring", text)
        bench.probes["vrrp_session"].answers = ["BACKUP", "BACKUP", "MASTER"]
        result = await bench.run(job_of(INTERFACE, {}))
        assert result.state["state_monitoring"] == {"primary_41": "master", "secondary_41": "backup"}
        (_, first), (_, second) = bench.published("monitor_igs_interface")
        assert "wanted_status" not in {**first["properties"], **second["properties"]}

    play(scene, vrrp_session=["FAIL"])


def test_a_messenger_is_published_and_not_asked() -> None:
    text = "counter: {type: kafka_messenger, kafka_topic: monitor_igs_counter, server_username: u, ssh_port: 22}"

    async def scene(bench: Bench) -> None:
        bench.template("vpn_interface_monitoring", text)
        result = await bench.run(job_of(INTERFACE, {}))
        assert result.state == {"state_monitoring": {}}
        ((_, message),) = bench.published("monitor_igs_counter")
        assert message["properties"] == {"server_username": "u", "ssh_port": 22}

    play(scene)


def test_a_gateway_waits_for_its_downlink_by_reading_etcd() -> None:
    """First nobody has looked, then it is down, then up; no message goes out."""

    async def scene(bench: Bench) -> None:
        async with Tasks("test") as tasks:
            job = tasks.start("job", bench.run(job_of(GATEWAY, GATEWAY_VALUES)))
            await bench.clock.sleep(10.0)
            await bench.monitoring(DOWNLINK, {"status": "FAIL", "version": 1})
            await bench.clock.sleep(10.0)
            assert not job.done()
            reads = bench.kv.reads
            await bench.clock.sleep(50.0)
            assert bench.kv.reads == reads, "it polls"
            await bench.monitoring(DOWNLINK, {"primary": "UP", "secondary": "UP", "version": 1})
            result = await job
        assert bench.clock.monotonic() == 70.0
        assert result.state == {"state_monitoring": {"downlink": "ACTIVE"}}
        ((row),) = await bench.rows(GATEWAY)
        assert (row["relation"], row["mapped_id"]) == ("instance", "10.79.5.185-d1")

    play(scene)


@pytest.mark.parametrize(
    ("first", "seen", "up"),
    [
        ({"primary": "ACTIVE", "secondary": "ACTIVE"}, None, True),
        ({"primary": "ACTIVE"}, {"status": {"primary": "UP"}, "version": 1}, True),
        ({"primary": "ACTIVE"}, {"primary": "FAIL", "version": 1}, False),
        ({"primary_41": "master", "secondary_41": "backup"}, None, True),
    ],
)
def test_a_pair_counts_by_its_first_look_until_somebody_reports(
    first: dict[str, str], seen: dict[str, object] | None, up: bool
) -> None:
    async def scene(bench: Bench) -> None:
        await bench.state(DOWNLINK, first)
        if seen is not None:
            await bench.monitoring(DOWNLINK, seen)
        if up:
            await bench.run(job_of(GATEWAY, GATEWAY_VALUES))
            assert bench.clock.monotonic() == 0.0
        else:
            with pytest.raises(NotSeen, match=r"/monitoring of ha_interface:d1 is not up"):
                await bench.run(job_of(GATEWAY, GATEWAY_VALUES))

    play(scene)


def test_a_delete_is_published_and_closes_what_was_mapped() -> None:
    async def scene(bench: Bench) -> None:
        await bench.run(job_of(INTERFACE, INTERFACE_VALUES))
        opened = await bench.rows(INTERFACE)
        await bench.clock.sleep(31.0)
        result = await bench.run(job_of(INTERFACE, INTERFACE_VALUES, version=2, action=DELETE))
        assert result.state == {}
        closed = await bench.rows(INTERFACE)
        assert [{**row, "deleted": None} for row in closed] == opened
        assert {row["deleted"] - row["created"] for row in closed} == {31.0}
        actions = [(message["action"], message["version"]) for _, message in bench.published("monitor_vpn_interface")]
        assert actions == [("create", 1), ("create", 1), ("delete", 2), ("delete", 2)]

    play(scene)


def test_a_broken_template_does_not_keep_mappings_open() -> None:
    async def scene(bench: Bench) -> None:
        await bench.run(job_of(INTERFACE, INTERFACE_VALUES))
        bench.template("vpn_interface_monitoring", "{{ nobody }}")
        await bench.run(job_of(INTERFACE, {}, version=2, action=DELETE))
        assert all(row["deleted"] for row in await bench.rows(INTERFACE))

    play(scene)


def test_a_job_done_again_finds_its_own_rows() -> None:
    async def scene(bench: Bench) -> None:
        await bench.run(job_of(INTERFACE, INTERFACE_VALUES))
        before = await bench.rows(INTERFACE)
        await bench.clock.sleep(5.0)
        result = await bench.run(job_of(INTERFACE, INTERFACE_VALUES))
        assert list(result.ops) == []
        assert await bench.rows(INTERFACE) == before

    play(scene)


def test_a_new_version_gets_rows_of_its_own_even_if_the_delete_before_it_was_lost() -> None:
    async def scene(bench: Bench) -> None:
        await bench.run(job_of(INTERFACE, INTERFACE_VALUES))
        await bench.clock.sleep(5.0)
        await bench.run(job_of(INTERFACE, INTERFACE_VALUES, version=2))
        rows = await bench.rows(INTERFACE)
        assert sorted(row["relation"] for row in rows if row["deleted"] is None) == ["primary", "secondary"]
        assert sorted(row["relation"] for row in rows if row["deleted"]) == ["primary", "secondary"]
        assert len({row["id"] for row in rows}) == 4

    play(scene)


def test_a_mapping_can_name_another_resource() -> None:
    text = "db_mappings: [{mapped_id: m, relation: vmi, resource_type: port, resource_id: p1}]"

    async def scene(bench: Bench) -> None:
        bench.template("vpn_interface_monitoring", text)
        await bench.run(job_of(INTERFACE, {}))
        (row,) = await bench.rows(INTERFACE)
        assert (row["resource_type"], row["resource_id"]) == ("port", "p1")

    play(scene)


def test_an_output_of_the_own_stack_can_be_a_value() -> None:
    job = job_of(INTERFACE, {})
    output = {"resource_type": INTERFACE.schema, "resource_id": INTERFACE.id, "output_key": "fq_name"}
    params = [{"param": "name", "type": "output_key", "value": output, "resources": []}]

    async def scene(bench: Bench) -> None:
        bench.template(
            "vpn_interface_monitoring", 'db_mappings: [{mapped_id: \'{{ name | replace(":", "-") }}\', relation: vmi}]'
        )
        record = {"output": [{"output_key": "fq_name", "output_value": "a:b:c", "description": ""}]}
        await bench.kv.commit([Put(keys.heat_stack_key(path_of(INTERFACE)), dumps(record))])
        await bench.run(type(job)(**{name: getattr(job, name) for name in job.__slots__} | {"params": params}))
        (row,) = await bench.rows(INTERFACE)
        assert row["mapped_id"] == "a-b-c"

    play(scene)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("p: {type: telepathy}", TemplateError, "p.type: 'telepathy' is no monitor; known: bgp_session, etcd_reader"),
        ("p: {type: bgp_session, host: h}", TemplateError, "p: needs port, login, password, instance, peer_address"),
        ("p: {type: router, ip: h, community_name: c, timeout: soon}", TemplateError, "p.timeout: is no number"),
        ("p: {type: router, ip: h, community_name: c}", Unsupported, "monitor p: there is no probe for router"),
        ("p: {type: etcd_reader, etcd_type: dream, etcd_id: x}", TemplateError, "there is no schema 'dream'"),
        ("[p]", TemplateError, "must be a mapping"),
        ("p: {", TemplateError, "not YAML"),
        ("{{ nobody }}", TemplateError, "nobody"),
        ("db_mappings: [{relation: x}]", TemplateError, r"db_mappings\[0\]: needs mapped_id"),
    ],
)
def test_a_template_that_cannot_be_used_is_told_with_its_place(text: str, error: type[EsiError], words: str) -> None:
    async def scene(bench: Bench) -> None:
        bench.template("vpn_interface_monitoring", text)
        with pytest.raises(error, match=words):
            await bench.run(job_of(INTERFACE, {}))
        assert bench.published(*TOPICS) == []

    play(scene)


def test_a_resource_of_another_schema_is_published_under_its_plural() -> None:
    async def scene(bench: Bench) -> None:
        router = Ref("edge_router", "r1")
        result = await bench.run(job_of(router, {"device_ip": "10.79.5.185", "community_name": "c"}))
        assert result.state == {"state_monitoring": {"router": "ACTIVE"}}
        ((_, message),) = bench.published("monitor_snmp_device")
        assert message["gohan_resource_type"] == "edge_routers"
        assert message["properties"] == {"ip": "10.79.5.185", "community_name": "c"}
        assert bench.probes["router"].asked[0].properties == message["properties"]

    play(scene, router=["UP"])
