"""All schemas and policies of a running system, with every look-up that a request needs made beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from esi.errors import NotFound
from esi.schema.model import Relation, Schema
from esi.schema.policy import Policies


class Referrer(NamedTuple):
    """`schema` has a relation at `property`; `is_list` when that is a list of ids."""

    schema: str
    property: str
    is_list: bool


class Catalogue:
    """Schemas by id and by path, and who refers to whom."""

    def __init__(self, schemas: Iterable[Schema], policies: Policies) -> None:
        self.schemas: Mapping[str, Schema] = {schema.id: schema for schema in schemas}
        self.policies = policies
        self.collections: Mapping[str, Schema] = {schema.path: schema for schema in self.schemas.values()}
        self.secret_names = frozenset(path.rpartition(".")[2] for schema in self for path in schema.secrets)
        """What schemas declare secret, by the last word of each path."""
        self._referrers: dict[str, list[Referrer]] = {}
        self._dependents: dict[str, list[tuple[Schema, Relation]]] = {}
        self._named: dict[str, list[tuple[Schema, str]]] = {}
        for schema in self.schemas.values():
            for link in schema.links:
                self._referrers.setdefault(link.target, []).append(Referrer(schema.id, link.path, link.is_list))
                if any(link.path in rule.of for rule in schema.statuses.all):
                    self._dependents.setdefault(link.target, []).append((schema, link))

            for rule in schema.statuses.all:
                for source, name in rule.by:
                    self._named.setdefault(source, []).append((schema, name))

    def __getitem__(self, schema_id: str) -> Schema:
        """The schema; NotFound when there is none of this id."""
        try:
            return self.schemas[schema_id]
        except KeyError:
            raise NotFound(f"there is no schema {schema_id!r}", schema=schema_id) from None

    def __contains__(self, schema_id: object) -> bool:
        return schema_id in self.schemas

    def __iter__(self) -> Iterator[Schema]:
        return iter(self.schemas.values())

    def __len__(self) -> int:
        return len(self.schemas)

    def get(self, schema_id: str) -> Schema | None:
        return self.schemas.get(schema_id)

    def relation(self, schema_id: str, name: str) -> str | None:
        """The schema that a property of another one refers to; None when either is unknown, or it refers to nothing."""
        schema = self.schemas.get(schema_id)
        return None if schema is None else schema.relations.get(name)

    def by_path(self, path: str) -> tuple[Schema, str] | None:
        """Schema and id behind an API path such as "/v2.0/vpn_gateways/<id>"; None when it is nobody's."""
        collection, _, id_ = path.rpartition("/")
        schema = self.collections.get(collection)
        return (schema, id_) if schema is not None and id_ else None

    def referrers(self, schema_id: str) -> list[Referrer]:
        """Who can hold the id of a resource of this schema."""
        return self._referrers.get(schema_id, [])

    def dependents(self, schema_id: str) -> list[tuple[Schema, Relation]]:
        """Whose status must be derived again when the status of a resource of this schema changes."""
        return self._dependents.get(schema_id, [])

    def named(self, schema_id: str) -> list[tuple[Schema, str]]:
        """The same of those whom a resource of this schema names in a property: (their schema, the property)."""
        return self._named.get(schema_id, [])
