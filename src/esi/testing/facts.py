"""What a ring did, in the form of the recorded cases: read from the writes to its KV and the loads on its devices.

Nothing here knows which ring it was: writes of an etcd and of the memory KV are the same bytes.

    configs    /config: {key, value: {body, version, marked_for_deletion}}
    jobs       /jobs/all: {key_prefix, action, handler, resource, …, params: {name: {type, value, via}}}
    worker     heat_stacks, job_state, state, monitoring: {key, value}
    stacks     what Heat was asked for and answered: {stack_name, tenant, parameters, timeout_mins, outputs, …}
    messages   what was published to topics: {topic, message}
    targets    monitoring targets as a stack asked for them, by stack and name
    edits      per device what each resource loaded: {path: [words], set: tree}
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from esi.drivers import Address, Edit, Step
from esi.heat.parameters import Parameters, split_params
from esi.model import keys
from esi.model.job import Job
from esi.model.resource import Body, Ref
from esi.render.junos.text import Statement, parse

WORKER_TREES = (keys.HEAT_STACKS, keys.JOB_STATE, keys.STATE, keys.MONITORING)
MADE = keys.stack_made_key("").removeprefix(keys.STACKS)
"""The end of keys whose values are packed, and for people."""

NAMED = frozenset({"interface", "neighbor", "route", "address", "group", "instance", "unit", "vrrp-group"})
"""Statements of which many stand side by side, told apart by their name."""


class Write(NamedTuple):
    """One change of a key; `value` None is a delete."""

    key: str
    value: bytes | None


@dataclass
class Load:
    """What one call put into a device's candidate."""

    address: Address
    edits: Sequence[Edit]


@dataclass
class Facts:
    """The log of a ring; each property reads the form of one recorded file out of it."""

    writes: list[Write] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    earlier: Sequence[Body] = ()
    """Stack records from before these writes, whose outputs jobs may read."""

    def _puts(self, *trees: str) -> Iterator[tuple[str, Any]]:
        below = tuple(tree.rstrip("/") + "/" for tree in trees)
        for write in self.writes:
            if write.value and write.key.startswith(below) and not write.key.endswith(MADE):
                yield write.key, orjson.loads(write.value)

    @property
    def configs(self) -> list[Body]:
        return [
            {"key": key, "value": {**value, "body": orjson.loads(value["body"])}}
            for key, value in self._puts(keys.CONFIG)
        ]

    @property
    def worker(self) -> list[Body]:
        return [{"key": key, "value": value} for key, value in self._puts(*WORKER_TREES)]

    def jobs(self) -> list[Job]:
        """Every job in the order of planning; of one that was written again only the first."""
        found: dict[str, Job] = {}
        for write in self.writes:
            if write.value and write.key.startswith(keys.JOBS_ALL):
                job = Job.decode(write.value, write.key)
                found.setdefault(job.id, job)
        return list(found.values())

    @property
    def job_entries(self) -> list[Body]:
        return [job_entry(job) for job in self.jobs()]

    @property
    def stacks(self) -> list[Body]:
        """One entry per heat job that left a stack."""
        records = [value for _, value in self._puts(keys.HEAT_STACKS)]
        outputs = {record["id"]: outputs_of(record) for record in (*self.earlier, *records)}
        entries = []
        for job in self.jobs():
            if job.handler == "heat_worker" and job.action != "logical_delete":
                verb = "CREATE" if job.action == "create" else "UPDATE"
                record = next(
                    (r for r in records if r["id"] == str(job.ref) and r["stack_status"].startswith(verb)), None
                )
                if record is not None:
                    records.remove(record)
                    entries.append(stack_entry(job, record, outputs))
        return entries

    @property
    def messages(self) -> list[Body]:
        """What was published: {topic, message}, in the order of publishing."""
        prefix = keys.TOPICS
        kept = [
            (key.removeprefix(prefix), value) for key, value in self._puts(prefix) if "/" in key.removeprefix(prefix)
        ]
        return [{"topic": key.partition("/")[0], "message": orjson.loads(value["value"])} for key, value in kept]

    @property
    def targets(self) -> dict[str, dict[str, Body]]:
        found: dict[str, dict[str, Body]] = {}
        for key, record in self._puts(keys.STACKS):
            for name, resource in record.get("resources", {}).items():  # beside it stands what it is made from
                if resource["type"] == "ESI::Monitoring::MonitoringTarget" and resource["props"]:
                    found.setdefault(key.removeprefix(keys.STACKS), {})[name] = resource["props"]
        return found

    def edits(self, ip: str) -> list[Body]:
        return [edit_entry(edit) for load in self.loads if load.address.ip == ip for edit in load.edits]


def job_entry(job: Job) -> Body:
    """A job as recorded: ids without their random end, the resources read as a list `via`."""
    return {
        "key_prefix": keys.job_all_key(_without_nonce(job.id)),
        "action": job.action,
        "handler": job.handler,
        "resource": job.resource_type,
        "resource_id": job.resource_id,
        "version": job.version,
        "is_first": job.is_first,
        "is_last": job.is_last,
        "on_failure": job.on_failure,
        "retry": job.retries,
        "dependency": [_without_nonce(other) for other in job.dependency],
        "params": {
            param["param"]: {"type": param["type"], "value": param["value"], "via": _via(param["resources"])}
            for param in job.params
        },
    }


def _without_nonce(job_id: str) -> str:
    return job_id.rsplit(":", 1)[0]


def _via(resources: Iterable[Mapping[str, str]]) -> list[str]:
    return sorted({f"{item['resource_type']}:{item['resource_id']}" for item in resources})


def outputs_of(record: Mapping[str, Any]) -> Body:
    return {item["output_key"]: item["output_value"] for item in record["output"]}


def stack_entry(job: Job, record: Mapping[str, Any], outputs: Mapping[str, Body]) -> Body:
    """A stack as the Heat client shows it: parameters are strings. `outputs` are those of all stacks, by resource."""
    params = _split(job, outputs)
    return {
        "stack_name": record["stack_id"],
        "tenant": record["tenant_id"],
        "stack_status": record["stack_status"],
        "status_reason": record["status_reason"],
        "timeout_mins": params.timeout / 60,
        "parameters": {name: "" if value is None else str(value) for name, value in params.heat.items()},
        "outputs": outputs_of(record),
    }


def _split(job: Job, outputs: Mapping[str, Body]) -> Parameters:
    """Split params without an event loop."""

    async def known(ref: Ref) -> Mapping[str, Any] | None:
        return outputs.get(str(ref))

    coroutine = split_params(job.params, known)
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: Parameters = end.value
        return result
    raise asyncio.InvalidStateError(f"{job.id} waits for something else than outputs of other stacks")


def edit_entry(edit: Edit) -> Body:
    return {"path": [_step(step) for step in edit.path], "set": tree_of(parse(edit.text))}


def _step(step: Step) -> str:
    return f"{step.tag} {step.name}" if step.name else step.tag


def tree_of(statements: Iterable[Statement]) -> Body:
    """Statements as nested objects: `peer-as 1;` is {"peer-as": "1"}, `interface x;` is {"interface x": None}."""
    tree: Body = {}
    for statement in statements:
        words = [word.strip("\ue000\ue001") for word in statement.words]
        steps = [" ".join(words)] if words[0] in NAMED else words
        if statement.children is not None:
            inner = tree
            for step in steps:
                inner = inner.setdefault(step, {})
            inner.update(tree_of(statement.children))
        elif len(steps) == 2:
            tree[steps[0]] = steps[1]
        else:
            tree[" ".join(words)] = list(statement.values) if statement.values is not None else None
    return tree
