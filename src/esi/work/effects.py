"""The handler `effects`: tells the outside what a transaction has left to be told, at least once.

Each kind of effect has its teller. One that nobody here can tell, or that is refused for good, is logged and over: it
changes no state of its resource, whose own jobs say how that is.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from esi.errors import Rejected, RequestError
from esi.model.effect import EFFECTS
from esi.model.job import Job
from esi.model.resource import Body
from esi.telemetry import Named
from esi.work import Claim, JobResult

log = logging.getLogger(__name__)

Teller = Callable[[Body, Named], Awaitable[None]]
"""Tells one effect; (schema, id, version) is what it belongs to. A TemporaryError is tried again."""


class EffectsHandler:
    name = EFFECTS

    def __init__(self, tellers: Mapping[str, Teller]) -> None:
        self._tellers = tellers

    async def run(self, job: Job, claim: Claim) -> JobResult:
        kind = str(job.resource_input.get("kind"))
        teller = self._tellers.get(kind)
        if teller is None:
            log.warning("%s: nobody here can tell an effect of the kind %r", job.ref, kind)
            return JobResult()
        try:
            await teller(job.resource_input["body"], (job.resource_type, job.resource_id, job.version))
        except (RequestError, Rejected) as error:
            log.warning("%s: its %s was told in vain: %s", job.ref, kind, error)
        return JobResult()
