"""Appliances as a ring meets them: booted by the lab, found by the inventory, watched by SNMP; TLS that is pinned."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from conformance.appliance_desk import GATEWAY, IP, LOGIN, Desk, config, desk, dummy, network, syslog
from conftest import Require
from esi.bootstrap.appliances import Fresh, appliance_types
from esi.bootstrap.ground import Ground
from esi.bootstrap.inventory import read_appliances, read_inventory, read_snmp, write_inventory
from esi.bootstrap.lab import RunningLab, run_lab
from esi.bootstrap.services import load_services
from esi.bootstrap.workers import resource_types
from esi.clock import SystemClock
from esi.drivers.nitro import Row
from esi.drivers.nitro.driver import NitroDriver
from esi.drivers.nitro.wire import HttpLine
from esi.errors import Rejected, SettingsError, Unreachable, Unsupported
from esi.kv.memory import MemoryKV
from esi.lab.control import ask
from esi.lab.netscaler import Image, Reached
from esi.model.target import Target
from esi.probes.appliance import COUNTED, SnmpDeviceLb
from esi.probes.ports import PortNumbers, SnmpPorts
from esi.probes.snmp import Snmp
from esi.settings import Lab, Ring
from esi.stacks import Context
from esi.stacks.resources.netscaler import NetscalerConfig
from esi.tasks import Tasks
from unit.stacks.bench import CountingDevices, CountingTargets, Crash, Routers

COMMUNITY = "LOAD_BALANCER_COMMUNITY"


def target(type: str, **more: str) -> Target:
    properties = {"device_ip": IP, "community_name": COMMUNITY, **more}
    return Target("t", "tenant", 1, "r", "load_balancers", "status", type, properties)


async def test_a_configured_appliance_is_seen_by_snmp() -> None:
    async with desk(Image(IP, gateway=GATEWAY)) as lab:
        snmp = Snmp({IP: (lab.reached.host, lab.reached.snmp_port)}, clock=SystemClock(), timeout=0.2, retries=0)
        ports, device = SnmpPorts(PortNumbers(snmp)), SnmpDeviceLb(snmp)
        with pytest.raises(Unreachable):  # nobody may ask before the community is there
            await ports.ask(target("snmp_ports", if_name="0/1"))
        slots = [network(IP, "100.64.193.0/24"), network("10.225.225.3", "10.225.225.0/24"), dummy("10.121.232.4")]
        await NetscalerConfig(lab.driver, lab.clock).create(lab.context, config(networks=slots))
        await disable(lab, "1/2")
        snmp = Snmp({IP: (lab.reached.host, lab.reached.snmp_port)}, clock=SystemClock(), timeout=2)
        ports, device = SnmpPorts(PortNumbers(snmp)), SnmpDeviceLb(snmp)
        words = {name: (await ports.ask(target("snmp_ports", if_name=name))).values["status"] for name in PORTS}
        assert words == {"0/1": "UP", "1/1": "UP", "1/2": "DOWN", "1/3": "FAIL"}
        seen = (await device.ask(target("snmp_device_lb"))).values
        assert set(seen) == {"status", *COUNTED}
        assert seen["status"] == "UP"
        assert 0 < seen["cpu.usage"] < 100
        before = (await ports.ask(target("snmp_ports", if_name="1/1"))).values
        lab.clock.ahead += 60
        after = (await ports.ask(target("snmp_ports", if_name="1/1"))).values
        assert after["traffic.in"] > before["traffic.in"]
        assert (await device.ask(target("snmp_device_lb"))).values["http.request"] > seen["http.request"]
        await snmp.close()


async def disable(lab: Desk, port: str) -> None:
    """As an operator does."""
    async with lab.driver.open(LOGIN) as appliance:
        await appliance.put(Row("Interface", {"id": port, "state": "DISABLED"}))


END = "No more variables left in this MIB View"
PORTS = ("0/1", "1/1", "1/2", "1/3")


async def test_net_snmp_walks_it_once_a_community_is_there(require: Require) -> None:
    require("snmpwalk")
    async with desk(Image(IP, gateway=GATEWAY)) as lab:

        async def walk(oid: str, community: str = COMMUNITY) -> list[str]:
            where = f"{lab.reached.host}:{lab.reached.snmp_port}"
            process = await asyncio.create_subprocess_exec(
                *("snmpwalk", "-v2c", "-c", community, "-r0", "-t2", "-Oqvn", "-m", "", where, oid),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"SNMPCONFPATH": "/nonexistent", "PATH": "/usr/bin:/bin"},
            )
            out, _ = await process.communicate()
            return [line.strip('"') for line in out.decode().splitlines() if not line.startswith(END)]

        await NetscalerConfig(lab.driver, lab.clock).create(lab.context, config())
        assert await walk("1.3.6.1.2.1.31.1.1.1.1") == ["0/1", "1/1", "1/2"]
        assert await walk("1.3.6.1.2.1.2.2.1.8") == ["1", "1", "1"]
        await disable(lab, "1/1")
        assert await walk("1.3.6.1.2.1.2.2.1.8") == ["1", "2", "1"]
        assert len(await walk("1.3.6.1.4.1.5951.4.1.1")) == len(COUNTED)
        assert len(await walk("1")) == 5 + 3 * 8 + len(COUNTED)
        assert await walk("1", "public") == []


# -- the lab's door and the inventory


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[tuple[RunningLab, Path]]:
    folder, clock = tmp_path / "lab", SystemClock()
    async with Tasks("lab") as tasks, run_lab(Lab(), folder, clock=clock, tasks=tasks) as running:
        file = tmp_path / "inventory.yaml"

        def tell(there: dict[str, Reached]) -> None:
            agents = {ip: (one.host, one.snmp_port) for ip, one in there.items()}
            urls = {ip: one.url for ip, one in there.items()}
            write_inventory(file, running.inventory, snmp={**running.snmp, **agents}, appliances=urls)

        running.appliances.watchers.append(tell)  # type: ignore[arg-type]  # a Mapping is given
        tell({})
        yield running, file


async def test_an_appliance_comes_and_goes(lab: tuple[RunningLab, Path]) -> None:
    running, file = lab
    folder, endpoints = running.control.parent, Fresh(file, read_appliances)
    driver = NitroDriver(lambda ip: HttpLine(ip, endpoints[ip]) if ip in endpoints else None, clock=SystemClock())
    with pytest.raises(Unsupported):
        async with driver.open(LOGIN):
            pass
    told = await ask(folder, {"do": "boot", "ip": IP, "ports": ["0/1", "1/1"]})
    assert endpoints[IP].url == told["nitro"]
    assert set(read_inventory(file)) == set(running.inventory)
    assert IP in Fresh(file, read_snmp)
    async with driver.open(LOGIN) as appliance:
        assert (await appliance.licence()).edition == ""
    await ask(folder, {"do": "break", "router": IP, "kind": "refuse", "operand": "vlan"})
    (listed,) = (await ask(folder, {"do": "list"}))["appliances"]
    assert (listed["ip"], listed["powered"], listed["faults"][0]["kind"]) == (IP, True, "refuse")
    assert await ask(folder, {"do": "heal", "router": IP}) == {"healed": {IP: ["refuse"]}}
    await ask(folder, {"do": "power-off", "ip": IP})
    with pytest.raises(Unreachable):
        async with driver.open(LOGIN):
            pass
    await ask(folder, {"do": "boot", "ip": IP, "ports": ["0/1", "1/1", "1/2"]})
    ports = running.appliances.running()[IP].appliance.rows.of("Interface")
    assert [row["id"] for row in ports] == ["0/1", "1/1", "1/2"]
    await ask(folder, {"do": "gone", "ip": IP})
    assert IP not in endpoints


async def test_a_workers_types_reach_what_the_lab_has_booted(lab: tuple[RunningLab, Path]) -> None:
    """The appliance is booted after the worker has started."""
    running, file = lab
    ground = Ground("worker", MemoryKV(), load_services("2017"), SystemClock(), Random(1))
    ring = Ring(folder=str(file.parent))
    types = resource_types(appliance_types(ring, ground.clock, ground.recorder))
    context = Context("s", "r", "op", "t", CountingDevices(Routers(), Crash()), CountingTargets())
    props = config(license_code="", model="")
    with pytest.raises(Unsupported, match="no NITRO address in the inventory"):
        await types.get("ESI::VNF::NetscalerConfig").create(context, props)
    await ask(running.control.parent, {"do": "boot", "ip": IP})
    await types.get("ESI::VNF::NetscalerConfig").create(context, props)
    await types.get("ESI::VNF::NetscalerSyslogServer").create(context, syslog())
    rows = running.appliances.running()[IP].appliance.saved
    assert rows.get("systemuser", "user-admin")
    assert rows.get("auditsyslogaction", "sys1")


@pytest.mark.parametrize(
    "request_",
    [
        {"do": "boot", "ip": "../x"},
        {"do": "boot"},
        {"do": "boot", "ip": IP, "ports": ["a b"]},
        {"do": "boot", "ip": IP, "ports": "0/1"},
        {"do": "power-off", "ip": IP},
        {"do": "break", "router": IP, "kind": "slow"},
    ],
)
async def test_the_door_refuses_nonsense(lab: tuple[RunningLab, Path], request_: dict[str, object]) -> None:
    with pytest.raises(Rejected):
        await ask(lab[0].control.parent, request_)
    assert lab[0].appliances.running() == {}


@pytest.mark.parametrize(
    ("nitro", "words"),
    [
        ("{url: 'http://192.0.2.1'}", "for this machine only"),
        ("{url: 'http://localhost.example'}", "for this machine only"),
        ("{url: 'https://192.0.2.1'}", "fingerprint"),
        ("{url: 'https://192.0.2.1', fingerprint: abc}", "64 hex digits"),
        ("{url: 'ftp://192.0.2.1'}", "needs a url"),
        ("{url: 'http://['}", "needs a url"),
        ("{}", "needs a url"),
        ("5", "nothing else"),
        ("{url: 'http://127.0.0.1:8080', more: 1}", "nothing else"),
    ],
)
def test_a_bad_entry_is_named(tmp_path: Path, nitro: str, words: str) -> None:
    file = tmp_path / "inventory.yaml"
    file.write_text(f"{IP}: {{nitro: {nitro}}}")
    with pytest.raises(SettingsError, match=words):
        read_appliances(file)


def test_a_file_that_breaks_keeps_what_it_said(tmp_path: Path) -> None:
    file = tmp_path / "inventory.yaml"
    endpoints = Fresh(file, read_appliances)
    assert dict(endpoints) == {}
    write_inventory(file, {}, appliances={IP: "http://127.0.0.1:1"})
    assert endpoints[IP].url == "http://127.0.0.1:1"
    file.write_text("[broken")
    assert len(endpoints) == 1
    write_inventory(file, {})
    assert IP not in endpoints


# -- TLS


def certificate(folder: Path) -> tuple[Path, str]:
    """A self-signed certificate with its key, and its SHA-256."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ns")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    made = built.add_extension(address, critical=False).sign(key, hashes.SHA256())
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file = folder / "ns.pem"
    file.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()) + made.public_bytes(encoding))
    return file, made.fingerprint(hashes.SHA256()).hex()


async def logged_in(lab: Desk) -> bool:
    async with lab.driver.open(LOGIN) as appliance:
        return (await appliance.licence()).edition == ""


async def test_only_the_pinned_or_signed_certificate_is_taken(tmp_path: Path) -> None:
    file, fingerprint = certificate(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(file)
    for good in ({"fingerprint": fingerprint}, {"ca_file": str(file)}):
        async with desk(server=server, trust=good) as lab:
            assert await logged_in(lab)
    async with desk(server=server, trust={"fingerprint": "00" * 32}) as lab:
        with pytest.raises(Rejected, match="another certificate"):
            await logged_in(lab)
    async with desk(server=server) as lab:
        with pytest.raises(Rejected, match="has not signed"):
            await logged_in(lab)
        assert lab.appliance.answered == 0
