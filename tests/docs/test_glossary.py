"""One word per thing: docs/glossary.md says which, this test looks for the others among public names."""

from __future__ import annotations

import re

from docs.tree import ROOT, SRC, public_definitions, sources

# class names, word by word: what we do not call it, and what we do
CLASS_WORDS = {
    "Abstract": "name the thing", "Base": "name the thing", "Impl": "name the thing", "Mixin": "name the thing",
    "Manager": "name the thing", "Helper": "name the thing", "Helpers": "name the thing", "Util": "name the thing",
    "Utils": "name the thing", "Mock": "double", "Fake": "double", "Entity": "Resource", "Project": "tenant",
    "Replicator": "Writer", "Blueprint": "Template", "Recipe": "Template", "Connector": "Driver", "Sensor": "Probe",
    "Span": "Message", "Changeset": "Intent",
}  # fmt: skip

# function names: whole first words, and words anywhere
FIRST_WORDS = {"do": "say what", "process": "reconcile", "perform": "say what", "setup": "open"}
FUNCTION_WORDS = {
    "util": "say what", "utils": "say what", "helper": "say what", "impl": "say what", "misc": "say what",
    "stuff": "say what", "mock": "double", "fake": "double", "entity": "resource", "blueprint": "template",
}  # fmt: skip

PACKAGES = frozenset({"utils", "common", "core", "helpers", "misc", "base", "lib", "shared", "types", "constants"})

# the field's own names
EXCEPTIONS = {
    "services/core": "a folder of the catalogue, not a drawer: the schemas that all services refer to",
}


def words(name: str) -> list[str]:
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*|[a-z0-9]+", name)


def wrong_class(name: str) -> str | None:
    found = [word for word in words(name) if word in CLASS_WORDS]
    return None if name in EXCEPTIONS or not found else f"{name}: not {found[0]}, but {CLASS_WORDS[found[0]]}"


def wrong_function(name: str) -> str | None:
    parts = name.split("_")
    if parts[0] in FIRST_WORDS and name not in EXCEPTIONS:
        return f"{name}: not {parts[0]}, but {FIRST_WORDS[parts[0]]}"
    found = [part for part in parts if part in FUNCTION_WORDS]
    return f"{name}: not {found[0]}, but {FUNCTION_WORDS[found[0]]}" if found else None


def test_public_names_use_our_words() -> None:
    wrong = []
    for file, node in public_definitions():
        fault = wrong_class(node.name) if hasattr(node, "bases") else wrong_function(node.name)
        if fault:
            wrong.append(f"{file.relative_to(ROOT)}:{node.lineno}: {fault}")
    assert not wrong, "\n".join(wrong)


def test_no_drawer_among_packages_and_files() -> None:
    folders = {file.parent for file in sources()}
    named = [path.relative_to(SRC) for path in {*folders, *(file.with_suffix("") for file in sources())}]
    assert sorted(str(path) for path in named if path.name in PACKAGES and str(path) not in EXCEPTIONS) == []


def test_exceptions_are_needed() -> None:
    names = {node.name for _, node in public_definitions()} | {
        str(file.parent.relative_to(SRC)) for file in sources() if file.parent != SRC
    }
    assert [name for name in EXCEPTIONS if name not in names] == []


def test_wrong_words_are_seen() -> None:
    assert wrong_class("BaseDriver")
    assert wrong_class("LeaseManager")
    assert wrong_class("KVImpl")
    assert not wrong_class("Database")
    assert wrong_function("process_event")
    assert wrong_function("parse_helper")
    assert not wrong_function("processes")


def test_the_glossary_page_has_our_words() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text().lower()
    ours = {text.lower() for text in (CLASS_WORDS | FUNCTION_WORDS).values()} - {"name the thing", "say what", "writer"}
    assert sorted(word for word in ours if word not in page) == []
