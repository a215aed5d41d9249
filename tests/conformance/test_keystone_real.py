"""OpenStack's own Keystone says who is calling: the member that asks it, and an API whose callers have its tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from e2e.processes import esi
from esi.client.keystone import Credentials, grant
from esi.client.resources import Client
from esi.clock import SystemClock
from esi.errors import Forbidden, NotFound, Unauthenticated, Unreachable
from esi.identity.keystone import KeystoneIdentity, Login, Trust
from esi.telemetry import Secret
from esi.testing.clocks import TurnedClock
from esi.testing.openstack import ADMIN, Keystone

pytestmark = pytest.mark.real

CLOCK = SystemClock()


@dataclass
class People:
    """Two tenants' users, and their projects' ids."""

    keystone: Keystone
    blue: str
    red: str

    async def token(self, user: str, project: str = "") -> str:
        who = Credentials(self.keystone.url, user, Secret(ADMIN), project_id=project)
        return (await grant(who, clock=CLOCK)).token.reveal()


@pytest.fixture(scope="module")
def people(keystone: Keystone) -> Iterator[People]:
    member = keystone.id_of("role", "member")
    projects: list[str] = []
    for user, project in (("alice", "blue"), ("mallory", "red")):
        made = keystone.ask("POST", "/v3/projects", {"project": {"name": project}})["project"]["id"]
        id_ = keystone.ask("POST", "/v3/users", {"user": {"name": user, "password": ADMIN}})["user"]["id"]
        keystone.ask("PUT", f"/v3/projects/{made}/users/{id_}/roles/{member}")
        projects.append(made)
    yield People(keystone, *projects)
    for user in ("alice", "mallory"):
        keystone.ask("DELETE", f"/v3/users/{keystone.id_of('user', user)}")
    for project in projects:
        keystone.ask("DELETE", f"/v3/projects/{project}")


def member(keystone: Keystone, clock: TurnedClock) -> KeystoneIdentity:
    login, trust = Login("esi", Secret(ADMIN), "service"), Trust(fresh=30.0, stale=100.0)
    return KeystoneIdentity(lambda: f"{keystone.url}/v3", login, clock=clock, trust=trust)


async def test_tokens_of_users_and_administrators(people: People) -> None:
    asks = member(people.keystone, TurnedClock())
    alice = await asks.identify(await people.token("alice", people.blue))
    assert (alice.user, alice.tenant, alice.is_admin) == ("alice", people.blue, False)
    assert set(alice.roles) == {"member", "reader"}  # one implies the other
    service = people.keystone.id_of("project", "service")
    assert (await asks.identify(await people.token("admin", service))).is_admin
    for stranger in (await people.token("alice"), "gAAAAAno-token", "x"):  # the first is for no project
        with pytest.raises(Unauthenticated):
            await asks.identify(stranger)


async def test_a_revoked_token_counts_no_longer_than_was_said(people: People) -> None:
    clock = TurnedClock()
    asks, token = member(people.keystone, clock), await people.token("alice", people.blue)
    await asks.identify(token)
    people.keystone.ask("DELETE", "/v3/auth/tokens", subject=token)
    assert (await asks.identify(token)).user == "alice"
    clock.ahead = 31.0
    with pytest.raises(Unauthenticated):
        await asks.identify(token)


async def test_while_it_is_away_what_it_said_counts(people: People) -> None:
    clock = TurnedClock()
    asks, known = member(people.keystone, clock), await people.token("alice", people.blue)
    unknown = await people.token("mallory", people.red)
    await asks.identify(known)
    people.keystone.kill()
    try:
        clock.ahead = 60.0
        assert (await asks.identify(known)).user == "alice"
        with pytest.raises(Unreachable):
            await asks.identify(unknown)
    finally:
        people.keystone.start()
    assert (await asks.identify(unknown)).tenant == people.red


async def test_callers_of_an_api_see_what_is_theirs(
    people: People, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    require("etcd")
    asked = ("--set", f"keystone.url={people.keystone.url}/v3", "--set", f"keystone.password={ADMIN}")
    body = {"name": "blue", "plane": "data", "admin_state_up": True}
    async with esi("room", "api", "--folder", str(tmp_path), "--port", "0", "--monitoring", "none", *asked) as (
        _,
        facts,
    ):
        alice, mallory = await people.token("alice", people.blue), await people.token("mallory", people.red)
        async with Client(facts["api"], alice, clock=CLOCK) as client:
            made = await client.create("network", body)
            assert made["tenant_id"] == people.blue
            with pytest.raises(Forbidden):
                await client.create("network", body | {"tenant_id": people.red})
        async with Client(facts["api"], mallory, clock=CLOCK) as client:
            assert (await client.list("network")).rows == []
            with pytest.raises(NotFound):
                await client.show("network", str(made["id"]))
        async with Client(facts["api"], "gAAAAAno-token", clock=CLOCK) as client:
            with pytest.raises(Unauthenticated):
                await client.list("network")
