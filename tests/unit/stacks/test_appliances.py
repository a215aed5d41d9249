"""Load balancers' properties and what becomes of them: structured texts, hostile values, stacks that are killed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.appliance_desk import GATEWAY, IP, QuickClock, config, network, syslog
from esi.drivers.nitro.driver import NitroDriver
from esi.drivers.nitro.kinds import key_of
from esi.errors import EsiError, TemplateError
from esi.kv.memory import MemoryKV
from esi.lab.netscaler import Image, Netscaler
from esi.stacks import Context, Props, StackResource, StackSpec
from esi.stacks.engine import EmbeddedEngine, registry_of
from esi.stacks.resources.appliance_rows import rows_of
from esi.stacks.resources.netscaler import NetscalerConfig
from esi.stacks.resources.netscaler_syslog import NetscalerSyslogServer
from esi.stacks.resources.structured import read_list, read_map
from esi.stacks.wanted import Means
from esi.tasks import Tasks
from esi.testing.appliances import DirectLine, simulated_appliances
from esi.testing.loop import run
from unit.stacks.bench import CountingDevices, CountingTargets, Crash, CrashingKV, Routers

# -- structured values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{u'edition': u'Standard', u'size': u'10'}", {"edition": "Standard", "size": "10"}),
        ('{"edition": "Standard", "size": "10"}', {"edition": "Standard", "size": "10"}),
        ({"edition": "Standard"}, {"edition": "Standard"}),
        ("{'a': None, 'b': True, 'c': [1, 2.5, {'d': u'\\xe9'}]}", {"a": None, "b": True, "c": [1, 2.5, {"d": "é"}]}),
        ("""{'a': "it's", 'b': 'x"y'}""", {"a": "it's", "b": 'x"y'}),
        ("", {}),
        ("  ", {}),
        ("{}", {}),
        ("null", {}),
    ],
)
def test_both_notations_are_read(text: Any, value: Any) -> None:
    assert read_map(text, "p") == value


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "5",
        "{1: 2}",
        "{'a': {1, 2}}",
        "{'a': b'x'}",
        "{'a': (1, 2)}",
        "{'a': 1j}",
        "{'a': open('x')}",
        "__import__('os').system('x')",
        "{'a': 'x'} if True else {}",
        "{'a': 'x'",
        "{'a': " * 5000,
        "[" * 5000 + "]" * 5000,
        "{'a': [[[[[[[[[1]]]]]]]]]}",
        "{'a': 'x'}\x00",
        '{"a": "' + "x" * 70_000 + '"}',
    ],
)
def test_what_is_no_plain_map_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(TemplateError) as caught:
        read_map(text, "model")
    assert "system" not in caught.value.message
    assert caught.value.message.startswith("model: ")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(), lambda v: st.lists(v, max_size=3)
    )
)
def test_whatever_was_written_is_read_back(value: Any) -> None:
    assert read_list(repr([value]), "p") == [value] or _deep(value) > 6
    assert read_map({"a": value}, "p") == {"a": value} or _deep(value) > 6


def _deep(value: Any) -> int:
    return 1 + max(map(_deep, value), default=0) if isinstance(value, list) else 0


@given(st.text(max_size=60))
def test_no_text_does_anything_but_be_read_or_refused(text: str) -> None:
    try:
        assert isinstance(read_map(text, "p"), dict)
    except TemplateError:
        pass


# -- rows


def test_two_users_of_one_name_are_refused() -> None:
    with pytest.raises(TemplateError, match="would be one systemuser"):
        rows_of(config(user_username="user-admin"))
    with pytest.raises(TemplateError, match="a login of the appliance itself"):
        rows_of(config(other_username="vlbadmin", other_password="x"))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"networks": [network(IP, "10.0.0.0/24"), {"type": "other"}]}, "networks[1]"),
        ({"networks": [network(IP, "10.0.0.0/24"), network("10.1.0.3", "10.2.0.0/24")]}, "networks[1].ip_address"),
        ({"networks": [network(IP, "10.0.0.0/24"), network("10.1.0.3", "10.1.0.0")]}, "networks[1].cidr"),
        ({"networks": [5]}, "networks[0]"),
        ({"networks": "{}"}, None),
        ({"internet_port": {"ip_address": "10.0.0.4", "mask": "x"}}, "internet_port.mask"),
        ({"default_gateway": "10.0.0"}, "default_gateway"),
        ({"management_ip": "lb.example"}, "management_ip"),
        ({"credentials": "{}"}, "credentials"),
        ({"credentials": {"username": "a", "password": 5}}, "credentials"),
        ({"model": {"edition": "Gold", "size": "10"}}, "model"),
        ({"admin_password": ""}, "admin_password"),
        ({"init_config": {"snmp_community": ""}}, "init_config.snmp_community"),
    ],
)
def test_what_cannot_be_is_refused_before_an_appliance_is_asked(changes: Props, path: str | None) -> None:
    type_ = NetscalerConfig(None, QuickClock())  # type: ignore[arg-type]  # check asks nobody
    if path is None:
        type_.check(config(**changes))
        return
    with pytest.raises(TemplateError) as caught:
        type_.check(config(**changes))
    assert caught.value.path == path


# -- hostile values

HOSTILE = [
    'x"}, "systemuser": {"username": "evil", "password": "evil"',
    'x", "policyname": "superuser',
    "../../nsconfig?action=clear",
    "x?args=policyname:superuser,username:nsroot",
    "%2e%2e%2fnsroot",
    "a/b#c&d=e;f",
    "; reboot",
    "$(reboot) `reboot` | reboot",
    "{{ 7 * 7 }} {% raw %}",
    "x\n\nPOST /nitro/v1/config/reboot",
    "x\x00y",
    "юзер",
    "x" * 5000,
    "..",
]


def appliance() -> tuple[Netscaler, QuickClock]:
    clock = QuickClock()
    return Netscaler(Image(IP, gateway=GATEWAY), clock), clock


def shape(there: Netscaler) -> dict[str, list[list[str]]]:
    """How many rows of each kind, and which fields they have."""
    return {kind: [sorted(row) for row in there.rows.of(kind)] for kind in there.rows.kinds()}


def texts(there: Netscaler, value: str) -> int:
    """In how many fields a value stands as it is."""
    rows = (row for kind in there.rows.kinds() for row in there.rows.of(kind))
    return sum(field == value for row in rows for field in row.values())


async def made(type_: StackResource, props: Props) -> None:
    type_.check(props)
    context = Context("s", "r", "op", "t", CountingDevices(Routers(), Crash()), CountingTargets())
    await type_.create(context, props)
    await type_.delete(context, await type_.create(context, props))
    await type_.create(context, props)


CONFIG_TEXTS = [
    name
    for name in NetscalerConfig.properties
    if name not in ("credentials", "init_config", "model", "networks", "internet_port", "server_id")
]
SYSLOG_TEXTS = ["name", "ip_address", "log_level", "vserver_ip_address", "comment"]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("field", [*CONFIG_TEXTS, *(f"syslog.{name}" for name in SYSLOG_TEXTS), "community"])
async def test_no_value_becomes_another_command_or_field(field: str, hostile: str) -> None:
    """It is refused, or stands in its own field, letter by letter; the rows beside it are those of a harmless value."""

    async def outcome(value: str) -> Netscaler:
        there, clock = appliance()
        driver = simulated_appliances({IP: there}, clock)
        if field.startswith("syslog."):
            await made(NetscalerSyslogServer(driver), syslog(**{field.removeprefix("syslog."): value}))
        elif field == "community":
            await made(NetscalerConfig(driver, clock), config(init_config=json.dumps({"snmp_community": value})))
        else:
            more = {"other_password": "x"} if field == "other_username" else {}
            await made(NetscalerConfig(driver, clock), config(**{**more, field: value}))
        return there

    try:
        there = await outcome(hostile)
    except EsiError:
        return
    assert field in ("admin_password", "user_password", "other_password", "syslog.comment", "community")
    assert shape(there) == shape(await outcome("harmless"))
    assert texts(there, hostile) == (field not in ("syslog.comment", "other_password"))


# -- whole stacks

TEMPLATE = """
heat_template_version: 2013-05-23
parameters:
  networks: {type: string}
  default_gateway: {type: string}
resources:
  netscaler_configuration:
    type: ESI::VNF::NetscalerConfig
    properties:
      management_ip: 100.64.193.3
      credentials: "{u'username': u'vlbadmin', u'password': u'password'}"
      license_code: LA-0001969526-49522
      model: "{u'edition': u'Standard', u'size': u'10'}"
      networks: {get_param: networks}
      default_gateway: {get_param: default_gateway}
      management_gateway: 100.64.193.1
      admin_username: user-admin
      admin_password: Aa0bcdefghij
  syslog:
    type: ESI::VNF::NetscalerSyslogServer
    depends_on: netscaler_configuration
    properties:
      management_ip: 100.64.193.3
      credentials: {username: vlbadmin, password: password}
      name: sys1
      ip_address: 10.0.0.9
"""
FIRST = {"networks": "[{u'type': u'user'}, {u'type': u'dummy'}]", "default_gateway": ""}
SECOND = {
    "networks": "[{u'type': u'user'}, {u'type': u'user', u'ip_address': u'10.225.225.3', u'cidr': u'10.225.225.0/24'}]",
    "default_gateway": "10.225.225.1",
}


class CrashingLine(DirectLine):
    """With a point before and after every request."""

    def __init__(self, there: Netscaler, crash: Crash) -> None:
        super().__init__(there)
        self._crash = crash

    async def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        await self._crash.point()
        answer = await super().send(method, target, headers, body)
        await self._crash.point()
        return answer


class Killed:
    """The appliance outlives the processes; the KV does, too."""

    def __init__(self) -> None:
        self.there, self.clock = appliance()
        self.kv = MemoryKV()

    async def operation(self, number: int, crash: Crash) -> str:
        """Create, update, delete: the status, or "" when the process was killed."""
        types = registry_of(*self._types(crash))
        devices = CountingDevices(Routers(), crash)
        means = Means(CrashingKV(self.kv, crash), types, devices, CountingTargets(), self.clock)
        async with Tasks("engine") as tasks:
            engine, name = EmbeddedEngine(means, tasks), f"op{number}"

            async def work() -> str:
                if number == 3:
                    await engine.delete("s", operation=name)
                else:
                    parameters = FIRST if number == 1 else SECOND
                    await engine.apply(StackSpec("s", "t", TEMPLATE, parameters, 600.0), operation=name)
                return (await engine.wait("s", operation=name)).status

            working, hit = tasks.start("work", work()), tasks.start("hit", crash.hit.wait())
            await asyncio.wait({working, hit}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else ""

    def _types(self, crash: Crash) -> tuple[StackResource, ...]:
        driver = NitroDriver(lambda ip: CrashingLine(self.there, crash), clock=self.clock)
        return NetscalerConfig(driver, self.clock), NetscalerSyslogServer(driver)


def test_a_stack_that_is_killed_anywhere_ends_as_one_that_is_not() -> None:
    async def life(at: int) -> tuple[list[str], list[dict[str, Any]], int]:
        world, statuses, seen, points = Killed(), [], [], 0
        for number in (1, 2, 3):
            crash = Crash(at - points if points < at else 0)
            status = await world.operation(number, crash)
            points += crash.count
            statuses.append(status or await world.operation(number, Crash()))
            seen.append({kind: world.there.rows.of(kind) for kind in world.there.rows.kinds()})
        return statuses, seen, points

    statuses, seen, points = run(life(0))
    assert statuses == ["CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"]
    assert points > 100
    for at in range(1, points + 1):
        assert run(life(at))[:2] == (statuses, seen), at


def test_keys_tell_rows_apart() -> None:
    keys = [key_of(row) for row in rows_of(config())]
    assert len(set(keys)) == len(keys) == 7
