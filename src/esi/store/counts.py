"""How many rows each tenant has of each schema, kept by the database itself: a quota is asked for with every POST, and
must cost the same however many rows there are.

Triggers write it in the transaction that changes a row, so it is right whoever writes. A table that has none yet, new
or of an older release, is counted once.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy import Table

from esi.store import Query

TENANT = "tenant_id"

_ONE_MORE = "INSERT INTO esi_counts VALUES ('{schema}', new.tenant_id, 1) ON CONFLICT DO UPDATE SET rows = rows + 1;"
_OLD = "WHERE schema = '{schema}' AND tenant = old.tenant_id"
_ONE_LESS = f"UPDATE esi_counts SET rows = rows - 1 {_OLD}; DELETE FROM esi_counts {_OLD} AND rows = 0;"
_TRIGGERS = {
    "more": f"AFTER INSERT ON {{table}} WHEN new.tenant_id IS NOT NULL BEGIN {_ONE_MORE} END",
    "less": f"AFTER DELETE ON {{table}} BEGIN {_ONE_LESS} END",
    "left": f"AFTER UPDATE OF tenant_id ON {{table}} WHEN old.tenant_id IS NOT new.tenant_id BEGIN {_ONE_LESS} END",
    "came": "AFTER UPDATE OF tenant_id ON {table} WHEN new.tenant_id IS NOT NULL AND old.tenant_id IS NOT new.tenant_id"
    f" BEGIN {_ONE_MORE} END",
}
_COUNTED = (
    "INSERT INTO esi_counts SELECT '{schema}', tenant_id, count(*) FROM {table} "
    "WHERE tenant_id IS NOT NULL GROUP BY tenant_id"
)


def keep_counts(connection: sqlite3.Connection, table: Table, quoted: str) -> None:
    """Have a table's rows counted from now on. Names of schemas are letters, digits, _ and -."""
    if TENANT not in table.c:
        return
    names = {word: f"esi_counts_{word}_{table.name}" for word in _TRIGGERS}
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = ?", (names["more"],))
    if there.fetchone() is not None:
        return
    for word, text in _TRIGGERS.items():
        body = text.format(schema=table.name, table=quoted)
        connection.execute(f'CREATE TRIGGER "{names[word]}" {body}')
    connection.execute("DELETE FROM esi_counts WHERE schema = ?", (table.name,))
    connection.execute(_COUNTED.format(schema=table.name, table=quoted))


def only_tenant(query: Query) -> str | None:
    """Whose rows are asked for, when nothing else is asked: they are counted already."""
    if query.search or query.any_of:
        return None
    if not query.filters:
        return query.owner
    values = query.filters.get(TENANT, ())
    alone = query.owner is None and len(query.filters) == 1 and len(values) == 1
    return values[0] if alone and isinstance(values[0], str) else None
