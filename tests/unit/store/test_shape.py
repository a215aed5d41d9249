"""The shape of a database, as three statements tell it one after the other."""

from __future__ import annotations

from esi.store.shape import shape_of


def test_a_table_that_came_in_between_is_not_there_yet() -> None:
    columns = [("box", "id", "text", 1, None, 1)]
    late = [("rack", "ix_rack", 0, 0, 1, "name")]
    assert set(shape_of(columns, late, [("rack", "counts")])) == {"box"}
