"""A monitoring handler on the memory KV and bus, with probes that answer as told, under a hand-turned clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson

from esi.bootstrap.services import load_services
from esi.bus.memory import MemoryBus
from esi.clock import LoopClock
from esi.errors import EsiError
from esi.kv import Delete, Guard, Put
from esi.kv.memory import MemoryKV
from esi.model import keys
from esi.model.codec import dumps, encode_config, encode_state, loads_object
from esi.model.job import CREATE, Job, job_id
from esi.model.resource import Body, Ref
from esi.model.target import Observation, Target
from esi.monitoring import Eyes, MonitoringHandler, Shelf
from esi.render.templates import Templates
from esi.work import Claim, JobResult
from esi.work.outputs import RecordedOutputs

CATALOGUE = load_services("2017").catalogue
TENANT = "0b576f6f4cbf414f829cd12f008bf08f"
INTERFACE, GATEWAY = Ref("vpn_interface", "i1"), Ref("vpn_gateway", "g1")
DOWNLINK = Ref("ha_interface", "d1")

Answer = str | Observation | EsiError


@dataclass
class Told:
    """A probe that gives its answers one after the other, the last for ever; `asked` is what it was asked."""

    type: ClassVar[str] = "told"
    answers: list[Answer]
    asked: list[Target] = field(default_factory=list)

    async def ask(self, target: Target) -> Observation:
        self.asked.append(target)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, EsiError):
            raise answer
        return answer if isinstance(answer, Observation) else Observation({"status": answer})

    async def close(self) -> None:
        return None


def path_of(ref: Ref) -> str:
    return CATALOGUE[ref.schema].path_of(ref.id)


def job_of(ref: Ref, values: Mapping[str, Any], *, version: int = 1, action: str = CREATE) -> Job:
    params = [{"param": name, "type": "value", "value": value, "resources": []} for name, value in values.items()]
    return Job(
        id=job_id(action, "monitoring_worker", ref, version, "abcde"),
        action=action,
        handler="monitoring_worker",
        resource_type=ref.schema,
        resource_id=ref.id,
        version=version,
        resource_input={"id": ref.id, "tenant_id": TENANT},
        params=params,
    )


class Bench:
    """`probes` by type; the templates are those of the flow of 2017 unless `template` sets another."""

    def __init__(self, **probes: list[Answer]) -> None:
        self.kv = MemoryKV()
        self.bus = MemoryBus()
        self.clock = LoopClock()
        self.probes = {type_: Told(answers) for type_, answers in probes.items()}
        self.templates = Templates()
        for body in load_services("2017").templates:
            self.templates.put(body["id"], encode_config(dumps(body), 1))
        shelf = Shelf(
            template=self.templates.get,
            template_path=lambda schema: CATALOGUE[schema].template_path.get("monitoring_worker"),
            path_of=path_of,
            outputs=RecordedOutputs(self.kv, path_of),
        )
        self.handler = MonitoringHandler(shelf, Eyes(self.bus, self.probes, self.clock), self.kv)

    def template(self, id_: str, text: str) -> None:
        body = {"id": id_, "handler": "monitoring_worker", "watch": [], "template_file": text, "parameter_mappings": {}}
        self.templates.put(id_, encode_config(dumps(body), 1))

    async def run(self, job: Job) -> JobResult:
        """Run the job and write what it found, as the worker does."""
        working = keys.job_working_key(job.id)
        lease = await self.kv.lease(60.0)
        claim = Claim(Guard(working, await self.kv.commit([Put(working, b"w")]), "create"), lease.lost)
        result = await self.handler.run(job, claim)
        if result.ops:
            await self.kv.commit(result.ops, guards=[claim.guard])
        await self.kv.commit([Delete(working)])
        await lease.revoke()
        return result

    def published(self, *topics: str) -> list[tuple[str, Body]]:
        found = []
        for topic in topics:
            found += [(topic, orjson.loads(value)) for _, value in self.bus.kept(topic)]
        return found

    async def rows(self, ref: Ref) -> list[Body]:
        listing = await self.kv.list(keys.mappings_prefix(path_of(ref)))
        return [loads_object(entry.value) for entry in listing.entries]

    async def state(self, ref: Ref, first: Mapping[str, str]) -> None:
        state = {"state_monitoring": dumps(dict(first)).decode(), "worker_state": "CREATE_COMPLETED"}
        await self.kv.commit([Put(keys.state_key(path_of(ref)), encode_state(state, 1))])

    async def monitoring(self, ref: Ref, value: Mapping[str, Any]) -> None:
        await self.kv.commit([Put(keys.monitoring_key(path_of(ref)), dumps(dict(value)))])


ALL_UP: dict[str, list[Answer]] = {"bgp_session": ["ESTABLISHED"], "logical_port": ["UP"]}

INTERFACE_VALUES: dict[str, Any] = {
    "community_name": "EDGE_ROUTER_COMMUNITY",
    "vrf_name": "vrf_gw_1025",
    "primary_device_ip": "10.79.5.185",
    "primary_device_port": 830,
    "primary_device_login": "esi",
    "primary_device_password": "esiesi0000",
    "primary_port": "ge-0/0/1.122",
    "primary_peer_ip": "192.168.8.1",
    "secondary_device_ip": "10.79.5.184",
    "secondary_device_port": 830,
    "secondary_device_login": "esi",
    "secondary_device_password": "esiesi0000",
    "secondary_port": "ge-0/0/1.122",
    "secondary_peer_ip": "192.168.8.5",
}
GATEWAY_VALUES: dict[str, Any] = {"primary_device_ip": "10.79.5.185", "downlink_interface_id": DOWNLINK.id}
