"""The embedded engine alone, over a real etcd: so many stacks of two resources that do nothing.

python -m benchmarks.engine ETCD COUNT
"""

from __future__ import annotations

import asyncio
import json
import sys

from esi.clock import SystemClock
from esi.drivers import Intent, IntentResult
from esi.errors import Unsupported
from esi.kv.etcd import EtcdKV
from esi.stacks import StackSpec
from esi.stacks.engine import EmbeddedEngine, registry_of
from esi.stacks.resources.monitoring import NullTargets
from esi.stacks.resources.nothing import Nothing
from esi.stacks.wanted import Means
from esi.tasks import Tasks

TOGETHER = 64

TEMPLATE = """heat_template_version: 2013-05-23
parameters: {name: {type: string}}
resources:
  first: {type: "ESI::None", properties: {value: {get_param: name}}}
  second: {type: "ESI::None", properties: {value: {get_attr: [first, value]}}}
"""


class NoDevices:
    async def submit(self, intent: Intent) -> IntentResult:
        raise Unsupported("nothing here has a device")


async def main(etcd: str, count: int) -> None:
    clock = SystemClock()
    kv = EtcdKV([etcd], clock=clock)
    slots = asyncio.Semaphore(TOGETHER)
    async with Tasks("engine") as tasks:
        engine = EmbeddedEngine(Means(kv, registry_of(Nothing()), NoDevices(), NullTargets(), clock), tasks)

        async def one(name: str) -> None:
            async with slots:
                spec = StackSpec(name=name, tenant="bench", template=TEMPLATE, parameters={"name": name}, timeout=60.0)
                await engine.apply(spec, operation=name)
                stack = await engine.wait(name, operation=name)
                if stack.status != "CREATE_COMPLETE":
                    raise RuntimeError(f"{name}: {stack.status} {stack.reason}")

        began = clock.monotonic()
        await asyncio.gather(*(one(f"stack-{number}") for number in range(count)))
        took = clock.monotonic() - began
    await kv.close()
    print(json.dumps({"count": count, "seconds": took}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
