"""A bare gufo-snmp loop: the same four values of an interface, again and again, over some sessions.

python -m benchmarks.baselines.snmp PORT COMMUNITY SECONDS SESSIONS INTERFACE-NUMBER
"""
import asyncio, json, sys, time
from gufo.snmp.aio import SnmpSession

COLUMNS = ("1.3.6.1.2.1.31.1.1.1.1", "1.3.6.1.2.1.2.2.1.8", "1.3.6.1.2.1.31.1.1.1.6", "1.3.6.1.2.1.31.1.1.1.10")

async def ask(port: int, community: str, until: float, oids: list[str]) -> int:
    async with SnmpSession("127.0.0.1", port, community=community, timeout=5.0) as session:
        asked = 0
        while time.monotonic() < until:
            assert len(await session.get_many(oids)) == len(oids)
            asked += 1
        return asked

async def main(port: str, community: str, seconds: str, sessions: str, number: str) -> None:
    begun, oids = time.monotonic(), [f"{column}.{number}" for column in COLUMNS]
    work = [ask(int(port), community, begun + float(seconds), oids) for _ in range(int(sessions))]
    print(json.dumps({"count": sum(await asyncio.gather(*work)), "seconds": time.monotonic() - begun}))

asyncio.run(main(*sys.argv[1:]))
