"""The lab's Keystone, and the member that asks one: tokens, their end, revocation, strangers, an absent server."""

from __future__ import annotations

import re

import pytest

from conformance.keystone_desk import desk
from esi.errors import SettingsError, Unauthenticated, Unreachable
from esi.identity.accounts import account
from esi.identity.keystone import Trust
from esi.lab.keystone import Directory
from esi.lab.keystone.issued import GUESS_SECONDS, GUESSES, MOST_PER_USER

BLUE, RED = "b1" * 16, "4ed" * 10 + "00"
ALICE = [
    account("alice", tenant=BLUE, project="blue", roles=["Member"], password="alice-password"),
    account("alice", tenant=RED, project="red", roles=["viewer"]),
]
ROOT = account("root", roles=["admin"], password="root-password", token="root-token")
UNAUTHORIZED = {
    "error": {"code": 401, "message": "The request you have made requires authentication.", "title": "Unauthorized"}
}


async def test_a_password_gives_a_token_for_a_project_and_a_catalogue() -> None:
    async with desk([*ALICE, ROOT]) as bench:
        status, body, text = await bench.log_in("alice", "alice-password", id=BLUE)
        assert status == 201
        assert len(text) >= 43
        token = body["token"]
        assert token["project"] == {"id": BLUE, "name": "blue", "domain": {"id": "default", "name": "Default"}}
        assert [role["name"] for role in token["roles"]] == ["Member"]
        urls = {one["type"]: {door["url"] for door in one["endpoints"]} for one in token["catalog"]}
        assert urls["orchestration"] == {f"http://127.0.0.1:8004/v1/{BLUE}"}
        assert urls["identity"] == {f"{bench.room.url}/v3"}
        _, body, other = await bench.log_in("alice", "alice-password", name="red", domain={"name": "Default"})
        assert body["token"]["project"]["id"] == RED
        assert other != text
        identity = await bench.member.identify(text)
        assert (identity.user, identity.tenant, identity.roles, identity.is_admin) == (
            "alice", BLUE, ("Member",), False,
        )  # fmt: skip


async def test_a_token_gives_another_scope_and_no_longer_life() -> None:
    async with desk(ALICE, seconds=100.0) as bench:
        _, first, unscoped = await bench.log_in("alice", "alice-password")
        assert "project" not in first["token"]
        with pytest.raises(Unauthenticated):
            await bench.member.identify(unscoped)
        bench.clock.ahead = 60.0
        auth = {"identity": {"methods": ["token"], "token": {"id": unscoped}}, "scope": {"project": {"id": RED}}}
        status, second, headers = await bench.ask("POST", "/v3/auth/tokens", {"auth": auth})
        assert (status, second["token"]["expires_at"]) == (201, first["token"]["expires_at"])
        text = headers["X-Subject-Token"]
        assert (await bench.member.identify(text)).tenant == RED
        bench.clock.ahead = 100.0
        with pytest.raises(Unauthenticated):
            await bench.member.identify(text)
        status, body, _ = await bench.ask("GET", "/v3/auth/tokens", token=text, subject=text)
        assert (status, body) == (401, UNAUTHORIZED)


@pytest.mark.parametrize(
    ("user", "password", "scope"),
    [
        ("alice", "alice-passwore", {}),
        ("alice", "", {}),
        ("nobody", "alice-password", {}),
        ("alice", "alice-password", {"id": "5e" * 16}),
        ("alice", "alice-password", {"name": "blue", "domain": {"name": "Elsewhere"}}),
        ("tokenless", "", {}),
    ],
)
async def test_who_is_not_known_is_told_nothing_more(user: str, password: str, scope: dict[str, str]) -> None:
    async with desk([*ALICE, account("tokenless", tenant=BLUE, project="blue", token="some-token")]) as bench:
        status, body, text = await bench.log_in(user, password, **scope)
        assert (status, body, text) == (401, UNAUTHORIZED, "")


async def test_guessing_is_given_no_more_chances_for_a_minute() -> None:
    async with desk(ALICE) as bench:
        for _ in range(GUESSES):
            assert (await bench.log_in("alice", "guessed-word"))[0] == 401
        assert (await bench.log_in("alice", "alice-password"))[0] == 401
        bench.clock.ahead = GUESS_SECONDS + 1.0
        assert (await bench.log_in("alice", "alice-password"))[0] == 201


async def test_only_the_oldest_of_ones_own_tokens_makes_room() -> None:
    async with desk([*ALICE, ROOT]) as bench:
        _, _, root = await bench.log_in("root", "root-password", name="admin", domain={"id": "default"})
        _, _, first = await bench.log_in("alice", "alice-password", id=BLUE)
        _, _, second = await bench.log_in("alice", "alice-password", id=BLUE)
        auth = {"identity": {"methods": ["token"], "token": {"id": second}}}
        for _ in range(MOST_PER_USER - 1):
            assert (await bench.ask("POST", "/v3/auth/tokens", {"auth": auth}))[0] == 201
        with pytest.raises(Unauthenticated):
            await bench.member.identify(first)
        assert (await bench.member.identify(second)).user == "alice"
        assert (await bench.member.identify(root)).is_admin


async def test_tokens_are_looked_at_by_their_owner_services_and_administrators() -> None:
    async with desk([*ALICE, ROOT]) as bench:
        _, _, alice = await bench.log_in("alice", "alice-password", id=BLUE)
        assert (await bench.ask("GET", "/v3/auth/tokens", token=alice, subject=alice))[0] == 200
        assert (await bench.ask("HEAD", "/v3/auth/tokens", token="root-token", subject=alice))[0] == 200
        status, body, _ = await bench.ask("GET", "/v3/auth/tokens", token=alice, subject="root-token")
        assert (status, body["error"]["title"]) == (403, "Forbidden")
        status, body, _ = await bench.ask("GET", "/v3/auth/tokens", token=alice, subject="no-token")
        assert (status, body["error"]["title"]) == (404, "Not Found")
        assert (await bench.ask("DELETE", "/v3/auth/tokens", token="root-token", subject="root-token"))[0] == 403


async def test_a_revoked_token_is_refused_once_what_was_said_is_old() -> None:
    async with desk(ALICE, trust=Trust(fresh=30.0)) as bench:
        _, _, text = await bench.log_in("alice", "alice-password", id=BLUE)
        await bench.member.identify(text)
        assert (await bench.ask("DELETE", "/v3/auth/tokens", token=text, subject=text))[0] == 204
        assert (await bench.member.identify(text)).user == "alice"
        bench.clock.ahead = 30.0
        with pytest.raises(Unauthenticated):
            await bench.member.identify(text)


async def test_while_keystone_is_away_what_it_said_counts_for_a_while() -> None:
    trust = Trust(fresh=30.0, stale=100.0, most=2)
    async with desk(ALICE, trust=trust) as bench:
        _, _, text = await bench.log_in("alice", "alice-password", id=BLUE)
        await bench.member.identify(text)
    bench.clock.ahead = 129.0
    assert (await bench.member.identify(text)).user == "alice"
    with pytest.raises(Unreachable):
        await bench.member.identify("another-token")
    bench.clock.ahead = 131.0
    with pytest.raises(Unreachable):
        await bench.member.identify(text)


async def test_our_own_token_is_taken_anew_when_it_has_ended() -> None:
    async with desk([*ALICE, ROOT], seconds=100.0) as bench:
        await bench.member.identify("root-token")
        bench.clock.ahead = 100.0
        _, _, text = await bench.log_in("alice", "alice-password", id=BLUE)
        assert (await bench.member.identify(text)).tenant == BLUE


async def test_lists_are_for_administrators_and_services() -> None:
    async with desk([*ALICE, ROOT]) as bench:
        _, body, _ = await bench.ask("GET", "/v3/projects?name=blue", token="root-token")
        assert [row["id"] for row in body["projects"]] == [BLUE]
        _, body, _ = await bench.ask("GET", "/v3/users", token="root-token")
        assert [row["name"] for row in body["users"]] == ["esi", "alice", "root"]
        _, own, text = await bench.log_in("alice", "alice-password", id=BLUE)
        assert (await bench.ask("GET", "/v3/users", token=text))[0] == 403
        assert (await bench.ask("GET", f"/v3/users/{own['token']['user']['id']}", token=text))[0] == 200
        assert (await bench.ask("GET", f"/v3/projects/{RED}", token=text))[0] == 200
        _, body, _ = await bench.ask("GET", "/v3/auth/projects", token=text)
        assert {row["name"] for row in body["projects"]} == {"blue", "red"}
        assert (await bench.ask("GET", "/v3/nothing", token=text))[0] == 404
        assert (await bench.ask("GET", "/v3/users"))[:2] == (401, UNAUTHORIZED)


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"auth": 1}, {"auth": {"identity": {"methods": ["password"], "password": {"user": "alice"}}}},
     {"auth": {"identity": {"methods": ["token"], "token": {"id": 5}}}}],
)  # fmt: skip
async def test_what_is_no_request_is_400_in_keystones_shape(body: object) -> None:
    async with desk(ALICE) as bench:
        status, answer, _ = await bench.ask("POST", "/v3/auth/tokens", body)
        assert (status, answer["error"]["title"]) == (400, "Bad Request")
        assert re.match("The request body", answer["error"]["message"])


async def test_large_bodies_and_other_methods_are_refused_in_the_same_shape() -> None:
    async with desk(ALICE) as bench:
        assert (await bench.ask("POST", "/v3/auth/tokens", {"auth": "x" * 70_000}))[1]["error"]["code"] == 413
        assert (await bench.ask("PUT", "/v3/auth/tokens", {}))[1]["error"]["code"] == 405
        assert (await bench.ask("GET", "/v2.0"))[1]["error"]["code"] == 404
        status, versions, _ = await bench.ask("GET", "/")
        assert (status, versions["versions"]["values"][0]["id"]) == (300, "v3.14")


def test_one_user_has_one_set_of_roles_in_a_tenant() -> None:
    viewer = account("bob", tenant=BLUE, project="blue", roles=["viewer"], token="token-one")
    with pytest.raises(SettingsError):
        Directory([viewer, account("bob", tenant=BLUE, project="blue", roles=["admin"], token="token-two")])
