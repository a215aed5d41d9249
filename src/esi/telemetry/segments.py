"""The recorder of a served process: messages into local files, bounded in bytes and in age.

    message → a queue in memory (bounded: what is too much is not kept) → `write`: masked, packed, appended in one go to
    the newest segment → segments in order, until somebody has taken them (`waiting`, `taken`) or a cap drops the oldest

A segment is a file of JSON lines. One that a process was killed over may end in the middle of a line: that line is
nobody's. Each life of a process writes to a folder of its own, which it holds a lock on; at its start it takes over
what stands in the folders of those that have died. Nothing is synced to the disk: a record is not a promise.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from esi.clock import Clock
from esi.errors import Unreachable
from esi.telemetry import Make, Message
from esi.telemetry.masks import Masks

QUEUE = 20_000
"""Messages in memory that have not been written yet, or what they are made from."""

STEP = 50
"""Messages packed at once, a millisecond or so, before others have their turn."""

LARGEST_LINE = 256 * 1024
PARTS = 16
"""A segment has this part of the cap: so much goes at once when the cap is reached."""

LOCK, SUFFIX = "lock", ".jsonl"
_LOSS = re.compile(rb'^\{"dropped":(\d+)', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is kept at most: bytes, and seconds."""

    size: int = 64 * 1024 * 1024
    age: float = 86_400.0


class Batch(NamedTuple):
    """Whole lines from the oldest segment, and where they end."""

    file: Path
    end: int
    data: bytes


class Segments:
    """A Recorder. `folder` is shared by all processes of a machine, `process` tells them apart; `kind` stands in each
    message. OSErrors of the disk drop messages, which is counted: recording never stops what is recorded.
    """

    def __init__(
        self, folder: Path, process: str, kind: str, *, masks: Masks, clock: Clock, limits: Limits | None = None
    ) -> None:
        self._folder = folder / process
        self._kind = kind
        self._masks = masks
        self._clock = clock
        self._limits = limits or Limits()
        self._queue: deque[Message | Make] = deque()
        self._dropped = 0
        self._number = 0
        self._taken = 0
        self._out: IO[bytes] | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock: IO[bytes] | None = _locked(self._folder)
            self._inherit(folder)
        except OSError as error:
            raise Unreachable(f"messages cannot be kept in {self._folder}: {error.strerror or error}") from error

    @property
    def dropped(self) -> int:
        """Messages lost since that was last written down."""
        return self._dropped

    def message(self, m: Message) -> None:
        """Nothing is done here but to remember it. What belongs to no resource could never be found again."""
        if m.refs and not self.skips():
            self._queue.append(m)

    def later(self, make: Make) -> None:
        if not self.skips():
            self._queue.append(make)

    def skips(self) -> bool:
        """Whether there is no room; each time that it is so counts as a message lost."""
        full = len(self._queue) >= QUEUE
        self._dropped += full
        return full

    def write(self) -> bool:
        """Write some of what is remembered; whether anything is left."""
        some = [message for _ in range(min(STEP, len(self._queue))) for message in _made(self._queue.popleft())]
        lines = [self._line(message) for message in some]
        if self._dropped:
            now = self._clock.now()
            lines.append(orjson.dumps({"dropped": self._dropped, "at": now, "process": self._kind}))
        try:
            if lines:
                self._append(b"\n".join(lines) + b"\n")
                self._dropped, lines = 0, []
            self._purge()
        except OSError:
            self._dropped += len(some) if lines else 0
        return bool(self._queue)

    def _line(self, message: Message) -> bytes:
        content = as_document(message, self._kind)
        line = self._masks.packed(content, message)
        if len(line) > LARGEST_LINE:
            size = f"{len(line)} bytes are more than is kept of one message"
            line = self._masks.packed({**content, "body": size}, message)
        return line

    def _append(self, data: bytes) -> None:
        if self._out is None or self._out.tell() >= self._limits.size // PARTS:
            self._close()
            self._number += 1
            self._out = (self._folder / f"{self._number:012d}{SUFFIX}").open("ab", buffering=0)
        self._out.write(data)

    def _close(self) -> None:
        if self._out is not None:
            self._out.close()
            self._out = None

    def _files(self) -> list[Path]:
        """Oldest first."""
        return sorted(self._folder.glob(f"*{SUFFIX}"))

    def _purge(self) -> None:
        """Drop the oldest segments: those that are too many bytes together, and those that are too old."""
        files = self._files()
        sizes = [file.stat().st_size for file in files]
        total, oldest = sum(sizes), self._clock.now() - self._limits.age
        for file, size in zip(files, sizes, strict=True):
            if total <= self._limits.size and file.stat().st_mtime >= oldest:
                break
            self._dropped += self._messages_in(file)
            self._forget(file)
            total -= size

    def _messages_in(self, file: Path) -> int:
        """How many messages a segment holds that nobody has taken, with those that it tells the loss of."""
        data = file.read_bytes()[self._taken if file == self._first() else 0 :]
        losses = list(_LOSS.finditer(data))
        return data.count(b"\n") - len(losses) + sum(int(loss[1]) for loss in losses)

    def _first(self) -> Path | None:
        return next(iter(self._files()), None)

    def _forget(self, file: Path) -> None:
        if self._out is not None and self._out.name == str(file):
            self._close()
        file.unlink(missing_ok=True)
        self._taken = 0

    # For whoever takes them away

    def waiting(self, most: int) -> Batch | None:
        """The oldest lines, about `most` bytes; None when there are none."""
        for file in self._files():
            try:
                with file.open("rb") as source:
                    source.seek(self._taken)
                    data = source.read(most)
                    if data and b"\n" not in data:
                        data += source.readline()
            except OSError:
                return None
            whole = data[: data.rfind(b"\n") + 1]
            if whole:
                return Batch(file, self._taken + len(whole), whole)
            if self._out is not None and self._out.name == str(file):
                return None
            self._forget(file)
        return None

    def taken(self, batch: Batch) -> None:
        """These lines are kept elsewhere now."""
        if batch.file == self._first():
            self._taken = batch.end

    def close(self) -> None:
        """Write what is left, and let others take it over."""
        while self.write():
            continue
        self._close()
        self.waiting(1)  # files of which everything has been taken go
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _inherit(self, folder: Path) -> None:
        """Take over what the dead have left."""
        for other in sorted(folder.iterdir()):
            if other == self._folder or not (other / LOCK).exists():
                continue
            try:
                lock = _locked(other)
            except OSError:
                continue  # it lives
            for file in sorted(other.glob(f"*{SUFFIX}")):
                self._number += 1
                os.replace(file, self._folder / f"{self._number:012d}{SUFFIX}")
            (other / LOCK).unlink(missing_ok=True)
            other.rmdir()
            lock.close()


def _made(one: Message | Make) -> Iterable[Message]:
    return (one,) if isinstance(one, Message) else (message for message in one() if message.refs)


def _locked(folder: Path) -> IO[bytes]:
    """The lock of a folder; OSError when a living process holds it."""
    file = (folder / LOCK).open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file


def as_document(message: Message, process: str) -> dict[str, Any]:
    """A message as it is kept and shown."""
    return {
        "at": message.at,
        "took": message.took,
        "hop": message.hop,
        "from": message.sender,
        "to": message.receiver,
        "subject": message.subject,
        "body": message.body,
        "refs": [{"schema": schema, "id": id_, "version": version} for schema, id_, version in message.refs],
        "request": message.request,
        "process": process,
    }


def read_lines(data: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The documents of whole lines, and the lines; a line that is none is passed over."""
    for line in data.splitlines():
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(document, dict):
            yield document, line
