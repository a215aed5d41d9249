"""The jars of Kafka: what is fetched is what the lock names, or it is not kept."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import jars
import pytest


def test_the_lock_names_each_once_with_its_hash() -> None:
    wanted = jars.locked()
    assert any(name.startswith("org.apache.kafka:kafka_2.13:") for name in wanted)
    assert {len(name.split(":")) for name in wanted} == {3}
    assert {len(sha256) for sha256 in wanted.values()} == {64}
    lines = [line for line in jars.LOCK.read_text().splitlines() if not line.startswith("#")]
    assert lines == sorted(set(lines))


def test_a_jar_that_is_missing_or_another_is_named(tmp_path: Path) -> None:
    (tmp_path / "good-1.jar").write_bytes(b"good")
    (tmp_path / "bad-1.jar").write_bytes(b"tampered with")
    hashes = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("good", "bad", "gone")}
    assert jars.wrong(tmp_path, {f"g:{name}:1": sha256 for name, sha256 in hashes.items()}) == [
        "bad-1.jar",
        "gone-1.jar",
    ]


@pytest.mark.parametrize("what", ["nothing", "something else"])
def test_what_is_not_as_locked_is_not_kept(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "CACHE", tmp_path / "cache")
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "mvn").touch(0o755)
    said: list[str] = []

    def run(*command: Any) -> bool:
        """Maven that fails, or brings other bytes under the right names."""
        folder = Path(str(command[-1]).partition("=")[2])
        assert "<artifactId>kafka_2.13</artifactId>" in Path(command[4]).read_text()
        if what == "something else":
            folder.mkdir()
            for name in jars.locked():
                (folder / f"{'-'.join(name.split(':')[1:])}.jar").write_bytes(b"other bytes")
        return what == "something else"

    jars.fetch(run, said.append)
    assert not jars.folder().exists()
    assert list(jars.CACHE.iterdir()) == []
    assert "tests are skipped" in said[-1]
    assert ("kafka_2.13" in said[-1]) is (what == "something else")
