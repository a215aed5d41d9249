"""The bus with a recorder: what is published, and what is taken from a topic. Keys of messages are
`<path of a resource>/<name>`, values JSON with its version.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import orjson

from esi.bus import Bus, Delivery
from esi.clock import Clock
from esi.schema import Catalogue
from esi.telemetry import Message, Recorder

PUBLISHER, CONSUMER = "monitoring worker", "agent"


class RecordingBus:
    """Passes everything on to `bus`."""

    def __init__(self, bus: Bus, recorder: Recorder, catalogue: Catalogue, clock: Clock) -> None:
        self._bus = bus
        self._recorder = recorder
        self._catalogue = catalogue
        self._clock = clock

    async def publish(self, topic: str, key: str, value: bytes) -> None:
        at, began = self._clock.now(), self._clock.monotonic()
        await self._bus.publish(topic, key, value)
        self._tell((PUBLISHER, "bus"), topic, key, value, at, self._clock.monotonic() - began)

    async def consume(self, topics: Sequence[str], *, group: str) -> AsyncGenerator[Delivery, None]:
        deliveries = self._bus.consume(topics, group=group)
        try:
            async for delivery in deliveries:
                self._tell(("bus", CONSUMER), delivery.topic, delivery.key, delivery.value)
                yield delivery
        finally:
            await deliveries.aclose()

    async def close(self) -> None:
        await self._bus.close()

    def _tell(self, parties: tuple[str, str], topic: str, key: str, value: bytes, *times: float) -> None:
        found = self._catalogue.by_path(key.rpartition("/")[0])
        try:
            body = orjson.loads(value)
        except orjson.JSONDecodeError:
            return
        if found is None or not isinstance(body, dict) or not isinstance(body.get("version"), int):
            return
        at, took = times or (self._clock.now(), 0.0)
        refs = ((found[0].id, found[1], body["version"]),)
        self._recorder.message(Message("topic", *parties, topic, body, at, took, refs))
