"""Where a device is reached, and how patiently. SSH itself (`ssh`) is loaded by whoever dials first: it takes a dozen
megabytes and a tenth of a second.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from esi.clock import Clock
from esi.telemetry import Recorder


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a device is reached. `host_key`: its public key (`ssh-ed25519 AAAA…`); `client_keys`: our private keys;
    `confirm_within`: seconds within which it wants commits confirmed, None for plain ones.
    """

    host: str
    port: int = 830
    host_key: str | None = None
    client_keys: tuple[Path, ...] = ()
    confirm_within: float | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. A commit of a large configuration takes minutes on a real router."""

    connect: float = 15.0
    rpc: float = 60.0
    lock: float = 30.0
    commit: float = 180.0


@dataclass(frozen=True, slots=True)
class Ways:
    """What every conversation of a driver shares."""

    clock: Clock
    recorder: Recorder
    rpcs: Counter[str]
    timeouts: Timeouts
