"""Who we are to a Kafka, how topics are made there, and what its errors mean to us."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import errors as kafka

from esi.errors import Outrun, Rejected, TimedOut, Unreachable
from esi.tasks import Tasks
from esi.telemetry import Secret

NO_SECRET = Secret("")

REFUSALS = (
    kafka.MessageSizeTooLargeError,
    kafka.InvalidTopicError,
    kafka.InvalidReplicationFactorError,
    kafka.TopicAuthorizationFailedError,
    kafka.GroupAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
)
"""Asked again, it says the same."""

ELSEWHERE = (kafka.CommitFailedError, kafka.IllegalStateError, kafka.IllegalGenerationError, kafka.UnknownMemberIdError)
"""The partition is another consumer's by now."""


@dataclass(frozen=True, slots=True)
class Access:
    """`servers`: host:port of brokers, comma separated. `tls` None: in clear."""

    servers: str
    user: str = ""
    password: Secret = NO_SECRET
    mechanism: str = "SCRAM-SHA-512"
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def arguments(self) -> dict[str, Any]:
        """What every client of aiokafka's is given."""
        given: dict[str, Any] = {"bootstrap_servers": [one.strip() for one in self.servers.split(",") if one.strip()]}
        given["security_protocol"] = ("SASL_" if self.user else "") + ("SSL" if self.tls else "PLAINTEXT")
        if self.tls is not None:
            given["ssl_context"] = self.tls
        if self.user:
            given["sasl_mechanism"] = self.mechanism
            given["sasl_plain_username"], given["sasl_plain_password"] = self.user, self.password.reveal()
        return given


@dataclass(frozen=True, slots=True)
class Shape:
    """Of topics that we make."""

    partitions: int = 4
    replication: int = 1
    keep_seconds: float = 86_400.0


@asynccontextmanager
async def asked(what: str, seconds: float | None) -> AsyncIterator[None]:
    """Something is asked of Kafka, for so long at most (None: however long); its errors become ours, which begin with
    "Kafka: <what>".
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise TimedOut(f"Kafka: {what}: no answer in time") from error
    except REFUSALS as error:
        raise Rejected("Kafka", f"{what}: {_words(error)}") from error
    except ELSEWHERE as error:
        raise Outrun(f"Kafka: {what}: another consumer is served by now") from error
    except (kafka.KafkaError, OSError) as error:
        raise Unreachable(f"Kafka: {what}: {_words(error)}") from error


class Errand:
    """Something in which aiokafka must not be cancelled, for it would leave a connection behind. Who waits for it may
    give up; it goes on, and who asks next waits for the same.
    """

    def __init__(self, name: str) -> None:
        self._tasks = Tasks(name, on_error=lambda name, error: None)  # who waits for it raises it
        self._running: asyncio.Task[None] | None = None

    async def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._running is None:
            self._running = self._tasks.start("errand", work())
        running = self._running
        await asyncio.wait({running})
        if self._running is running:
            self._running = None
        running.result()

    async def close(self) -> None:
        await self._tasks.close()


def _words(error: Exception) -> str:
    if isinstance(error, kafka.KafkaConnectionError):  # its own words are a list of sockets
        return "no broker of bus.servers answers, or none lets us in"
    return str(error) or type(error).__name__
