"""A NETCONF loop that knows what is to be sent: all of it in as few commits as 256 in each, or one commit for each.

python -m benchmarks.baselines.netconf INVENTORY LOADS grouped|single SECONDS
LOADS: {"before": {ip: [request]}, "loads": {ip: [request]}}; both routers at once, over one session each."""
import asyncio, json, sys, time
from typing import Any
import asyncssh, yaml

END, GCM = b"]]>]]>", "^aes256-gcm@openssh.com"
HELLO = ('<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>'
         "urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>")
LOCK = "<lock><target><candidate/></target></lock>"
UNLOCK = "<unlock><target><candidate/></target></unlock>"
COMPARE = '<get-configuration compare="rollback" rollback="0" format="text"/>'
COMMIT = "<commit-configuration><log>a baseline</log></commit-configuration>"

class Router:
    def __init__(self, place: dict[str, Any]) -> None:
        self.place = place

    async def open(self) -> None:
        key = asyncssh.import_known_hosts(f"[{self.place['host']}]:{self.place['port']} {self.place['host_key']}\n")
        self.connection = await asyncssh.connect(self.place["host"], self.place["port"], username="esi",
                                                 password="esiesi0000", known_hosts=key, config=[], encryption_algs=GCM)
        self.out, self.back, _ = await self.connection.open_session(subsystem="netconf", encoding=None)
        self.out.write(HELLO.encode() + END)
        await self.back.readuntil(END)

    async def ask(self, *requests: str) -> None:
        for request in requests:
            rpc = '<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1">'
            self.out.write(f"{rpc}{request}</rpc>".encode() + END)
        for _ in requests:
            reply = await self.back.readuntil(END)
            assert b"<error-severity>error" not in reply, reply

    async def commit(self, loads: list[str]) -> None:
        await self.ask(LOCK)
        await self.ask("<discard-changes/>", *loads, COMPARE)
        await self.ask(COMMIT)
        await self.ask(UNLOCK)

async def serve(place: dict[str, Any], before: list[str], loads: list[str], group: int, until: float) -> Any:
    router = Router(place)
    await router.open()
    await router.commit(before)
    begun, done = time.monotonic(), 0
    while done < len(loads) and time.monotonic() - begun < until:
        await router.commit(loads[done : done + group])
        done += len(loads[done : done + group])
    return done, time.monotonic() - begun

async def main(inventory: str, file: str, way: str, seconds: str) -> None:
    places, asked = yaml.safe_load(open(inventory)), json.load(open(file))
    group = 256 if way == "grouped" else 1
    found = await asyncio.gather(*(serve(places[ip], asked["before"][ip], loads, group, float(seconds))
                                   for ip, loads in asked["loads"].items()))
    print(json.dumps({"count": min(done for done, _ in found), "seconds": max(took for _, took in found)}))

asyncio.run(main(*sys.argv[1:]))
