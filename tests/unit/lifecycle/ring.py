"""A small catalogue of our own and a lifecycle over an inline store in memory."""

from __future__ import annotations

import itertools
from typing import Any

import orjson

from esi.identity import Identity
from esi.lifecycle import Hooks, Lifecycle, Ways
from esi.model.resource import Body, Ref
from esi.schema import Catalogue
from esi.store import OutboxRow
from esi.store.sqlite import SqliteStore
from esi.testing.clocks import HandClock

SCHEMAS = """
schemas:
- &state
  id: stateful
  singular: stateful
  plural: statefuls
  title: State columns
  description: What everything with states has
  type: abstract
  prefix: /v2.0
  metadata: {state_versioning: true}
  schema:
    type: object
    properties:
      id: {type: string, format: hyph-uuid}
      tenant_id: {type: string, permission: [create]}
      name: {type: string, permission: [create, update], default: ""}
      status: {type: string, default: NO_STATE}
      orchestration_state: {type: string, default: NO_STATE}
- id: tenant
  singular: tenant
  plural: tenants
  title: Tenant
  description: Who owns things
  prefix: /common/v1.0
  schema:
    type: object
    properties:
      id: {type: string}
      status: {type: string}
      end_time: {type: string}
      delete_retries: {type: integer}
- id: router
  singular: router
  plural: routers
  title: Router
  description: A box
  extends: [stateful]
  metadata: {status: {rule: monitored}}
  schema:
    type: object
    required: [ip]
    properties:
      operational_state: {type: string, default: NO_STATE}
      ip: {type: string, format: ipv4, unique: true, permission: [create]}
      password: {type: string, secret: true, permission: [create, update]}
- id: pair
  singular: pair
  plural: pairs
  title: Pair
  description: Two boxes
  prefix: /v2.0
  metadata: {state_versioning: true, status: {rule: pair, of: [primary_id, secondary_id]}}
  schema:
    type: object
    required: [primary_id, secondary_id]
    properties:
      status: {type: string, default: NO_STATE}
      primary_id: {type: string, format: hyph-uuid-or-empty, relation: router, permission: [create]}
      secondary_id: {type: string, format: hyph-uuid-or-empty, relation: router, permission: [create]}
      free: {type: integer, default: 10}
- id: gateway
  singular: gateway
  plural: gateways
  title: Gateway
  description: Stands on a pair
  extends: [stateful]
  metadata: {template_path: Cgateway, status: {rule: gateway, of: [pair_id]}}
  schema:
    type: object
    required: [pair_id]
    properties:
      pair_id: {type: string, format: hyph-uuid-or-empty, relation: pair, permission: [create]}
      vlan: {type: string, permission: [create]}
      attached: {type: string, default: ""}
      limit: {type: number, permission: [create, update]}
      settings:
        type: object
        permission: [create, update]
        default: {mtu: 1500}
        required: [mtu]
        properties: {mtu: {type: integer}, mode: {type: string, default: l2}}
        additionalProperties: false
- id: interface
  singular: interface
  plural: interfaces
  title: Interface
  description: Goes to a gateway
  extends: [stateful]
  metadata: {status: {rule: monitored}}
  schema:
    type: object
    required: [gateway_id]
    properties:
      operational_state: {type: string, default: NO_STATE}
      gateway_id: {type: string, format: hyph-uuid-or-empty, relation: gateway, permission: [create]}
      peers: {type: array, items: {type: string, relation: gateway}, permission: [create, update]}
- id: note
  singular: note
  plural: notes
  title: Note
  description: A flat thing
  prefix: /v2.0
  actions:
    shout: {method: POST, path: /:id/shout, input: {type: object, properties: {loud: {type: boolean}}}}
  schema:
    type: object
    properties:
      id: {type: string}
      tenant_id: {type: string, permission: [create]}
      text: {type: string, permission: [create, update]}
      raw: {type: string, raw: true, permission: [create, update]}
      hidden: {type: string, secret: true, permission: [create, update]}
      unseen: {type: string, hidden: true, permission: [create, update]}
- id: journal
  singular: journal
  plural: journals
  title: Journal
  description: Nobody is told
  prefix: /v2.0
  metadata: {nosync: true}
  schema: {type: object, properties: {id: {type: string}, text: {type: string, permission: [create, update]}}}
policies:
- {id: all, principal: admin, action: "*"}
- {id: own, principal: Member, action: "*", condition: [is_owner], resource: {path: "/v2.0/(?!pairs).*"}}
- {id: pairs, principal: Member, action: read, resource: {path: /v2.0/pairs, properties: [id, status]}}
- {id: locked, principal: Member, action: delete, effect: deny, resource: {path: /v2.0/notes}}
"""

ADMIN = Identity("root", "", ("admin",), is_admin=True)
ALICE = Identity("alice", "a" * 32, ("Member",))
BOB = Identity("bob", "b" * 32, ("Member",))


class Ring:
    """A lifecycle, and short words for what tests do with it."""

    def __init__(self, catalogue: Catalogue, **ways: Any) -> None:
        self.catalogue = catalogue
        self.hooks = Hooks()
        self.clock = HandClock(1_500_000_000.0)
        self.store = SqliteStore(":memory:", catalogue, clock=self.clock, inline=True)
        self.lifecycle = Lifecycle(catalogue, self.store, self.hooks, self.clock, Ways(**ways))
        numbers = itertools.count(1)
        self.lifecycle.new_id = lambda: f"00000000-0000-4000-8000-{next(numbers):012d}"

    async def make(self, schema: str, body: Body, identity: Identity = ADMIN) -> Ref:
        return (await self.lifecycle.create(identity, schema, body)).ref

    async def body(self, ref: Ref) -> Body:
        return await self.lifecycle.show(ADMIN, ref)

    async def done(self, ref: Ref, word: str = "CREATE_COMPLETE", error: str = "") -> bool:
        row = await self.store.read(lambda tx: tx.get(ref))
        assert row is not None
        state = {"orchestration_state": word}
        return await self.lifecycle.apply_state(ref, {"state": state, "version": row.config_version, "error": error})

    async def seen(self, ref: Ref, value: Any = "UP") -> bool:
        row = await self.store.read(lambda tx: tx.get(ref))
        assert row is not None
        return await self.lifecycle.apply_monitoring(ref, {"it": value, "version": row.config_version})

    async def events(self) -> list[OutboxRow]:
        """What has been put into the outbox since the last look."""
        rows = await self.store.outbox_batch(1000)
        await self.store.outbox_done([row.id for row in rows])
        return list(rows)

    async def working_gateway(self, **more: Any) -> Ref:
        """A gateway that is ACTIVE, with everything below it."""
        routers = [await self.make("router", {"ip": f"192.0.2.{n}"}) for n in (1, 2)]
        pair = await self.make("pair", {"primary_id": routers[0].id, "secondary_id": routers[1].id})
        for router in routers:
            await self.done(router)
            await self.seen(router)
        await self.done(pair, "SYNC_COMPLETE")
        gateway = await self.make("gateway", {"pair_id": pair.id, **more})
        await self.done(gateway)
        await self.events()
        return gateway


def body_of(row: OutboxRow) -> Body:
    body: Body = orjson.loads(row.body)
    return body
