"""Debian's net-snmp reads the lab routers: what its programs print, and where they hear nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from conftest import Require
from esi.clock import SystemClock
from esi.lab import LabDevice, Served, day0, serve
from esi.lab.replies import VERSION
from esi.tasks import Tasks

COMMUNITY = "EDGE_ROUTER_COMMUNITY"
IF_NAME, IF_OPER, IF_IN = "1.3.6.1.2.1.31.1.1.1.1", "1.3.6.1.2.1.2.2.1.8", "1.3.6.1.2.1.31.1.1.1.6"
SYSTEM = "1.3.6.1.2.1.1"

END = "No more variables left in this MIB View"


@pytest.fixture
async def lab(require: Require) -> AsyncIterator[Served]:
    for program in ("snmpget", "snmpwalk", "snmpbulkwalk", "snmpset"):
        require(program)
    device = LabDevice("mx2", day0("mx2"), {"esi": "geheim"})
    async with Tasks("lab") as tasks, serve([device], clock=SystemClock(), tasks=tasks) as served:
        yield served["mx2"]


async def call(served: Served, program: str, *more: str, community: str = COMMUNITY, form: str = "-Onqe") -> list[str]:
    """What a program of net-snmp prints; its error, when it fails, as a line that begins with `!`."""
    process = await asyncio.create_subprocess_exec(
        *(program, "-v2c", "-c", community, "-r0", "-t2", form, "-m", "", f"{served.host}:{served.snmp_port}", *more),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"SNMPCONFPATH": "/nonexistent", "PATH": "/usr/bin:/bin"},
    )
    async with asyncio.timeout(20):
        out, err = await process.communicate()
    return out.decode().splitlines() if process.returncode == 0 else [f"!{(err or out).decode().strip()}"]


async def table(served: Served, column: str, program: str = "snmpwalk") -> dict[str, str]:
    """A column by index."""
    lines = [line for line in await call(served, program, column) if END not in line]
    pairs = (line.partition(" ")[::2] for line in lines)
    return {name.rpartition(".")[2]: value.strip('"') for name, value in pairs}


async def commit(served: Served, lines: str) -> None:
    session = served.router.open("operator")
    session.load_text("set", lines)
    await session.commit()
    session.close()


@pytest.mark.parametrize("program", ["snmpwalk", "snmpbulkwalk"])
async def test_a_walk_names_the_ports(lab: Served, program: str) -> None:
    names = await table(lab, IF_NAME, program)
    assert names["1"] == "fxp0"
    assert set(names.values()) == {"ae0", "fxp0", "fxp0.0", "ge-0/0/1", "ge-0/0/2", "lo0", "lo0.0"}
    oper = await table(lab, IF_OPER, program)
    assert set(oper) == set(names)
    assert set(oper.values()) == {"1"}


async def test_the_whole_mib_is_walked_to_its_end(lab: Served) -> None:
    walked, bulked = await call(lab, "snmpwalk", "1"), await call(lab, "snmpbulkwalk", "1")
    assert len(walked) > 100
    assert [line.split()[0] for line in walked] == [line.split()[0] for line in bulked]
    assert END in walked[-1]


async def test_the_system_says_who_it_is(lab: Served) -> None:
    names = [f"{SYSTEM}.{number}.0" for number in (1, 2, 5)]
    described, model, name = await call(lab, "snmpget", *names, form="-Onqv")
    assert f"kernel JUNOS {VERSION}" in described
    assert model.startswith(".1.3.6.1.4.1.2636.1.1.1.2.")
    assert name.strip('"') == "vMX-router-02"


async def test_time_and_octets_move(lab: Served) -> None:
    index = next(number for number, name in (await table(lab, IF_NAME)).items() if name == "ge-0/0/1")

    async def seen() -> tuple[int, int]:
        ticks, octets = await call(lab, "snmpget", f"{SYSTEM}.3.0", f"{IF_IN}.{index}", form="-Oqvt")
        return int(ticks), int(octets)

    before = await seen()
    async with asyncio.timeout(10):
        while not all(new > old for new, old in zip(await seen(), before, strict=True)):
            pass  # each question takes a process: time goes by


async def test_a_new_unit_appears_with_its_commit_and_numbers_stay(lab: Served) -> None:
    before = await table(lab, IF_NAME)
    await commit(lab, "set interfaces ge-0/0/1 unit 7 vlan-id 7\nset interfaces ge-0/0/1 unit 7 description seven")
    after = await table(lab, IF_NAME)
    (index,) = set(after) - set(before)
    assert after[index] == "ge-0/0/1.7"
    assert {number: after[number] for number in before} == before
    assert (await table(lab, "1.3.6.1.2.1.31.1.1.1.18"))[index] == "seven"
    assert (await table(lab, "1.3.6.1.2.1.2.2.1.3"))[index] == "53"
    await commit(lab, "delete interfaces ge-0/0/1 unit 7")
    assert await table(lab, IF_NAME) == before
    await commit(lab, "set interfaces ge-0/0/1 unit 7 vlan-id 7")
    assert (await table(lab, IF_NAME))[index] == "ge-0/0/1.7"


async def test_a_port_without_signal_is_down_and_one_switched_off_says_so(lab: Served) -> None:
    indexes = {name: number for number, name in (await table(lab, IF_NAME)).items()}
    await lab.router.faults.begin("link", "ge-0/0/1")
    await commit(lab, "set interfaces fxp0 disable")
    oper, admin = await table(lab, IF_OPER), await table(lab, "1.3.6.1.2.1.2.2.1.7")
    assert (oper[indexes["ge-0/0/1"]], admin[indexes["ge-0/0/1"]]) == ("2", "1")
    assert (oper[indexes["fxp0"]], admin[indexes["fxp0"]]) == ("2", "2")
    assert (oper[indexes["fxp0.0"]], admin[indexes["fxp0.0"]]) == ("2", "1")
    await lab.router.faults.end()
    assert (await table(lab, IF_OPER))[indexes["ge-0/0/1"]] == "1"


async def test_what_is_not_there_is_said_so(lab: Served) -> None:
    (instance,) = await call(lab, "snmpget", f"{IF_NAME}.99999")
    assert "No Such Instance" in instance
    (nothing,) = await call(lab, "snmpget", "1.3.6.1.4.1.99999.1.0")
    assert "No Such Object" in nothing


async def test_set_is_refused(lab: Served) -> None:
    (refused,) = await call(lab, "snmpset", f"{SYSTEM}.5.0", "s", "mine")
    assert refused.startswith("!")
    assert "noAccess" in refused
    assert "host-name vMX-router-02" in lab.router.running_text()


async def test_a_wrong_community_and_a_fallen_router_are_silent(lab: Served) -> None:
    (nothing,) = await call(lab, "snmpget", f"{SYSTEM}.3.0", community="public")
    assert "Timeout: No Response" in nothing
    await commit(lab, "set snmp community public authorization read-only")
    assert not (await call(lab, "snmpget", f"{SYSTEM}.3.0", community="public"))[0].startswith("!")
    await commit(lab, "set snmp community public clients 10.0.0.0/8")
    assert "Timeout" in (await call(lab, "snmpget", f"{SYSTEM}.3.0", community="public"))[0]
    await lab.router.faults.begin("unreachable")
    assert "Timeout" in (await call(lab, "snmpget", f"{SYSTEM}.3.0"))[0]
    await lab.router.faults.end("unreachable")
    assert not (await call(lab, "snmpget", f"{SYSTEM}.3.0"))[0].startswith("!")
