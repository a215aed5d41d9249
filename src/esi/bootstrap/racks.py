"""What the lab's Nova and Glance are given: who says whose a token is, a service user of their own, and machines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from esi.bootstrap.compute import read_login
from esi.client.keystone import Credentials
from esi.clock import Clock
from esi.errors import EsiError, Unauthenticated
from esi.identity import Identity
from esi.identity.keystone import KeystoneIdentity, Login
from esi.lab.glance import APPLIANCE_IMAGE
from esi.lab.netscaler import Appliances, Image
from esi.lab.nova import Machine
from esi.lab.nova.cloud import ServiceUser
from esi.lab.nova.neutron import Refused


def service_user(folder: Path) -> ServiceUser | None:
    """Who Nova is towards Neutron; None while no Keystone runs."""
    found = read_login(folder)
    if found is None:
        return None
    return ServiceUser(found.auth_url, found.username, found.password, found.project_name)


class LabIdentity:
    """Says whose a token is, for the lab's clouds: asks the Keystone of the ring's folder, whichever runs there now."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._user: Credentials | None = None
        self._asked: KeystoneIdentity | None = None

    async def __call__(self, token: str) -> Identity:
        user = read_login(self._folder)
        if user is None:
            raise Unauthenticated("no Keystone runs in this lab")
        if user != self._user or self._asked is None:
            login, url = Login(user.username, user.password, user.project_name), f"{user.auth_url}/v3"
            self._user, self._asked = user, KeystoneIdentity(lambda: url, login, clock=self._clock)
        return await self._asked.identify(token)


@dataclass(frozen=True, slots=True)
class Racks:
    """What the servers of the lab's Nova run on: nothing, unless their image is an appliance's."""

    appliances: Appliances
    boot_seconds: float

    async def __call__(self, what: str, machine: Machine) -> None:
        if machine.image != APPLIANCE_IMAGE:
            return
        try:
            if what == "boot":
                ports = ("0/1", *(f"1/{number}" for number in range(1, machine.ports)))
                image = Image(machine.address, boot_seconds=self.boot_seconds)
                await self.appliances.boot(machine.address, image, ports=ports)
            elif what == "gone":
                await self.appliances.gone(machine.address)
            elif machine.address in self.appliances.running():
                await self.appliances.power_off(machine.address)
        except EsiError as error:
            raise Refused(500, str(error)) from error
