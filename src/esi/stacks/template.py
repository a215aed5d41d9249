"""From HOT as text to a compiled template: parsed by the C loader and compiled once per content, then only evaluated.

What is not known here (a section, a key of a resource, a function, a name) is a TemplateError with its path, at load,
never a surprise while a stack runs. Written after the HOT specification, versions 2013-05-23 to 2021-04-16.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from esi.errors import TemplateError
from esi.render.marks import strip
from esi.stacks.functions import compile_condition, compile_node
from esi.stacks.graph import ordered
from esi.stacks.nodes import Env, Names, Node
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

    def env(self, parameters: Mapping[str, Any]) -> Env:
        """What a stack with these parameter values knows at its start: which conditions hold."""
        holds: dict[str, bool] = {}
        env = Env(parameters, conditions=holds)
        for name, condition in self.conditions.items():
            holds[name] = condition(env)
        return env


@lru_cache(maxsize=512)
def load_template(text: str) -> Template:
    """The compiled template of `text`. Raises TemplateError."""
    raw = parse_yaml(text)
    if not isinstance(raw, dict):
        raise TemplateError("", "a template must be a map")
    unknown = sorted(str(key) for key in raw if key not in _SECTIONS)
    if unknown:
        raise TemplateError(unknown[0], "unknown section of a template")
    if raw.get("heat_template_version") not in VERSIONS:
        raise TemplateError("heat_template_version", f"unknown version {raw.get('heat_template_version')!r}")
    return _compile(raw, hashlib.sha256(text.encode()).hexdigest())


def _compile(raw: Mapping[str, Any], digest: str) -> Template:
    parameters = {name: parse_parameter(name, item) for name, item in _section(raw, "parameters").items()}
    written = _section(raw, "resources")
    conditions = _section(raw, "conditions")
    names = Names(frozenset(parameters) | set(PSEUDO), frozenset(written), frozenset(conditions))
    return Template(
        hash=digest,
        parameters=parameters,
        conditions=_conditions(conditions, names),
        resources=_resources(written, names),
        outputs=tuple(_output(name, item, names) for name, item in _section(raw, "outputs").items()),
    )


def _section(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = raw.get(name)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise TemplateError(name, "must be a map")
    return {strip(str(key)): item for key, item in section.items()}


def _conditions(written: Mapping[str, Any], names: Names) -> dict[str, Callable[[Env], bool]]:
    after = {name: frozenset(_named_conditions(item)) & names.conditions for name, item in written.items()}
    return {
        name: compile_condition(written[name], names, f"conditions.{name}") for name in ordered(after, "conditions")
    }


def _named_conditions(raw: Any) -> set[str]:
    """The conditions that a condition stands on."""
    if isinstance(raw, str):
        return {strip(raw)}
    if isinstance(raw, list):
        return set().union(*map(_named_conditions, raw))
    if isinstance(raw, dict):
        return set().union(*(_named_conditions(raw[word]) for word in ("not", "and", "or") if word in raw))
    return set()


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
    own = Names(names.parameters, names.resources, names.conditions)
    nodes = {strip(str(key)): compile_node(item, own, f"{path}.properties.{key}") for key, item in properties.items()}
    reads = frozenset(own.requires)
    depends = raw.get("depends_on") or []
    for other in depends if isinstance(depends, list) else [depends]:
        own.requires.add(own.known("resource", strip(other) if isinstance(other, str) else other, f"{path}.depends_on"))
    return ResourceDefinition(name, strip(type_), nodes, reads, frozenset(own.requires), _when(raw, own, path))


def _output(name: str, raw: Any, names: Names) -> OutputDefinition:
    path = f"outputs.{name}"
    if not isinstance(raw, dict) or "value" not in raw:
        raise TemplateError(path, "must be a map with a value")
    _only(raw, _OUTPUT_KEYS, path)
    own = Names(names.parameters, names.resources, names.conditions)
    value = compile_node(raw["value"], own, f"{path}.value")
    return OutputDefinition(name, strip(str(raw.get("description") or "")), value, _when(raw, own, path))


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
