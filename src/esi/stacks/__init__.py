"""Stacks: HOT templates made true, one resource after the other or side by side, and resumed wherever a kill left them.

Ports: `StackBackend` (the embedded engine here, OpenStack Heat in esi.stacks.heat) and `StackResource` (one class per
HOT type; it runs in the engine and, by esi.heat_engine, inside heat-engine). The engine in the order of the work:
template → parameters → functions → graph → plan → engine; records keeps what has been done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from esi.drivers import Devices
from esi.errors import Broken
from esi.kv import Delete, Guard, Put

Props = Mapping[str, Any]
Listener = Callable[[str], None]
Rest = Callable[[], AbstractAsyncContextManager[None]]
"""Gives a context in which the caller's job holds no slot: to be entered while there is nothing to do but wait."""

PathOf = Callable[[tuple[str, str]], str]
"""The API path of a resource, by schema and id."""

Predicate = Callable[[Mapping[str, Any] | None], bool]
"""Judges what is wanted of a resource; None is one that is gone, or marked for deletion."""


@dataclass(frozen=True, slots=True)
class StackSpec:
    """What a stack shall be. `template` is HOT as text; `timeout` in seconds; `fence` guards every record written for
    it; `ref` is the (schema, id, version) it is made for."""

    name: str
    tenant: str
    template: str = field(repr=False)
    parameters: Mapping[str, Any] = field(repr=False)
    timeout: float
    fence: Guard | None = None
    ref: tuple[str, str, int] | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack as it is. `status` is Heat's word: CREATE_COMPLETE, UPDATE_FAILED, DELETE_IN_PROGRESS, …

    `outputs` are Heat's: [{output_key, output_value, description}]. `end` is what its `Caller` has still to write.
    """

    name: str
    tenant: str
    status: str
    reason: str
    outputs: tuple[Mapping[str, Any], ...] = ()
    operation: str = ""
    end: tuple[Put | Delete, ...] = field(default=(), repr=False)


class Caller(NamedTuple):
    """Who waits for a stack. `held` is told what holds it up meanwhile, and "" when nothing does any more; `rest` is
    entered by steps that only wait. `writes_end`: the caller commits `Stack.end`, under the operation's fence, together
    with what it makes of it; until then the operation may run again.
    """

    held: Listener | None = None
    rest: Rest = nullcontext
    writes_end: bool = False


NOBODY = Caller()


class StackBackend(Protocol):
    """`operation` is the job's id: a repeated call with the same operation does not run twice, it goes on."""

    async def apply(self, spec: StackSpec, *, operation: str) -> None: ...

    async def delete(self, name: str, *, operation: str, fence: Guard | None = None) -> None: ...

    async def wait(self, name: str, *, operation: str, caller: Caller = NOBODY) -> Stack:
        """Returns when the operation has ended, well or not (see status). Raises a TemporaryError when it was given up
        for now (lease lost, KV away): call apply again."""
        ...

    async def stop(self, name: str, *, operation: str) -> None:
        """Do nothing more for this operation here, wherever it is: its job has been taken away."""
        ...

    async def get(self, name: str) -> Stack | None: ...


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a resource type: `type` is HOT's (string, number, boolean, list, map, json).

    `values`: only these are allowed. `secret`: never shown. `marked`: keeps the marks around substituted values
    (esi.render.marks), because its texts are parsed; from all other properties the engine takes them off.
    """

    type: Literal["string", "number", "integer", "boolean", "list", "map", "json"]
    required: bool = False
    default: Any = None
    secret: bool = False
    values: tuple[Any, ...] = ()
    marked: bool = False


class Targets(Protocol):
    """The collector agent's door, as resource types see it (spec: POST /targets, DELETE /targets/<id>)."""

    async def create(self, target: Mapping[str, Any], *, key: str) -> Mapping[str, Any]:
        """The target with `id` and `link`; the same `key` gives the same target again."""
        ...

    async def delete(self, id: str) -> None: ...


class Until(Protocol):
    async def __call__(self, ref: tuple[str, str], predicate: Predicate, why: str) -> Mapping[str, Any] | None:
        """Waits until `predicate` holds for what is wanted of one of our own resources (schema, id), and gives that.
        `why` is the sentence that people read when it takes long. Holds no slot."""
        ...


async def _nowhere(ref: tuple[str, str], predicate: Predicate, why: str) -> Mapping[str, Any] | None:
    raise Broken(f"nobody here knows what is wanted of {ref[0]} {ref[1]}")


@dataclass(frozen=True, slots=True)
class Context:
    """What a resource may use. `operation` and `resource` name this step: together they are the idempotency key;
    `fence` is the right to do it, which goes along with whatever is asked of others; `held` is told what holds it
    up; `rest` is entered while it only waits."""

    stack: str
    resource: str
    operation: str
    tenant: str
    devices: Devices
    targets: Targets
    ref: tuple[str, str, int] | None = None
    fence: Guard | None = None
    held: Listener | None = None
    until: Until = _nowhere
    rest: Rest = nullcontext


@dataclass(frozen=True, slots=True)
class Live:
    """A resource that exists: its id outside, the properties it was made with, private data, attributes for get_attr.

    `attempted`: properties of updates since then that did not end well; what they would have made may exist too.
    An interrupted create has no physical_id: what its properties say may exist, or not.
    """

    physical_id: str
    props: Props = field(repr=False)
    data: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    attempted: tuple[Props, ...] = field(default=(), repr=False)


class Replace(Exception):
    """An update cannot be done in place: make a new one, then delete the old."""


class StackResource(Protocol):
    """One HOT type. Every method is safe to call again with the same Context. `attributes`: what get_attr may name."""

    type: ClassVar[str]
    attributes: ClassVar[tuple[str, ...]]
    properties: ClassVar[Mapping[str, Property]]

    def check(self, props: Props) -> None:
        """Raises TemplateError or Unsupported for properties that nothing could be made of. Pure; asked before a stack
        does anything, for every resource whose properties are known by then."""
        ...

    def claims(self, props: Props) -> frozenset[str]:
        """The places outside that only one resource may hold, as texts; a text that begins with another lies under it.

        A resource that goes gives its places up before another one of the stack takes them. Pure; never raises.
        """
        ...

    async def create(self, ctx: Context, props: Props) -> Live: ...

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        """Not called when the resolved properties are equal. Raises Replace when it cannot be done in place."""
        ...

    async def delete(self, ctx: Context, live: Live) -> None:
        """Absent is success."""
        ...
