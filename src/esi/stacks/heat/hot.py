"""A template of ours as Heat reads it, and an operation as tags of its stack. Pure.

Heat's functions put values into text as they are, so a value could become structure of a configuration. In properties
whose texts are parsed (`Property.marked`) every value that a function brings is therefore put between marks by the
template itself: `{get_param: x}` among the params of a str_replace becomes a str_replace of "<open>v<close>". The
resource type, inside heat-engine, takes each such value as one word, as it does in the embedded engine. Everywhere
else marks are taken off before Heat sees them. Functions by which marks could be lost there are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from esi.errors import TemplateError
from esi.registry import Registry
from esi.render.marks import CLOSE, OPEN, strip, stripped
from esi.stacks import StackResource
from esi.stacks.functions import FUNCTIONS_OF_HEAT
from esi.stacks.template import parse_yaml

WORD = "v"
"""What stands for a value until it is put between its marks."""

VALUES = frozenset({"get_param", "get_attr", "get_resource", "digest"})
"""Functions that bring one value."""

TAG_CHARACTERS = 60
"""Heat takes tags of 80."""


def for_heat(text: str, types: Registry[StackResource]) -> dict[str, Any]:
    """The template as plain data for Heat's API; `text` has passed `check_stack`. Raises TemplateError."""
    written = parse_yaml(text)
    resources = written.get("resources") or {}
    template: dict[str, Any] = stripped({name: item for name, item in written.items() if name != "resources"})
    template["resources"] = {
        strip(name): _resource(item, types, f"resources.{strip(name)}") for name, item in resources.items()
    }
    return template


def _resource(written: Mapping[str, Any], types: Registry[StackResource], path: str) -> dict[str, Any]:
    resource: dict[str, Any] = stripped(dict(written))
    marked = {name for name, item in types.get(resource["type"]).properties.items() if item.marked}
    for name, value in (written.get("properties") or {}).items():
        if strip(name) in marked:
            resource["properties"][strip(name)] = _parsed(value, f"{path}.properties.{strip(name)}")
    return resource


def _parsed(raw: Any, path: str) -> Any:
    """A snippet whose texts are parsed later: pieces of Jinja keep their marks, values get theirs."""
    if isinstance(raw, list):
        return [_parsed(item, f"{path}[{index}]") for index, item in enumerate(raw)]
    if not isinstance(raw, dict):
        return raw
    called = _called(raw)
    if called == "str_replace":
        given = raw["str_replace"]
        params = {strip(key): _value(item, f"{path}.{key}") for key, item in given["params"].items()}
        return {"str_replace": {"template": given["template"], "params": params}}
    if called in VALUES:
        return stripped(raw)
    if not called:
        return {strip(key): _parsed(item, f"{path}.{strip(key)}") for key, item in raw.items()}
    raise TemplateError(path, f"{called} would lose track in Heat of which word of the text is a value")


def _value(raw: Any, path: str) -> Any:
    """What is put into a text: marked, unless the author wrote it or it is such a text itself."""
    called = _called(raw)
    if called in VALUES:
        return {"str_replace": {"template": f"{OPEN}{WORD}{CLOSE}", "params": {WORD: stripped(raw)}}}
    return _parsed(raw, path)


def _called(raw: Any) -> str:
    """The function that a snippet calls, "" for none."""
    return next((key for key in raw if key in FUNCTIONS_OF_HEAT), "") if isinstance(raw, dict) else ""


def as_tags(operation: str, tenant: str) -> str:
    """An operation and its tenant as tags of a stack, comma separated as Heat's API takes them."""
    pieces = range(0, len(operation), TAG_CHARACTERS)
    cut = [f"operation.{number}={operation[at : at + TAG_CHARACTERS]}" for number, at in enumerate(pieces)]
    return ",".join([*cut, f"tenant={tenant}"])


def from_tags(tags: Sequence[str]) -> tuple[str, str]:
    """Operation and tenant, each "" when no tag says it."""
    known = dict(tag.partition("=")[::2] for tag in tags)
    pieces = sorted((int(name[10:]), piece) for name, piece in known.items() if name.startswith("operation."))
    return "".join(piece for _, piece in pieces), known.get("tenant", "")
