"""How an operation opens: the record that says what is about to be done, and the steps that it will take. Pure."""

from __future__ import annotations

from dataclasses import replace

from esi.registry import Registry
from esi.stacks import StackResource
from esi.stacks.nodes import Env
from esi.stacks.plan import Step, give_way, plan
from esi.stacks.records import IN_PROGRESS, ResourceRecord, StackRecord
from esi.stacks.wanted import Wanted

LEAST_SECONDS = 30.0
"""What an operation that goes on after its deadline still gets, so that its steps are tried at least once."""


def opened(found: StackRecord | None, fresh: StackRecord, wanted: Wanted | None, now: float) -> StackRecord:
    """The record to work on: what was `found`, gone on with or begun anew, or `fresh`, which knows name and operation.
    Without `wanted` the stack is deleted.
    """
    if found is not None and found.operation == fresh.operation:
        found.deadline = max(found.deadline, now + LEAST_SECONDS)
        return found
    if wanted is not None:
        record = replace(
            fresh,
            tenant=wanted.tenant,
            status=f"{'CREATE' if found is None else 'UPDATE'}_{IN_PROGRESS}",
            timeout=wanted.timeout,
            deadline=now + wanted.timeout,
            template=wanted.template.hash,
            ref=list(wanted.ref) if wanted.ref else None,
            created=found.created if found else now,
            updated=now if found else 0.0,
            resources=found.resources if found else {},
            made=found.made if found else "",
        )
    else:
        assert found is not None
        record = replace(found, status=f"DELETE_{IN_PROGRESS}", deadline=now + found.timeout)
    record.operation, record.reason, record.outputs = fresh.operation, "", []
    return record


def steps_of(record: StackRecord, wanted: Wanted | None, env: Env, types: Registry[StackResource]) -> dict[str, Step]:
    """The steps by name: who goes gives up its places before another takes them."""
    steps = plan(record.resources, _conditioned(wanted, env))
    if wanted is None or not any(step.gone for step in steps):
        return {step.name: step for step in steps}
    held = {step.name: _held(record.resources.get(step.name), types) for step in steps}
    resources = wanted.template.resources
    taken = {name: types.get(resources[name].type).claims(props) for name, props in wanted.resolved.items()}
    return give_way(steps, held, taken)


def _conditioned(wanted: Wanted | None, env: Env) -> dict[str, frozenset[str]]:
    """The resources whose conditions hold, with what they require."""
    resources = wanted.template.resources.values() if wanted is not None else ()
    return {item.name: item.requires for item in resources if item.condition is None or item.condition(env)}


def _held(record: ResourceRecord | None, types: Registry[StackResource]) -> frozenset[str]:
    """Every place that a recorded resource may hold."""
    type_ = types.find(record.type) if record is not None and record.touched else None
    if record is None or type_ is None:
        return frozenset()
    live = record.live()
    return frozenset().union(*(type_.claims(props) for props in (live.props, *live.attempted)))
