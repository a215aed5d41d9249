"""The property `configs` of OS::Contrail::NetconfNamedConfigs, read into edits (services.md C.1, C.2).

A config is {path: [{config_type, xml_type, tag, name}], config: text}. Names are words: trimmed, without anything that
could be structure. Texts keep the marks around substituted values and are parsed at once, so that a bad one is
refused before a device is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from esi.drivers import Edit, Operation, Path, Step
from esi.errors import TemplateError, Unsupported
from esi.render.junos.text import TAGS, parse
from esi.render.marks import strip, unprintable

_SHORT = 16_384
"""Bytes of JSON."""

_ELEMENT_KEYS = frozenset({"config_type", "xml_type", "tag", "name"})
_TAG = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_STRUCTURE = re.compile(r"[\s;{}\[\]\"'\\<>&#]|/\*|\*/")


def read_configs(configs: Sequence[Any], operation: Operation = "merge") -> tuple[Edit, ...]:
    """One edit per config, in their order. Raises TemplateError with the place inside `configs`.

    What is short is read once: a stack's configs are asked for when it is checked, claimed, made and removed.
    """
    try:
        raw = orjson.dumps(configs)
    except TypeError:  # a key that is no text, say: it is refused in its place
        return _read(configs, operation)
    return _known(raw, operation) if len(raw) <= _SHORT else _read(configs, operation)


@lru_cache(maxsize=2048)  # a worker's jobs in flight, two resources each
def _known(raw: bytes, operation: Operation) -> tuple[Edit, ...]:
    return _read(orjson.loads(raw), operation)


def _read(configs: Sequence[Any], operation: Operation) -> tuple[Edit, ...]:
    edits = tuple(_edit(raw, f"configs[{index}]", operation) for index, raw in enumerate(configs))
    texts = {edit.place(): edit.text for edit in edits}
    if len(texts) < len(edits):
        places = [edit.place() for edit in edits]
        double = next(index for index, place in enumerate(places) if place in places[:index])
        raise TemplateError(f"configs[{double}].path", "stands here twice")
    for index, edit in enumerate(edits):
        for length in range(1, len(edit.path)):
            if texts.get(Edit(edit.path[:length]).place()):
                raise TemplateError(f"configs[{index}].path", "lies under another config that has a text of its own")
    return edits


def removals(paths: Iterable[Path]) -> tuple[Edit, ...]:
    """Removes of `paths`, the last first, each once."""
    unique = {Edit(path).place(): path for path in paths}
    return tuple(Edit(path, "remove") for path in reversed(unique.values()))


def encode_path(path: Path) -> list[list[str]]:
    """A path as plain JSON, for the record of a stack."""
    return [list(step) for step in path]


def decode_path(raw: Sequence[Sequence[str]]) -> Path:
    return tuple(Step(*words) for words in raw)  # type: ignore[arg-type]  # words that encode_path wrote


def _edit(raw: Any, where: str, operation: Operation) -> Edit:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("path"), list):
        raise TemplateError(where, "must be a map with a path and a config")
    if raw.get("additional_commands"):
        raise Unsupported(f"{where}.additional_commands are not supported")
    unknown = sorted(set(raw) - {"path", "config", "additional_commands"})
    if unknown:
        raise TemplateError(f"{where}.{unknown[0]}", "unknown key of a config")
    if not raw["path"]:
        raise TemplateError(f"{where}.path", "is empty")
    path = tuple(_step(element, f"{where}.path[{index}]") for index, element in enumerate(raw["path"]))
    text = raw.get("config") or ""
    if not isinstance(text, str):
        raise TemplateError(f"{where}.config", "must be text")
    text = text.strip()
    return Edit(path, operation, text, parse(text, where=f"{where}.config"))


def _step(raw: Any, where: str) -> Step:
    if not isinstance(raw, Mapping) or not set(raw) <= _ELEMENT_KEYS:
        raise TemplateError(where, f"must be a map of {', '.join(sorted(_ELEMENT_KEYS))}")
    tag, name = _word(raw.get("tag")), _word(raw.get("name"))
    text = _word(raw.get("config_type")) or "name"
    xml = _word(raw.get("xml_type")) or ("named_tag" if name else "tag")
    if text not in ("tag", "name", "named_tag"):
        raise TemplateError(f"{where}.config_type", "must be tag, name or named_tag")
    if xml not in ("tag", "named_tag"):
        raise TemplateError(f"{where}.xml_type", "must be tag or named_tag")
    if not _TAG.fullmatch(tag):
        raise TemplateError(f"{where}.tag", "must be the name of an element")
    if not name and (text != "tag" or xml != "tag"):
        raise TemplateError(f"{where}.name", "is empty")
    if _STRUCTURE.search(name) or unprintable(name) or name in TAGS:
        raise TemplateError(f"{where}.name", "holds characters that could be structure")
    return Step(tag, name, text, xml)  # type: ignore[arg-type]  # checked above


def _word(raw: Any) -> str:
    if raw is None:
        return ""
    return strip(str(raw)).strip() if isinstance(raw, str | int | float) else "\n"
