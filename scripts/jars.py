"""The jars of a real Kafka, for tests: named and hashed in scripts/kafka.lock, fetched by Maven, kept beside the tree.

Maven gets each artifact by its name, from wherever this machine's Maven gets artifacts; nothing that the lock does not
name is taken along, and a jar whose hash differs is not kept. A folder belongs to one state of the lock, so it is
fetched once per machine. The lock's lines are `group:artifact:version sha256`. To renew it: put a newer version of
kafka_2.13 into a pom beside log4j-slf4j-impl and log4j-core of the version that Kafka's own closure has, let
`mvn dependency:copy-dependencies -DincludeScope=runtime` find the closure, and hash what it copies.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

LOCK = Path(__file__).with_name("kafka.lock")
CACHE = Path.home() / ".cache" / "esi"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

DEPENDENCY = """<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>
<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>
"""
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>esi</groupId><artifactId>kafka-of-the-tests</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
{}</dependencies></project>
"""


def locked() -> dict[str, str]:
    """Artifact as `group:artifact:version` → its hash."""
    lines = [line.split() for line in LOCK.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return {name: sha256 for name, sha256 in lines}


def folder() -> Path:
    """Where the jars of this lock are, once they have been fetched."""
    return CACHE / f"kafka-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"


def wrong(there: Path, wanted: dict[str, str]) -> list[str]:
    """What is missing in a folder, or has another hash."""
    found = []
    for name, sha256 in wanted.items():
        file = there / f"{'-'.join(name.split(':')[1:])}.jar"
        if not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
            found.append(file.name)
    return found


def fetch(run: Callable[..., bool], say: Callable[[str], None]) -> None:
    """Have them. What cannot be had is said: tests that need Kafka are skipped without, or fail in the gate."""
    kept, wanted = folder(), locked()
    if kept.exists():
        return
    mvn = shutil.which("mvn")
    if mvn is None:
        say("not installed: mvn (Debian: maven), which fetches Kafka: its tests are skipped")
        return
    say(f"fetching {len(wanted)} jars of Kafka with Maven, for tests")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kafka-", dir=CACHE) as made:
        pom, jars = Path(made) / "pom.xml", Path(made) / "jars"
        pom.write_text(POM.format("".join(DEPENDENCY.format(*name.split(":")) for name in wanted)))
        done = run(mvn, "-q", "-B", "-f", pom, PLUGIN, f"-DoutputDirectory={jars}")
        if not done or (faults := wrong(jars, wanted)):
            say(f"Kafka could not be fetched: {', '.join(faults) if done else 'see above'}: its tests are skipped")
            return
        if not kept.exists():  # another run may have been faster
            jars.rename(kept)
