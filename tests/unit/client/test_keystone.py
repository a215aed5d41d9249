"""Tokens of Keystone, from a small real server; and what is said about TLS that does not fit."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from esi.client.http import Http
from esi.client.keystone import Credentials, grant
from esi.clock import SystemClock
from esi.errors import Broken, Invalid, NotFound, Unauthenticated, Unreachable
from esi.telemetry import Secret

CLOCK = SystemClock()
CATALOG = [
    {
        "name": "gohan",
        "type": "esi",
        "endpoints": [
            {"interface": "internal", "region": "one", "url": "http://192.0.2.1:9091"},
            {"interface": "public", "region": "one", "url": "http://127.0.0.1:9091/"},
            {"interface": "public", "region": "two", "url": "http://127.0.0.2:9091"},
        ],
    }
]


class Keystone:
    """Knows alice of one project. `bodies` are what it was asked."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []

    async def tokens(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        user = body["auth"]["identity"]["password"]["user"]
        if (user["name"], user["password"]) != ("alice", "pw"):
            error = {"message": "The request you have made requires authentication.", "code": 401}
            return web.json_response({"error": error}, status=401)
        return web.json_response({"token": {"catalog": CATALOG}}, status=201, headers={"X-Subject-Token": "t0ken"})


async def hello(_request: web.Request) -> web.Response:
    return web.json_response({"hello": 1})


async def _serving(keystone: Keystone, tls: ssl.SSLContext | None = None) -> tuple[web.AppRunner, int]:
    app = web.Application()
    app.router.add_post("/v3/auth/tokens", keystone.tokens)
    app.router.add_get("/v3/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    return runner, runner.addresses[0][1]


@pytest.fixture
async def keystone() -> AsyncIterator[tuple[Keystone, str]]:
    known = Keystone()
    runner, port = await _serving(known)
    yield known, f"http://127.0.0.1:{port}"
    await runner.cleanup()


async def test_a_password_gives_a_token_and_the_catalog(keystone: tuple[Keystone, str]) -> None:
    known, url = keystone
    for auth_url in (url, f"{url}/v3", f"{url}/v3/"):
        given = await grant(Credentials(auth_url, "alice", Secret("pw"), project_name="red"), clock=CLOCK)
        assert given.token.reveal() == "t0ken"
    scope = {"project": {"name": "red", "domain": {"name": "Default"}}}
    user = {"name": "alice", "domain": {"name": "Default"}, "password": "pw"}
    assert known.bodies[-1] == {
        "auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
    }
    assert given.endpoint("gohan") == given.endpoint("esi", "one") == "http://127.0.0.1:9091"
    assert given.endpoint("gohan", "two") == "http://127.0.0.2:9091"
    with pytest.raises(NotFound, match="it has gohan"):
        given.endpoint("nova")


async def test_what_keystone_does_not_accept_is_said_without_the_password(keystone: tuple[Keystone, str]) -> None:
    _, url = keystone
    wrong = Credentials(url, "alice", Secret("sesame"), project_id="p1")
    with pytest.raises(Unauthenticated, match="does not accept 'alice'") as error:
        await grant(wrong, clock=CLOCK)
    assert "sesame" not in f"{error.value} {error.value.details} {wrong!r} {wrong.who}"


async def test_something_else_than_keystone_is_named() -> None:
    app = web.Application()
    app.router.add_post("/v3/auth/tokens", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    with pytest.raises(Broken, match="is it Keystone"):
        await grant(Credentials(url, "alice", Secret("pw")), clock=CLOCK)
    await runner.cleanup()
    with pytest.raises(Unreachable, match="Keystone at"):
        await grant(Credentials(url, "alice", Secret("pw")), clock=CLOCK)


def certificate(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lab")])
    now = datetime.datetime.now(datetime.UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = folder / "lab.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


async def test_tls_that_does_not_fit_is_said_in_words(tmp_path: Path, keystone: tuple[Keystone, str]) -> None:
    path = certificate(tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(path)
    runner, port = await _serving(Keystone(), serving)

    async def ask(url: str, tls: ssl.SSLContext | None = None) -> int:
        async with Http(url, clock=CLOCK, tls=tls) as http:
            return (await http.ask("GET", "/v3/")).status

    with pytest.raises(Unreachable, match="its certificate is not trusted: self-signed certificate"):
        await ask(f"https://127.0.0.1:{port}")
    with pytest.raises(Unreachable, match="is it https:// there"):
        await ask(f"http://127.0.0.1:{port}")
    with pytest.raises(Unreachable, match="is it http:// there"):
        await ask(keystone[1].replace("http:", "https:"))
    assert await ask(f"https://127.0.0.1:{port}", ssl.create_default_context(cafile=str(path))) == 200
    await runner.cleanup()


async def test_a_token_that_is_no_header_is_the_callers_fault(keystone: tuple[Keystone, str]) -> None:
    async with Http(keystone[1], token="two\nlines", clock=CLOCK) as http:
        with pytest.raises(Invalid, match="no header"):
            await http.ask("GET", "/v3/")
