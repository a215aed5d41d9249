"""What the settings of the bus refuse, in words that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from esi.bootstrap import run
from esi.bootstrap.topics import bus_faults, open_topics
from esi.environment import load_settings
from esi.errors import ConfigError, SettingsError

KAFKA = {"bus.kind": "kafka", "bus.servers": "127.0.0.1:9092"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"bus.kind": "kafka"}, "name its brokers with bus.servers"),
        ({"bus.servers": "127.0.0.1:9092"}, "set bus.kind to kafka"),
        ({**KAFKA, "bus.user": "esi"}, "go together"),
        ({**KAFKA, "bus.password": "hush"}, "go together"),
        ({**KAFKA, "bus.user": "esi", "bus.password": "hush", "bus.mechanism": "PLAIN"}, "in clear"),
        ({**KAFKA, "bus.ca_file": "ca", "bus.cert_file": "c"}, "cert_file and bus.key_file go together"),
        ({**KAFKA, "bus.cert_file": "c", "bus.key_file": "k"}, "of use with TLS only"),
        ({**KAFKA, "bus.partitions": "0"}, "bus.partitions: at least 1"),
        ({**KAFKA, "bus.replication": "0"}, "bus.replication: at least 1"),
        ({**KAFKA, "bus.keep_hours": "0"}, "bus.keep_hours"),
    ],
)
async def test_what_cannot_work_is_refused_before_anything_starts(
    given: dict[str, str], words: str, tmp_path: Path
) -> None:
    folder = tmp_path / "ring"
    with pytest.raises(SettingsError, match=words) as refused:
        await run(["etcd", "agent"], load_settings(None, {**given, "ring.folder": str(folder)}), on_ready=print)
    assert "hush" not in str(refused.value)
    assert not folder.exists()


def test_what_works_has_no_faults() -> None:
    secure = {"bus.user": "esi", "bus.password": "hush", "bus.ca_file": "ca", "bus.mechanism": "PLAIN"}
    for given in ({}, KAFKA, {**KAFKA, **secure, "bus.cert_file": "c", "bus.key_file": "k"}):
        assert bus_faults(load_settings(None, given).bus) == []


async def test_a_look_at_topics_wants_to_know_where_etcd_is() -> None:
    with pytest.raises(SettingsError, match="--etcd"):
        async with open_topics(load_settings()):
            pass


async def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.pem"):
        async with open_topics(load_settings(None, {**KAFKA, "bus.ca_file": str(tmp_path / "nothing.pem")})):
            pass
