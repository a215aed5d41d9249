"""PostgreSQL over TCP: TLS with a certificate that is judged, and a client's own one; SCRAM inside it."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from conformance.test_store import CATALOGUE, box, insert, listed
from esi.bootstrap.database import server_of
from esi.clock import SystemClock
from esi.errors import SettingsError, Unreachable
from esi.settings import Database
from esi.store.postgresql import PostgresStore
from esi.telemetry import Secret
from esi.testing.ports import free_ports
from esi.testing.postgresql import PASSWORD, Tls, running_postgresql

DAY = datetime.timedelta(days=1)


@dataclass
class Signed:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def signed(name: str, by: Signed | None = None, address: str = "127.0.0.1") -> Signed:
    """A certificate of this name; of an authority when nobody has signed it."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = (by.certificate.subject, by.key) if by else (subject, key)
    now = datetime.datetime.now(datetime.UTC)
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    built = built.serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + DAY)
    built = built.add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    there = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    return Signed(built.add_extension(there, critical=False).sign(signer, hashes.SHA256()), key)


@dataclass
class Place:
    """A server, and the settings of somebody who may use it; `authority` has signed both sides."""

    settings: Database
    folder: Path
    authority: Signed

    def file(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)


@pytest.fixture(scope="module", params=["127.0.0.1", "127.0.0.9"])
def place(
    request: pytest.FixtureRequest, require: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """The server's certificate is for the address in `request.param`; it is always reached at 127.0.0.1."""
    (port,) = free_ports()
    authority, folder = signed("authority"), tmp_path_factory.mktemp("tls")
    own, client = signed("server", authority, request.param), signed("esi", authority)
    tls = Tls(port, own.pem, own.key_pem, authority.pem)
    with running_postgresql(require("postgresql"), tls=tls) as server:
        name = server.new_database().partition("@/")[2].partition("?")[0]
        made = Place(Database(url=f"postgresql://esi@127.0.0.1:{port}/{name}", password=PASSWORD), folder, authority)
        made.settings = replace(
            made.settings,
            ca_file=made.file("ca.pem", authority.pem),
            cert_file=made.file("esi.pem", client.pem),
            key_file=made.file("esi.key", client.key_pem),
        )
        yield made


async def opened(settings: Database) -> PostgresStore:
    return await PostgresStore.open(server_of(settings), CATALOGUE, clock=SystemClock())


GOOD = pytest.mark.parametrize("place", ["127.0.0.1"], indirect=True)


@GOOD
async def test_rows_and_hints_go_by_tls(place: Place) -> None:
    store = await opened(place.settings)
    await insert(store, box("a"))
    assert await listed(store) == ["a"]

    async def how(tx: object) -> list[tuple[bool, str]]:
        text = "SELECT s.ssl, a.application_name FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)"
        rows = await tx._sql.rows(f"{text} WHERE a.usename = 'esi'")  # type: ignore[attr-defined]
        return [tuple(row) for row in rows]

    assert await store.wake.wait(at_most=10.0)  # it listens
    found = await store.read(how)
    assert {name for _, name in found} == {"esi", "esi hints"}
    assert all(tls for tls, _ in found)
    await insert(store, box("b"))
    await store.transaction(lambda tx: tx.delete(box("a").ref))
    await store.transaction(lambda tx: tx.delete(box("b").ref))
    await store.close()


@GOOD
async def test_the_url_may_say_it_all(place: Place) -> None:
    known = place.settings
    words = f"sslmode=verify-full&sslrootcert={known.ca_file}&sslcert={known.cert_file}&sslkey={known.key_file}"
    store = await opened(Database(url=f"{known.url}?{words}", password=PASSWORD))
    assert await listed(store) == []
    await store.close()


@pytest.mark.parametrize("place", ["127.0.0.9"], indirect=True)
async def test_a_certificate_of_another_name_is_refused(place: Place) -> None:
    with pytest.raises(Unreachable, match="certificate"):
        await opened(place.settings)


@GOOD
async def test_who_is_not_judged_well_is_refused(place: Place) -> None:
    stranger = place.file("stranger.pem", signed("stranger").pem)
    with pytest.raises(Unreachable, match="certificate"):
        await opened(replace(place.settings, ca_file=stranger))
    with pytest.raises(Unreachable):  # the server asks for a certificate of ours
        await opened(replace(place.settings, cert_file="", key_file=""))
    with pytest.raises(Unreachable):  # nothing is spoken here in clear
        await opened(Database(url=f"{place.settings.url}?sslmode=disable", password=PASSWORD))


@GOOD
async def test_a_wrong_password_is_told_without_it(place: Place) -> None:
    with pytest.raises(Unreachable, match="password authentication failed") as refused:
        await opened(replace(place.settings, password=Secret("not this one")))
    assert "not this one" not in str(refused.value)


@GOOD
def test_files_that_cannot_be_used_are_named(place: Place) -> None:
    empty = place.file("empty.pem", "")
    for settings, words in (
        (replace(place.settings, ca_file=empty), "database.ca_file"),
        (replace(place.settings, ca_file="/nowhere/ca.pem"), "database.ca_file"),
        (replace(place.settings, cert_file=empty), "database.cert_file"),
        (replace(place.settings, ca_file=""), "need database.ca_file"),
        (replace(place.settings, url="postgresql://esi:secret@h/d"), "put it into database.password"),
    ):
        with pytest.raises(SettingsError, match=words):
            server_of(settings)
