"""The hop table: every moment has one owner, and the shares add up to the whole."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.hops import Share, shares


def message(at: float, took: float, to: str) -> dict[str, Any]:
    return {"at": at, "took": took, "hop": "sql", "from": "gohan", "to": to}


def test_the_youngest_exchange_under_way_owns_the_moment() -> None:
    found = shares([message(10, 8, "outer"), message(12, 2, "inner"), message(20, 1, "late")], 22)
    assert found == [
        Share("sql: gohan to outer", 6, 1),
        Share("sql: gohan to inner", 2, 1),
        Share("work before sql: gohan to late", 2, 0),
        Share("sql: gohan to late", 1, 1),
        Share("work before the end", 1, 0),
    ]


def test_the_shares_add_up_to_the_whole() -> None:
    messages = [message(at / 7, at % 5 / 3, f"party {at % 3}") for at in range(40)]
    assert sum(share.seconds for share in shares(messages, 5.0)) == pytest.approx(5.0)
