"""Validators made once, at load: JSON schema in Rust for the shape, a walk over all strings for what no value may hold.

Three judgements per schema: what may be sent on create, what may be sent on update, and whether the whole row stands.
The first two know only the properties that their permission allows; conditions over several properties (anyOf,
dependencies, …) are judged on the whole row, so that an update is measured together with what it leaves alone.

No value becomes structure: control characters, line separators and the two private characters that mark values on their
way into configuration text (U+E000, U+E001) are refused in every string and key; `raw` properties are spared the
first two.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from esi.schema.documents import CONTAINERS
from esi.schema.formats import FORMATS
from esi.schema.model import Faults, Property

STRUCTURAL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ue000\ue001\ud800-\udfff]")
FORBIDDEN_IN_RAW = re.compile("[\x00\ue000\ue001\ud800-\udfff]")
"""Neither finds anything in a text that `isprintable`, which is told three times faster."""

DEEPEST = 64
"""Levels of nesting that a document may have."""

SHOWN = 120
"""Characters of a refused value that an error message repeats."""

INT64 = 2**63
WHOLE_ROW = ("anyOf", "oneOf", "allOf", "not", "dependencies", "minProperties", "maxProperties")
KEPT = frozenset(
    {
        "type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum",
        "exclusiveMaximum", "multipleOf", "items", "additionalItems", "minItems", "maxItems", "uniqueItems",
        "properties", "patternProperties", "additionalProperties", "required", "minProperties", "maxProperties",
        "dependencies", "anyOf", "oneOf", "allOf", "not", "format",
    }
)  # fmt: skip
NESTED_MAPS = frozenset({"properties", "patternProperties", "dependencies"})
NESTED_LISTS = frozenset({"anyOf", "oneOf", "allOf", "items"})

NOTHING: Mapping[str, Any] = {}


def json_schema(document: Any) -> Any:
    """The part of a property's document that JSON schema understands; integers are kept within 64 bits."""
    if not isinstance(document, dict):
        return document
    result: dict[str, Any] = {}
    for key, value in document.items():
        if key not in KEPT:
            continue
        if key in NESTED_MAPS and isinstance(value, dict):
            result[key] = {name: json_schema(inner) for name, inner in value.items()}
        elif key in NESTED_LISTS and isinstance(value, list):
            result[key] = [json_schema(inner) for inner in value]
        else:
            result[key] = json_schema(value)
    if result.get("type") == "integer":
        result.setdefault("minimum", -INT64)
        result.setdefault("maximum", INT64 - 1)
    return result


class Checks:
    """The three judgements of one schema. Raises ValueError when a document is no valid JSON schema."""

    def __init__(
        self, name: str, schema: Mapping[str, Any], properties: Mapping[str, Property], masked: frozenset[str]
    ) -> None:
        self._name = name
        self._masked = masked
        self._known = set(properties)
        self._raw = {item.name for item in properties.values() if item.raw}
        self._raw_inside = {item.name: item.document for item in properties.values() if not item.raw}
        self._omitted = {n for n, p in properties.items() if p.nullable and "null" not in _types(p.document)}
        self._required = required = {item.name for item in properties.values() if item.required}
        whole = {key: json_schema(value) for key, value in schema.items() if key in WHOLE_ROW}
        everything = {item.name: json_schema(item.document) for item in properties.values()}
        created = {item.name for item in properties.values() if item.create}
        updated = {item.name for item in properties.values() if item.update}
        self._clearable = self._omitted & updated
        self._create = _validator(_object(everything, created, required & created))
        self._update = _validator(_object(everything, updated, set()))
        self._row = _validator(_object(everything, set(everything), set()))
        self._whole = _validator(whole) if whole else None

    def create(self, document: Mapping[str, Any]) -> Faults:
        return self._judge(self._create, _given(document, self._omitted), "cannot be set when creating")

    def update(self, document: Mapping[str, Any]) -> Faults:
        return self._judge(self._update, _given(document, self._clearable), "cannot be changed")

    def row(self, document: Mapping[str, Any], judged: Mapping[str, Any] = NOTHING) -> Faults:
        """`judged` is what `create` has found nothing wrong with. Values that are still the same need no second look;
        what has members does, because they may have become others.
        """
        given = _given(document, self._omitted)
        new = {n: v for n, v in given.items() if n not in judged or v is not judged[n] or isinstance(v, CONTAINERS)}
        faults = self._judge(self._row, new, "is not a property")
        faults += [(name, "is required") for name in self._required if name not in given]
        if self._whole is not None:
            faults += self._shape(self._whole, given, "")
        return sorted(faults)

    def _judge(self, validator: jsonschema_rs.Draft4Validator, given: Mapping[str, Any], extra: str) -> Faults:
        return list(self._characters(given)) or self._shape(validator, given, extra)

    def _shape(self, validator: jsonschema_rs.Draft4Validator, given: Mapping[str, Any], extra: str) -> Faults:
        if validator.is_valid(given):
            return []
        return sorted(fault for error in validator.iter_errors(given) for fault in self._explain(error, extra))

    def _characters(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for name, value in document.items():
            if isinstance(value, str):
                pattern = FORBIDDEN_IN_RAW if name in self._raw else STRUCTURAL
                if not value.isprintable() and pattern.search(value):
                    yield name, "holds a control character"
            elif isinstance(value, CONTAINERS):
                yield from forbidden_inside(value, name, name in self._raw, self._raw_inside.get(name, {}))

    def _explain(self, error: jsonschema_rs.ValidationError, extra: str) -> Iterator[tuple[str, str]]:
        path = dotted(error.instance_path)
        kind = error.kind.name
        unexpected = getattr(error.kind, "unexpected", None)
        if unexpected is not None:
            yield from ((_join(path, clean(name)), self._refused(path, name, extra)) for name in unexpected)
        elif kind == "required":
            yield _join(path, str(getattr(error.kind, "property", ""))), "is required"
        elif path.split(".")[0].split("[")[0] in self._masked:
            yield path, f"is not accepted ({kind})"
        else:
            yield path or self._name, clean(error.message)

    def _refused(self, path: str, name: str, extra: str) -> str:
        """Why a member may not be there: `extra` for one that is known, else which one may have been meant."""
        if not path and name in self._known:
            return extra
        near = [] if path else difflib.get_close_matches(name[:SHOWN], self._known - self._masked, n=1, cutoff=0.75)
        return f"is not a property; is {near[0]} meant?" if near else "is not a property"


def _object(documents: Mapping[str, Any], names: set[str], required: set[str]) -> dict[str, Any]:
    found = {name: document for name, document in documents.items() if name in names}
    more = {"required": sorted(required)} if required else {}
    return {"type": "object", "properties": found, "additionalProperties": False, **more}


def _validator(schema: Mapping[str, Any]) -> jsonschema_rs.Draft4Validator:
    return jsonschema_rs.Draft4Validator(dict(schema), formats=dict(FORMATS), validate_formats=True)


def _given(document: Mapping[str, Any], omitted: set[str]) -> dict[str, Any]:
    """Without what is null, where that means that it is not given."""
    return {name: value for name, value in document.items() if value is not None or name not in omitted}


def _types(document: Mapping[str, Any]) -> list[Any]:
    types = document.get("type")
    return types if isinstance(types, list) else [types]


def too_deep(value: Any) -> bool:
    """Whether a document is nested deeper than anything may be; to be asked before anybody walks it recursively."""
    level = [value]
    for _depth in range(DEEPEST + 1):
        level = [
            inner
            for item in level
            if isinstance(item, CONTAINERS)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


def clean(text: str) -> str:
    """A text fit for a message: short, without control characters."""
    shown = STRUCTURAL.sub("�", text)
    return shown if len(shown) <= 2 * SHOWN else f"{shown[:SHOWN]}…{shown[-SHOWN:]}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def dotted(path: list[str | int]) -> str:
    """A path as it stands in messages: `settings.servers[2].address`."""
    text = ""
    for step in path:
        text = f"{text}[{step}]" if isinstance(step, int) else _join(text, clean(step))
    return text


def forbidden_inside(
    value: Any, place: str, raw: bool, document: Mapping[str, Any] | None = None
) -> Iterator[tuple[str, str]]:
    """Strings and keys with forbidden characters in nested data, and nesting that is too deep; without recursion."""
    todo: list[tuple[Any, str, int, bool, Any]] = [(value, place, 1, raw, document or {})]
    while todo:
        item, path, depth, spared, about = todo.pop()
        if isinstance(item, str):
            if not item.isprintable() and (FORBIDDEN_IN_RAW if spared else STRUCTURAL).search(item):
                yield path, "holds a control character"
            continue
        if depth > DEEPEST:
            yield path, f"is nested deeper than {DEEPEST} levels"
            return
        spared = spared or bool(about.get("raw"))
        if isinstance(item, dict):
            inner = about.get("properties")
            for name, member in item.items():
                if not isinstance(name, str) or STRUCTURAL.search(name):
                    yield path, "has a member whose name holds a control character"
                    continue
                described = inner.get(name) if isinstance(inner, dict) else None
                described = described if isinstance(described, dict) else {}
                todo.append((member, f"{path}.{name}", depth + 1, spared or bool(described.get("raw")), described))
        elif isinstance(item, list):
            described = about.get("items")
            described = described if isinstance(described, dict) else {}
            todo.extend((member, f"{path}[{index}]", depth + 1, spared, described) for index, member in enumerate(item))
