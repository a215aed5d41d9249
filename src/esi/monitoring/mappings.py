"""Which rows of resource_mapping (esi.work.mappings) a create job opens. Pure.

A row's id follows from the resource's version and from what it says, so a job that is done again finds its own rows,
and a resource that is updated gets new ones.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

from esi.kv import Put
from esi.model.codec import dumps
from esi.model.job import Job
from esi.model.keys import mapping_key
from esi.model.resource import Body
from esi.monitoring.template import MappingWish
from esi.work.mappings import closed

_NAMESPACE = uuid.UUID("6f0d2c8e-51a4-4c0b-9a53-0f4d9d6a7c11")


def row_id(wish: MappingWish, job: Job) -> str:
    """The same for the same version of the same resource."""
    said = (job.job_name, str(wish.ref), wish.relation, wish.mapped_id)
    return str(uuid.uuid5(_NAMESPACE, "\n".join(said)))


def opened(wishes: Iterable[MappingWish], job: Job, path: str, standing: Sequence[Body], now: float) -> list[Put]:
    """Rows that are wanted and not there, and open ones of earlier versions closed. `path`: of the job's resource."""
    wanted: Mapping[str, MappingWish] = {row_id(wish, job): wish for wish in wishes}
    there = {row["id"] for row in standing}
    ops = closed([row for row in standing if row["id"] not in wanted], path, now)
    for id_, wish in wanted.items():
        if id_ not in there:
            row = {
                "id": id_,
                "resource_type": wish.ref.schema,
                "resource_id": wish.ref.id,
                "relation": wish.relation,
                "mapped_id": wish.mapped_id,
                "created": float(int(now)),
                "deleted": None,
            }
            tenant = job.resource_input.get("tenant_id")
            ops.append(Put(mapping_key(path, id_), dumps(row | ({"tenant_id": tenant} if tenant else {}))))
    return ops
