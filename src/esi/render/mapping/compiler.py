"""From the object notation to functions of the scope. All that can be wrong is found here, with its path.

Each form has a required key that names it and the keys it may carry beside it; the table at the end is the grammar.
Which resources a form records (pipeline.md 3.6): own fields, constants and versions none; paths and outputs every
resource visited, in order, the last one too; concatenate, if and for the union of their parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from esi.errors import TemplateError
from esi.model.resource import Ref
from esi.render.mapping.scope import ABSENT, Found, Place, Relation, Scope
from esi.render.mapping.short import parse_short
from esi.render.mapping.walk import Walk, compile_walk

Evaluator = Callable[[Scope], Found]


def compile_mapping(raw: Any, schema: str, relation: Relation, path: str) -> Evaluator:
    """The function of one mapping, short or object. None is the constant null."""
    return _compile(raw, Place(path, schema, relation))


def _compile(raw: Any, place: Place) -> Evaluator:
    if isinstance(raw, str):
        raw = parse_short(raw, place.path)
    if raw is None:
        return _always(Found(None))
    if not isinstance(raw, Mapping):
        raise TemplateError(place.path, f"a mapping is a string or an object, not {type(raw).__name__}")
    for name, (beside, form) in _FORMS.items():
        if name in raw:
            unknown = sorted(set(raw) - beside - {name})
            if unknown:
                raise TemplateError(place.path, f"unknown key {unknown[0]!r} beside {name!r}")
            return form(raw, place)
    raise TemplateError(place.path, f"unknown mapping with keys {sorted(raw)}; known: {', '.join(_FORMS)}")


def _always(found: Found) -> Evaluator:
    return lambda scope: found


def _constant(raw: Mapping[str, Any], place: Place) -> Evaluator:
    return _always(Found(raw["constant"]))


def _version(raw: Mapping[str, Any], place: Place) -> Evaluator:
    if raw["version"] != "auto_filled":
        raise TemplateError(place.path, f"unknown version {raw['version']!r}; known: auto_filled")
    return lambda scope: Found(scope.version)


def _nested(raw: Mapping[str, Any], place: Place) -> Evaluator:
    names = raw["nested"]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise TemplateError(place.path, "nested must be a list of field names")

    def evaluate(scope: Scope) -> Found:
        value = scope.body
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return Found(value)

    return evaluate


def _walk(raw: Mapping[str, Any], place: Place) -> Walk | None:
    if "path" not in raw:
        return None
    return compile_walk(raw["path"], place, lambda item, at: _text_of(_item(item, at)))


def _field(raw: Mapping[str, Any], place: Place) -> Evaluator:
    name = raw["field"]
    if not isinstance(name, str):
        raise TemplateError(place.path, "field must be a name")
    walk, ignore = _walk(raw, place), _flag(raw, place)
    if walk is None:
        return lambda scope: Found(scope.own(name))

    def evaluate(scope: Scope) -> Found:
        visited, body = walk(scope, ignore)
        return ABSENT if body is None else Found(body.get(name), resources=visited)

    return evaluate


def _output(raw: Mapping[str, Any], place: Place) -> Evaluator:
    name = raw["output_key"]
    if not isinstance(name, str) or not name:
        raise TemplateError(place.path, "output_key must be a name")
    walk, ignore, schema = _walk(raw, place), _flag(raw, place), place.schema

    def evaluate(scope: Scope) -> Found:
        if walk is None:
            return _output_of(name, Ref(schema, str(scope.own("id"))), ())
        visited, body = walk(scope, ignore)
        return ABSENT if body is None else _output_of(name, visited[-1], visited)

    return evaluate


def _output_of(name: str, ref: Ref, resources: tuple[Ref, ...]) -> Found:
    value = {"output_key": name, "resource_type": ref.schema, "resource_id": ref.id}
    return Found(value, "output_key", resources)


def _flag(raw: Mapping[str, Any], place: Place) -> bool:
    flag = raw.get("ignore_missing", False)
    if not isinstance(flag, bool):
        raise TemplateError(place.path, "ignore_missing must be true or false")
    return flag


def _item(raw: Any, place: Place) -> Evaluator:
    """An item of a concatenation or an operand: an object is a mapping, anything else stands for itself."""
    return _compile(raw, place) if isinstance(raw, Mapping) else _always(Found(raw))


def _concatenate(raw: Mapping[str, Any], place: Place) -> Evaluator:
    items = raw["concatenate"]
    if not isinstance(items, list) or not items:
        raise TemplateError(place.path, "concatenate must be a list")
    parts = [_item(item, place.at("concatenate").at(index)) for index, item in enumerate(items)]

    def evaluate(scope: Scope) -> Found:
        found = [part(scope) for part in parts]
        text = "".join(_text(item, place.path) for item in found)
        return Found(text, resources=tuple(ref for item in found for ref in item.resources))

    return evaluate


def _text_of(evaluator: Evaluator) -> Callable[[Scope], str]:
    return lambda scope: _text(evaluator(scope), "concatenate")


def _text(found: Found, path: str) -> str:
    value = found.value
    if found.kind != "value" or isinstance(value, dict | list):
        raise TemplateError(path, "only plain values can be joined to text")
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _choice(raw: Mapping[str, Any], place: Place) -> Evaluator:
    for key in ("then_mapping", "else_mapping"):
        if key not in raw:
            raise TemplateError(place.path, f"if_mapping needs {key}")
    condition = _condition(raw["if_mapping"], place.at("if_mapping"))
    then = _compile(raw["then_mapping"], place.at("then_mapping"))
    otherwise = _compile(raw["else_mapping"], place.at("else_mapping"))

    def evaluate(scope: Scope) -> Found:
        holds, read = condition(scope)
        chosen = (then if holds else otherwise)(scope)
        return Found(chosen.value, chosen.kind, read + chosen.resources)

    return evaluate


def _condition(raw: Any, place: Place) -> Callable[[Scope], tuple[bool, tuple[Ref, ...]]]:
    if not isinstance(raw, Mapping) or len(raw) != 1 or not set(raw) <= {"equal", "regexp"}:
        raise TemplateError(place.path, "must be {equal: [a, b]} or {regexp: [a, pattern]}")
    ((word, operands),) = raw.items()
    if not isinstance(operands, list) or len(operands) != 2:
        raise TemplateError(place.path, f"{word} takes two operands")
    left, right = (_item(operand, place.at(word).at(index)) for index, operand in enumerate(operands))
    if word == "equal":

        def equal(scope: Scope) -> tuple[bool, tuple[Ref, ...]]:
            a, b = left(scope), right(scope)
            return a.value == b.value, a.resources + b.resources

        return equal
    try:
        pattern = re.compile(operands[1])
    except (re.error, TypeError) as error:
        raise TemplateError(place.path, f"{operands[1]!r} is not a regular expression: {error}") from error

    def matches(scope: Scope) -> tuple[bool, tuple[Ref, ...]]:
        a = left(scope)
        return pattern.match(_text(a, place.path)) is not None, a.resources

    return matches


def _loop(raw: Mapping[str, Any], place: Place) -> Evaluator:
    if "for_mapping" not in raw:
        raise TemplateError(place.path, "for_field needs for_mapping")
    source = raw["for_field"]
    if not isinstance(source, str | Mapping) or not source:
        raise TemplateError(place.path, "for_field must be an own field's name or a mapping")
    items = _compile({"field": source} if isinstance(source, str) else source, place.at("for_field"))
    prefix = source if isinstance(source, str) else ""
    each = _compile(raw["for_mapping"], place.at("for_mapping")._replace(prefix=prefix))

    def evaluate(scope: Scope) -> Found:
        listed = items(scope)
        found = [each(scope.element(item)) for item in _elements(listed, place.path)]
        return Found(found, "list", listed.resources + tuple(ref for item in found for ref in item.resources))

    return evaluate


def _elements(listed: Found, path: str) -> list[Any]:
    if listed.kind == "list":
        if any(item.kind != "value" for item in listed.value):
            raise TemplateError(path, "cannot go through outputs of stacks: they are not known yet")
        return [item.value for item in listed.value]
    if listed.kind == "value" and (listed.value is None or listed.value == ""):
        return []
    if not isinstance(listed.value, list):
        raise TemplateError(path, "for_field is not a list")
    return listed.value


_FORMS: dict[str, tuple[frozenset[str], Callable[[Mapping[str, Any], Place], Evaluator]]] = {
    "field": (frozenset({"path", "ignore_missing"}), _field),
    "output_key": (frozenset({"path", "ignore_missing"}), _output),
    "constant": (frozenset(), _constant),
    "nested": (frozenset(), _nested),
    "version": (frozenset(), _version),
    "concatenate": (frozenset(), _concatenate),
    "if_mapping": (frozenset({"then_mapping", "else_mapping"}), _choice),
    "for_field": (frozenset({"for_mapping"}), _loop),
}
