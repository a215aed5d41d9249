"""Where devices are really reached: management address → host, port and pinned host key.

A YAML file: `10.79.5.185: {host: 127.0.0.1, port: 12345, host_key: "ssh-ed25519 AAAA…", client_keys: [/path],
snmp: {host: 127.0.0.1, port: 161}, confirm_within: 60}`. Without `snmp` the agent is asked at the management address
itself, port 161. With `confirm_within` (seconds) commits are confirmed ones: a device that is cut off by one goes back.
The lab writes one for its own devices into the ring's folder; a ring without another inventory uses that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from esi.drivers.ssh import Endpoint
from esi.errors import SettingsError

LAB_FILE = "inventory.yaml"

_KEYS = {"host", "port", "host_key", "client_keys", "snmp", "confirm_within"}
SNMP_PORT = 161
MAX_CONFIRM_SECONDS = 3600


def inventory_file(folder: Path, named: str) -> Path:
    """The inventory that was named, or the lab's in the ring's folder. SettingsError when there is neither."""
    file = Path(named) if named else folder.resolve() / LAB_FILE
    if not named and not file.exists():
        raise SettingsError(f"no inventory of devices: name one with ring.inventory, or start `esi lab` ({file})")
    return file


def read_inventory(file: Path) -> dict[str, Endpoint]:
    """Raises SettingsError with every fault; a host key is required, an unknown one is refused by the driver."""
    faults: list[str] = []
    found = {ip: _endpoint(f"inventory {file}: {ip}", entry, faults) for ip, entry in _entries(file).items()}
    if faults:
        raise SettingsError(faults)
    return {ip: endpoint for ip, endpoint in found.items() if endpoint is not None}


def read_snmp(file: Path) -> dict[str, tuple[str, int]]:
    """Management address → (host, port) of the SNMP agent, for those that name one. Raises SettingsError."""
    faults: list[str] = []
    found: dict[str, tuple[str, int]] = {}
    for ip, entry in _entries(file).items():
        agent = _agent(f"inventory {file}: {ip}", entry.get("snmp"), faults) if isinstance(entry, dict) else None
        if agent is not None:
            found[ip] = agent
    if faults:
        raise SettingsError(faults)
    return found


def _entries(file: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"inventory {file}: {error}") from error
    raw = {} if raw is None else raw
    if not isinstance(raw, dict):
        raise SettingsError(f"inventory {file}: must map management addresses to where they are reached")
    return {str(ip): entry for ip, entry in raw.items()}


def _agent(where: str, entry: Any, faults: list[str]) -> tuple[str, int] | None:
    if entry is None:
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("host"), str) or set(entry) - {"host", "port"}:
        faults.append(f"{where}: snmp needs host, and may have port")
        return None
    port = entry.get("port", SNMP_PORT)
    if not isinstance(port, int) or not 1 <= port <= 65535:
        faults.append(f"{where}: snmp port must be 1 to 65535")
        return None
    return entry["host"], port


def _endpoint(where: str, entry: Any, faults: list[str]) -> Endpoint | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("host"), str):
        faults.append(f"{where}: needs at least host and host_key")
        return None
    for name in sorted(set(entry) - _KEYS):
        faults.append(f"{where}: unknown key {name}; known: {', '.join(sorted(_KEYS))}")
    if not isinstance(entry.get("host_key"), str) or not entry["host_key"].strip():
        faults.append(f"{where}: host_key is missing: pin the device's public key")
        return None
    _agent(where, entry.get("snmp"), faults)
    port = entry.get("port", 830)
    if not isinstance(port, int) or not 1 <= port <= 65535:
        faults.append(f"{where}: port must be 1 to 65535")
        return None
    within = entry.get("confirm_within")
    if within is not None and not (type(within) in (int, float) and 1 <= within <= MAX_CONFIRM_SECONDS):
        faults.append(f"{where}: confirm_within must be 1 to {MAX_CONFIRM_SECONDS} seconds")
        return None
    keys = tuple(Path(key) for key in entry.get("client_keys") or ())
    return Endpoint(entry["host"], port, entry["host_key"].strip(), keys, within)


def write_inventory(
    file: Path, devices: Mapping[str, Endpoint], *, snmp: Mapping[str, tuple[str, int]] | None = None
) -> None:
    """Replace the file in one step, so that nobody reads half of it. `snmp` are the agents, (host, port)."""
    data: dict[str, dict[str, Any]] = {
        ip: {"host": endpoint.host, "port": endpoint.port, "host_key": endpoint.host_key}
        for ip, endpoint in devices.items()
    }
    for ip, endpoint in devices.items():
        if endpoint.confirm_within is not None:
            data[ip]["confirm_within"] = endpoint.confirm_within
    for ip, (host, port) in (snmp or {}).items():
        data[ip]["snmp"] = {"host": host, "port": port}
    draft = file.with_suffix(".new")
    draft.write_text(yaml.safe_dump(data, sort_keys=True))
    os.replace(draft, file)
