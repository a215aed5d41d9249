"""The bus of a ring: topics in etcd, or in Kafka, as `bus.kind` says; and a look at it for `esi topic`."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from esi.bootstrap.ground import Ground
from esi.bus import Bus, Topics
from esi.bus.kv import KvBus
from esi.bus.recording import RecordingBus
from esi.bus.standing import KvTopics
from esi.clock import SystemClock
from esi.errors import ConfigError, SettingsError
from esi.settings import Bus as BusSettings
from esi.settings import Settings

if TYPE_CHECKING:  # its library is loaded by rings that use it
    from esi.bus.kafka import KafkaBus


def bus_faults(settings: BusSettings) -> list[str]:
    """What cannot work together."""
    faults = []
    if settings.kind == "kv":
        given = [name for name in ("servers", "user", "password", "ca_file") if getattr(settings, name)]
        faults += [
            f"bus.{name} is for Kafka, and bus.kind is kv: set bus.kind to kafka, or leave it out" for name in given
        ]
    elif not settings.servers.strip():
        faults.append("bus.kind is kafka: name its brokers with bus.servers, as host:port,host:port")
    if bool(settings.user) != bool(settings.password):
        faults.append("bus.user and bus.password go together: give both, or none")
    if settings.user and settings.mechanism == "PLAIN" and not settings.ca_file:
        faults.append(
            "bus.mechanism PLAIN sends the password in clear: give bus.ca_file for TLS, or take SCRAM-SHA-512"
        )
    if bool(settings.cert_file) != bool(settings.key_file):
        faults.append("bus.cert_file and bus.key_file go together: give both, or none")
    if settings.cert_file and not settings.ca_file:
        faults.append("bus.cert_file is of use with TLS only: give bus.ca_file, too")
    for name in ("partitions", "replication"):
        if getattr(settings, name) < 1:
            faults.append(f"bus.{name}: at least 1")
    if settings.keep_hours <= 0:
        faults.append("bus.keep_hours: more than 0")
    return faults


def open_bus(settings: Settings, ground: Ground) -> Bus:
    """The monitoring worker says there what is to be watched, agents read it."""
    kafka = settings.bus.kind == "kafka"
    kept: Bus = _kafka(settings.bus) if kafka else KvBus(ground.kv, clock=ground.clock)
    return RecordingBus(kept, ground.recorder, ground.services.catalogue, ground.clock)


def _kafka(settings: BusSettings) -> KafkaBus:
    from esi.bus.kafka import KafkaBus
    from esi.bus.kafka.access import Access, Shape

    access = Access(settings.servers, settings.user, settings.password, settings.mechanism, _tls(settings))
    shape = Shape(settings.partitions, settings.replication, settings.keep_hours * 3600)
    return KafkaBus(access, clock=SystemClock(), shape=shape)


def _tls(settings: BusSettings) -> ssl.SSLContext | None:
    if not settings.ca_file:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(name for name in (settings.ca_file, settings.cert_file, settings.key_file) if name)
        raise ConfigError(f"bus: one of {files} cannot be used: {error}") from error
    return context


@asynccontextmanager
async def open_topics(settings: Settings) -> AsyncIterator[Topics]:
    """What stands on the ring's bus. SettingsError."""
    if faults := bus_faults(settings.bus):
        raise SettingsError(faults)
    if settings.bus.kind == "kafka":
        from esi.bus.kafka.standing import KafkaTopics

        bus = _kafka(settings.bus)
        try:
            yield KafkaTopics(bus)
        finally:
            await bus.close()
        return
    from esi.bootstrap.etcd import open_kv

    if not settings.etcd.endpoints:
        raise SettingsError(
            "topics are kept in etcd: name it with --etcd or etcd.endpoints (`esi dev` prints where it is)"
        )
    clock = SystemClock()
    kv = open_kv(settings.etcd, settings.etcd.endpoints, clock)
    try:
        yield KvTopics(kv, KvBus(kv, clock=clock))
    finally:
        await kv.close()
