"""What the oldest Python that we promise (3.11.2, Debian 12) gets wrong is not used."""

from __future__ import annotations

import ast
import re

from docs.tree import ROOT, sources

POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)[*+?]\+|\(\?>")
"""Repeating a group possessively, or an atomic group: mended in 3.11.5. Single characters and sets are fine."""


def wrong_patterns(source: str) -> list[str]:
    """Texts of a module, docstrings aside, that hold such a pattern."""
    tree = ast.parse(source)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in prose]
    return [node.value for node in texts if isinstance(node.value, str) and POSSESSIVE_GROUP.search(node.value)]


def test_no_group_repeats_possessively() -> None:
    found = {str(file.relative_to(ROOT)): wrong_patterns(file.read_text()) for file in sources()}
    assert {name: texts for name, texts in found.items() if texts} == {}


def test_a_possessive_group_is_seen() -> None:
    assert wrong_patterns("P = f'(?:{x}|b)*+'") == ["|b)*+"]
    assert wrong_patterns("P = '[^a]*+(b|c)+'") == []
