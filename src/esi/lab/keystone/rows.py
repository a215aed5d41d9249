"""Lists of what is known, for the commands that turn names into ids: users, projects, roles, domains, services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from esi.lab.keystone.bodies import REGION, Endpoints, Refused, catalogue, project_row, role, user_row
from esi.lab.keystone.directory import DOMAIN, Directory

Row = dict[str, Any]


class Rows:
    """Every collection as plain rows; a query keeps those whose values are the same."""

    def __init__(self, directory: Directory, endpoints: Callable[[], Endpoints]) -> None:
        self._directory = directory
        self._endpoints = endpoints
        self._collections: Mapping[str, tuple[str, Callable[[], list[Row]]]] = {
            "users": ("user", lambda: [user_row(user) for user in directory.users.values()]),
            "projects": ("project", lambda: [project_row(project) for project in directory.projects.values()]),
            "roles": ("role", lambda: [{**role(name), "domain_id": None} for name in directory.roles]),
            "domains": ("domain", lambda: [{**DOMAIN, "enabled": True, "description": ""}]),
            "regions": ("region", lambda: [{"id": REGION, "description": "", "parent_region_id": None}]),
            "services": ("service", self._services),
            "endpoints": ("endpoint", self._doors),
        }

    def all(self, collection: str, query: Mapping[str, str]) -> list[Row]:
        _, rows = self._of(collection)
        return [
            row
            for row in rows()
            if all(str(row[name]).lower() == wanted.lower() for name, wanted in query.items() if name in row)
        ]

    def show(self, collection: str, id: str) -> tuple[str, Row]:
        singular, rows = self._of(collection)
        row = next((row for row in rows() if row["id"] == id), None)
        if row is None:
            raise Refused(404, f"Could not find {singular}: {id}.")
        return singular, row

    def _of(self, collection: str) -> tuple[str, Callable[[], list[Row]]]:
        if collection not in self._collections:
            raise Refused(404, "The resource could not be found.")
        return self._collections[collection]

    def _services(self) -> list[Row]:
        services = catalogue(self._endpoints(), "%(tenant_id)s")
        return [{**{name: one[name] for name in ("id", "type", "name")}, "enabled": True} for one in services]

    def _doors(self) -> list[Row]:
        return [
            {**door, "service_id": service["id"], "enabled": True}
            for service in catalogue(self._endpoints(), "%(tenant_id)s")
            for door in service["endpoints"]
        ]
