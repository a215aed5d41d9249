"""The inventory: what it must hold, and that a ring refuses what is not in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from esi.bootstrap import run
from esi.bootstrap.inventory import read_inventory, read_snmp, write_inventory
from esi.drivers.endpoint import Endpoint
from esi.environment import load_settings
from esi.errors import SettingsError

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "inventory.yaml"
    devices = {"192.0.2.1": Endpoint("127.0.0.1", 8301, KEY), "192.0.2.2": Endpoint("::1", 1, KEY, confirm_within=60)}
    write_inventory(file, devices)
    assert read_inventory(file) == devices
    assert read_snmp(file) == {}
    write_inventory(file, devices, snmp={"192.0.2.1": ("127.0.0.2", 1161)})
    assert read_inventory(file) == devices
    assert read_snmp(file) == {"192.0.2.1": ("127.0.0.2", 1161)}


def test_an_agent_without_port_has_the_usual_one(tmp_path: Path) -> None:
    file = tmp_path / "inventory.yaml"
    file.write_text(f"192.0.2.1: {{host: 192.0.2.1, host_key: '{KEY}', snmp: {{host: 192.0.2.1}}}}")
    assert read_snmp(file) == {"192.0.2.1": ("192.0.2.1", 161)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "must map"),
        ("192.0.2.1: 5", "needs at least host"),
        ("192.0.2.1: {host: 127.0.0.1}", "host_key is missing"),
        (f"192.0.2.1: {{host: 127.0.0.1, host_key: '{KEY}', port: 0}}", "port must be"),
        (f"192.0.2.1: {{host: 127.0.0.1, host_key: '{KEY}', prot: 1}}", "unknown key prot"),
        (f"192.0.2.1: {{host: 127.0.0.1, host_key: '{KEY}', snmp: 161}}", "snmp needs host"),
        (f"192.0.2.1: {{host: 127.0.0.1, host_key: '{KEY}', snmp: {{host: a, port: 0}}}}", "snmp port must be"),
        (f"192.0.2.1: {{host: 127.0.0.1, host_key: '{KEY}', confirm_within: 0}}", "confirm_within must be"),
        (f"192.0.2.1: {{host: 127.0.0.1, host_key: '{KEY}', confirm_within: true}}", "confirm_within must be"),
        ("{", "inventory"),
    ],
)
def test_a_bad_inventory_says_where(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "inventory.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=words):
        read_inventory(file)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (["kitchen"], "unknown part 'kitchen'"),
        (["neutron"], "run it beside api"),
        (["jobs"], "no etcd"),
    ],
)
async def test_parts_that_cannot_work_are_refused_before_anything_starts(
    parts: list[str], words: str, tmp_path: Path
) -> None:
    folder = tmp_path / "ring"
    with pytest.raises(SettingsError, match=words):
        await run(parts, load_settings(None, {"ring.folder": str(folder)}), on_ready=lambda facts: None)
    assert not folder.exists()
