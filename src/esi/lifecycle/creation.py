"""Creating a resource.

    policy → tenant row → defaults → what was sent is judged, its relations resolved → pre_create → states →
    pre_create_in_transaction → the whole row is judged → row, event, log → post_create_in_transaction → post_create

The first event carries what was sent, defaulted and computed and nothing else; the row itself is complete.
"""

from __future__ import annotations

import re
from typing import Any

from esi.errors import Forbidden, Invalid
from esi.lifecycle import access, relations, states
from esi.lifecycle.deadlines import begin
from esi.lifecycle.request import BY_ITSELF, Origin, Request, change_of
from esi.model.resource import Body, Ref, Resource
from esi.schema import Schema
from esi.schema.documents import CONTAINERS, clone, fill_nested
from esi.schema.model import Faults
from esi.schema.validation import clean

TENANT = "tenant"
"""The schema whose rows say which tenants are known."""

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~@:+-]{0,254}")
"""Ids become parts of URLs and of etcd keys: no slash, no space, nothing that must be escaped; `.json` is no id's end,
because URLs may carry it as a suffix.
"""


async def create(request: Request, schema: Schema, sent: Body, origin: Origin, *, id: str | None = None) -> Resource:
    """Create a resource; `id` is the one from the path of a PUT, else one in the body counts, else a new one is
    made.
    """
    body: Body = clone(sent)
    if id is not None and body.setdefault("id", id) != id:
        raise Invalid("the id in the body is not the one in the path", [("id", f"must be {clean(id)}")])
    if not origin.trusted:
        _permit(request, schema, body, origin, named=id is not None)
        await _know_tenant(request, body.get("tenant_id") or origin.identity.tenant)
    body["id"] = _checked_id(body.get("id") or request.world.new_id())
    _complete(schema, body)
    judged: Body = {}
    if not origin.trusted:
        judged = _judge_sent(schema, body, sent)
        await relations.resolve(request, schema, sent, origin, known=None)
    row = Resource(Ref(schema.id, body["id"]), body)
    if request.world.hooks.any(schema.id, "pre_create", "pre_create_in_transaction"):
        change = change_of(schema, row, origin, before=None, sent=clone(sent))
        await request.run_hooks("pre_create", change)
        states.on_create(schema, body)
        await request.run_hooks("pre_create_in_transaction", change)
    else:
        states.on_create(schema, body)
    _refuse(schema.check_row(body, judged))
    system = Origin(origin.identity, origin.request_id, origin.cause, trusted=True)
    await relations.resolve(request, schema, body, system, known=None if origin.trusted else sent)
    row.due = begin(request.world.ways.deadlines, schema, row, request.rows.now)
    await request.insert(row)
    await request.event("create", row, origin)
    await request.log(row, "create", origin)
    if request.world.hooks.any(schema.id, "post_create_in_transaction", "post_create"):
        after = change_of(schema, Resource(row.ref, clone(body)), origin, before=None, sent=clone(sent))
        await request.run_hooks("post_create_in_transaction", after)
        await request.run_hooks("post_create", after)
    return row


def _permit(request: Request, schema: Schema, body: Body, origin: Origin, *, named: bool) -> None:
    """Policy: may this caller create this, with these properties, for this tenant?"""
    identity = origin.identity
    grant = access.allowed(request.world, identity, "create", schema, item=False)
    names = [name for name in body if name != "id" or not named]
    if schema.tenant_owned and body.get("tenant_id") in (None, "") and identity.tenant:
        body["tenant_id"] = identity.tenant
    own = access.owns(identity, schema, body)
    if grant.owner_only and not own:
        raise Forbidden("you may create this for your own tenant only", schema=schema.id)
    access.check_names(grant, names, own=own)


async def _know_tenant(request: Request, tenant: Any) -> None:
    """The first request of an unknown tenant makes its row."""
    schema = request.world.catalogue.get(TENANT)
    if schema is None or not isinstance(tenant, str) or not ID.fullmatch(tenant):
        return
    if not await request.rows.has(Ref(TENANT, tenant)):
        body = {"id": tenant, "status": "active", "end_time": "", "delete_retries": 0}
        try:
            await create(request, schema, {name: value for name, value in body.items() if schema.has(name)}, BY_ITSELF)
        except Invalid as error:  # the id of this row is the caller's tenant_id
            raise Invalid("the request is not valid", [("tenant_id", text) for _id, text in error.errors]) from error


def _checked_id(id_: Any) -> str:
    if not isinstance(id_, str) or not ID.fullmatch(id_) or id_.endswith(".json"):
        text = "must begin with a letter or digit and hold letters, digits and . _ ~ @ : + - only, at most 255"
        raise Invalid("the id cannot be used", [("id", text)])
    return id_


def _complete(schema: Schema, body: Body) -> None:
    """Fill the defaults in; null for an optional property is as good as not sent."""
    for name, value in schema.defaults().items():
        body.setdefault(name, value)
    for name, value in list(body.items()):
        if value is not None and not isinstance(value, CONTAINERS):
            continue
        item = schema.properties.get(name)
        if item is None:
            continue
        if value is not None:
            fill_nested(item.document, value)
        elif item.nullable and not _accepts_null(item.document.get("type")):
            del body[name]


def _accepts_null(types: Any) -> bool:
    return isinstance(types, list) and "null" in types


def _judge_sent(schema: Schema, body: Body, sent: Body) -> Body:
    """What people send may hold properties that can be set on create, and must hold those that are required. What was
    judged.
    """
    items = schema.properties
    judged = {
        name: value
        for name, value in body.items()
        if (name in sent and name != "id") or (name in items and items[name].create)
    }
    if "id" in sent:
        judged["id"] = body["id"]
    elif "id" in judged and "id" not in schema.required:
        del judged["id"]
    _refuse(schema.check_create(judged))
    return judged


def _refuse(faults: Faults) -> None:
    if faults:
        raise Invalid("the request is not valid", faults)
