"""What every authenticator does, and what the members do on top."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from conformance.keystone_desk import desk
from esi.errors import SettingsError, Unauthenticated
from esi.identity import Authenticator, Identity
from esi.identity.accounts import read_accounts
from esi.identity.none import NoIdentity
from esi.identity.tokens import TokenFile

ENTRIES = [
    {"token": "root-token", "user": "root", "roles": ["admin"]},
    {"token": "alice-token", "user": "alice", "tenant": "a" * 32, "roles": ["Member", "viewer"]},
]


def none(_folder: Path) -> Authenticator:
    return NoIdentity()


def token_file(folder: Path) -> Authenticator:
    path = folder / "tokens.json"
    path.write_text(json.dumps(ENTRIES))
    return TokenFile(path)


@asynccontextmanager
async def member_of(kind: str, folder: Path) -> AsyncIterator[Authenticator]:
    if kind == "keystone":
        token_file(folder)
        async with desk(read_accounts(folder / "tokens.json").entries) as bench:
            yield bench.member
    else:
        yield none(folder) if kind == "none" else token_file(folder)


@pytest.mark.parametrize("kind", ["none", "token file", "keystone"])
async def test_a_known_token_has_one_identity(kind: str, tmp_path: Path) -> None:
    async with member_of(kind, tmp_path) as member:
        await knows_root(member)


@pytest.mark.parametrize("kind", ["token file", "keystone"])
async def test_strangers_are_refused(kind: str, tmp_path: Path) -> None:
    async with member_of(kind, tmp_path) as member:
        alice = await member.identify("alice-token")
        assert alice == Identity("alice", "a" * 32, ("Member", "viewer"), is_admin=False)
        assert alice.acting_for("b") is alice
        for token in (None, "", "alice-toke", "alice-token ", "ALICE-TOKEN", "\ud800", "a\r\nb: c", "x" * 9_000):
            with pytest.raises(Unauthenticated):
                await member.identify(token)


async def knows_root(member: Authenticator) -> None:
    identity = await member.identify("root-token")
    assert identity.is_admin
    assert identity == await member.identify("root-token")
    assert identity.acting_for("t").tenant == "t"


async def test_nobody_is_refused_where_nobody_is_asked() -> None:
    assert (await NoIdentity().identify(None)).is_admin


def test_all_faults_of_a_file_are_told_without_its_tokens(tmp_path: Path) -> None:
    path = tmp_path / "tokens.yaml"
    path.write_text(
        "- {token: short, user: a}\n"
        "- {token: long-enough-1, user: ''}\n"
        "- {token: long-enough-2, user: b, role: admin}\n"
        "- {token: long-enough-3, user: c, roles: admin}\n"
        "- 5\n"
        "- {token: long-enough-4, user: d, tenant: 7}\n"
        "- {token: long-enough-5, user: e}\n"
        "- {token: long-enough-5, user: f}\n"
        "- {user: g}\n"
        "- {password: short, user: g}\n"
        "- {password: long-enough-6, user: g, tenant: t1, project: same}\n"
        "- {password: long-enough-7, user: g, tenant: t1, project: same}\n"
        "- {token: long-enough-8, user: g, tenant: t2, project: same}\n"
    )
    with pytest.raises(SettingsError) as refused:
        TokenFile(path)
    assert [fault.split(": ")[1] for fault in refused.value.faults] == [
        f"entry {n}" for n in (1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 13)
    ]
    assert "long-enough" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["{}", "a: [", "'x", "\x00", "tokens: {}", "{tokens: [], catalog: {}}", "{tokens: [], catalogue: {a: 1}}"]
)
def test_files_that_make_no_sense(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError):
        TokenFile(path)
    with pytest.raises(SettingsError):
        TokenFile(tmp_path / "missing.yaml")
