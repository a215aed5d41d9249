"""Ids of resources and requests."""

from __future__ import annotations

import uuid

from esi.model.ids import AT_ONCE, random_id


def test_ids_are_uuids_of_version_4_and_none_comes_twice() -> None:
    ids = [random_id() for _ in range(20 * AT_ONCE)]
    assert len(set(ids)) == len(ids)
    for id_ in ids:
        known = uuid.UUID(id_)
        assert (str(known), known.version, known.variant) == (id_, 4, uuid.RFC_4122)
