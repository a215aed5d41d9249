"""The floors hold: the contracts of pyproject.toml, and two rules that they cannot say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from docs.tree import ROOT

OUTSIDE = frozenset({"asyncio", "socket", "ssl", "subprocess", "sqlite3", "threading", "urllib", "http", "os"})
"""Of the standard library: what a service has no business with. A hook never calls out."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("esi", include_external_packages=True, cache_dir=None)


def test_import_contracts_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def strangers(graph: grimp.ImportGraph, package: str) -> list[str]:
    """Imports of `package` that are neither esi nor harmless standard library."""
    found = []
    for module in sorted({package} | graph.find_descendants(package)):
        for other in sorted(graph.find_modules_directly_imported_by(module)):
            root = other.partition(".")[0]
            if root != "esi" and (root not in sys.stdlib_module_names or root in OUTSIDE):
                found.append(f"{module} imports {other}")
    return found


def circles(graph: grimp.ImportGraph, root: str) -> list[str]:
    """Modules that import their own package while its `__init__` imports them, directly or round a corner."""
    found = []
    for package in sorted({root} | graph.find_descendants(root)):
        inside = graph.find_descendants(package)
        for module in sorted(inside):
            if package not in graph.find_modules_directly_imported_by(module):
                continue
            chain = graph.find_shortest_chain(package, module)
            if chain:
                found.append(f"{module} imports {package}, which imports it: {' -> '.join(chain)}")
    return found


def test_services_import_nothing_foreign(graph: grimp.ImportGraph) -> None:
    assert strangers(graph, "esi.services") == []


def test_no_circle_goes_through_a_package(graph: grimp.ImportGraph) -> None:
    assert circles(graph, "esi") == []


def test_blind_spots_are_seen() -> None:
    """The two checks find what they are there for, in a small graph made for it."""
    made = grimp.ImportGraph()
    for module in ("esi", "esi.services", "esi.services.vpn", "esi.kv", "esi.kv.etcd", "esi.kv.wire"):
        made.add_module(module)
    for module in ("aiohttp", "socket", "json"):
        made.add_module(module, is_squashed=True)
        made.add_import(importer="esi.services.vpn", imported=module)
    made.add_import(importer="esi.kv", imported="esi.kv.wire")
    made.add_import(importer="esi.kv.wire", imported="esi.kv.etcd")
    made.add_import(importer="esi.kv.etcd", imported="esi.kv")
    assert strangers(made, "esi.services") == ["esi.services.vpn imports aiohttp", "esi.services.vpn imports socket"]
    assert len(circles(made, "esi")) == 1
