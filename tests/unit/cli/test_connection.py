"""Who calls and where: tokens, Keystone's variables, TLS; and what is said when they do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from unit.cli.calling import Program
from unit.client.server import Api, serving

CATALOG = {"name": "gohan", "type": "esi"}


class Keystone(Api):
    """The API beside a Keystone that knows alice. `asked` are the bodies that came."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any, int | None]:
        if path != "/v3/auth/tokens":
            return super().answer(method, path, query, body)
        self.asked.append(body["auth"])
        if body["auth"]["identity"]["password"]["user"]["password"] != "sesame":
            return 401, {"error": {"message": "no", "code": 401}}, None
        points = [{"interface": "public", "region": "one", "url": self.url}]
        self.more = {"X-Subject-Token": "t0psecret"}
        return 201, {"token": {"catalog": [{**CATALOG, "endpoints": points}]}}, None


@pytest.fixture
def keystone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keystone]:
    with serving(Keystone()) as api:
        assert isinstance(api, Keystone)
        for name, value in (
            ("AUTH_URL", f"{api.url}/v3"), ("USERNAME", "alice"), ("PASSWORD", "sesame"), ("PROJECT_NAME", "red")
        ):  # fmt: skip
            monkeypatch.setenv(f"OS_{name}", value)
        yield api


def test_keystone_is_asked_once_and_says_where_the_api_is(
    program: Program, keystone: Keystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOHAN_SERVICE_NAME", "gohan")
    called = program("client", "--verbosity", "3", "rack", "list", "--output-format", "json")
    assert called.json == {"racks": []}
    (asked,) = keystone.asked
    assert asked["scope"]["project"]["name"] == "red"
    assert keystone.requests[-1][2]["X-Auth-Token"] == "t0psecret"
    assert "sesame" not in called.err
    assert "t0psecret" not in called.err
    monkeypatch.setenv("GOHAN_REGION", "two")
    lost = program("client", "rack", "list")
    assert (lost.code, "no public endpoint of 'gohan' in region two" in lost.err) == (4, True)


def test_a_project_id_counts_more_than_its_name(
    program: Program, keystone: Keystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOHAN_ENDPOINT_URL", keystone.url)
    monkeypatch.setenv("OS_TENANT_ID", "p1")
    assert program("client", "rack", "list").code == 0
    assert keystone.asked[0]["scope"] == {"project": {"id": "p1"}}
    assert "X-Tenant" not in keystone.requests[-1][2]


def test_schemas_are_kept_by_who_asks_and_not_by_the_token(
    program: Program, keystone: Keystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOHAN_ENDPOINT_URL", keystone.url)
    for _call in range(2):
        assert program("client", "rack", "list").code == 0
    assert keystone.paths("GET").count("/gohan/v0.1/schemas") == 1
    monkeypatch.setenv("OS_PROJECT_NAME", "blue")
    program("client", "rack", "list")
    assert keystone.paths("GET").count("/gohan/v0.1/schemas") == 2


@pytest.mark.parametrize("name", ["OS_TOKEN", "OS_TOKEN_ID"])
def test_a_token_makes_keystone_needless(
    program: Program, keystone: Keystone, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("GOHAN_ENDPOINT_URL", keystone.url)
    monkeypatch.setenv(name, "mine\n")
    assert program("client", "rack", "list").code == 0
    assert keystone.asked == []
    assert keystone.requests[-1][2]["X-Auth-Token"] == "mine"


def test_a_wrong_password_is_5_and_a_missing_one_2(
    program: Program, keystone: Keystone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_PASSWORD", "wrong-one")
    called = program("client", "rack", "list")
    assert (called.code, "does not accept 'alice'" in called.err) == (5, True)
    assert "wrong-one" not in called.err
    monkeypatch.setenv("OS_PASSWORD", "")
    called = program("client", "rack", "list")
    assert (called.code, "neither OS_PASSWORD nor a token" in called.err) == (2, True)


def test_certificates_that_are_none_are_2(program: Program, api: Api, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "none.pem"):
        called = program("client", "--cacert", str(tmp_path / name), "rack", "list")
        assert (called.code, f"{name} (--cacert, OS_CACERT) holds no certificates" in called.err) == (2, True)


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("ftp://127.0.0.1", 1, "is not the address of an API"),
        ("https://127.0.0.1:{port}", 3, "is it http:// there"),
        ("http://127.0.0.1:1", 3, "Connection refused"),
    ],
)
def test_an_address_that_is_none_says_so(program: Program, api: Api, url: str, code: int, said: str) -> None:
    called = program("client", "--endpoint-url", url.format(port=api.url.rpartition(":")[2]), "rack", "list")
    assert (called.code, said in called.err) == (code, True), called.err
