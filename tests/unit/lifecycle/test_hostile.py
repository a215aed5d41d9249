"""Whatever text is sent in whatever string: it is refused with its place, or kept and told exactly as it came."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from esi.errors import Forbidden, Invalid, NotFound
from esi.model.resource import Ref
from esi.schema import load_documents
from esi.schema.validation import FORBIDDEN_IN_RAW, STRUCTURAL
from esi.store import Query
from unit.lifecycle.ring import ADMIN, SCHEMAS, Ring, body_of

KNOWN = load_documents(SCHEMAS)
NASTY = ["\n", "\x00", "\ue000", "\u2028", "'; DROP TABLE note; --", "${x}", "{{ 7 }}", "<a/>", "%s", "\\", "é", "😀"]
TEXTS = st.lists(st.sampled_from(NASTY) | st.text(st.characters(codec="utf-8"), max_size=5), max_size=4).map("".join)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, raw=TEXTS)
def test_texts_are_kept_exactly_or_refused(text: str, raw: str) -> None:
    async def run() -> None:
        ring = Ring(KNOWN)
        try:
            note = await ring.make("note", {"text": text, "raw": raw})
        except Invalid as refused:
            places = {place for place, _why in refused.errors}
            wrong = {"text"} if STRUCTURAL.search(text) else set()
            wrong |= {"raw"} if FORBIDDEN_IN_RAW.search(raw) else set()
            assert places == wrong
            assert await ring.events() == []
        else:
            shown = await ring.body(note)
            assert (shown["text"], shown["raw"]) == (text, raw)
            (event,) = await ring.events()
            assert (body_of(event)["text"], body_of(event)["raw"]) == (text, raw)
            page = await ring.lifecycle.list(ADMIN, "note", Query(filters={"text": [text]}))
            assert page.rows == [shown]
            page = await ring.lifecycle.list(ADMIN, "note", Query(filters={"text": [text]}, search=frozenset({"text"})))
            assert page.rows == [shown]
        await ring.store.close()

    asyncio.run(run())


@settings(max_examples=60, deadline=None)
@given(
    schema=st.sampled_from(sorted(KNOWN.schemas)),
    body=st.dictionaries(
        st.sampled_from(["id", "tenant_id", "name", "text", "ip", "pair_id", "settings", "peers", "status", "limit"])
        | TEXTS,
        ANY,
        max_size=4,
    ),
    id_=TEXTS,
)
def test_any_document_is_answered_and_never_breaks_us(schema: str, body: dict[str, Any], id_: str) -> None:
    """Only the caller's own faults come back, and what is refused leaves nothing."""

    async def run() -> None:
        ring = Ring(KNOWN)
        gateway = await ring.working_gateway()
        before = ring.store.snapshot()
        for attempt in (
            ring.lifecycle.create(ADMIN, schema, body),
            ring.lifecycle.put(ADMIN, Ref(schema, id_), body),
            ring.lifecycle.update(ADMIN, gateway, body),
        ):
            try:
                await attempt
            except (Invalid, NotFound, Forbidden):
                assert ring.store.snapshot() == before
            before = ring.store.snapshot()
        await ring.store.close()

    asyncio.run(run())
