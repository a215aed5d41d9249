"""Nova's API: versions, flavors, events; whose token it is and which project the URL names. Servers: routes.py."""

from __future__ import annotations

from esi.lab.nova import bodies, routes
from esi.lab.nova.bodies import answered
from esi.lab.nova.host import Host, World
from esi.lab.nova.neutron import Refused
from esi.lab.nova.routes import parsed
from esi.lab.nova.servers import FLAVORS, flavor
from esi.lab.web import Answer, Asked, CloudFaults

COLLECTIONS = frozenset({"servers", "flavors", "os-server-external-events", "extensions"})


class Nova:
    """A core for esi.lab.web."""

    def __init__(self, world: World) -> None:
        self.host = Host(world)
        self.faults: CloudFaults = self.host.faults

    async def handle(self, asked: Asked) -> Answer:
        try:
            return await self._routed(asked)
        except Refused as error:
            return bodies.refused(error)

    async def _routed(self, asked: Asked) -> Answer:
        parts = [part for part in asked.path.split("/") if part]
        if not parts:
            return answered({"versions": bodies.versions(asked.base)}, 300 if asked.path == "" else 200)
        if parts[0] not in ("v2", "v2.1"):
            raise Refused(404, "The resource could not be found.")
        if len(parts) == 1:
            number = 0 if parts[0] == "v2" else 1
            return answered({"version": bodies.versions(asked.base)[number]})
        if asked.caller is None:
            raise Refused(401, "")
        wanted = asked.headers.get("X-OpenStack-Nova-API-Version") or bodies.VERSION
        if wanted not in (bodies.VERSION, "latest"):
            known = f"Minimum is {bodies.VERSION} and maximum is {bodies.VERSION}."
            raise Refused(406, f"Version {wanted} is not supported by the API. {known}")
        parts = parts[1:]
        if parts[0] not in COLLECTIONS:
            if parts[0] != asked.caller.tenant:
                told = f"URL's project_id '{parts[0]}' doesn't match Context's project_id '{asked.caller.tenant}'"
                raise Refused(400, f"Malformed request URL: {told}")
            parts = parts[1:]
        return await self._resource(asked, parts)

    async def _resource(self, asked: Asked, parts: list[str]) -> Answer:
        if parts and parts[0] == "servers":
            return await routes.servers(self.host, asked, parts[1:])
        if parts and parts[0] == "flavors" and asked.method == "GET":
            return self._flavors(asked, parts[1:])
        if parts == ["os-server-external-events"] and asked.method == "POST":
            return self._events(asked)
        if parts == ["extensions"]:
            return answered({"extensions": []})
        raise Refused(404, "The resource could not be found.")

    def _flavors(self, asked: Asked, rest: list[str]) -> Answer:
        if rest in ([], ["detail"]):
            rows = [bodies.flavor_row(flavor, asked.base) for flavor in FLAVORS]
            shown = rows if rest else [{name: row[name] for name in ("id", "name", "links")} for row in rows]
            after = asked.query.get("marker")
            return answered({"flavors": [] if after == FLAVORS[-1].id else shown})
        found = flavor(rest[0])
        if found is None:
            raise Refused(404, f"Flavor {rest[0]} could not be found.")
        if rest[1:] == ["os-extra_specs"]:
            return answered({"extra_specs": {}})
        return answered({"flavor": bodies.flavor_row(found, asked.base)})

    def _events(self, asked: Asked) -> Answer:
        """What Neutron says of ports."""
        caller = asked.caller
        if caller is None or not {"admin", "service"} & set(caller.roles):
            rule = "os_compute_api:os-server-external-events:create"
            raise Refused(403, f"Policy doesn't allow {rule} to be performed.")
        told = parsed(asked).get("events")
        if not isinstance(told, list) or not told:
            raise Refused(400, "Invalid input for field/attribute events.")
        rows = [self.host.hear(event) for event in told]
        codes = {row["code"] for row in rows}
        if codes == {404}:
            raise Refused(404, "No instances found for any event")
        return answered({"events": rows}, 200 if codes == {200} else 207)
