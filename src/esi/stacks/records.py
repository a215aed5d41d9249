"""What a stack has done so far: one record per stack in the KV, enough to go on after a kill, to update and to delete.

    /esi-worker/stacks/<name> = {stack, tenant, status, reason, operation, template, timeout, deadline, ref, outputs,
                                 created, updated, made, resources: {<name>: {type, status, reason, physical_id, props,
                                                      data, attributes, attempted, depends, replaced}}}
    /esi-worker/stacks/<name>/made = zlib of {description, parameters, template}

The second is for people: what the last operation was given, hidden values masked. No operation reads it. It is most of
what a stack keeps, so it is packed, and written when what was given has another digest than the record's `made`. One
that is given what the last one was given, and which came to a good end, finds nothing to do.
Every write is guarded by the caller's fence and by the record's own revision: who has been overtaken cannot write.
Properties stand here in clear, secrets too, because a delete needs them: etcd is trusted (docs/limits.md).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID, uuid5

from esi.errors import Broken
from esi.kv import KV, Delete, Guard, Put
from esi.model.codec import dumps, loads_object
from esi.model.keys import stack_key, stack_made_key
from esi.stacks import Live, Props, Stack

IDS = UUID("0f6a8c1e-5d0b-5c3e-9a53-7d1f0c2b9e64")

COMPLETE, FAILED, IN_PROGRESS = "COMPLETE", "FAILED", "IN_PROGRESS"

REASONS = {
    "CREATE": "Stack CREATE completed successfully",
    "UPDATE": "Stack successfully updated",
    "DELETE": "",
}
"""What is said of a stack that ended well: Heat's own words."""


@dataclass(slots=True)
class ResourceRecord:
    """One resource. `props` are those of the last success; `attempted` those tried since. `replaced`: old ones of the
    same name that wait for their deletion.
    """

    type: str
    status: str
    physical_id: str = ""
    props: dict[str, Any] = field(default_factory=dict, repr=False)
    data: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    attempted: list[dict[str, Any]] = field(default_factory=list, repr=False)
    depends: list[str] = field(default_factory=list)
    replaced: list[dict[str, Any]] = field(default_factory=list, repr=False)
    reason: str = ""

    @property
    def complete(self) -> bool:
        return self.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")

    @property
    def touched(self) -> bool:
        """Whether anything of it may exist outside."""
        return bool(self.physical_id or self.attempted)

    def live(self) -> Live:
        """As its type sees it. Of a create that has not ended only what was attempted is known."""
        attempted = tuple(self.attempted)
        if not self.physical_id and attempted:
            return Live("", attempted[-1], attempted=attempted[:-1])
        return Live(self.physical_id, self.props, self.data, self.attributes, attempted)

    def stands(self, live: Live, status: str) -> None:
        """Take over what a type has answered."""
        self.status, self.reason, self.physical_id = status, "", live.physical_id
        self.props, self.data, self.attributes = dict(live.props), dict(live.data), dict(live.attributes)
        self.attempted = []

    def attempt(self, props: Props) -> None:
        if props not in self.attempted:
            self.attempted.append(dict(props))

    def retire(self) -> list[dict[str, Any]]:
        """This resource and those it replaced, to be deleted once its successor stands."""
        old = {name: value for name, value in asdict(self).items() if name not in ("replaced", "depends", "reason")}
        return [*self.replaced, old]


@dataclass(slots=True)
class StackRecord:
    stack: str
    tenant: str
    status: str
    operation: str
    timeout: float
    deadline: float
    template: str = ""
    reason: str = ""
    ref: list[Any] | None = None
    outputs: list[dict[str, Any]] = field(default_factory=list)
    created: float = 0.0
    updated: float = 0.0
    resources: dict[str, ResourceRecord] = field(default_factory=dict)
    made: str = ""

    @property
    def id(self) -> str:
        """A stack that is made again under its name is another one."""
        return str(uuid5(IDS, f"{self.stack} {self.created!r}"))

    @property
    def verb(self) -> str:
        """CREATE, UPDATE or DELETE."""
        return self.status.split("_", 1)[0]

    @property
    def ended(self) -> bool:
        return not self.status.endswith(IN_PROGRESS)

    def is_made_from(self, digest: str) -> bool:
        """Whether it stands, whole, as it would be made of this."""
        whole = self.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        return whole and self.made == digest and not any(one.replaced for one in self.resources.values())

    def view(self) -> Stack:
        return Stack(self.stack, self.tenant, self.status, self.reason, tuple(self.outputs), self.operation)


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """What a stack is made from, as it may be shown: the template's description, the parameters' values, its text."""

    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    template: str = ""


class Book:
    """The record of one stack in the KV, and the right to write it."""

    def __init__(self, kv: KV, name: str, fence: Guard | None) -> None:
        self._kv = kv
        self._key = stack_key(name)
        self._made_key = stack_made_key(name)
        self.fence = fence
        self._revision = 0

    async def read(self) -> StackRecord | None:
        entry = await self._kv.get(self._key)
        if entry is None:
            self._revision = 0
            return None
        self._revision = entry.mod_revision
        return decode(entry.value, self._key)

    def puts(self, record: StackRecord, made: MadeFrom | None = None) -> tuple[Put | Delete, ...]:
        put = Put(self._key, encode(record))
        return (put,) if made is None else (put, Put(self._made_key, encode_made(made)))

    def deletes(self) -> tuple[Put | Delete, ...]:
        return (Delete(self._key), Delete(self._made_key)) if self._revision else ()

    async def commit(self, ops: tuple[Put | Delete, ...]) -> None:
        """Raises Outrun when someone else has written it, or when the fence no longer stands."""
        if ops:
            self._revision = await self._kv.commit(ops, guards=self._guards())

    def _guards(self) -> tuple[Guard, ...]:
        own = Guard(self._key, self._revision)
        return (own,) if self.fence is None else (self.fence, own)


def encode(record: StackRecord) -> bytes:
    return dumps(record)


def decode(value: bytes, key: str) -> StackRecord:
    raw = loads_object(value, key)
    try:
        resources: Mapping[str, Any] = raw.pop("resources")
        return StackRecord(**raw, resources={name: ResourceRecord(**item) for name, item in resources.items()})
    except (KeyError, TypeError) as error:
        raise Broken(f"{key} is not the record of a stack: {error!r}") from error


def encode_made(made: MadeFrom) -> bytes:
    return zlib.compress(dumps(made), 1)


def decode_made(value: bytes, key: str) -> MadeFrom:
    """Plain JSON, as earlier versions wrote it, is read, too."""
    try:
        return MadeFrom(**loads_object(value if value.startswith(b"{") else zlib.decompress(value), key))
    except (TypeError, zlib.error) as error:
        raise Broken(f"{key} does not say what a stack is made from: {error!r}") from error
