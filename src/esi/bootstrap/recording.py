"""The flight recorder of a process: its sink, the ports that report to it, and the way to where the API keeps messages.

The API writes into the ring's folder where it is reached, so that the other processes of a machine need no setting.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from esi.bootstrap.ground import Ground
from esi.client.messages import HttpMessages
from esi.clock import Clock
from esi.kv.recording import RecordingKV
from esi.schema import Catalogue
from esi.settings import Settings
from esi.store import Messages
from esi.store.messages import SqliteMessages
from esi.telemetry import Recorder
from esi.telemetry.masks import Masks
from esi.telemetry.segments import Limits, Segments
from esi.telemetry.shipping import Shipping

FOLDER, URL, DATABASE = "trace", "api.url", "esi-messages.db"
MEBIBYTE, HOUR = 1024 * 1024, 3_600.0


class Recording(NamedTuple):
    """`messages` is where the API's own process keeps those of all."""

    segments: Segments
    shipping: Shipping
    messages: Messages | None


def recorded(ground: Ground, recorder: Recorder) -> Ground:
    """The same ground, whose ports report to `recorder`."""
    kv = RecordingKV(ground.kv, recorder, ground.services.catalogue, ground.clock)
    return replace(ground, kv=kv, recorder=recorder)


def kind(parts: frozenset[str]) -> str:
    """What a process is called in its messages."""
    if {"api", "heat"} <= parts:
        return "ring"
    return next((name for name in ("api", "agent") if name in parts), "worker")


def open_recording(
    settings: Settings, parts: frozenset[str], catalogue: Catalogue, clock: Clock, stack: AsyncExitStack
) -> Recording:
    """What is still held when the process ends is left to the next one in this folder."""
    trace = settings.trace
    limits = Limits(int(trace.megabytes * MEBIBYTE), trace.hours * HOUR)
    folder, name = Path(settings.ring.folder, FOLDER), kind(parts)
    masks = Masks(catalogue.secret_names)
    segments = Segments(folder, f"{name}-{os.getpid()}", name, masks=masks, clock=clock, limits=limits)
    stack.callback(segments.close)
    if "api" in parts:
        messages = SqliteMessages(Path(settings.ring.folder, DATABASE), clock=clock, limits=limits)
        stack.push_async_callback(messages.close)
        shipping = Shipping(segments, messages.take, clock)
        messages.first = shipping.flush
        return Recording(segments, shipping, messages)
    away = HttpMessages(lambda: trace.url or read_url(settings), trace.token, clock)
    stack.push_async_callback(away.close)
    return Recording(segments, Shipping(segments, away.take, clock), None)


def write_url(settings: Settings, url: str) -> None:
    """For the other processes of this folder."""
    file = Path(settings.ring.folder, FOLDER, URL)
    file.with_suffix(".new").write_text(url)
    file.with_suffix(".new").replace(file)


def read_url(settings: Settings) -> str:
    """Where the API of this folder is; "" while it has not said so."""
    try:
        return Path(settings.ring.folder, FOLDER, URL).read_text()
    except OSError:
        return ""
