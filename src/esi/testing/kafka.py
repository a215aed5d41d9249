"""A Kafka for tests: one real broker or several, which are their own controllers, as children of the tests and gone
with them.

Their jars come from outside (scripts/jars.py), and a `java` on PATH runs them. Each listens three times on loopback: in
clear (`servers`), and with a password inside TLS (`secure`); the third is for controllers. Ports stay the same when one
is started again, and so does what it holds.
"""

from __future__ import annotations

import base64
import socket
import struct
import subprocess
import tempfile
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from esi.telemetry import Secret
from esi.testing.pki import certificates
from esi.testing.ports import free_ports

STARTED = "Kafka Server started"
PATIENCE_SECONDS = 60.0
USER, PASSWORD = "esi", Secret("a-word-of-the-tests")
SMALL = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")

SETTINGS = """process.roles=broker,controller
node.id={id}
listeners=PLAINTEXT://127.0.0.1:{clear},SASL_SSL://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{control}
advertised.listeners=PLAINTEXT://127.0.0.1:{clear},SASL_SSL://127.0.0.1:{secure}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.voters={voters}
listener.name.sasl_ssl.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.ssl.keystore.type=PEM
listener.name.sasl_ssl.ssl.keystore.location={folder}/broker.pem
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor={brokers}
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
controlled.shutdown.enable=false
group.min.session.timeout.ms=1000
broker.session.timeout.ms=1000
broker.heartbeat.interval.ms=250
log.cleaner.dedupe.buffer.size=4194304
num.network.threads=2
num.io.threads=2
background.threads=2
"""

LOGGING = """rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%p %c{1}: %m%n
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=INFO
"""


class Place(NamedTuple):
    """A broker's number and ports."""

    id: int
    clear: int
    secure: int
    control: int


class Broker:
    """One of `places`. `servers` and `secure` are what a client is given; `ca` signed the certificate of `secure`."""

    def __init__(self, jars: Path, folder: Path, places: Sequence[Place], own: Place) -> None:
        self.servers, self.secure = f"127.0.0.1:{own.clear}", f"127.0.0.1:{own.secure}"
        self._port = own.clear
        self._folder = folder
        self._java = [*("setpriv", "--pdeathsig", "KILL", "java"), *SMALL, "-cp", f"{jars}/*"]
        self._process: subprocess.Popen[str] | None = None
        files = certificates(folder / "pki")
        self.ca = files["ca.pem"]
        (folder / "broker.pem").write_text(files["server.key"].read_text() + files["server.pem"].read_text())
        (folder / "log4j2.properties").write_text(LOGGING)
        voters = ",".join(f"{place.id}@127.0.0.1:{place.control}" for place in places)
        settings = SETTINGS.format(folder=folder, voters=voters, brokers=len(places), **own._asdict())
        (folder / "server.properties").write_text(settings)

    def format(self, cluster: str) -> None:
        """Lay out the folder of an empty one of this cluster, with one user."""
        user = f"SCRAM-SHA-512=[name={USER},password={PASSWORD.reveal()}]"
        settings = ["-t", cluster, "-c", str(self._folder / "server.properties"), "--add-scram", user]
        done = subprocess.run(
            [*self._java, "kafka.tools.StorageTool", "format", *settings], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Returns when it answers."""
        self.begin()
        self.until_ready()

    def begin(self) -> None:
        """Call it in a thread that stays: the broker dies with the thread that has begun it."""
        self._process = subprocess.Popen(
            [
                *self._java,
                f"-Dlog4j2.configurationFile={self._folder}/log4j2.properties",
                "kafka.Kafka",
                str(self._folder / "server.properties"),
            ],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def until_ready(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        said: deque[str] = deque(maxlen=30)
        for line in process.stdout:
            said.append(line)
            if STARTED in line:
                break
        else:
            self.kill()
            raise AssertionError("".join(said))
        Thread(target=deque, args=(process.stdout, 1), daemon=True).start()  # so that it never waits for a reader
        assert known_brokers(self._port) > 0, "it does not know itself"

    @property
    def running(self) -> bool:
        return self._process is not None

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """As an operator does; killed when it takes too long."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._ended()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._ended()

    def _ended(self) -> None:
        assert self._process is not None
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None


def known_brokers(port: int) -> int:
    """How many brokers the one at this port knows: the smallest question there is (Metadata, version 1, no topics)."""
    question = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", 0)
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as asked:
        asked.sendall(struct.pack(">i", len(question)) + question)
        answer = asked.recv(12, socket.MSG_WAITALL)
    return int(struct.unpack(">iii", answer)[2])


@contextmanager
def running_brokers(jars: Path, count: int) -> Iterator[list[Broker]]:
    """A fresh cluster."""
    ports = iter(free_ports(3 * count))
    places = [Place(number, next(ports), next(ports), next(ports)) for number in range(1, count + 1)]
    cluster = base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
    with tempfile.TemporaryDirectory(prefix="esi-kafka-", ignore_cleanup_errors=True) as made:
        brokers: list[Broker] = []
        for place in places:
            folder = Path(made) / str(place.id)
            folder.mkdir()
            brokers.append(Broker(jars, folder, places, place))
            brokers[-1].format(cluster)
        try:
            for broker in brokers:
                broker.begin()
            for broker in brokers:  # none is ready before most of them are there
                broker.until_ready()
            yield brokers
        finally:
            for broker in brokers:
                broker.kill()


@contextmanager
def running_kafka(jars: Path) -> Iterator[Broker]:
    """A fresh cluster of one."""
    with running_brokers(jars, 1) as (broker,):
        yield broker
