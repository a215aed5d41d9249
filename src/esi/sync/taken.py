"""Up to where all that was told has been taken into SQL, kept so that the next leader begins there.

Both sides must agree, because each may be set back without the other: /gohan/cluster/taken holds the revisions and a
word of chance, SQL the word and the revision at which it was written. An etcd that holds this word at this revision has
the same history as ours up to there; an SQL that knows it has taken in what was told. Else all is listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from random import Random

from esi.kv import KV, Guard, Put
from esi.model import keys
from esi.model.codec import dumps, loads_object
from esi.model.resource import Ref
from esi.schema import Catalogue
from esi.store import Store, Tx

OWNER = Ref("sync", "reports")
POOL = "words of the sync"
"""The word of SQL is a value that it has given away: it needs no table for it."""


class Taken:
    """`guard`: the term of who leads the sync. Reports on resources whose schemas were not known have been passed by,
    so with other schemas nothing counts as taken in.
    """

    def __init__(self, kv: KV, store: Store, catalogue: Catalogue, guard: Guard, *, rng: Random) -> None:
        self._kv = kv
        self._store = store
        self._guard = guard
        self._rng = rng
        known = sorted(f"{schema.id} {schema.state_versioning}" for schema in catalogue.schemas.values())
        self._schemas = blake2b("\n".join(known).encode(), digest_size=8).hexdigest()

    async def read(self, trees: Iterable[str]) -> Mapping[str, int]:
        """The revision of each tree; 0 when nobody knows."""
        nobody_knows = dict.fromkeys(trees, 0)
        entry = await self._kv.get(keys.TAKEN)
        if entry is None:
            return nobody_knows
        kept = loads_object(entry.value, keys.TAKEN)
        holder = await self._store.read(lambda rows: rows.holder(POOL, f"{kept.get('word')} {entry.mod_revision}"))
        if holder != OWNER or kept["schemas"] != self._schemas:
            return nobody_knows
        revisions: dict[str, int] = kept["revisions"]
        return nobody_knows | revisions

    async def keep(self, revisions: Mapping[str, int]) -> None:
        """SQL comes last: what it says is true of etcd by then. A death between the two costs a listing."""
        word = f"{self._rng.getrandbits(64):016x}"
        value = dumps({"revisions": dict(revisions), "schemas": self._schemas, "word": word})
        written = await self._kv.commit([Put(keys.TAKEN, value)], guards=[self._guard])

        async def work(rows: Tx) -> None:
            await rows.release_all(OWNER)
            await rows.allocate(POOL, f"{word} {written}", OWNER)

        await self._store.transaction(work)
