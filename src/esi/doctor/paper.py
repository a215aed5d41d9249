"""What can be seen in the settings alone: contradictions, secrets that others can read, doors without a lock."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from esi.bootstrap.inventory import inventory_file, read_inventory
from esi.doctor.finding import Finding, Findings, ok, warn, wrong
from esi.doctor.ward import Ward, is_loopback
from esi.environment import is_secret_setting
from esi.errors import ConfigError
from esi.settings import GROUPS, Agent, Devices, Settings

ABOUT = "settings"
KNOWN_TO_ALL = frozenset(
    {"admin", "changeme", "change me", "esi", "esiesi0000", "etcd", "password", "postgres", "root", "secret", "test"}
)
"""Passwords that are tried first by whoever should not come in; examples and the lab use them."""

SHORTEST = 8


async def ask(ward: Ward) -> Findings:
    found = [*_contradictions(ward.settings), *_secrets(ward.settings), *_open_doors(ward), *_devices(ward)]
    return found or [ok(ABOUT, "all", "nothing contradicts, no secret is readable by others")]


def _contradictions(settings: Settings) -> Iterator[Finding]:
    etcd, database = settings.etcd, settings.database
    pairs = {
        "etcd.user": (
            bool(etcd.user) and not etcd.password.reveal(),
            "etcd.password",
            "is empty: set both, or neither",
        ),
        "etcd.cert_file": (bool(etcd.cert_file) != bool(etcd.key_file), "etcd.key_file", "belong together: set both"),
        "etcd.ca_file": (bool(etcd.cert_file) and not etcd.ca_file, "etcd.cert_file", "needs it: TLS is off without"),
        "database.password": (
            *(bool(database.password.reveal()) and not database.url, "database.url"),
            "is empty: SQLite has no password",
        ),
    }
    for name, (bad, other, words) in pairs.items():
        if bad:
            yield wrong(ABOUT, name, f"{name} and {other} contradict: {other} {words}", f"correct {name} or {other}")
    agent, ring = settings.agent, settings.ring
    if ring.monitoring == "agent" and agent.interval_seconds > ring.age_seconds / 5:
        words = f"agent.interval_seconds is {agent.interval_seconds:g}, more than a fifth of ring.age_seconds"
        yield warn(ABOUT, "agent.interval_seconds", words, "what is seen would count as unknown after one missed look")
    remote = [one for one in etcd.endpoints.split(",") if one.strip() and not is_loopback(one.strip())]
    if remote and not etcd.ca_file:
        words = f"etcd at {', '.join(remote)} is spoken to without TLS: keys and passwords cross the network in clear"
        yield wrong(ABOUT, "etcd.ca_file", words, "give etcd certificates, and name their authority in etcd.ca_file")
    if remote and not etcd.user:
        words = "etcd asks for no user: whoever reaches it can change every service"
        yield warn(
            ABOUT, "etcd.user", words, "make a user with a role (docs/deploy.md), and set etcd.user and its password"
        )


def _secrets(settings: Settings) -> Iterator[Finding]:
    for group in GROUPS:
        for item in fields(getattr(settings, group)):
            name = f"{group}.{item.name}"
            if is_secret_setting(name) and (secret := getattr(getattr(settings, group), item.name).reveal()):
                yield from _secret(name, secret, settings.origin)
    files = {"api.token_file": settings.api.token_file, "etcd.key_file": settings.etcd.key_file}
    for name, file in files.items():
        if file:
            yield from _readable(name, Path(file))


def _secret(name: str, secret: str, origin: Mapping[str, str]) -> Iterator[Finding]:
    if secret.lower() in KNOWN_TO_ALL:
        yield wrong(ABOUT, name, f"{name} is a password that everybody tries first", "choose another, long and random")
    elif len(secret) < SHORTEST:
        yield warn(ABOUT, name, f"{name} has fewer than {SHORTEST} characters", "choose a longer one, and random")
    source = origin.get(name, "").partition(", named by ")[0]
    if "/" in source or source.endswith((".yaml", ".yml")):
        yield from _readable(name, Path(source))


def _readable(name: str, file: Path) -> Iterator[Finding]:
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as error:
        yield wrong(ABOUT, name, f"{name}: {file} cannot be read: {error.strerror}", "correct its name or its owner")
        return
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        words = f"{file} holds the secret of {name}, and everybody on this machine can read it"
        yield wrong(ABOUT, name, words, f"chmod o= {file}")


def _open_doors(ward: Ward) -> Iterator[Finding]:
    settings = ward.settings
    if not settings.api.token_file and not settings.keystone.url:
        words = f"everybody who reaches {settings.api.host}:{settings.api.port} is the administrator"
        todo = "set api.token_file, or keystone.url"
        yield (warn if is_loopback(settings.api.host) else wrong)(ABOUT, "api.token_file", words, todo)
    doors: Mapping[str, Agent | Devices] = {"agent": settings.agent, "devices": settings.devices}
    for name, door in doors.items():
        if not is_loopback(door.host) and not door.token.reveal():
            words = f"whoever reaches {door.host}:{door.port} may use the door of {name}: it asks for no token"
            yield wrong(ABOUT, f"{name}.token", words, f"set {name}.token, the same in every process")
    if not is_loopback(settings.health.host):
        words = f"health and metrics are told to whoever reaches {settings.health.host}: names of rooms, addresses"
        yield warn(ABOUT, "health.host", words, "listen on a network of your own, or behind a firewall")


def _devices(ward: Ward) -> Iterator[Finding]:
    ring = ward.settings.ring
    try:
        there = read_inventory(inventory_file(ward.folder, ring.inventory))
    except ConfigError as error:
        for fault in error.faults:
            yield wrong(ABOUT, "ring.inventory", fault, "docs/inventory.md says what the file looks like")
        return
    lab = sorted(ip for ip, endpoint in there.items() if is_loopback(endpoint.host))
    outside = [one for one in (ward.settings.database.url, *ward.endpoints) if one and not is_loopback(one)]
    if lab and outside:
        words = f"{', '.join(lab)} are devices of the lab on loopback, in a ring whose stores are on the network"
        yield warn(ABOUT, "ring.inventory", words, "name the inventory of your own devices in ring.inventory")
    if not there:
        yield warn(
            ABOUT, "ring.inventory", "the inventory has no router: nothing can be configured", "docs/inventory.md"
        )
