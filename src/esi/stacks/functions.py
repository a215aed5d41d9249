"""HOT's functions, compiled once: a snippet of a template becomes a Node, a function of what a stack knows.

Names of parameters, resources and conditions are checked here. What this engine does not know is a TemplateError with
its path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from esi.errors import TemplateError
from esi.render.marks import Keys, strip, stripped
from esi.stacks.nodes import Env, Names, Node, as_text, literal, marked, outside, walk_value

FUNCTIONS_OF_HEAT = frozenset(
    (
        *(
            "get_param",
            "get_resource",
            "get_attr",
            "get_file",
            "resource_facade",
            "Ref",
            "contains",
            "make_url",
            "yaql",
        ),
        *("list_join", "list_concat", "list_concat_unique", "str_replace", "str_replace_strict", "str_replace_vstrict"),
        *("str_split", "digest", "repeat", "map_merge", "map_replace", "equals", "not", "and", "or", "if", "filter"),
        *("Ref", "Fn::GetAtt", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::Replace", "Fn::Base64"),
    )
)
"""Every function name of HOT: those that are not compiled below are refused, not taken for data."""
_DIGESTS = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512"})


def compile_node(raw: Any, names: Names, path: str) -> Node:
    """The node of any snippet: functions, maps and lists of snippets, literals."""
    if isinstance(raw, dict):
        called = [key for key in raw if key in FUNCTIONS_OF_HEAT]
        if called and len(raw) == 1:
            read = _FUNCTIONS.get(called[0])
            if read is None:
                raise TemplateError(f"{path}.{called[0]}", "this function is not supported")
            return read(raw[called[0]], names, f"{path}.{called[0]}")
        if called and set(called) & {"get_param", "get_resource", "get_attr", "str_replace"}:
            raise TemplateError(path, f"{called[0]} must stand alone")
        written = names.plain_keys(raw, path)
        return _map({key: compile_node(item, names, f"{path}.{key}") for key, item in written.items()}, path)
    if isinstance(raw, list):
        return _list([compile_node(item, names, f"{path}[{index}]") for index, item in enumerate(raw)], path)
    return literal(raw)


def _map(items: Mapping[str, Node], path: str) -> Node:
    def value(env: Env) -> dict[str, Any]:
        return {key: node.value(env) for key, node in items.items()}

    return _folded(value, all(node.literal for node in items.values()), path)


def _list(items: Sequence[Node], path: str) -> Node:
    def value(env: Env) -> list[Any]:
        return [node.value(env) for node in items]

    return _folded(value, all(node.literal for node in items), path)


def _folded(value: Callable[[Env], Any], known: bool, path: str) -> Node:
    return literal(value(Env({}))) if known else outside(value, path)


def _get_param(raw: Any, names: Names, path: str) -> Node:
    name, steps = _path_of(raw, names, path)
    names.known("parameter", name, path)
    return outside(lambda env: walk_value(env.parameters[name], [step.value(env) for step in steps], path), path)


def _get_attr(raw: Any, names: Names, path: str) -> Node:
    if not isinstance(raw, list) or len(raw) < 2:
        raise TemplateError(path, "must be a list: resource, attribute, path inside it")
    name, (attribute, *steps) = _path_of(raw, names, path)
    names.requires.add(names.known("resource", name, path))

    def value(env: Env) -> Any:
        live = env.lives.get(name)
        if live is None:
            return None
        wanted = strip(str(attribute.value(env)))
        found = dict(live.attributes) if wanted == "show" else live.attributes.get(wanted, _ABSENT)
        if found is _ABSENT:
            known = ", ".join(sorted(live.attributes)) or "none"
            raise TemplateError(path, f"{name} has no attribute {wanted!r}; known: {known}")
        return walk_value(found, [step.value(env) for step in steps], path)

    return outside(value, path)


_ABSENT = object()


def _path_of(raw: Any, names: Names, path: str) -> tuple[str, list[Node]]:
    parts = raw if isinstance(raw, list) else [raw]
    if not parts or not isinstance(parts[0], str):
        raise TemplateError(path, "must be a name, or a list that begins with one")
    return names.plain(parts[0]), [compile_node(part, names, f"{path}[{n}]") for n, part in enumerate(parts[1:], 1)]


def _get_resource(raw: Any, names: Names, path: str) -> Node:
    name = names.known("resource", raw, path)
    names.requires.add(name)

    def value(env: Env) -> str | None:
        live = env.lives.get(name)
        return None if live is None else live.physical_id

    return outside(value, path)


def _str_replace(raw: Any, names: Names, path: str) -> Node:
    _keys(raw, {"template", "params"}, path)
    params = raw["params"]
    if not isinstance(params, dict) or (len(params) == 1 and set(params) <= FUNCTIONS_OF_HEAT):
        raise TemplateError(f"{path}.params", "must be a map of the words to replace")
    template = compile_node(raw["template"], names, f"{path}.template")
    written = names.plain_keys(params, f"{path}.params")
    nodes = {key: compile_node(item, names, f"{path}.params.{key}") for key, item in written.items()}
    if "" in nodes:
        raise TemplateError(f"{path}.params", "cannot replace the empty word")
    keys = Keys(nodes)

    def text(env: Env) -> str:
        return keys.replace(template.text(env), {key: node.text(env) for key, node in nodes.items()})

    return Node(text, text)


def _list_join(raw: Any, names: Names, path: str) -> Node:
    if not isinstance(raw, list) or len(raw) < 2 or not isinstance(raw[0], str):
        raise TemplateError(path, "must be a list: delimiter, then lists")
    delimiter = names.plain(raw[0])
    parts: list[list[Node] | Node] = []
    for n, item in enumerate(raw[1:], 1):
        if isinstance(item, list):
            parts.append([compile_node(piece, names, f"{path}[{n}][{m}]") for m, piece in enumerate(item)])
        else:
            parts.append(compile_node(item, names, f"{path}[{n}]"))

    def text(env: Env) -> str:
        pieces: list[str] = []
        for part in parts:
            if isinstance(part, list):
                pieces += [node.text(env) for node in part]
            else:
                pieces += [marked(item, path) for item in _listed(part.value(env), path)]
        return delimiter.join(pieces)

    return Node(text, text)


def _listed(value: Any, path: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise TemplateError(path, "needs a list")
    return value


def _repeat(raw: Any, names: Names, path: str) -> Node:
    _keys(raw, {"template", "for_each"}, path, {"permutations"})
    loops = raw["for_each"]
    if not isinstance(loops, dict) or not loops:
        raise TemplateError(f"{path}.for_each", "must be a map: word → list")
    template = compile_node(raw["template"], names, f"{path}.template")
    written = names.plain_keys(loops, f"{path}.for_each")
    lists = {key: compile_node(item, names, f"{path}.for_each.{key}") for key, item in written.items()}
    keys, crossed = Keys(lists), raw.get("permutations", True) is not False

    def value(env: Env) -> list[Any]:
        listed = [_listed(node.value(env), f"{path}.for_each.{key}") for key, node in lists.items()]
        if not crossed and len({len(items) for items in listed}) > 1:
            raise TemplateError(f"{path}.for_each", "lists of different lengths need permutations")
        rounds = product(*listed) if crossed else zip(*listed, strict=True)
        shape = template.value(env)
        return [_filled(shape, dict(zip(lists, items, strict=True)), keys) for items in rounds]

    return outside(value, path)


def _filled(shape: Any, values: Mapping[str, Any], keys: Keys) -> Any:
    if isinstance(shape, str):
        if shape in values:
            return values[shape]
        return keys.replace(shape, {key: marked(value, key) for key, value in values.items()})
    if isinstance(shape, list):
        return [_filled(item, values, keys) for item in shape]
    if isinstance(shape, dict):
        return {strip(_filled(key, values, keys)): _filled(item, values, keys) for key, item in shape.items()}
    return shape


def _choice(raw: Any, names: Names, path: str) -> Node:
    if not isinstance(raw, list) or len(raw) not in (2, 3):
        raise TemplateError(path, "must be a list: condition, value, other value")
    from_condition = compile_condition(raw[0], names, f"{path}[0]")
    then = compile_node(raw[1], names, f"{path}[1]")
    otherwise = compile_node(raw[2], names, f"{path}[2]") if len(raw) == 3 else literal(None)
    return Node(
        lambda env: (then if from_condition(env) else otherwise).value(env),
        lambda env: (then if from_condition(env) else otherwise).text(env),
    )


def _digest(raw: Any, names: Names, path: str) -> Node:
    if not isinstance(raw, list) or len(raw) != 2 or raw[0] not in _DIGESTS:
        raise TemplateError(path, f"must be a list: one of {', '.join(sorted(_DIGESTS))}, value")
    node = compile_node(raw[1], names, f"{path}[1]")

    def value(env: Env) -> str:
        return hashlib.new(raw[0], strip(as_text(node.value(env))).encode(), usedforsecurity=False).hexdigest()

    return outside(value, path)


def _map_merge(raw: Any, names: Names, path: str) -> Node:
    node = compile_node(raw, names, path)

    def value(env: Env) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for item in _listed(node.value(env), path):
            if item is not None and not isinstance(item, dict):
                raise TemplateError(path, "needs a list of maps")
            merged |= item or {}
        return merged

    return outside(value, path)


def _truth(raw: Any, names: Names, path: str) -> Node:
    word = path.rsplit(".", 1)[1]
    holds = compile_condition({word: raw}, names, path)
    return outside(lambda env: holds(env), path)


def compile_condition(raw: Any, names: Names, path: str) -> Callable[[Env], bool]:
    """A condition: a name of one, true or false, or equals, not, and, or over such."""
    if isinstance(raw, bool):
        return lambda env: raw
    if isinstance(raw, str):
        name = names.known("condition", raw, path)
        return lambda env: env.conditions[name]
    if not isinstance(raw, dict) or len(raw) != 1:
        raise TemplateError(path, "must be a condition's name, true, false, equals, not, and, or")
    ((word, operands),) = raw.items()
    if word == "get_param":
        node = compile_node(raw, names, path)
        return lambda env: node.value(env) is True
    if word == "equals":
        if not isinstance(operands, list) or len(operands) != 2:
            raise TemplateError(f"{path}.equals", "takes two values")
        left, right = (compile_node(item, names, f"{path}.equals[{n}]") for n, item in enumerate(operands))
        return lambda env: bool(stripped(left.value(env)) == stripped(right.value(env)))
    if word == "not":
        inner = compile_condition(operands, names, f"{path}.not")
        return lambda env: not inner(env)
    if word in ("and", "or") and isinstance(operands, list) and operands:
        parts = [compile_condition(item, names, f"{path}.{word}[{n}]") for n, item in enumerate(operands)]
        joined = all if word == "and" else any
        return lambda env: joined(part(env) for part in parts)
    raise TemplateError(f"{path}.{word}", "unknown condition; known: equals, not, and, or")


def _keys(raw: Any, required: set[str], path: str, optional: frozenset[str] | set[str] = frozenset()) -> None:
    if not isinstance(raw, dict) or not required <= set(raw) or not set(raw) <= required | optional:
        raise TemplateError(path, f"must be a map with {' and '.join(sorted(required))}")


_FUNCTIONS: dict[str, Callable[[Any, Names, str], Node]] = {
    "get_param": _get_param,
    "get_attr": _get_attr,
    "get_resource": _get_resource,
    "str_replace": _str_replace,
    "list_join": _list_join,
    "repeat": _repeat,
    "if": _choice,
    "digest": _digest,
    "map_merge": _map_merge,
    "equals": _truth,
    "not": _truth,
    "and": _truth,
    "or": _truth,
}
