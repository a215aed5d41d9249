"""Properties of a schema as options of a command, and texts of the command line as JSON values.

`--name value` gives a property; `<null>` is null, arrays and objects are JSON. A relation is given by id or by name,
under the property's own name or without its `_id` (`--network red` is `network_id` of the network named red). A member
of an object has an option, too: `--primary.ip_address 192.0.2.2/30`. A whole body may come from a file.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import IO, Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from esi.client.schemas import Property, SchemaView

NULL = "<null>"

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

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(str(word)) for word in self.item.choices if str(word).startswith(incomplete)]

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


class PropertyOption(click.Option):
    """The option of one property; `path` leads to it, through objects."""

    def __init__(self, path: tuple[str, ...], flags: list[str], **more: Any) -> None:
        super().__init__(flags, **more)
        self.path = path


def property_options(items: Iterable[Property], *, taken: Collection[str], marked: bool = False) -> list[click.Option]:
    """An option for each property and for each member of one. `taken` names are left to the command itself; `marked`
    notes the required ones.
    """
    items = list(items)
    names = {item.name for item in items} | set(taken)
    options: list[click.Option] = []
    for path, item in _walk(items, ()):
        name = ".".join(path)
        if name in taken:
            continue
        flags = [f"--{name}"]
        short = name.removesuffix("_id")
        if item.relation and short != name and short not in names:
            flags.append(f"--{short}")
            names.add(short)
        help = item.description or item.title
        help = f"{help} (required)" if marked and item.required else help
        options.append(PropertyOption(path, [*flags, f"property_{len(options)}"], type=Value(item), help=help))
    return options


def _walk(items: Iterable[Property], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Property]]:
    for item in items:
        yield (*above, item.name), item
        yield from _walk(item.members, (*above, item.name))


def sent(context: click.Context) -> dict[str, Any]:
    """The properties that stood on the command line; one that is null was sent too. A member goes into its object."""
    body: dict[str, Any] = {}
    for param in context.command.params:
        if not isinstance(param, PropertyOption) or param.name is None:
            continue
        if context.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
            _put(body, param.path, context.params[param.name])
    return body


def _put(body: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for step in path[:-1]:
        body = body.setdefault(step, {})
        if not isinstance(body, dict):
            raise click.UsageError(f"--{'.'.join(path)} has no place: {step} is given as something else than an object")
    body[path[-1]] = value


def filters(view: SchemaView, pairs: Iterable[str]) -> dict[str, Any]:
    """`PROPERTY=VALUE` as properties of a schema."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        item = view.property(name)
        if not equals:
            raise click.UsageError(f"--filter {pair!r} is not like PROPERTY=VALUE")
        if item is None:
            known = [item.name for item in view.properties]
            near = difflib.get_close_matches(name, known, n=3) or known
            raise click.UsageError(f"{view.id} has no property {name!r}; it has {', '.join(near)}")
        try:
            found[name] = parse_value(item, text)
        except ValueError as error:
            raise click.UsageError(f"--filter {name}: {error}") from None
    return found


def read_body(file: IO[bytes], singular: str) -> dict[str, Any]:
    """The object in a file of JSON or YAML, wrapped in its singular or bare."""
    import yaml  # here: most commands read no file

    class Plain(yaml.SafeLoader):
        """Dates stay text, as JSON has none."""

    Plain.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        body = yaml.load(file.read().decode(), Plain)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" line {mark.line + 1} column {mark.column + 1}:" if mark else ""
        raise click.UsageError(f"{file.name}:{place} {error.problem or 'is neither JSON nor YAML'}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise click.UsageError(f"{file.name}: is neither JSON nor YAML ({' '.join(str(error).split())})") from None
    if isinstance(body, dict) and len(body) == 1 and isinstance(body.get(singular), dict):
        body = body[singular]
    if not isinstance(body, dict) or not all(isinstance(name, str) for name in body):
        raise click.UsageError(f"{file.name}: holds no object of properties, but {type(body).__name__}")
    return body
