"""A client of the ring's etcd, as the settings say."""

from __future__ import annotations

from pathlib import Path

from esi.clock import Clock
from esi.kv.connection import Login, Tls
from esi.kv.etcd import EtcdKV
from esi.settings import Etcd


def open_kv(settings: Etcd, endpoints: str, clock: Clock) -> EtcdKV:
    """`endpoints`: where it is, those of a child included. ConfigError for files that cannot be read."""
    places = [part.strip() for part in endpoints.split(",") if part.strip()]
    files = [Path(name) if name else None for name in (settings.ca_file, settings.cert_file, settings.key_file)]
    tls = Tls.load(files[0], files[1], files[2]) if files[0] else None
    login = Login(settings.user, settings.password) if settings.user else None
    return EtcdKV(places, clock=clock, tls=tls, login=login)
