"""Heat's API, version 1, of which this needs: stacks, their resources, and which engines there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from esi.drivers.compute.session import Session
from esi.errors import NotFound
from esi.stacks.heat.hot import from_tags

SERVICE = "orchestration"


@dataclass(frozen=True, slots=True)
class Found:
    """A stack as Heat tells it. `changed`: when its last operation began, as Heat writes times."""

    id: str
    name: str
    status: str
    reason: str
    operation: str
    tenant: str
    changed: str
    outputs: tuple[Mapping[str, Any], ...] = ()

    @property
    def verb(self) -> str:
        return self.status.partition("_")[0]

    @property
    def ended(self) -> bool:
        return not self.status.endswith("_IN_PROGRESS")


@dataclass(frozen=True, slots=True)
class Part:
    """One resource of a stack."""

    name: str
    type: str
    status: str
    reason: str
    physical_id: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a stack shall be made from. `minutes`: its timeout."""

    name: str
    template: Mapping[str, Any] = field(repr=False)
    parameters: Mapping[str, Any] = field(repr=False)
    minutes: int
    tags: str

    def as_body(self) -> dict[str, Any]:
        return {
            "stack_name": self.name,
            "template": self.template,
            "parameters": self.parameters,
            "timeout_mins": self.minutes,
            "tags": self.tags,
            "disable_rollback": True,
        }


class Heat:
    """One project's stacks. Errors: NotFound, Busy (it is at work on that stack), Rejected, Unreachable, TimedOut."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find(self, name: str, *, outputs: bool = False) -> Found | None:
        query = "" if outputs else "?resolve_outputs=False"
        try:
            body = await self._ask("GET", f"/stacks/{quote(name)}{query}")
        except NotFound:
            return None
        stack = body["stack"]
        if stack["stack_status"] == "DELETE_COMPLETE":  # gone between the name and the id
            return None
        operation, tenant = from_tags(stack.get("tags") or ())
        facts = (stack["id"], stack["stack_name"], stack["stack_status"], stack["stack_status_reason"] or "")
        changed = stack.get("updated_time") or stack["creation_time"]
        return Found(*facts, operation, tenant, changed, tuple(stack.get("outputs") or ()))

    async def create(self, wish: Wish) -> None:
        await self._ask("POST", "/stacks", wish.as_body())

    async def update(self, id: str, wish: Wish) -> None:
        await self._ask("PUT", f"/stacks/{quote(wish.name)}/{id}", wish.as_body())

    async def delete(self, found: Found) -> None:
        """Ask for its end; absent is success."""
        try:
            await self._ask("DELETE", f"/stacks/{quote(found.name)}/{found.id}")
        except NotFound:
            return

    async def parts(self, found: Found) -> list[Part]:
        body = await self._ask("GET", f"/stacks/{quote(found.name)}/{found.id}/resources")
        return [
            Part(
                name=one["resource_name"],
                type=one["resource_type"],
                status=one["resource_status"],
                reason=one["resource_status_reason"] or "",
                physical_id=one["physical_resource_id"] or "",
            )
            for one in body["resources"]
        ]

    async def engines(self) -> dict[str, str]:
        """When each engine that is up began, by its id."""
        body = await self._ask("GET", "/services")
        return {one["engine_id"]: one["created_at"] for one in body["services"] if one["status"] == "up"}

    async def close(self) -> None:
        await self._session.close()

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        return await self._session.ask(SERVICE, "", method, path, body=body)
