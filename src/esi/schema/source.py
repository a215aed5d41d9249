"""Schema files as they lie in folders: read with the C loader, every node's line remembered for the messages.

A folder holds `*.yaml` (or .yml, .json) files, directly or under `schemas/`; each has `schemas:`, `policies:` or both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
KNOWN = frozenset({"schemas", "policies"})
IGNORED = frozenset({"extensions", "namespaces"})


@dataclass(frozen=True, slots=True)
class Document:
    """One entry of `schemas:` or `policies:` and where it stands: "file:line"."""

    data: dict[str, Any]
    where: str


@dataclass
class Source:
    """Everything found, and everything wrong with it so far."""

    schemas: list[Document]
    policies: list[Document]
    faults: list[str]


def read(folders: Iterable[Path]) -> Source:
    """All documents of the folders, in the order of folders and file names."""
    source = Source([], [], [])
    for folder in folders:
        if not folder.is_dir():
            source.faults.append(f"{folder}: no such folder")
            continue
        files = [*folder.iterdir(), *((folder / "schemas").iterdir() if (folder / "schemas").is_dir() else ())]
        for file in sorted(path for path in files if path.suffix in SUFFIXES and path.is_file()):
            _read_file(file, source)
    return source


def _read_file(file: Path, source: Source) -> None:
    try:
        parse(file.read_text(encoding="utf-8"), str(file), source)
    except (OSError, UnicodeDecodeError) as error:
        source.faults.append(f"{file}: cannot be read: {error}")


def parse(text: str, name: str, source: Source) -> None:
    """Add the documents of one file's text; `name` stands in the messages."""
    loader = yaml.CSafeLoader(text)
    try:
        node = loader.get_single_node()
        data = loader.construct_document(node) if node is not None else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{name}:{mark.line + 1}" if mark is not None else name
        source.faults.append(f"{place}: not YAML: {getattr(error, 'problem', None) or error}")
        return
    finally:
        loader.dispose()
    if node is None or not isinstance(data, dict):
        source.faults.append(f"{name}: expected a mapping with schemas or policies")
        return
    source.faults.extend(_doubles(node, name))
    source.faults.extend(f"{name}: unknown top-level key {key!r}" for key in data if key not in KNOWN | IGNORED)
    for key, target in (("schemas", source.schemas), ("policies", source.policies)):
        entries = data.get(key) or []
        if not isinstance(entries, list):
            source.faults.append(f"{name}: {key} must be a list")
            continue
        for entry, line in zip(entries, _lines(node, key), strict=True):
            if isinstance(entry, dict):
                target.append(Document(entry, f"{name}:{line}"))
            else:
                source.faults.append(f"{name}:{line}: expected a mapping")


def _lines(root: yaml.Node, key: str) -> Sequence[int]:
    for name, value in root.value:
        if name.value == key and isinstance(value, yaml.SequenceNode):
            return [entry.start_mark.line + 1 for entry in value.value]
    return []


def _doubles(root: yaml.Node, name: str) -> list[str]:
    """YAML loaders let the last of two equal keys win in silence; here it is a fault."""
    faults: list[str] = []
    todo, seen_nodes = [root], set[int]()
    while todo:
        node = todo.pop()
        if id(node) in seen_nodes:
            continue
        seen_nodes.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in seen:
                        faults.append(f"{name}:{key.start_mark.line + 1}: key {key.value!r} stands twice")
                    seen.add(key.value)
                todo.append(value)
    return sorted(faults)
