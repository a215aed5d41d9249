"""What to do to a stack: pure decisions from the record of what was done and the template of what is wanted.

`plan` gives the steps and what each waits for. `decide` says what a step must do, once its properties are known:

    no record                                   create
    has replaced others that still stand        clean: delete those, then decide again
    made by another type                        replace: create the new one, then delete the old
    complete, same properties                   keep: no call, no write
    complete, other properties                  update
    an update that did not end well             update
    a create that did not end, same properties  create (again: every type is idempotent)
    a create that did not end, other properties recreate: delete what may be there, then create
    a delete that was begun                     recreate
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum

from esi.stacks import Props
from esi.stacks.records import ResourceRecord


class Action(StrEnum):
    """What a step does. `REPLACE` and `RECREATE` are two actions each; `CLEAN` deletes what has been replaced."""

    KEEP = "keep"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    RECREATE = "recreate"
    DELETE = "delete"
    CLEAN = "clean"


@dataclass(frozen=True, slots=True)
class Step:
    """Make `name` as wanted, or (`gone`) delete it, when all of `after` are done."""

    name: str
    after: frozenset[str]
    gone: bool = False


def plan(recorded: Mapping[str, ResourceRecord], wanted: Mapping[str, Set[str]]) -> list[Step]:
    """`wanted` is name → required names, in order. What is recorded and not wanted goes last, dependants first."""
    ensure = [Step(name, frozenset(requires) & frozenset(wanted)) for name, requires in wanted.items()]
    gone = [name for name in recorded if name not in wanted]
    made = frozenset(wanted)
    return ensure + [Step(name, made | _dependants(name, gone, recorded), gone=True) for name in reversed(gone)]


def _dependants(name: str, gone: list[str], recorded: Mapping[str, ResourceRecord]) -> frozenset[str]:
    return frozenset(other for other in gone if name in recorded[other].depends)


def give_way(steps: Sequence[Step], held: Mapping[str, Set[str]], taken: Mapping[str, Set[str]]) -> dict[str, Step]:
    """The steps by name, changed so that who goes gives up the places it holds before another takes them.

    `held` are the claims of what is recorded, `taken` those of what is wanted (see StackResource.claims).
    """
    plan = {step.name: step for step in steps}
    early: set[str] = set()
    for step in steps:
        rivals = [name for name, claims in taken.items() if name != step.name and _overlap(held[step.name], claims)]
        if step.gone and rivals:
            early |= _with_dependants(step.name, plan)
            for name in rivals:
                plan[name] = replace(plan[name], after=plan[name].after | {step.name})
    for name in early:
        plan[name] = replace(plan[name], after=frozenset(other for other in plan[name].after if plan[other].gone))
    return plan


def _overlap(ones: Set[str], others: Set[str]) -> bool:
    return any(one.startswith(other) or other.startswith(one) for one in ones for other in others)


def _with_dependants(name: str, plan: Mapping[str, Step]) -> set[str]:
    """A step that goes, and all that go before it."""
    found, waiting = {name}, [name]
    while waiting:
        before = {other for other in plan[waiting.pop()].after if plan[other].gone} - found
        found |= before
        waiting += before
    return found


def decide(record: ResourceRecord | None, type_: str, props: Props) -> Action:
    """What must be done so that a resource of `type_` with `props` stands."""
    if record is None:
        return Action.CREATE
    if record.status.startswith("DELETE"):
        return Action.RECREATE
    if record.replaced:
        return Action.CLEAN
    if not record.physical_id and not record.complete:
        same = record.type == type_ and all(attempt == props for attempt in record.attempted)
        return Action.CREATE if same else Action.RECREATE
    if record.type != type_:
        return Action.REPLACE
    if record.complete and record.props == props:
        return Action.KEEP
    return Action.UPDATE
