"""The ring's database for a process that serves, and for the operator's commands, which use the same settings.

`Databases` looks at its shape and brings it to what the services of these settings want. It does not ask the API, which
may not start before that is done.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from esi.bootstrap.services import load_services
from esi.clock import Clock
from esi.errors import SettingsError, Unreachable
from esi.schema import Catalogue
from esi.settings import Database, Settings
from esi.store.expanding import Tell, expand_sqlite, look_sqlite, wanted
from esi.store.migration import Difference
from esi.store.rows import Statements
from esi.store.sqlite import connected, faults

if TYPE_CHECKING:
    from esi.store.postgresql_migration import Server

DATABASE = "esi.db"

Far = Callable[[int, int], None]
"""Hears how far the one long statement is that runs: done, in all."""


def server_of(settings: Database) -> Server:
    """The PostgreSQL that the settings name. SettingsError for what cannot be used."""
    from esi.store.postgresql_migration import Server

    if urlsplit(settings.url).password:
        raise SettingsError("database.url holds a password: put it into database.password, which is never shown")
    return Server(settings.url, settings.password, _tls(settings))


def _tls(settings: Database) -> ssl.SSLContext | None:
    """The server's certificate and name are judged by `ca_file`; ours is shown where it asks for one."""
    if not settings.ca_file:
        if settings.cert_file or settings.key_file:
            raise SettingsError("database.cert_file and key_file need database.ca_file, which judges the server")
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise SettingsError(f"database.ca_file: {settings.ca_file} holds no certificate: {error}") from error
    if settings.cert_file:
        try:
            context.load_cert_chain(settings.cert_file, settings.key_file or None)
        except OSError as error:
            words = f"database.cert_file, key_file: {settings.cert_file} and its key cannot be used: {error}"
            raise SettingsError(words) from error
    return context


def catalogue_of(settings: Settings) -> Catalogue:
    ring = settings.ring
    return load_services(ring.flow, recorded_quirks=ring.recorded_quirks, own=ring.services).catalogue


class Databases:
    """The shape of whichever database the settings name."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._catalogue = catalogue_of(settings)
        self._file = Path(settings.ring.folder) / DATABASE

    @property
    def place(self) -> str:
        return self._settings.database.url or str(self._file)

    async def look(self) -> list[Difference]:
        """How it differs."""
        if self._settings.database.url:
            from esi.store.postgresql_migration import Migration

            async with Migration(server_of(self._settings.database), self._catalogue) as migration:
                return await migration.look()
        with self._sqlite() as connection, faults():
            return look_sqlite(connection, self._wanted())

    async def expand(self, tell: Tell, far: Far) -> None:
        """Add what is missing. SchemaError when something is refused: nothing is done then."""
        if self._settings.database.url:
            from esi.store.postgresql_migration import Migration

            async with Migration(server_of(self._settings.database), self._catalogue) as migration:
                await migration.expand(self._clock, tell, far)
            return
        with self._sqlite() as connection, faults():
            expand_sqlite(connection, self._wanted(), tell)

    def _sqlite(self) -> Any:
        if not self._file.exists():
            raise Unreachable(f"there is no database {self._file}: name the ring's --folder; the API makes a new one")
        with faults():
            return closing(connected(str(self._file)))

    def _wanted(self) -> Any:
        return wanted(self._catalogue, Statements(self._catalogue))
