"""What can be said of a stack before anything is done: its template, its parameters, and every property that is known.

What nothing could come of begins nothing, whichever backend would make it. What came to an end before need not be
checked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from esi.errors import TemplateError, Unsupported
from esi.registry import Registry
from esi.stacks import StackResource, StackSpec
from esi.stacks.parameters import resolve_parameters
from esi.stacks.properties import check_properties, resolve_properties
from esi.stacks.template import Template, load_template


class Taken(NamedTuple):
    """`parameters` are typed, pseudo parameters among them."""

    template: Template
    parameters: dict[str, Any]


def take_stack(spec: StackSpec) -> Taken:
    """Raises TemplateError, with the place in the template."""
    template = load_template(spec.template)
    parameters = resolve_parameters(template.parameters, spec.parameters)
    parameters |= {"OS::stack_name": spec.name, "OS::stack_id": spec.name, "OS::project_id": spec.tenant}
    return Taken(template, parameters)


class Checked(NamedTuple):
    """`resolved` are properties by resource that read no other resource."""

    template: Template
    parameters: dict[str, Any]
    resolved: dict[str, dict[str, Any]]


def check_stack(spec: StackSpec, types: Registry[StackResource]) -> Checked:
    """Raises TemplateError or Unsupported, with the place in the template."""
    taken = take_stack(spec)
    return Checked(*taken, check_resources(taken, types))


def check_resources(taken: Taken, types: Registry[StackResource]) -> dict[str, dict[str, Any]]:
    """The properties of the resources that read no other; raises as above."""
    template, env = taken.template, taken.template.env(taken.parameters)
    resolved: dict[str, dict[str, Any]] = {}
    for name, definition in template.resources.items():
        type_ = types.find(definition.type)
        if type_ is None:
            known = ", ".join(types.names()) or "none"
            raise TemplateError(f"resources.{name}.type", f"unknown type {definition.type!r}; known: {known}")
        check_properties(definition, type_)
        if not definition.reads and (definition.condition is None or definition.condition(env)):
            props = resolved[name] = resolve_properties(definition, type_, env)
            check_props(type_, props, f"resources.{name}.properties")
    return resolved


def check_props(type_: StackResource, props: Mapping[str, Any], path: str) -> None:
    """Ask the type. Raises TemplateError or Unsupported, both with `path`."""
    try:
        type_.check(props)
    except TemplateError as error:
        raise TemplateError(path, error.message) from error
    except Unsupported as error:
        raise Unsupported(f"{path}: {error.message}") from error
