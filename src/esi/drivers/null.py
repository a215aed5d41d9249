"""The driver that accepts everything and does nothing: for `drivers: none`, where there are no devices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from esi.drivers import Address, CommitRecord, Edit


class NullSession:
    """Keeps only the log of commits, so that a lost reply can be looked up as on a device."""

    def __init__(self, driver: NullDriver, log: list[CommitRecord]) -> None:
        self._driver = driver
        self._log = log

    session_id = ""
    confirm_within = None

    async def kill(self, session_id: str) -> None:
        self._driver.rpcs["kill"] += 1

    async def lock(self) -> None:
        self._driver.rpcs["lock"] += 1

    async def load(self, edits: Sequence[Edit]) -> None:
        self._driver.rpcs["load"] += 1

    async def diff(self) -> str:
        self._driver.rpcs["diff"] += 1
        return ""

    async def check(self) -> None:
        self._driver.rpcs["check"] += 1

    async def commit(self, *, comment: str, confirm_within: float | None = None) -> Sequence[str]:
        self._driver.rpcs["commit"] += 1
        self._log.insert(0, CommitRecord(0, "null", comment))
        self._log[:] = [entry._replace(sequence=number) for number, entry in enumerate(self._log[:50])]
        return ()

    async def discard(self) -> None:
        self._driver.rpcs["discard"] += 1

    async def unlock(self) -> None:
        self._driver.rpcs["unlock"] += 1

    async def history(self) -> Sequence[CommitRecord]:
        self._driver.rpcs["history"] += 1
        return list(self._log)

    async def close(self) -> None:
        self._driver.rpcs["close"] += 1


class NullDriver:
    def __init__(self) -> None:
        self.rpcs: Counter[str] = Counter()
        self._logs: dict[str, list[CommitRecord]] = {}

    def prepare(self, ip: str, edits: Sequence[Edit]) -> None:
        """There is nothing to make."""

    async def open(self, address: Address) -> NullSession:
        return NullSession(self, self._logs.setdefault(address.ip, []))
