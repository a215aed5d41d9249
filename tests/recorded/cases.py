"""Where the recorded cases stand, and the rules for comparing with them.

They are facts beside the repository (`../shared/spec/cases`), not part of it. Where they are missing the tests skip and
say so; where ESI_REQUIRE names `recorded` they fail instead.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from esi.render.junos.text import parse
from esi.testing.compare import Rule, read_rules
from esi.testing.etcd import required
from esi.testing.facts import tree_of

CASES = Path(__file__).resolve().parents[3] / "shared" / "spec" / "cases"
JSON_TEXTS = ("heat_outputs", "state_monitoring")
SETS = ("*.via", "*.dependency")
"""Lists whose order says nothing."""


def need_cases() -> None:
    if CASES.is_dir():
        return
    missing = "the recorded cases do not stand beside the checkout (../shared/spec/cases)"
    if required("recorded"):
        pytest.fail(missing)
    pytest.skip(missing)


@cache
def case(name: str) -> Any:
    """A recorded file such as "vpn/jobs", readable; "vpn/junos_text" are the configurations as routers print them."""
    if name == "vpn/junos_text":
        return _configurations((CASES / "vpn" / "junos_expected.txt").read_text())
    return readable(json.loads((CASES / f"{name}.json").read_text()))


def part(path: str) -> Any:
    """The part of a recorded file that a path such as "vpn/jobs.old" names."""
    file, *steps = path.split(".")
    found = case(file)
    for step in steps:
        found = found[step]
    return found


def _configurations(text: str) -> dict[str, dict[str, Any]]:
    """router → step → configuration, of sections that begin with `## <label> (<address>, <role>) [step] <step>`."""
    found: dict[str, dict[str, Any]] = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, body = section.split("\n", 1)
        label, step = re.fullmatch(r"(\S+) \(.*\)(?: step)? (.*)", title).groups()  # type: ignore[union-attr]
        found.setdefault(label, {})[step] = tree_of(parse(body))
    return found


def readable(tree: Any) -> Any:
    """JSON that stands in a text becomes a tree, and outputs are named by their key: their order says nothing."""
    if isinstance(tree, list):
        items = [readable(item) for item in tree]
        if items and all(isinstance(item, dict) and "output_key" in item for item in items):
            return {item.pop("output_key"): item for item in items}
        return items
    if not isinstance(tree, dict):
        return tree
    texts = {name: json.loads(tree[name]) for name in JSON_TEXTS if isinstance(tree.get(name), str)}
    return {name: readable(item) for name, item in {**tree, **texts}.items()}


@cache
def rules() -> list[Rule]:
    """What is passed over, with its reasons."""
    return read_rules(yaml.safe_load((Path(__file__).parent / "ignored.yaml").read_text()))
