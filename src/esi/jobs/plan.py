"""From one change of what is wanted to the jobs that make it so. Pure: records in, jobs out.

Which jobs a change needs (spec/pipeline 4.4), each after all before it; outer dependencies belong to the first:

    heat and monitoring   create: heat, monitoring · modify: delete monitoring, heat, monitoring
                          logical_delete: delete monitoring, heat
    heat only             one job
    monitoring only       create: create · modify: delete, create · logical_delete: delete

A failed delete of monitoring is ignored. Who waits for whom (4.5): forward, for the open jobs of every resource that my
parameters read; reverse, when I modify or delete, for the open jobs of others that read me; and for my own older jobs.
A create or modify *needs* the jobs of what it reads, the rest is order only; a delete needs nothing: it never fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from esi.model.job import CREATE, DELETE, LOGICAL_DELETE, MODIFY, Job, job_id
from esi.model.resource import Body, Ref

HEAT, MONITORING = "heat_worker", "monitoring_worker"

Params = Sequence[Mapping[str, Any]]


class Stage(NamedTuple):
    action: str
    handler: str
    on_failure: str = "fail"


def stages(workflow: str, handlers: Iterable[str]) -> list[Stage]:
    """The jobs of a workflow, in order, for a resource that has templates of these handlers."""
    has = set(handlers)
    unwatch = [Stage(DELETE, MONITORING, "ignore")] if MONITORING in has and workflow != CREATE else []
    work = [Stage(workflow, HEAT)] if HEAT in has else []
    watch = [Stage(CREATE, MONITORING)] if MONITORING in has and workflow != LOGICAL_DELETE else []
    return [*unwatch, *work, *watch]


@dataclass(frozen=True, slots=True)
class Change:
    """One accepted change: `params` per handler are evaluated already."""

    workflow: str
    ref: Ref
    version: int
    body: Body
    params: Mapping[str, Params]
    reads_now: frozenset[Ref] = field(default_factory=frozenset)


class Edges(NamedTuple):
    """Open jobs that a change must wait for: `needs` fail it when they fail, `after` are order only."""

    needs: frozenset[str]
    after: frozenset[str]


def resources_of(params: Params) -> frozenset[Ref]:
    """Every resource recorded in params, where most stand many times."""
    found = {(item["resource_type"], item["resource_id"]) for param in params for item in param["resources"]}
    return frozenset(map(Ref._make, found))


def edges(change: Change, open_jobs: Callable[[Ref], Iterable[str]], readers: Callable[[Ref], Iterable[str]]) -> Edges:
    """What the first job of a change waits for. `open_jobs` of a resource; `readers`: jobs whose params read it."""
    reads = frozenset().union(*(resources_of(params) for params in change.params.values())) - {change.ref}
    forward = {job for ref in reads for job in open_jobs(ref)}
    needs = {job for ref in reads & change.reads_now for job in open_jobs(ref)}
    after = set(open_jobs(change.ref))
    if change.workflow in (MODIFY, LOGICAL_DELETE):
        after |= set(readers(change.ref))
    if change.workflow == LOGICAL_DELETE:
        needs = set()
    return Edges(frozenset(needs), frozenset((forward | after) - needs))


def build_jobs(change: Change, waits: Edges, nonce: Callable[[], str]) -> list[Job]:
    """The jobs of one change, in order."""
    plan = stages(change.workflow, change.params)
    jobs: list[Job] = []
    for position, stage in enumerate(plan):
        first = position == 0
        before = tuple(job.id for job in jobs)
        jobs.append(
            Job(
                id=job_id(stage.action, stage.handler, change.ref, change.version, nonce()),
                action=stage.action,
                handler=stage.handler,
                resource_type=change.ref.schema,
                resource_id=change.ref.id,
                version=change.version,
                resource_input=change.body,
                params=change.params[stage.handler],
                dependency=tuple(sorted(waits.needs | waits.after)) if first else before,
                after=tuple(sorted(waits.after)) if first else (),
                workflow=change.workflow,
                is_first=first,
                is_last=position == len(plan) - 1,
                on_failure=stage.on_failure,
            )
        )
    return jobs
