"""Properties of a schema as options of a command, and texts of the command line as JSON values.

`--name value` gives a property; `<null>` is null, arrays and objects are JSON. A relation is given by id or by name,
under the property's own name or without its `_id` (`--network red` is `network_id` of the network named red).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from typing import Any

import click

from esi.client.schemas import Property

NULL = "<null>"
PREFIX = "property_"  # of the keyword arguments that carry properties, so that none meets an option of ours

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


class Value(click.ParamType[Any]):
    """The type of one property's option."""

    def __init__(self, item: Property) -> None:
        self.item = item
        self.name = "json" if {"array", "object"} & set(item.types) else next(iter(item.types), "string")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return parse_value(self.item, str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "|".join(str(word) for word in self.item.choices) or ("NAME|ID" if self.item.relation else self.name)


def parse_value(item: Property, text: str) -> Any:
    """The JSON value of a text. ValueError says what was expected; whether it is allowed is the server's to say."""
    if text == NULL:
        return None
    for kind in item.types:
        if kind in _PARSERS:
            return _PARSERS[kind](text)
    return text


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an integer") from None


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None


def _boolean(text: str) -> bool:
    if text.lower() not in _TRUE | _FALSE:
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() in _TRUE


def _document(kind: type[Any], word: str) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            value = json.loads(text)
        except ValueError as error:
            raise ValueError(f"is not JSON ({error})") from None
        if not isinstance(value, kind):
            raise ValueError(f"is JSON, but not {word}")
        return value

    return parse


_PARSERS: dict[str, Callable[[str], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "array": _document(list, "an array such as [1, 2]"),
    "object": _document(dict, 'an object such as {"name": 1}'),
}


def property_options(items: Iterable[Property], *, taken: Collection[str], marked: bool = False) -> list[click.Option]:
    """An option for each property. `taken` names are left to the command itself; `marked` notes the required ones."""
    items = list(items)
    names = {item.name for item in items} | set(taken)
    options: list[click.Option] = []
    for item in items:
        if item.name in taken:
            continue
        flags = [f"--{item.name}"]
        short = item.name.removesuffix("_id")
        if item.relation and short != item.name and short not in names:
            flags.append(f"--{short}")
            names.add(short)
        help = item.description or item.title
        help = f"{help} (required)" if marked and item.required else help
        options.append(click.Option([*flags, PREFIX + item.name], type=Value(item), help=help))
    return options
