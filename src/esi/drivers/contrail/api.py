"""The config API (8082) and the analytics API (8081) over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from esi.drivers.contrail import Body, ConfigObject
from esi.drivers.contrail.http import Door
from esi.errors import Conflict, NotFound, Unreachable


class HttpContrail:
    """Implements Contrail."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def find(self, type: str, fq_name: Sequence[str]) -> str:
        try:
            answer = await self._door.ask("POST", "/fqname-to-id", {"type": type, "fq_name": list(fq_name)})
        except NotFound as error:
            raise NotFound(f"Contrail has no {type} of the name {':'.join(fq_name)}") from error
        return _text(answer, "uuid")

    async def read(self, type: str, uuid: str) -> ConfigObject:
        answer = await self._door.ask("GET", f"/{type}/{uuid}")
        return _object(type, answer.get(type))

    async def create(self, type: str, fq_name: Sequence[str], body: Body) -> ConfigObject:
        wanted = {"fq_name": list(fq_name), **body}
        try:
            answer = await self._door.ask("POST", f"/{type}s", {type: wanted})
        except Conflict:
            standing = await self._standing(type, fq_name)
            if standing is None or wanted.get("uuid", standing.uuid) != standing.uuid:
                raise
            return standing
        made = _object(type, answer.get(type))
        return ConfigObject(type, made.uuid, made.fq_name, {**wanted, **made.body})

    async def update(self, type: str, uuid: str, change: Body) -> None:
        await self._door.ask("PUT", f"/{type}/{uuid}", {type: dict(change)})

    async def refer(self, source: tuple[str, str], target: tuple[str, str], attr: Body | None = None) -> None:
        await self._door.ask("POST", "/ref-update", _reference("ADD", source, target, attr))

    async def release(self, source: tuple[str, str], target: tuple[str, str]) -> None:
        try:
            await self._door.ask("POST", "/ref-update", _reference("DELETE", source, target, None))
        except NotFound:
            return

    async def delete(self, type: str, uuid: str) -> None:
        try:
            await self._door.ask("DELETE", f"/{type}/{uuid}")
        except NotFound:
            return

    async def close(self) -> None:
        await self._door.close()

    async def _standing(self, type: str, fq_name: Sequence[str]) -> ConfigObject | None:
        """What has this name; None when it is the uuid that is taken, or it has gone since."""
        try:
            return await self.read(type, await self.find(type, fq_name))
        except NotFound:
            return None


class HttpAnalytics:
    """Implements Analytics: all names in one request, as kfilt."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def look(self, type: str, names: Sequence[str], structs: Sequence[str]) -> Mapping[str, Body]:
        wanted = {"kfilt": list(names), "cfilt": list(structs)}
        answer = await self._door.ask("POST", f"/analytics/uves/{type}", wanted)
        rows = answer.get("value")
        if not isinstance(rows, list):
            raise Unreachable("Contrail's analytics API answered without a value")
        return {row["name"]: row["value"] for row in rows if isinstance(row, dict) and row.get("value")}

    async def close(self) -> None:
        await self._door.close()


def _reference(operation: str, source: tuple[str, str], target: tuple[str, str], attr: Body | None) -> dict[str, Any]:
    (type, uuid), (ref_type, ref_uuid) = source, target
    named = {"type": type, "uuid": uuid, "ref-type": ref_type, "ref-uuid": ref_uuid}
    return {**named, "operation": operation, "attr": attr}


def _object(type: str, body: Any) -> ConfigObject:
    if not isinstance(body, dict) or not isinstance(body.get("fq_name"), list):
        raise Unreachable(f"Contrail's config API answered without a {type}")
    return ConfigObject(type, _text(body, "uuid"), tuple(map(str, body["fq_name"])), body)


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str):
        raise Unreachable(f"Contrail's config API answered without a {name}")
    return value
