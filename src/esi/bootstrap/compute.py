"""Virtual machines: the driver to the Nova that the settings name, else to the lab's.

Whoever runs the lab's Keystone writes where it is, and a service user's login, into the ring's folder (`login.json`,
for its owner only). Workers and the lab's clouds read it when they need a token: they may run in other processes, and
start earlier.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from esi.bootstrap.logins import named_user
from esi.client.keystone import Credentials
from esi.clock import Clock
from esi.drivers.compute import Clouds
from esi.drivers.compute.nova import NovaClouds
from esi.drivers.compute.session import Means, Session
from esi.errors import Unsupported
from esi.identity.keystone import Login
from esi.settings import Keystone, Settings
from esi.stacks import StackResource
from esi.stacks.resources.instance import Instance
from esi.telemetry import Recorder, Secret

LOGIN_FILE = "login.json"


def open_compute(settings: Settings, clock: Clock, recorder: Recorder) -> NovaClouds:
    """Nova and Glance, at addresses from Keystone's catalogue."""
    named, folder = settings.compute, Path(settings.ring.folder)

    def credentials() -> Credentials:
        if named.auth_url:
            return named_user(named, named.auth_url)
        found = read_login(folder)
        if found is None:
            raise Unsupported("compute.auth_url is not set, and no lab's Keystone has said where it is")
        return found

    urls = {"compute": named.url, "image": named.image_url}
    return NovaClouds(Session(Means(credentials, clock, recorder, urls, named.region)))


def compute_types(clouds: Clouds, clock: Clock) -> tuple[StackResource, ...]:
    return (Instance(clouds, clock),)


def service_login(named: Keystone, lab: str, login: Login) -> Credentials:
    """Who we are towards the Keystone of the settings, else towards the lab's, at `lab`."""
    if named.url:
        return named_user(named, named.url.rstrip("/").removesuffix("/v3"))
    return Credentials(lab, login.user, login.password, project_name=login.project)


def write_login(folder: Path, who: Credentials) -> None:
    """Replace the file in one step; nobody but its owner may read it."""
    draft = folder / f"{LOGIN_FILE}.new"
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    told = {"auth_url": who.auth_url, "user": who.username, "project": who.project_name}
    draft.write_text(json.dumps({**told, "password": who.password.reveal()}))
    os.replace(draft, folder / LOGIN_FILE)


def read_login(folder: Path) -> Credentials | None:
    """None when there is none."""
    try:
        found = json.loads((folder / LOGIN_FILE).read_text())
        login = Secret(found["password"])
        return Credentials(found["auth_url"], found["user"], login, project_name=found["project"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
