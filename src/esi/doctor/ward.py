"""What is examined: the settings as the processes read them, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from esi.clock import Clock, SystemClock
from esi.kv.connection import Login, Tls
from esi.kv.members import Way
from esi.settings import Settings

PATIENCE_SECONDS = 3.0
"""How long one thing that is asked may take."""


@dataclass(frozen=True)
class Ward:
    settings: Settings
    clock: Clock = field(default_factory=SystemClock)
    patience: float = PATIENCE_SECONDS

    @property
    def folder(self) -> Path:
        return Path(self.settings.ring.folder)

    @cached_property
    def endpoints(self) -> list[str]:
        """etcd's, as the settings name them."""
        return [part.strip() for part in self.settings.etcd.endpoints.split(",") if part.strip()]

    @cached_property
    def way(self) -> Way:
        """ConfigError when a file of etcd's TLS cannot be read."""
        etcd = self.settings.etcd
        files = [Path(name) if name else None for name in (etcd.ca_file, etcd.cert_file, etcd.key_file)]
        tls = Tls.load(files[0], files[1], files[2]) if files[0] else None
        login = Login(etcd.user, etcd.password) if etcd.user else None
        return Way(self.clock, tls, login, self.patience)


def is_loopback(address: str) -> bool:
    """Of a host, host:port or URL."""
    host = address.partition("://")[2] or address
    host = host.partition("/")[0].rpartition("@")[2]
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    return host in ("localhost", "::1", "") or host.startswith("127.")
