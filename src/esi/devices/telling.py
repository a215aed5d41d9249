"""What went to one device, for the recorder: one message per commit, which belongs to all services that it carried.

Of a refusal only the place where it happened is told: the device's words may quote what nobody shall read, and stand in
the reason of the resource, where they have been looked through.
"""

from __future__ import annotations

from esi.clock import Clock
from esi.drivers import Intent, IntentResult
from esi.errors import EsiError, Rejected
from esi.telemetry import Message, Recorder


class Telling:
    """Gathers the answers of one turn under the device's lock, and tells them together."""

    def __init__(self, ip: str, recorder: Recorder, clock: Clock) -> None:
        self._ip = ip
        self._recorder = recorder
        self._clock = clock
        self._began = 0.0
        self._batches: dict[tuple[str, str], list[Intent]] = {}
        self._refused: list[tuple[Intent, str]] = []

    def begin(self) -> None:
        self._began = self._clock.now()
        self._batches, self._refused = {}, []

    def note(self, intent: Intent, answer: IntentResult | EsiError) -> None:
        if isinstance(answer, IntentResult):
            self._batches.setdefault((answer.batch, answer.diff), []).append(intent)
        elif isinstance(answer, Rejected):
            self._refused.append((intent, str(answer.details.get("stage", "commit"))))

    def end(self) -> None:
        for (batch, diff), intents in self._batches.items():
            subject = f"commit esi {batch}" if batch else "nothing to commit"
            self._tell(subject, {"diff": diff}, intents)
        for intent, stage in self._refused:
            self._tell(f"refused at {stage}", {}, [intent])
        self.begin()

    def _tell(self, subject: str, body: dict[str, object], intents: list[Intent]) -> None:
        refs = tuple(dict.fromkeys(intent.ref for intent in intents if intent.ref is not None))
        body = {"intents": [intent.id for intent in intents], **body}
        took = self._clock.now() - self._began
        self._recorder.message(Message("device", "devices", self._ip, subject, body, self._began, took, refs))
