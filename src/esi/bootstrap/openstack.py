"""The doors for OpenStack's clients: Heat's read API over the stacks, and the lab's Keystone."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from esi.bootstrap.clouds import read_clouds
from esi.bootstrap.ground import Ground
from esi.bootstrap.neutron import read_neutron
from esi.clock import Clock
from esi.identity import ADMIN_ROLE, Authenticator
from esi.identity.accounts import HOME_NAME, Accounts, account, read_accounts
from esi.identity.keystone import Login
from esi.lab.keystone import Directory, KeystoneRoom
from esi.orchestration import OrchestrationRoom
from esi.registry import Registry
from esi.settings import Settings
from esi.stacks import StackResource
from esi.telemetry import Secret

SERVICE_TENANT = "00000000000000000000000000005e41"
DEFAULT_PASSWORD = "admin"
"""Of the user admin in a ring without a token file, where everybody is the administrator anyway."""


def build_keystone(
    settings: Settings, clock: Clock, doors: Callable[[], Mapping[str, str]]
) -> tuple[KeystoneRoom, Login]:
    """The lab's Keystone, and a login of our own there. `doors` gives the URLs of this process's rooms, by name."""
    known = _accounts(settings.api.token_file)
    login = Login(f"esi-{secrets.token_hex(4)}", Secret(secrets.token_urlsafe(32)), "esi-rooms")
    own = account(
        login.user,
        tenant=SERVICE_TENANT,
        project=login.project,
        roles=[ADMIN_ROLE, "service"],
        password=login.password.reveal(),
    )

    def catalogue() -> dict[str, str]:
        urls = doors()
        found = {"esi": urls["api"]} if "api" in urls else {}
        if "orchestration" in urls:
            found["orchestration"] = f"{urls['orchestration']}/v1/%(tenant_id)s"
        network = urls.get("neutron") or read_neutron(Path(settings.ring.folder))
        if network:
            found["network"] = network
        clouds = read_clouds(Path(settings.ring.folder))
        if "nova" in clouds:
            found["compute"] = f"{clouds['nova']}/v2.1/%(tenant_id)s"
        if "glance" in clouds:
            found["image"] = clouds["glance"]
        return {**found, **known.catalogue}

    host, port = settings.lab.host, settings.keystone.lab_port
    directory = Directory([*known.entries, own], everywhere=login.user)
    return KeystoneRoom(directory, clock=clock, others=catalogue, host=host, port=port), login


def _accounts(file: str) -> Accounts:
    if file:
        return read_accounts(Path(file))
    return Accounts((account("admin", project=HOME_NAME, roles=[ADMIN_ROLE], password=DEFAULT_PASSWORD),))


def build_orchestration(
    settings: Settings, ground: Ground, authenticator: Authenticator, types: Registry[StackResource]
) -> OrchestrationRoom:
    heat = settings.orchestration
    address = (heat.host, heat.port)
    return OrchestrationRoom(ground.kv, authenticator, types, clock=ground.clock, address=address, public_url=heat.url)
