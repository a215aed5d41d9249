"""What must hold after any run, whatever was killed on the way. Each returns the sentences of what does not hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from esi.kv import Event
from esi.model import keys
from esi.model.codec import decode_config, loads_object
from esi.model.resource import Ref
from esi.testing.ring import World


class Backwards:
    """Watches every commit: no version of a config or a state ever goes back."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}
        self.faults: list[str] = []

    def look(self, events: Iterable[Event]) -> None:
        for event in events:
            if not event.key.startswith((keys.CONFIG + "/", keys.STATE + "/")):
                continue
            if event.kind == "delete":
                self._versions.pop(event.key, None)
                continue
            version = loads_object(event.value)["version"]
            if version < self._versions.get(event.key, 0):
                self.faults.append(f"{event.key} went back from {self._versions[event.key]} to {version}")
            self._versions[event.key] = version


async def etcd_holds_what_is_wanted(world: World, refs: Iterable[Ref]) -> list[str]:
    """Every accepted write has reached /config, and the state that is known answers to it."""
    faults = []
    for ref in refs:
        row = await world.store.read(lambda rows, ref=ref: rows.get(ref))  # type: ignore[misc]
        entry = await world.kv.get(keys.config_key(world.services.catalogue[ref.schema].path_of(ref.id)))
        if row is None or entry is None:
            faults.append(f"{ref}: row {row is not None}, config {entry is not None}")
            continue
        if decode_config(entry.value).version != row.config_version:
            faults.append(f"{ref}: config {decode_config(entry.value).version}, row {row.config_version}")
        if row.state_version != row.config_version:
            faults.append(f"{ref}: state {row.state_version} does not answer to config {row.config_version}")
    return faults


async def nothing_is_under_way(world: World) -> list[str]:
    """No job, no half-done result, nothing left in the outbox."""
    left = [entry.key for tree in (keys.JOBS, keys.JOB_STATE) for entry in (await world.kv.list(tree)).entries]
    left += [row.path for row in await world.store.outbox_batch(10)]
    return [f"{key} is left" for key in left]


async def nothing_is_left_of(world: World, ids: Iterable[str]) -> list[str]:
    """After a delete nothing names the resource any more, in etcd or on a router."""
    listing = await world.kv.list("/")
    faults = [f"{entry.key} is left" for entry in listing.entries for id in ids if id in entry.key]
    return faults


def commits(world: World) -> Mapping[str, int]:
    """Commits of ours in each router's log: counted at the device."""
    return {
        ip: sum(entry.log.startswith("esi ") for entry in router.history.entries)
        for ip, router in world.routers.items()
    }


def configurations(world: World) -> Mapping[str, str]:
    return {ip: router.running_text() for ip, router in world.routers.items()}
