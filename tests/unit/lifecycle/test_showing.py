"""What is put together only when a row is shown, and what nobody is shown."""

import pytest

from esi.errors import Invalid
from esi.lifecycle import Change, Tx
from esi.model.resource import Ref
from esi.store import Query
from unit.lifecycle.ring import ADMIN, ALICE, Ring, body_of


async def echoes(tx: Tx, change: Change) -> None:
    change.body["echoes"] = [row["text"] for row in await tx.list("note", Query(sort="text"))]


async def test_a_shown_row_holds_what_stands_elsewhere_and_keeps_nothing_of_it(ring: Ring) -> None:
    ring.hooks.on("note", "post_show", echoes)
    first, second = [await ring.make("note", {"text": text}, ALICE) for text in ("a", "b")]
    assert (await ring.lifecycle.show(ALICE, first))["echoes"] == ["a", "b"]
    page = await ring.lifecycle.list(ALICE, "note")
    assert [row["echoes"] for row in page.rows] == [["a", "b"]] * 2
    assert all("echoes" not in body_of(event) for event in await ring.events())
    row = await ring.store.read(lambda rows: rows.get(second))
    assert row is not None
    assert "echoes" not in row.body


async def test_what_is_hidden_is_kept_and_told_to_workers_and_shown_to_nobody(ring: Ring) -> None:
    note = await ring.make("note", {"text": "a", "unseen": "key", "hidden": "word"})
    assert body_of((await ring.events())[0])["unseen"] == "key"
    for identity in (ADMIN, ALICE):
        for shown in (await ring.lifecycle.list(identity, "note")).rows:
            assert "unseen" not in shown
    shown = await ring.lifecycle.show(ADMIN, Ref("note", note.id))
    assert shown["hidden"] == "word"
    assert "unseen" not in shown
    with pytest.raises(Invalid):
        await ring.lifecycle.list(ADMIN, "note", Query(filters={"unseen": ["key"]}))
