"""What the tests of this folder look at: source files, tracked files, public names."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "esi"
BENCHMARKS = ROOT / "benchmarks"
GENERATED = frozenset({SRC / "kv" / "rpc_pb2.py"})
ROOMS = ("api", "web", "sync", "jobs", "heat", "monitoring", "agent", "devices", "lab", "orchestration", "neutron")

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> list[Path]:
    """Every module of the package that people write."""
    return sorted(set(SRC.rglob("*.py")) - GENERATED)


def tracked() -> list[Path]:
    """Every text file that git keeps."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def pages() -> list[Path]:
    return sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *SRC.rglob("*.md")})


def docstring(file: Path) -> str:
    return ast.get_docstring(ast.parse(file.read_text())) or ""


def public_definitions() -> Iterator[tuple[Path, Definition]]:
    """Classes, functions and methods whose name has no underscore before it, and neither has what they stand in."""
    for file in sources():
        waiting: list[ast.AST] = [ast.parse(file.read_text())]
        while waiting:
            for node in ast.iter_child_nodes(waiting.pop()):
                if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
                    yield file, node
                    if isinstance(node, ast.ClassDef):
                        waiting.append(node)
