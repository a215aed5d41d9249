"""A simulated ring whose ports all report to one recorder, as those of a served ring do, and its API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from esi.api import Api
from esi.bootstrap.recording import recorded
from esi.bus.recording import RecordingBus
from esi.clock import SystemClock
from esi.identity.none import NoIdentity
from esi.lifecycle import Lifecycle
from esi.monitoring import Eyes
from esi.store.messages import SqliteMessages
from esi.store.recording import RecordingStore
from esi.telemetry import Make, MemoryRecorder, Message
from esi.telemetry.masks import Masks
from esi.telemetry.segments import Segments
from esi.testing.ring import World


class Both:
    """Keeps every message as it was told, and without its secrets."""

    def __init__(self, masks: Masks) -> None:
        self.told: list[Message] = []
        self.clean = MemoryRecorder(limit=100_000, clean=masks)

    def message(self, m: Message) -> None:
        self.told.append(m)
        self.clean.message(m)

    def later(self, make: Make) -> None:
        for message in make():
            self.message(message)

    def skips(self) -> bool:
        return False


class Recorded(World):
    """`recorder` hears all processes."""

    def __post_init__(self) -> None:
        self.masks = Masks(self.services.catalogue.secret_names)
        self.recorder = Both(self.masks)
        if (look := self.eyes) is not None:
            self.eyes = lambda hands, ground: self._heard(look(hands, ground))
        super().__post_init__()

    def _heard(self, eyes: Eyes) -> Eyes:
        return replace(eyes, bus=RecordingBus(eyes.bus, self.recorder, self.services.catalogue, self.clock))

    def _lifecycle(self, store: Any) -> Lifecycle:
        return super()._lifecycle(RecordingStore(store, self.recorder, self.clock))

    def control(self, process: Any, ground: Any) -> Sequence[Any]:
        return super().control(process, recorded(ground, self.recorder))

    def worker(self, process: Any, ground: Any) -> Sequence[Any]:
        return super().worker(process, recorded(ground, self.recorder))

    def collector_agent(self, process: Any, ground: Any) -> Sequence[Any]:
        return super().collector_agent(process, recorded(ground, self.recorder))

    def kept(self, folder: Path) -> bytes:
        """Everything that was told, as it stands in the files of a process."""
        sink = Segments(folder, "ring-1", "ring", masks=self.masks, clock=SystemClock())
        for message in self.recorder.told:
            sink.message(message)
        sink.close()
        return b"".join(file.read_bytes() for file in sorted(folder.rglob("*.jsonl")))


async def ask(api: Api, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """One request, as a server passes it on: status and document."""
    sent: list[Any] = []
    data = json.dumps(body).encode() if body is not None else b""

    async def receive() -> Any:
        return {"type": "http.request", "body": data}

    async def send(message: Any) -> None:
        sent.append(message)

    await api({"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}, receive, send)
    text = sent[1]["body"]
    return sent[0]["status"], json.loads(text) if text else None


def open_api(world: Recorded, messages: SqliteMessages) -> Api:
    return Api(world.lifecycle, NoIdentity(), recorder=world.recorder, messages=messages)
