"""What an operation is given: the means that all operations share, and what one of them wants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

from esi.clock import Clock
from esi.drivers import Devices
from esi.kv import KV
from esi.model.codec import dumps
from esi.registry import Registry
from esi.render.marks import strip, stripped
from esi.stacks import PathOf, Props, StackResource, Targets
from esi.stacks.nodes import Env
from esi.stacks.records import MadeFrom
from esi.stacks.template import Template
from esi.stacks.waiting import no_path
from esi.telemetry import MASK, NullRecorder, Recorder

HIDDEN = "******"
"""What Heat shows in the place of a hidden parameter's value."""

SHORTEST_SECRET = 3
"""Shorter texts are not masked in what devices say: every word would be."""


@dataclass(frozen=True, slots=True)
class Means:
    """What all operations share. `path_of` gives the API path of one of our own resources."""

    kv: KV
    types: Registry[StackResource]
    devices: Devices
    targets: Targets
    clock: Clock
    recorder: Recorder = field(default_factory=NullRecorder)
    path_of: PathOf = no_path


@dataclass
class Wanted:
    """What an apply wants: the compiled template with its parameter values. None in its place means a delete."""

    template: Template
    parameters: Mapping[str, Any] = field(repr=False)
    tenant: str
    timeout: float
    ref: tuple[str, str, int] | None
    text: str = field(default="", repr=False)
    resolved: Mapping[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    """Properties that were known, and checked, before the operation began."""

    @cached_property
    def digest(self) -> str:
        """What tells it from another want of the same stack."""
        return blake2b(dumps([self.text, self.parameters]), digest_size=16).hexdigest()


def outputs(template: Template, env: Env) -> list[dict[str, Any]]:
    """The outputs whose conditions hold, in Heat's shape."""
    return [
        {"output_key": item.name, "output_value": stripped(item.value.value(env)), "description": item.description}
        for item in template.outputs
        if item.condition is None or item.condition(env)
    ]


class Words:
    """Takes secrets out of what devices say: values of hidden parameters and of secret properties."""

    def __init__(self, wanted: Wanted | None) -> None:
        self._wanted = wanted
        self._made: MadeFrom | None = None
        self._secrets: set[str] = set()
        self._longest_first: list[str] = []
        if wanted is not None:
            hidden = [parameter for parameter in wanted.template.parameters.values() if parameter.hidden]
            for parameter in hidden:
                self.add((wanted.parameters.get(parameter.name), parameter.default))

    def hide(self, type_: StackResource | None, props: Props) -> None:
        """Secret properties are shown nowhere."""
        secret = [name for name, item in type_.properties.items() if item.secret] if type_ is not None else ()
        self.add(props[name] for name in secret if name in props)

    def add(self, values: Iterable[Any]) -> None:
        self._secrets.update(value for value in values if isinstance(value, str) and len(value) >= SHORTEST_SECRET)
        if len(self._secrets) > len(self._longest_first):
            self._longest_first = sorted(self._secrets, key=len, reverse=True)
            self._made = None

    def made_from(self) -> MadeFrom | None:
        """What is wanted as it may be shown: hidden values are out, wherever they stand. None of a delete."""
        if self._made is None and (wanted := self._wanted) is not None:
            declared = wanted.template.parameters
            shown = {
                name: HIDDEN if declared[name].hidden else self.masked_in(value)
                for name, value in wanted.parameters.items()
                if name in declared
            }
            self._made = MadeFrom(wanted.template.description, shown, self.masked(strip(wanted.text)))
        return self._made

    def masked(self, words: str) -> str:
        for secret in self._longest_first:
            words = words.replace(secret, MASK)
        return words

    def masked_in(self, value: Any) -> Any:
        """A copy of plain JSON data with the secrets out of its texts."""
        if isinstance(value, str):
            return self.masked(value)
        if isinstance(value, Mapping):
            return {name: self.masked_in(item) for name, item in value.items()}
        return [self.masked_in(item) for item in value] if isinstance(value, list | tuple) else value
