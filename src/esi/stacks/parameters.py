"""Parameters of a stack: declared in the template, given by the caller, typed and checked before anything happens.

Written after the HOT specification. A value never stands in an error: it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from esi.errors import TemplateError
from esi.render.marks import is_marked

TYPES = frozenset({"string", "number", "comma_delimited_list", "json", "boolean"})
PSEUDO = ("OS::stack_name", "OS::stack_id", "OS::project_id")
"""Parameters that every stack has."""

_KEYS = frozenset({"type", "default", "label", "description", "hidden", "constraints", "immutable", "tags"})
_TRUE = frozenset({"t", "true", "on", "y", "yes", "1"})
_FALSE = frozenset({"f", "false", "off", "n", "no", "0"})


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint: `kind` is HOT's word, `rule` its compiled operand, `words` what to say when it does not hold."""

    kind: str
    rule: Any
    words: str

    def holds(self, value: Any) -> bool:
        if self.kind == "allowed_values":
            return all(item in self.rule for item in value) if isinstance(value, list) else value in self.rule
        if self.kind == "allowed_pattern":
            return self.rule.fullmatch(str(value)) is not None
        if self.kind == "modulo":
            step, offset = self.rule
            return bool(value % step == offset)
        low, high = self.rule
        size = len(value) if self.kind == "length" else value
        return (low is None or size >= low) and (high is None or size <= high)


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: str
    default: Any = None
    hidden: bool = False
    constraints: tuple[Constraint, ...] = ()

    def accept(self, value: Any) -> Any:
        """`value` as this parameter's type, checked. Raises TemplateError with the parameter's path."""
        path = f"parameters.{self.name}"
        if is_marked(value):
            raise TemplateError(path, "the value holds characters that are kept for marking values")
        typed = _typed(self.type, value, path)
        for constraint in self.constraints:
            if not constraint.holds(typed):
                raise TemplateError(path, constraint.words)
        return typed


def parse_parameter(name: str, raw: Any) -> Parameter:
    """One entry of the section `parameters`."""
    path = f"parameters.{name}"
    if not isinstance(raw, Mapping):
        raise TemplateError(path, "must be a map with a type")
    unknown = sorted(set(raw) - _KEYS)
    if unknown:
        raise TemplateError(f"{path}.{unknown[0]}", "unknown key of a parameter")
    type_ = raw.get("type")
    if type_ not in TYPES:
        raise TemplateError(f"{path}.type", f"unknown type {type_!r}; known: {', '.join(sorted(TYPES))}")
    constraints = raw.get("constraints") or []
    if not isinstance(constraints, list):
        raise TemplateError(f"{path}.constraints", "must be a list")
    parsed = tuple(_constraint(item, f"{path}.constraints[{index}]") for index, item in enumerate(constraints))
    parameter = Parameter(name, type_, None, raw.get("hidden") in (True, "true"), parsed)
    if raw.get("default") is None:
        return parameter
    return Parameter(name, type_, parameter.accept(raw["default"]), parameter.hidden, parsed)


def resolve_parameters(declared: Mapping[str, Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """A value for each declared parameter; None counts as not given. Unknown and missing ones are TemplateErrors."""
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise TemplateError(f"parameters.{unknown[0]}", "the template declares no such parameter")
    values: dict[str, Any] = {}
    for name, parameter in declared.items():
        value = given.get(name)
        if value is not None:
            values[name] = parameter.accept(value)
        elif parameter.default is not None:
            values[name] = parameter.default
        else:
            raise TemplateError(f"parameters.{name}", "has no value and no default")
    return values


def _typed(type_: str, value: Any, path: str) -> Any:
    if type_ == "string" and isinstance(value, str | bool | int | float):
        return ("true" if value else "false") if isinstance(value, bool) else str(value)
    if type_ == "number":
        return _number(value, path)
    if type_ == "boolean":
        return _boolean(value, path)
    if type_ == "comma_delimited_list" and isinstance(value, str | list):
        items = value.split(",") if isinstance(value, str) and value else (value or [])
        return [str(item).strip() if not isinstance(item, dict | list) else item for item in items]
    if type_ == "json":
        return _json(value, path)
    raise TemplateError(path, f"a {type(value).__name__} is no {type_}")


def _number(value: Any, path: str) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        for read in (int, float):
            try:
                return read(value)
            except ValueError:
                continue
    raise TemplateError(path, "is no number")


def _boolean(value: Any, path: str) -> bool:
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise TemplateError(path, "is neither true nor false")


def _json(value: Any, path: str) -> Any:
    if isinstance(value, dict | list):
        return value
    try:
        decoded = orjson.loads(value) if isinstance(value, str) else None
    except orjson.JSONDecodeError as error:
        raise TemplateError(path, "is no JSON") from error
    if not isinstance(decoded, dict | list):
        raise TemplateError(path, "is no JSON object or list")
    return decoded


def _constraint(raw: Any, path: str) -> Constraint:
    if not isinstance(raw, Mapping):
        raise TemplateError(path, "must be a map")
    kinds = [key for key in raw if key != "description"]
    if len(kinds) != 1 or kinds[0] not in {"length", "range", "allowed_values", "allowed_pattern", "modulo"}:
        raise TemplateError(path, f"unknown constraint {', '.join(sorted(map(str, kinds))) or 'without a kind'}")
    kind = str(kinds[0])
    operand = raw[kind]
    words = str(raw.get("description") or f"does not fulfil {kind} {operand}")
    return Constraint(kind, _rule(kind, operand, path), words)


def _rule(kind: str, operand: Any, path: str) -> Any:
    if kind == "allowed_values":
        if not isinstance(operand, list):
            raise TemplateError(path, "allowed_values must be a list")
        return operand
    if kind == "allowed_pattern":
        try:
            return re.compile(operand)
        except (re.error, TypeError) as error:
            raise TemplateError(path, f"allowed_pattern is no regular expression: {error}") from error
    names = ("step", "offset") if kind == "modulo" else ("min", "max")
    if not isinstance(operand, Mapping) or not set(operand) <= set(names):
        raise TemplateError(path, f"{kind} must be a map with {' and '.join(names)}")
    bounds = tuple(operand.get(name) for name in names)
    if not all(bound is None or isinstance(bound, int | float) for bound in bounds):
        raise TemplateError(path, f"{kind} must hold numbers")
    if kind == "modulo" and not bounds[0]:
        raise TemplateError(path, "modulo needs a step other than 0")
    return (bounds[0], bounds[1] or 0) if kind == "modulo" else bounds
