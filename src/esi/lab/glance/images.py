"""Glance's API, version 2, to read: versions, images, their schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from esi.lab.web import Answer, Asked, CloudFaults, as_json

APPLIANCE_IMAGE = "NSVPX-KVM-10.5-57.7_nc"
"""The image that recorded vnf_templates name."""

IMAGES = (APPLIANCE_IMAGE, "cirros")
AT = "2018-01-01T00:00:00Z"


class Glance:
    """A core for esi.lab.web."""

    def __init__(self, names: Sequence[str] = IMAGES) -> None:
        self.faults = CloudFaults({"no-image": "lists are empty, as if nobody had brought images"})
        self._images = {str(uuid5(NAMESPACE_URL, f"image {name}")): name for name in names}

    def name_of(self, id: str) -> str | None:
        return self._images.get(id)

    def handle(self, asked: Asked) -> Answer:
        parts = [part for part in asked.path.split("/") if part]
        if parts in ([], ["versions"]):
            link = {"rel": "self", "href": f"{asked.base}/v2/"}
            told = {"versions": [{"id": "v2.9", "status": "CURRENT", "links": [link]}]}
            return as_json(told, 200 if parts else 300)
        if asked.caller is None:
            return Answer(401, b"This server could not verify that you are authorized", "text/plain")
        if asked.method != "GET" or parts[0] != "v2":
            return _refused(404, "Not Found")
        return self._found(asked, parts[1:])

    def _found(self, asked: Asked, parts: list[str]) -> Answer:
        if parts == ["images"]:
            rows = [_row(id, name) for id, name in self._images.items()]
            wanted = {name: value for name, value in asked.query.items() if name in ("name", "id", "status")}
            found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
            if asked.query.get("marker") or self.faults.take("no-image") is not None:
                found = []  # there is one page
            return as_json({"images": found, "first": "/v2/images", "schema": "/v2/schemas/images"})
        if len(parts) == 2 and parts[0] == "images":
            name = self._images.get(parts[1])
            return (
                _refused(404, f"No image found with ID {parts[1]}") if name is None else as_json(_row(parts[1], name))
            )
        if parts == ["schemas", "image"]:
            keys: dict[str, Any] = {key: {"description": "", "is_base": True} for key in _row("", "")}
            return as_json({"name": "image", "properties": keys, "additionalProperties": {"type": "string"}})
        return _refused(404, "Not Found")


def _row(id: str, name: str) -> dict[str, Any]:
    return {
        "id": id,
        "name": name,
        "status": "active",
        "visibility": "public",
        "container_format": "bare",
        "disk_format": "qcow2",
        "min_disk": 0,
        "min_ram": 0,
        "size": 1,
        "checksum": "d41d8cd98f00b204e9800998ecf8427e",
        "protected": False,
        "owner": "",
        "tags": [],
        "created_at": AT,
        "updated_at": AT,
        "file": f"/v2/images/{id}/file",
        "schema": "/v2/schemas/image",
        "self": f"/v2/images/{id}",
        "os_hidden": False,
    }


def _refused(status: int, words: str) -> Answer:
    """Glance refuses in HTML."""
    page = f"<html>\n <head>\n  <title>{status}</title>\n </head>\n <body>\n{words}<br /><br />\n </body>\n</html>"
    return Answer(status, page.encode(), "text/html")
