"""Properties of a resource: what a template wrote, checked against what the type takes. No value stands in an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from esi.errors import TemplateError
from esi.render.marks import stripped
from esi.stacks import Property, StackResource
from esi.stacks.nodes import Env
from esi.stacks.template import ResourceDefinition


def check_properties(definition: ResourceDefinition, type_: StackResource) -> None:
    """Every property is known to the type and every required one is written. Raises TemplateError."""
    path = f"resources.{definition.name}.properties"
    unknown = sorted(set(definition.properties) - set(type_.properties))
    if unknown:
        raise TemplateError(f"{path}.{unknown[0]}", f"unknown property of {definition.type}")
    for name, property_ in type_.properties.items():
        if property_.required and name not in definition.properties:
            raise TemplateError(f"{path}.{name}", f"{definition.type} needs it")


def resolve_properties(definition: ResourceDefinition, type_: StackResource, env: Env) -> dict[str, Any]:
    """The values of all properties, defaults included; what is absent without a default is left out."""

    def written(name: str) -> Any:
        node = definition.properties.get(name)
        return None if node is None else node.value(env)

    return typed_properties(type_, written, f"resources.{definition.name}.properties")


def typed_properties(type_: StackResource, written: Callable[[str], Any], path: str) -> dict[str, Any]:
    """The same, of values that `written` gives by name; None is absent. Raises TemplateError under `path`."""
    resolved: dict[str, Any] = {}
    for name, property_ in type_.properties.items():
        value = written(name)
        if value is None:
            if property_.required:
                raise TemplateError(f"{path}.{name}", "has no value")
            if property_.default is not None:
                resolved[name] = property_.default
            continue
        resolved[name] = typed(property_, value if property_.marked else stripped(value), f"{path}.{name}")
    return resolved


def typed(property_: Property, value: Any, path: str) -> Any:
    """`value` as the property's type. Raises TemplateError at `path`."""
    try:
        result = _TYPES[property_.type](value)
    except (TypeError, ValueError) as error:
        raise TemplateError(path, f"must be a {property_.type}") from error
    if property_.values and result not in property_.values:
        raise TemplateError(path, f"must be one of {', '.join(map(str, property_.values))}")
    return result


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError


def _number(value: Any) -> int | float:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, int | float):
        return value
    return float(value) if "." in value else int(value)


def _integer(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise ValueError


def _is(*kinds: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if isinstance(value, kinds):
            return value
        raise TypeError

    return check


_TYPES: Mapping[str, Callable[[Any], Any]] = {
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "list": _is(list),
    "map": _is(dict),
    "json": _is(dict, list, str, int, float, bool),
}
