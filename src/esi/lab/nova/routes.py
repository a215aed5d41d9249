"""What may be asked about servers and their ports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import orjson

from esi.identity import Identity
from esi.lab.nova import bodies
from esi.lab.nova.bodies import HEADERS, answered
from esi.lab.nova.host import Host
from esi.lab.nova.neutron import Refused
from esi.lab.nova.servers import ACTIVE, STOPPED, Flavor, Server, flavor
from esi.lab.web import Answer, Asked

ACCEPTED = Answer(202, headers=HEADERS)
DONE = Answer(204, headers=HEADERS)
MOST = 1000


async def servers(host: Host, asked: Asked, rest: list[str]) -> Answer:
    """Everything under /servers."""
    if asked.method == "POST" and not rest:
        return await _create(host, asked)
    if asked.method == "GET" and rest in ([], ["detail"]):
        return _list(host, asked, detailed=bool(rest))
    if not rest:
        raise Refused(404, "The resource could not be found.")
    server = _find(host, asked, rest[0])
    if len(rest) == 1:
        return await _one(host, asked, server)
    if rest[1] == "action" and asked.method == "POST":
        return _act(host, asked, server)
    if rest[1] == "os-interface":
        return await _interfaces(host, asked, server, rest[2:])
    if rest[1] == "os-volume_attachments":
        return answered({"volumeAttachments": []})
    raise Refused(404, "The resource could not be found.")


def _caller(asked: Asked) -> Identity:
    if asked.caller is None:
        raise Refused(401, "")
    return asked.caller


def _find(host: Host, asked: Asked, id: str) -> Server:
    found, caller = host.servers.get(id), _caller(asked)
    if found is None or not (found.tenant == caller.tenant or caller.is_admin):
        raise Refused(404, f"Instance {id} could not be found.")
    return found


def _list(host: Host, asked: Asked, *, detailed: bool) -> Answer:
    caller, query = _caller(asked), asked.query
    everybody = caller.is_admin and query.get("all_tenants", "0").lower() in ("1", "true", "")
    found = [one for one in host.servers.values() if everybody or one.tenant == caller.tenant]
    if "name" in query:
        try:
            found = [one for one in found if re.search(query["name"], one.name)]
        except re.error:
            raise Refused(400, f"Invalid regular expression for name: {query['name']}") from None
    if "status" in query:
        found = [one for one in found if one.status == query["status"].upper()]
    found.sort(key=lambda one: (one.created, one.id), reverse=True)
    if "marker" in query:
        places = [index for index, one in enumerate(found) if one.id == query["marker"]]
        if not places:
            raise Refused(400, f"marker [{query['marker']}] not found")
        found = found[places[0] + 1 :]
    most = min(int(query["limit"]), MOST) if query.get("limit", "").isdecimal() else MOST
    rows = [bodies.server_row(one, asked.base) for one in found[:most]]
    shown = rows if detailed else [{name: row[name] for name in ("id", "name", "links")} for row in rows]
    answer: dict[str, Any] = {"servers": shown}
    if len(found) > most:
        answer["servers_links"] = [{"rel": "next", "href": f"{asked.base}{asked.path}?marker={rows[-1]['id']}"}]
    return answered(answer)


async def _create(host: Host, asked: Asked) -> Answer:
    wanted = parsed(asked).get("server")
    if not isinstance(wanted, dict) or not wanted.get("name"):
        raise Refused(400, "Invalid input for field/attribute server.")
    networks = wanted.get("networks")
    port = networks[0].get("port") if isinstance(networks, list) and len(networks) == 1 else None
    if not isinstance(port, str):
        raise Refused(400, "Bad networks format: this Nova takes exactly one port")
    kind = flavor(str(wanted.get("flavorRef", "")).rsplit("/", 1)[-1])
    if kind is None:
        raise Refused(400, "Invalid flavorRef provided.")
    image = str(wanted.get("imageRef", "")).rsplit("/", 1)[-1]
    if host.world.images(image) is None:
        raise Refused(400, "Can not find requested image")
    if wanted.get("availability_zone") not in (None, "nova"):
        raise Refused(400, "The requested availability zone is not available")
    caller = _caller(asked)
    found = await host.plugging.look(port, caller.tenant, absent=400)
    server = _new(host, caller, {**wanted, "imageRef": image}, kind)
    host.later(server, "scheduling", host.build(server, found))
    told = {
        "id": server.id,
        "links": bodies.links(asked.base, "servers", server.id),
        "OS-DCF:diskConfig": "MANUAL",
        "security_groups": [{"name": "default"}],
        "adminPass": uuid4().hex[:12],
    }
    return answered({"server": told}, 202)


def _new(host: Host, caller: Identity, wanted: Mapping[str, Any], kind: Flavor) -> Server:
    server = Server(
        id=str(uuid4()),
        tenant=caller.tenant,
        user=caller.user,
        name=str(wanted["name"]),
        flavor=kind,
        image=str(wanted["imageRef"]),
        created=host.world.clock.now(),
        metadata={str(name): str(value) for name, value in (wanted.get("metadata") or {}).items()},
        config_drive=bool(wanted.get("config_drive")),
    )
    host.servers[server.id] = server
    return server


async def _one(host: Host, asked: Asked, server: Server) -> Answer:
    if asked.method == "GET":
        return answered({"server": bodies.server_row(server, asked.base)})
    if asked.method == "PUT":
        name = (parsed(asked).get("server") or {}).get("name")
        if not isinstance(name, str) or not name:
            raise Refused(400, "Invalid input for field/attribute name.")
        server.name = name
        return answered({"server": bodies.server_row(server, asked.base)})
    if asked.method == "DELETE":
        if server.task != "deleting":
            host.later(server, "deleting", host.remove(server))
        return DONE
    raise Refused(404, "The resource could not be found.")


def _act(host: Host, asked: Asked, server: Server) -> Answer:
    body = parsed(asked)
    if "os-stop" in body:
        _need(server, "stop")
        host.later(server, "powering-off", host.power(server, STOPPED))
    elif "os-start" in body:
        _need(server, "start")
        host.later(server, "powering-on", host.power(server, ACTIVE))
    elif "reboot" in body:
        kind = (body["reboot"] or {}).get("type", "")
        if kind not in ("SOFT", "HARD"):
            raise Refused(400, f"Invalid input for field/attribute type. Value: {kind}.")
        _need(server, "reboot")
        task = "rebooting" if kind == "SOFT" else "rebooting_hard"
        host.later(server, task, host.power(server, ACTIVE))
    else:
        raise Refused(400, "There is no such action: " + ", ".join(body))
    return ACCEPTED


def _need(server: Server, action: str) -> None:
    obstacle = server.obstacle(action)
    if obstacle:
        raise Refused(409, obstacle)


async def _interfaces(host: Host, asked: Asked, server: Server, rest: list[str]) -> Answer:
    if asked.method == "POST" and not rest:
        port = (parsed(asked).get("interfaceAttachment") or {}).get("port_id")
        if not isinstance(port, str):
            raise Refused(400, "Invalid input for field/attribute port_id.")
        _need(server, "attach_interface")
        return answered({"interfaceAttachment": bodies.attachment(await host.attach(server, port))})
    if asked.method == "GET":
        found = await host.plugging.of(server.id)
        if not rest:
            return answered({"interfaceAttachments": [bodies.attachment(port) for port in found]})
        for port in found:
            if port["id"] == rest[0]:
                return answered({"interfaceAttachment": bodies.attachment(port)})
    if not rest or all(nic["id"] != rest[0] for nic in server.nics):
        raise Refused(404, f"Port {rest[0] if rest else ''} is not attached to instance {server.id}")
    if asked.method != "DELETE":
        raise Refused(404, "The resource could not be found.")
    _need(server, "detach_interface")
    host.later(server, "", host.detach(server, rest[0]))
    return ACCEPTED


def parsed(asked: Asked) -> dict[str, Any]:
    try:
        found = orjson.loads(asked.body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Refused(400, "The server could not comply with the request since it is malformed.")
    return found
