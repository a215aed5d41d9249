"""The calls that a load balancer costs at Contrail, Nova, Glance and its appliance (balancer.txt), in order, no more.

python -m benchmarks.baselines.balancer COUNT CLOUDS     CLOUDS: what benchmarks.clouds says; {"seconds": [of each]}"""
import asyncio, ipaddress, json, string, sys, time, uuid
from typing import Any
import aiohttp
TENANT = uuid.UUID("fe3a4a1a-72c0-4479-bb6c-19c2c0ccba4c")
PARTS = dict(part.split("]\n") for part in open(__file__[:-2] + "txt").read().strip()[1:].split("\n["))
STEPS = [("server", 0), ("plug", 0), ("stop", 0), ("attach", 1), ("plug", 1), ("attach", 2), ("plug", 2), ("start", 0),
         ("licence", 0), ("rows", 0)]
PLACES = [("management", "100.64.193", 0), ("dummy", "10.121.232", 0), ("dummy", "10.121.232", 1),
          ("management", "100.64.193", 1)]

class Balancer:
    def __init__(self, http: aiohttp.ClientSession, clouds: dict[str, str], number: int) -> None:
        self.http, self.clouds, self.server, self.cookie = http, dict(clouds), "", ""
        self.ports = [(clouds[net], f"{begin}.{3 + 2 * number + more}") for net, begin, more in PLACES]

    async def play(self, part: str, network: str, address: str) -> None:
        port = str(uuid.UUID(int=int(ipaddress.ip_address(address))))
        known = {**self.clouds, "tenant": TENANT, "project": TENANT.hex, "network": network, "address": address}
        known |= {"port": port, "server": self.server, "mac": f"fa:16:3e:{port[-6:-4]}:{port[-4:-2]}:{port[-2:]}"}
        for line in PARTS[part].strip().split("\n"):
            words = string.Template(line).substitute(known).split(" ", 3)
            answer = await (self.until(words[1]) if words[0] == "wait" else self.ask(*words))
            self.server = answer.get("server", {}).get("id", self.server)

    async def ask(self, cloud: str, method: str, path: str, body: str = "") -> Any:
        headers = {"X-Auth-Token": "any", "Cookie": self.cookie, "Content-Type": "application/json"}
        try:
            async with self.http.request(method, f"{self.clouds[cloud]}/{path}", data=body, headers=headers) as reply:
                raw = await reply.read()
        except aiohttp.ServerDisconnectedError:
            return {}  # it restarts
        assert reply.status < 300 or reply.status in (404, 409), (path, reply.status, raw)
        found = json.loads(raw) if raw.startswith(b"{") else {}
        self.cookie = f"NITRO_AUTH_TOKEN={found['sessionid']}" if "sessionid" in found else self.cookie
        return found

    async def until(self, status: str) -> Any:
        while True:
            answer = await self.ask("nova", "GET", f"v2.1/{TENANT.hex}/servers/{self.server}")
            if (answer["server"]["status"], answer["server"]["OS-EXT-STS:task_state"]) == (status, None):
                return answer
            await asyncio.sleep(0.002)

    async def make(self) -> float:
        began, address = time.monotonic(), self.ports[0][1]
        await asyncio.gather(*(self.play("port", *port) for port in self.ports))
        for part, slot in STEPS:
            if part == "licence":
                self.clouds["nitro"] = json.load(open(self.clouds["appliances"]))[address]
            await self.play(part, *self.ports[slot])
        return time.monotonic() - began

async def main(count: str, clouds: str) -> None:
    async with aiohttp.ClientSession() as http:
        print(json.dumps({"seconds": [await Balancer(http, json.loads(clouds), n).make() for n in range(int(count))]}))

asyncio.run(main(*sys.argv[1:]))
