"""Juniper's own library against the lab router, unchanged: PyEZ opens it, reads facts, changes its configuration.

PyEZ blocks, so each conversation runs in a thread while the lab serves from the test's loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from jnpr.junos import Device
from jnpr.junos.exception import CommitError, ConfigLoadError, ConnectAuthError, LockError
from jnpr.junos.utils.config import Config

from esi.clock import SystemClock
from esi.lab import LabDevice, Served, day0, serve
from esi.lab.replies import VERSION
from esi.tasks import Tasks

USER, PASSWORD = "esi", "geheim"
LINES = "set interfaces ge-0/0/1 unit 5 vlan-id 5\nset interfaces ge-0/0/1 unit 5 description peer"
TEXT = "interfaces { ge-0/0/1 { unit 5 { vlan-id 5; description peer; } } }"
XML = (
    "<configuration><interfaces><interface><name>ge-0/0/1</name><unit><name>5</name>"
    "<description>peer</description><vlan-id>5</vlan-id></unit></interface></interfaces></configuration>"
)
HUNK = "\n[edit interfaces ge-0/0/1]\n+    unit 5 {\n+        description peer;\n+        vlan-id 5;\n+    }\n"


@pytest.fixture
async def lab() -> AsyncIterator[Served]:
    device = LabDevice("mx2", day0("mx2"), {USER: PASSWORD})
    async with Tasks("lab") as tasks, serve([device], clock=SystemClock(), tasks=tasks) as served:
        yield served["mx2"]


@contextmanager
def opened(served: Served, **more: Any) -> Iterator[Any]:
    wanted = {"user": USER, "passwd": PASSWORD, "gather_facts": False, "timeout": 20, **more}
    device = Device(host=served.host, port=served.port, ssh_config="/dev/null", look_for_keys=False, **wanted)
    device.open()
    try:
        yield device
    finally:
        device.close()


async def talk(work: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(work)


def waits(served: Served) -> bool:
    """Whether a commit waits for its confirmation."""
    return served.router.history.pending is not None


async def test_facts_name_version_and_model(lab: Served) -> None:
    def conversation() -> dict[str, Any]:
        with opened(lab, auto_probe=5) as device:
            return {name: device.facts[name] for name in ("version", "hostname", "model", "serialnumber", "HOME")}

    facts = await talk(conversation)
    assert facts["version"] == VERSION
    assert facts["hostname"] == "vMX-router-02"
    assert facts["model"] == "VMX"
    assert facts["serialnumber"].startswith("VM")


async def test_all_facts_can_be_gathered_at_once(lab: Served) -> None:
    def conversation() -> tuple[str, str]:
        with opened(lab) as device:
            device.facts_refresh()
            return device.facts["version"], device.facts["RE0"]["mastership_state"]

    assert await talk(conversation) == (VERSION, "master")


@pytest.mark.parametrize(("form", "content"), [("set", LINES), ("text", TEXT), ("xml", XML)])
async def test_lock_load_diff_commit_and_unlock(lab: Served, form: str, content: str) -> None:
    def conversation() -> None:
        with opened(lab) as device:
            config = Config(device)
            assert config.lock()
            config.load(content, format=form, merge=True)
            assert config.diff() == HUNK
            assert config.commit_check()
            assert config.commit(comment="by PyEZ")
            assert config.diff() is None
            assert config.unlock()

    await talk(conversation)
    assert "description peer" in lab.router.running_text()
    assert lab.router.history.entries[0].log == "by PyEZ"
    assert lab.router.holder is None


async def test_a_confirmed_commit_is_confirmed_by_another_session(lab: Served) -> None:
    def change() -> None:
        with opened(lab) as device:
            config = Config(device)
            config.load(LINES, format="set")
            config.commit(confirm=5, timeout=20)

    def confirm() -> None:
        with opened(lab) as device:
            Config(device).commit()

    await talk(change)
    assert waits(lab)
    await talk(confirm)
    assert not waits(lab)
    assert "description peer" in lab.router.running_text()


async def test_rollback_and_rescue_what_was(lab: Served) -> None:
    before = lab.router.running_text()

    def conversation() -> None:
        with opened(lab) as device, Config(device, mode="exclusive") as config:
            config.load(LINES, format="set")
            config.commit()
            config.rollback(1)
            assert config.diff() == HUNK.replace("+", "-")
            config.commit()
            config.load(LINES, format="set")
            config.rollback(0)
            assert config.diff() is None

    await talk(conversation)
    assert lab.router.running_text() == before


async def test_a_second_lock_and_bad_words_are_its_own_errors(lab: Served) -> None:
    def conversation() -> None:
        with opened(lab) as one, opened(lab) as other:
            mine, theirs = Config(one), Config(other)
            mine.lock()
            with pytest.raises(LockError):
                theirs.lock()
            with pytest.raises(ConfigLoadError):
                mine.load("set interfaces nonsense ge", format="set")
            mine.rollback(0)
            mine.load("set interfaces ge-0/0/1 unit 6 description x", format="set")
            with pytest.raises(CommitError, match="VLAN-ID must be specified"):
                mine.commit()
            mine.rollback(0)
            mine.unlock()

    await talk(conversation)


async def test_operational_requests_and_a_wrong_password(lab: Served) -> None:
    def conversation() -> None:
        with opened(lab) as device:
            ports = device.rpc.get_interface_information(terse=True)
            names = [one.text.strip() for one in ports.findall("physical-interface/name")]
            assert "ge-0/0/1" in names
            assert device.rpc.get_system_uptime_information().find("system-booted-time") is not None
            host = device.rpc.get_config(filter_xml="<system><host-name/></system>")
            assert host.findtext("system/host-name") == "vMX-router-02"
            assert VERSION in device.cli("show version", warning=False)
        with pytest.raises(ConnectAuthError), opened(lab, passwd="wrong"):
            raise AssertionError("must not open")

    await talk(conversation)
