"""A consumer of a Kafka topic as a process of its own, to be killed: python bus_reader.py SERVERS TOPIC GROUP SECONDS.

Prints each value that it takes in, one a line, then says that it is done; SECONDS is how long its group waits for it
after its death.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing

from esi.bus.kafka import KafkaBus
from esi.bus.kafka.access import Access, Shape
from esi.clock import SystemClock


async def main(servers: str, topic: str, group: str, seconds: str) -> None:
    bus = KafkaBus(Access(servers), clock=SystemClock(), shape=Shape(), session_seconds=float(seconds))
    async with aclosing(bus.consume([topic], group=group)) as deliveries:
        async for delivery in deliveries:
            print(delivery.value.decode(), flush=True)
            await delivery.done()


asyncio.run(main(*sys.argv[1:]))
