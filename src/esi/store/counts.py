"""How many rows each tenant has of each schema, kept by the database itself: a quota is asked for with every POST, and
must cost the same however many rows there are.

Triggers write it in the transaction that changes a row, so it is right whoever writes. A table that has none yet, new
or of an older release, is counted once, in the transaction that makes them.

SQLite has one writer, and one row for each schema and tenant. On PostgreSQL all writers of a tenant would meet at that
row, also those who ask for no quota: there each backend counts in a slot of its own, and a count is their sum.
"""

from __future__ import annotations

from collections.abc import Collection

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
_FORGOTTEN = "DELETE FROM esi_counts WHERE schema = '{schema}'"
_COUNTED = (
    "INSERT INTO esi_counts SELECT '{schema}', tenant_id, count(*) FROM {table} "
    "WHERE tenant_id IS NOT NULL GROUP BY tenant_id"
)


SLOTS = 64
"""Two backends in one slot is rare, and costs one of them another turn."""

_IN_SLOT = (
    "INSERT INTO esi_slots VALUES (TG_ARGV[0], {row}.tenant_id, slot_of_ours, {by}) "
    "ON CONFLICT (schema, tenant, slot) DO UPDATE SET rows = esi_slots.rows + {by}; "
)
_FUNCTION = (
    "CREATE OR REPLACE FUNCTION esi_counted() RETURNS trigger LANGUAGE plpgsql AS $$ "
    f"DECLARE slot_of_ours integer := pg_backend_pid() % {SLOTS}; BEGIN "
    f"IF TG_OP <> 'INSERT' AND old.tenant_id IS NOT NULL THEN {_IN_SLOT.format(row='old', by='-1')}END IF; "
    f"IF TG_OP <> 'DELETE' AND new.tenant_id IS NOT NULL THEN {_IN_SLOT.format(row='new', by='1')}END IF; "
    "RETURN NULL; END $$"
)
_EACH_ROW = "FOR EACH ROW {when}EXECUTE FUNCTION esi_counted('{schema}')"
_MOVED = "old.tenant_id IS DISTINCT FROM new.tenant_id"
_ON_POSTGRESQL = {
    "esi_counts_rows": f"AFTER INSERT OR DELETE ON {{table}} {_EACH_ROW}",
    "esi_counts_moved": f"AFTER UPDATE OF tenant_id ON {{table}} {_EACH_ROW}",
}
_INTO_SLOTS = (
    "INSERT INTO esi_slots SELECT '{schema}', tenant_id, 0, count(*) FROM {table} "
    "WHERE tenant_id IS NOT NULL GROUP BY tenant_id"
)


def keep_slots(table: Table, quoted: str, there: Collection[str]) -> tuple[str, ...]:
    """As `keep_counts`, on PostgreSQL."""
    if TENANT not in table.c or set(_ON_POSTGRESQL) <= set(there):
        return ()
    made = [
        f"CREATE OR REPLACE TRIGGER {name} {body}".format(
            schema=table.name, table=quoted, when=f"WHEN ({_MOVED}) " if "UPDATE" in body else ""
        )
        for name, body in _ON_POSTGRESQL.items()
    ]
    forgotten = f"DELETE FROM esi_slots WHERE schema = '{table.name}'"
    return (_FUNCTION, *made, forgotten, _INTO_SLOTS.format(schema=table.name, table=quoted))


def keep_counts(table: Table, quoted: str, there: Collection[str]) -> tuple[str, ...]:
    """What has a table's rows counted from now on, () when the triggers are `there`. Names of schemas are letters,
    digits, _ and -.
    """
    names = {word: f"esi_counts_{word}_{table.name}" for word in _TRIGGERS}
    if TENANT not in table.c or set(names.values()) <= set(there):
        return ()
    made = [f'CREATE TRIGGER IF NOT EXISTS "{names[word]}" {body}' for word, body in _TRIGGERS.items()]
    return tuple(text.format(schema=table.name, table=quoted) for text in (*made, _FORGOTTEN, _COUNTED))


def only_tenant(query: Query) -> str | None:
    """Whose rows are asked for, when nothing else is asked: they are counted already."""
    if query.search or query.any_of:
        return None
    if not query.filters:
        return query.owner
    values = query.filters.get(TENANT, ())
    alone = query.owner is None and len(query.filters) == 1 and len(values) == 1
    return values[0] if alone and isinstance(values[0], str) else None


def is_everything(query: Query) -> bool:
    """Whether all rows are asked for: those of all tenants, which are counted, and those of nobody."""
    return not query.filters and query.owner is None and not query.any_of


OF_NOBODY = Query(filters={TENANT: [None]})
