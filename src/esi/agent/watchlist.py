"""Which targets are ours: a mirror of all of them and of all agents, and what each of ours has seen so far."""

from __future__ import annotations

from collections.abc import Callable

from esi.agent.board import Watched
from esi.agent.records import Kept, decode
from esi.agent.seen import Seen
from esi.agent.sharing import owner
from esi.clock import Clock
from esi.kv import KV, Event
from esi.model import keys
from esi.runtime import Mirror


class Watchlist:
    """Lives for one term of an agent's presence. `again` is told of targets that have come to us or left us."""

    def __init__(self, kv: KV, name: str, *, clock: Clock) -> None:
        self.mirror = Mirror(kv, [keys.AGENTS, keys.TARGETS], clock=clock, name="targets")
        self.again: Callable[[str], None] = lambda key: None
        self._name = name
        self._urls: dict[str, str] = {}
        self._agents: set[str] = {name}
        self._watched: dict[str, Watched] = {}
        self._by_path: dict[str, set[str]] = {}
        self.mirror.listen(self._changed)

    def owns(self, path: str) -> bool:
        alone = len(self._agents) == 1 and self._name in self._agents
        return alone or owner(self._agents, path) == self._name

    def url_of(self, path: str) -> str:
        """Where another agent that looks at a resource is reached; "" when we look, or do not know."""
        return "" if self.owns(path) else self._urls.get(owner(self._agents, path), "")

    def find(self, key: str) -> Watched | None:
        """A target of ours."""
        return self._watched.get(key)

    def all(self) -> list[Watched]:
        return list(self._watched.values())

    def of(self, path: str) -> list[Watched]:
        """Our targets of one resource, whether looked at yet or not."""
        return [self._watched[key] for key in sorted(self._by_path.get(path, ()))]

    def take(self, key: str) -> Watched | None:
        """The target as its record stands now; None when it is gone or another agent's. A new record begins anew."""
        entry = self.mirror.get(key)
        known = self._watched.get(key)
        if entry is None:
            return None
        if known is None or known.entry.mod_revision != entry.mod_revision:
            self.drop(key)
            kept = decode(entry.value, key)
            if not self.owns(kept.path):
                return None
            known = self._watched[key] = Watched(kept, entry, Seen())
            self._by_path.setdefault(kept.path, set()).add(key)
        return known if self.owns(known.kept.path) else None

    def drop(self, key: str) -> Kept | None:
        """Forget a target of ours."""
        watched = self._watched.pop(key, None)
        if watched is None:
            return None
        others = self._by_path[watched.kept.path]
        others.discard(key)
        if not others:
            del self._by_path[watched.kept.path]
        return watched.kept

    def _changed(self, key: str, event: Event | None) -> None:
        if key.startswith(keys.AGENTS):
            self._agents_changed()
        elif key in self.mirror:
            self.take(key)  # now, so that others of its resource wait for its first word

    def _agents_changed(self) -> None:
        """What has come to us is looked at now, what has left us is let go."""
        self._urls = {entry.key[len(keys.AGENTS) :]: entry.value.decode() for entry in self.mirror.items(keys.AGENTS)}
        agents = {self._name, *self._urls}
        if agents == self._agents:
            return
        self._agents = agents
        for entry in list(self.mirror.items(keys.TARGETS)):
            before = self._watched.get(entry.key)
            if (before is None) != (self.take(entry.key) is None):
                self.again(entry.key)
