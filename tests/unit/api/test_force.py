"""DELETE ?force=true: the record goes at once, and what may be left where is answered and written down."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from esi.errors import Unreachable
from esi.model.resource import Body, Ref
from unit.api.serving import Talk
from unit.lifecycle.ring import ADMIN

PLACE = {"device": "192.0.2.1", "path": "interfaces interface ge-0/0/1 unit 7"}


class Remains:
    """Keeps book of one resource; `away` when it cannot be asked."""

    def __init__(self, ref: Ref, *, away: bool = False) -> None:
        self._ref = ref
        self._away = away

    async def of(self, ref: Ref) -> Sequence[Body]:
        if self._away:
            raise Unreachable("etcd does not answer")
        return [PLACE] if ref == self._ref else []


async def history(talk: Talk, ref: Ref) -> list[tuple[str, str]]:
    return [(line.action, line.detail) for line in await talk.ring.store.read(lambda tx: tx.history(ref))]


async def test_what_is_left_is_answered_and_written_down(talk: Talk) -> None:
    gateway = await talk.ring.working_gateway()
    talk.ring.lifecycle.remains = Remains(gateway)
    await talk.ring.lifecycle.delete(ADMIN, gateway)
    await talk.ring.events()
    status, document, _ = await talk.ask("DELETE", f"/v2.0/gateways/{gateway.id}?force=true")
    message = "may be left: 192.0.2.1 interfaces interface ge-0/0/1 unit 7"
    assert (status, document) == (200, {"gateway": {"id": gateway.id, "left": [PLACE], "message": message}})
    assert (await talk.ask("GET", f"/v2.0/gateways/{gateway.id}"))[0] == 404
    assert ("force_delete", message) in await history(talk, gateway)
    (event,) = await talk.ring.events()
    assert (event.kind, event.path) == ("drop", f"/v2.0/gateways/{gateway.id}")


@pytest.mark.parametrize("away", [False, True])
async def test_nobody_knows_what_is_left(talk: Talk, *, away: bool) -> None:
    gateway = await talk.ring.working_gateway()
    talk.ring.lifecycle.remains = Remains(gateway, away=True) if away else None
    status, document, _ = await talk.ask("DELETE", f"/v2.0/gateways/{gateway.id}?force=true")
    assert (status, document["gateway"]["left"]) == (200, None)
    assert "not known" in document["gateway"]["message"]


async def test_only_administrators_and_not_what_others_stand_on(talk: Talk) -> None:
    gateway = await talk.ring.working_gateway()
    pair = (await talk.ring.body(gateway))["pair_id"]
    path = f"/v2.0/gateways/{gateway.id}"
    assert (await talk.ask("DELETE", f"{path}?force=true", token="alice"))[0] == 403
    assert (await talk.ask("DELETE", f"/v2.0/pairs/{pair}?force=true"))[0] == 409
    assert (await talk.ask("DELETE", f"{path}?force=perhaps"))[0] == 400
    assert (await talk.ask("DELETE", "/v2.0/gateways/nobody?force=true"))[0] == 404
    assert (await talk.ask("DELETE", f"{path}?force=false"))[0] == 204
    assert (await talk.ring.body(gateway))["status"] == "PENDING_DELETE"
