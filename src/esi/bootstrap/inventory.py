"""Where devices are really reached: management address → host, port and pinned host key.

A YAML file: `10.79.5.185: {host: 127.0.0.1, port: 12345, host_key: "ssh-ed25519 AAAA…", client_keys: [/path],
snmp: {host: 127.0.0.1, port: 161}, confirm_within: 60}`. Without `snmp` the agent is asked at the management address
itself, port 161. With `confirm_within` (seconds) commits are confirmed ones: a device that is cut off by one goes back.
A load balancer's appliance has no `host`: `100.64.193.3: {nitro: {url: https://192.0.2.3, fingerprint: …}}`.
The lab writes one for its own devices into the ring's folder; a ring without another inventory uses that.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from esi.drivers.endpoint import Endpoint
from esi.drivers.nitro.wire import Endpoint as Nitro
from esi.errors import SettingsError

LAB_FILE = "inventory.yaml"

_NITRO_KEYS = {"url", "fingerprint", "ca_file"}
_FINGERPRINT = re.compile(r"([0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}")
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
    entries = {ip: entry for ip, entry in _entries(file).items() if not _is_appliance(entry) and not _is_switch(entry)}
    found = {ip: _endpoint(f"inventory {file}: {ip}", entry, faults) for ip, entry in entries.items()}
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


def read_appliances(file: Path) -> dict[str, Nitro]:
    """Management address → where NITRO is spoken, for those that say it. Raises SettingsError."""
    faults: list[str] = []
    entries = {ip: entry for ip, entry in _entries(file).items() if _is_appliance(entry)}
    found = {ip: _nitro(f"inventory {file}: {ip}", entry, faults) for ip, entry in entries.items()}
    if faults:
        raise SettingsError(faults)
    return {ip: endpoint for ip, endpoint in found.items() if endpoint is not None}


def _is_appliance(entry: Any) -> bool:
    return isinstance(entry, dict) and "nitro" in entry


def _is_switch(entry: Any) -> bool:
    """A device that is only watched."""
    return isinstance(entry, dict) and set(entry) == {"snmp"}


def _nitro(where: str, entry: dict[str, Any], faults: list[str]) -> Nitro | None:
    """Passwords go over it: in clear to this machine only, else over TLS with a certificate that is known."""
    said = entry["nitro"]
    if set(entry) - {"nitro", "snmp"} or not isinstance(said, dict) or set(said) - _NITRO_KEYS:
        faults.append(f"{where}: an appliance has nitro (url, fingerprint or ca_file) and may have snmp, nothing else")
        return None
    texts = {name: str(said.get(name, "")) for name in _NITRO_KEYS}
    try:
        url = urlsplit(texts["url"])
    except ValueError:
        url = urlsplit("")
    if url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/") or url.username:
        faults.append(f"{where}: nitro needs a url, as https://192.0.2.1")
    elif url.scheme == "http" and not _is_here(url.hostname):
        faults.append(f"{where}: nitro in clear is for this machine only: use https:// with a fingerprint or a ca_file")
    elif url.scheme == "https" and not (texts["fingerprint"] or texts["ca_file"]):
        faults.append(f"{where}: nitro over https needs the certificate's SHA-256 fingerprint, or a ca_file")
    elif texts["fingerprint"] and not _FINGERPRINT.fullmatch(texts["fingerprint"]):
        faults.append(f"{where}: nitro fingerprint must be the SHA-256 of the certificate, 64 hex digits")
    return Nitro(**texts)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


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
    file: Path,
    devices: Mapping[str, Endpoint],
    *,
    snmp: Mapping[str, tuple[str, int]] | None = None,
    appliances: Mapping[str, str] | None = None,
) -> None:
    """Replace the file in one step, so that nobody reads half of it. `snmp` are the agents, (host, port); `appliances`
    the URLs of those on this machine.
    """
    data: dict[str, dict[str, Any]] = {
        ip: {"host": endpoint.host, "port": endpoint.port, "host_key": endpoint.host_key}
        for ip, endpoint in devices.items()
    }
    for ip, endpoint in devices.items():
        if endpoint.confirm_within is not None:
            data[ip]["confirm_within"] = endpoint.confirm_within
    data |= {ip: {"nitro": {"url": url}} for ip, url in (appliances or {}).items()}
    for ip, (host, port) in (snmp or {}).items():
        data.setdefault(ip, {})["snmp"] = {"host": host, "port": port}
    draft = file.with_suffix(".new")
    draft.write_text(yaml.safe_dump(data, sort_keys=True))
    os.replace(draft, file)
