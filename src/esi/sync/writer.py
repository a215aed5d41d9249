"""The sync writer: the outbox to etcd, in order, in batches; one read of rows, one commit, one delete of rows.

Nothing is coalesced: B may refer to A. A batch ends where a key would stand twice. A row that etcd will never take (too
large) is set aside with its error and does not block the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from esi.errors import Outrun, TemporaryError, TerminalError
from esi.kv import KV, Delete, Guard, Put
from esi.model import keys
from esi.model.codec import dumps, encode_config
from esi.store import OutboxRow, Store

log = logging.getLogger(__name__)

BATCH_ROWS = 100
"""Rows per commit; a delete writes three keys, so fewer of those fit."""

MAX_VALUE_BYTES = 1_400_000
"""etcd refuses requests above 1.5 MiB."""

SAFETY_SECONDS = 1.0
"""A look at the outbox when nobody has woken the writer."""

Ops = list[Put | Delete]


def row_ops(row: OutboxRow) -> Ops:
    """What one row says to etcd. Pure."""
    if row.kind == "effect":
        return [Put(keys.effect_key(row.id), row.body)]
    if row.kind in ("delete", "drop"):
        gone: Ops = [Delete(tree(row.path)) for tree in (keys.config_key, keys.state_key, keys.monitoring_key)]
        return (
            gone if row.kind == "delete" else [Put(keys.dropped_key(row.path), dumps({"version": row.version})), *gone]
        )
    value = encode_config(row.body, row.version, marked_for_deletion=row.marked_for_deletion)
    return [Put(keys.config_key(row.path), value)]


def first_batch(rows: Sequence[OutboxRow], *, most: int = BATCH_ROWS) -> tuple[list[OutboxRow], Ops]:
    """As many rows as one commit can take, in order, no key twice. Pure."""
    taken: list[OutboxRow] = []
    ops: Ops = []
    seen: set[str] = set()
    for row in rows:
        more = row_ops(row)
        if len(ops) + len(more) > most or any(op.key in seen for op in more):
            break
        taken.append(row)
        ops += more
        seen.update(op.key for op in more)
    return taken, ops


class Writer:
    """Drains the outbox while its guard holds."""

    def __init__(self, kv: KV, store: Store, guard: Guard) -> None:
        self._kv = kv
        self._store = store
        self._guard = guard

    async def run(self) -> None:
        """Eternal; raises what ends the term (Outrun) and what etcd refuses for now (TemporaryError)."""
        while True:
            if not await self.drain():
                await self._store.wake.wait(at_most=SAFETY_SECONDS)

    async def drain(self) -> int:
        """One read of rows and the commits they take; how many rows there were."""
        rows = list(await self._store.outbox_batch(BATCH_ROWS))
        count = len(rows)
        for row in [row for row in rows if len(row.body) > MAX_VALUE_BYTES]:
            rows.remove(row)
            await self._park(row, f"{len(row.body)} bytes are more than etcd takes ({MAX_VALUE_BYTES})")
        while rows:
            batch, ops = first_batch(rows)
            await self._put(batch, ops)
            rows = rows[len(batch) :]
        return count

    async def _put(self, batch: Sequence[OutboxRow], ops: Ops) -> None:
        try:
            await self._kv.commit(ops, guards=[self._guard])
        except (Outrun, TemporaryError):
            raise
        except TerminalError as error:
            if len(batch) == 1:
                await self._park(batch[0], str(error))
                return
            for row in batch:
                await self._put([row], row_ops(row))
            return
        await self._store.outbox_done([row.id for row in batch])

    async def _park(self, row: OutboxRow, error: str) -> None:
        log.error("outbox row %d (%s) cannot be written and is set aside: %s", row.id, row.path, error)
        await self._store.outbox_park(row.id, error)
