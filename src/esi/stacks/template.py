"""From HOT as text to a compiled template: parsed by the C loader and compiled once per content, then only evaluated.

What is not known here (a section, a key of a resource, a function, a name) is a TemplateError with its path, at load,
never a surprise while a stack runs. Written after the HOT specification, versions 2013-05-23 to 2021-04-16.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import yaml

from esi.errors import TemplateError
from esi.render.marks import strip
from esi.stacks.functions import compile_condition, compile_node
from esi.stacks.graph import ordered
from esi.stacks.nodes import Env, Names, Node, numbered
from esi.stacks.parameters import PSEUDO, Parameter, parse_parameter

VERSIONS = frozenset(
    (
        *("2013-05-23", "2014-10-16", "2015-04-30", "2015-10-15", "2016-04-08", "2016-10-14", "2017-02-24"),
        *("2017-09-01", "2018-03-02", "2018-08-31", "2021-04-16"),
        *("newton", "ocata", "pike", "queens", "rocky", "wallaby"),
    )
)
MAX_NODES = 200_000
"""Most values in one template, aliases followed: a few lines of YAML could mean millions."""

MAX_DEPTH = 100
"""Deepest nesting."""

_SECTIONS = frozenset(
    {"heat_template_version", "description", "parameters", "parameter_groups", "conditions", "resources", "outputs"}
)
_RESOURCE_KEYS = frozenset({"type", "properties", "depends_on", "condition", "metadata"})
_OUTPUT_KEYS = frozenset({"value", "description", "condition"})


@dataclass(frozen=True, slots=True)
class ResourceDefinition:
    """A resource as written. `reads`: resources its functions refer to; `requires`: these, and those of depends_on."""

    name: str
    type: str
    properties: Mapping[str, Node]
    reads: frozenset[str]
    requires: frozenset[str]
    condition: Callable[[Env], bool] | None = None


@dataclass(frozen=True, slots=True)
class OutputDefinition:
    name: str
    description: str
    value: Node
    condition: Callable[[Env], bool] | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template. `resources` stand in an order that their dependencies allow; `hash` names the content."""

    hash: str
    parameters: Mapping[str, Parameter]
    conditions: Mapping[str, Callable[[Env], bool]]
    resources: Mapping[str, ResourceDefinition]
    outputs: tuple[OutputDefinition, ...]
    pieces: tuple[str, ...] = ()
    description: str = ""

    def env(self, parameters: Mapping[str, Any]) -> Env:
        """What a stack with these parameter values knows at its start: which conditions hold."""
        holds: dict[str, bool] = {}
        env = Env(parameters, conditions=holds, pieces=self.pieces)
        for name, condition in self.conditions.items():
            holds[name] = condition(env)
        return env


def load_template(text: str) -> Template:
    """The compiled template of `text`. Raises TemplateError."""
    skeleton, pieces = numbered(text)
    return _skeleton(skeleton).template(pieces, hashlib.sha256(text.encode()).hexdigest())


@lru_cache(maxsize=256)
def _skeleton(text: str) -> Skeleton:
    return Skeleton(text)


class Skeleton:
    """YAML with numbers for its pieces: parsed once, compiled once for each set of pieces that names are made of."""

    def __init__(self, text: str) -> None:
        self._raw = parse_yaml(text)
        self._compiled: deque[tuple[Mapping[int, str], Template]] = deque(maxlen=8)

    def template(self, pieces: tuple[str, ...], digest: str) -> Template:
        for used, template in self._compiled:
            if all(pieces[index] == piece for index, piece in used.items()):
                return replace(template, pieces=pieces, hash=digest)
        names = Names(pieces=pieces)
        template = _compile(self._raw, names)
        self._compiled.append((names.used, template))
        return replace(template, pieces=pieces, hash=digest)


def _compile(written: Any, bare: Names) -> Template:
    if not isinstance(written, dict):
        raise TemplateError("", "a template must be a map")
    raw = bare.plain_keys(written, "")
    unknown = sorted(key for key in raw if key not in _SECTIONS)
    if unknown:
        raise TemplateError(unknown[0], "unknown section of a template")
    version = bare.plain(raw.get("heat_template_version"))
    if version not in VERSIONS:
        raise TemplateError("heat_template_version", f"unknown version {version!r}")
    parameters = {
        name: parse_parameter(name, bare.plain_tree(item)) for name, item in _section(raw, "parameters", bare).items()
    }
    conditions, resources = _section(raw, "conditions", bare), _section(raw, "resources", bare)
    names = Names(
        frozenset(parameters) | set(PSEUDO), frozenset(resources), frozenset(conditions), bare.pieces, bare.used
    )
    outputs = _section(raw, "outputs", names)
    return Template(
        hash="",
        parameters=parameters,
        conditions=_conditions(conditions, names),
        resources=_resources(resources, names),
        outputs=tuple(_output(name, item, names) for name, item in outputs.items()),
        description=str(bare.plain(raw.get("description") or "")),
    )


def _section(raw: Mapping[str, Any], name: str, names: Names) -> dict[str, Any]:
    section = raw.get(name)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise TemplateError(name, "must be a map")
    return names.plain_keys(section, name)


def _conditions(written: Mapping[str, Any], names: Names) -> dict[str, Callable[[Env], bool]]:
    after = {name: frozenset(_named_conditions(item, names)) & names.conditions for name, item in written.items()}
    return {
        name: compile_condition(written[name], names, f"conditions.{name}") for name in ordered(after, "conditions")
    }


def _named_conditions(raw: Any, names: Names) -> set[str]:
    """The conditions that a condition stands on."""
    if isinstance(raw, str):
        return {names.plain(raw)}
    if isinstance(raw, dict):
        raw = [raw[word] for word in ("not", "and", "or") if word in raw]
    return set().union(*(_named_conditions(item, names) for item in raw)) if isinstance(raw, list) else set()


def _resources(written: Mapping[str, Any], names: Names) -> dict[str, ResourceDefinition]:
    found = {name: _resource(name, item, names) for name, item in written.items()}
    order = ordered({name: definition.requires for name, definition in found.items()}, "resources")
    return {name: found[name] for name in order}


def _resource(name: str, raw: Any, names: Names) -> ResourceDefinition:
    path = f"resources.{name}"
    if not isinstance(raw, dict):
        raise TemplateError(path, "must be a map with a type")
    _only(raw, _RESOURCE_KEYS, path)
    type_ = raw.get("type")
    if not isinstance(type_, str):
        raise TemplateError(f"{path}.type", "must be the name of a resource type")
    properties = raw.get("properties") or {}
    if not isinstance(properties, dict):
        raise TemplateError(f"{path}.properties", "must be a map")
    own = names.apart()
    written = own.plain_keys(properties, f"{path}.properties")
    nodes = {key: compile_node(item, own, f"{path}.properties.{key}") for key, item in written.items()}
    reads = frozenset(own.requires)
    depends = raw.get("depends_on") or []
    for other in depends if isinstance(depends, list) else [depends]:
        own.requires.add(own.known("resource", other, f"{path}.depends_on"))
    return ResourceDefinition(name, own.plain(type_), nodes, reads, frozenset(own.requires), _when(raw, own, path))


def _output(name: str, raw: Any, names: Names) -> OutputDefinition:
    path = f"outputs.{name}"
    if not isinstance(raw, dict) or "value" not in raw:
        raise TemplateError(path, "must be a map with a value")
    _only(raw, _OUTPUT_KEYS, path)
    own = names.apart()
    value = compile_node(raw["value"], own, f"{path}.value")
    return OutputDefinition(name, own.plain(raw.get("description") or ""), value, _when(raw, own, path))


def _when(raw: Mapping[str, Any], names: Names, path: str) -> Callable[[Env], bool] | None:
    if raw.get("condition") is None:
        return None
    return compile_condition(raw["condition"], names, f"{path}.condition")


def _only(raw: Mapping[str, Any], known: frozenset[str], path: str) -> None:
    unknown = sorted(str(key) for key in raw if key not in known)
    if unknown:
        raise TemplateError(f"{path}.{unknown[0]}", f"unknown key; known: {', '.join(sorted(known))}")


class _Loader(yaml.CSafeLoader):
    """Dates stay text, as heat_template_version wants it; a key that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        if isinstance(node, yaml.MappingNode):
            self.flatten_mapping(node)
            seen: set[str] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    raise TemplateError(f"line {key.start_mark.line + 1}", f"{strip(key.value)!r} stands here twice")
                seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str) -> Any:
    """YAML as plain data. Raises TemplateError with the line, and when it is too large once aliases are followed."""
    try:
        raw = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise TemplateError(f"line {line}", f"not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise TemplateError("", f"not YAML: {type(error).__name__}") from error
    _measure(raw)
    return raw


def _measure(raw: Any) -> None:
    waiting, counted = [(raw, 0)], 0
    while waiting:
        item, depth = waiting.pop()
        counted += 1
        if counted > MAX_NODES or depth > MAX_DEPTH:
            raise TemplateError("", f"a template holds at most {MAX_NODES} values, {MAX_DEPTH} deep")
        if isinstance(item, dict | list):
            waiting.extend((inner, depth + 1) for inner in (item.values() if isinstance(item, dict) else item))
