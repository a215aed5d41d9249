"""The room: campaigns, and while it is master lets a Master plan."""

from __future__ import annotations

import logging
import random

from esi.clock import Clock
from esi.errors import Compacted, Outrun
from esi.jobs.master import Master
from esi.kv import KV
from esi.runtime import Leader
from esi.schema import Catalogue
from esi.tasks import Tasks

log = logging.getLogger(__name__)


class JobsRoom:
    """`run` is eternal. `quirks` keeps recorded faults (docs/compatibility.md)."""

    name = "jobs"

    def __init__(
        self, kv: KV, catalogue: Catalogue, leader: Leader, *, clock: Clock, rng: random.Random, quirks: bool = False
    ) -> None:
        self._kv = kv
        self._catalogue = catalogue
        self._leader = leader
        self._clock = clock
        self._rng = rng
        self._quirks = quirks

    async def run(self) -> None:
        """Every term starts from what etcd holds; a compacted watch or a lost term starts another."""
        everything = False
        while True:
            async with self._leader.term() as term:
                master = Master(self._kv, self._catalogue, term, clock=self._clock, rng=self._rng, quirks=self._quirks)
                async with Tasks("jobs", on_error=master.failed) as tasks:
                    try:
                        await master.serve(tasks, everything=everything)
                        everything = False
                    except (Compacted, Outrun) as error:
                        everything = isinstance(error, Compacted)
                        log.info("another term, reading %s: %s", "everything" if everything else "what is new", error)
