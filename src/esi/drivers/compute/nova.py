"""Servers over Nova's API (2.1, no microversion asked for) and images over Glance's (v2)."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from esi.drivers.compute import MARK, Event, NewServer, Reboot, Server
from esi.drivers.compute.session import Session
from esi.errors import NotFound, Rejected, Unreachable
from esi.telemetry import Named

PAGE = 500


class NovaClouds:
    """Implements Clouds."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, tenant: str, ref: Named | None = None) -> Nova:
        return Nova(self._session, tenant, ref)

    async def close(self) -> None:
        await self._session.close()


class Nova:
    """Implements Compute."""

    def __init__(self, session: Session, tenant: str, ref: Named | None = None) -> None:
        self._session = session
        self._tenant = tenant
        self._ref = ref

    async def flavor(self, name: str) -> str:
        async for row in self._all("/flavors/detail", "flavors"):
            if row.get("name") == name:
                return str(row["id"])
        raise NotFound(f"Nova has no flavor of the name {name!r} for tenant {self._tenant}")

    async def image(self, name: str) -> str:
        query = urlencode({"name": name, "status": "active"})
        answer = await self._session.ask("image", self._tenant, "GET", f"/v2/images?{query}", ref=self._ref)
        found = [row for row in _rows(answer, "images") if row.get("name") == name and row.get("status") == "active"]
        if not found:
            raise NotFound(f"Glance has no active image of the name {name!r} for tenant {self._tenant}")
        if len(found) > 1:
            raise Rejected("glance", f"{len(found)} active images have the name {name!r}: name one by another name")
        return str(found[0]["id"])

    async def find(self, mark: str) -> Server | None:
        async for row in self._all("/servers/detail", "servers"):
            if (row.get("metadata") or {}).get(MARK) == mark and row.get("status") not in ("DELETED", "SOFT_DELETED"):
                return _server(row)
        return None

    async def create(self, wanted: NewServer) -> str:
        body: dict[str, Any] = {
            "name": wanted.name,
            "imageRef": wanted.image,
            "flavorRef": wanted.flavor,
            "min_count": 1,
            "max_count": 1,
            "networks": [{"port": wanted.port}],
            "metadata": {MARK: wanted.mark},
        }
        if wanted.zone:
            body["availability_zone"] = wanted.zone
        if wanted.user_data:
            body["user_data"] = base64.b64encode(wanted.user_data.encode()).decode()
        if wanted.config_drive:
            body["config_drive"] = True
        answer = await self._ask("POST", "/servers", {"server": body})
        return str(_part(answer, "server")["id"])

    async def get(self, id: str) -> Server:
        return _server(_part(await self._ask("GET", f"/servers/{id}"), "server"))

    async def delete(self, id: str) -> None:
        await self._gone("DELETE", f"/servers/{id}")

    async def rename(self, id: str, name: str) -> None:
        await self._ask("PUT", f"/servers/{id}", {"server": {"name": name}})

    async def stop(self, id: str) -> None:
        await self._ask("POST", f"/servers/{id}/action", {"os-stop": None})

    async def start(self, id: str) -> None:
        await self._ask("POST", f"/servers/{id}/action", {"os-start": None})

    async def reboot(self, id: str, kind: Reboot) -> None:
        await self._ask("POST", f"/servers/{id}/action", {"reboot": {"type": kind}})

    async def ports(self, id: str) -> tuple[str, ...]:
        answer = await self._ask("GET", f"/servers/{id}/os-interface")
        return tuple(str(row["port_id"]) for row in _rows(answer, "interfaceAttachments"))

    async def attach(self, id: str, port: str) -> None:
        await self._ask("POST", f"/servers/{id}/os-interface", {"interfaceAttachment": {"port_id": port}})

    async def detach(self, id: str, port: str) -> None:
        await self._gone("DELETE", f"/servers/{id}/os-interface/{port}")

    async def tell(self, event: Event, server: str, port: str) -> None:
        told = {"name": event, "server_uuid": server, "tag": port, "status": "completed"}
        answer = await self._ask("POST", "/os-server-external-events", {"events": [told]})
        if any(row.get("code", 200) == 404 for row in _rows(answer, "events")):
            raise NotFound(f"Nova knows no server {server}")

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        return await self._session.ask("compute", self._tenant, method, path, body=body, ref=self._ref)

    async def _gone(self, method: str, path: str) -> None:
        try:
            await self._ask(method, path)
        except NotFound:
            return

    async def _all(self, path: str, name: str) -> AsyncIterator[Mapping[str, Any]]:
        """Every row of a list, page by page."""
        marker: Mapping[str, str] = {}
        while True:
            answer = await self._ask("GET", f"{path}?{urlencode({'limit': str(PAGE), **marker})}")
            rows = _rows(answer, name)
            for row in rows:
                yield row
            if not rows or not answer.get(f"{name}_links"):
                return
            marker = {"marker": str(rows[-1]["id"])}


def _server(row: Mapping[str, Any]) -> Server:
    fault = row.get("fault") or {}
    return Server(
        id=str(row["id"]),
        name=str(row.get("name") or ""),
        status=str(row.get("status") or ""),
        task=str(row.get("OS-EXT-STS:task_state") or ""),
        fault=str(fault.get("message") or ""),
        metadata=row.get("metadata") or {},
    )


def _part(answer: Any, name: str) -> Mapping[str, Any]:
    found = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(found, dict) or "id" not in found:
        raise Unreachable(f"what answers in the place of Nova tells no {name}")
    return found


def _rows(answer: Any, name: str) -> Sequence[Mapping[str, Any]]:
    found = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise Unreachable(f"what answers in the place of Nova or Glance tells no {name}")
    return found
