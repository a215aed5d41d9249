"""A bare loop: HTTP by hand, the store's own statements in serializable transactions on asyncpg; nothing is judged.

python -m benchmarks.baselines.post_postgresql FOLDER URL PASSWORD
"""
import asyncio, hashlib, json, sys, time, uuid
from typing import Any
import asyncpg, orjson
FOLDER, URL, PASSWORD = sys.argv[1:]
SQL = json.load(open(FOLDER + "/statements.json"))
SAYS = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
LOGGED = (None, None, None, "")
SETTINGS = {"default_transaction_isolation": "serializable", "synchronous_commit": "on", "jit": "off"}

class Plain(asyncpg.Connection):  # type: ignore[misc]
    def get_reset_query(self) -> str: return ""

async def known(connection: Any) -> None:
    await connection.set_type_codec("numeric", schema="pg_catalog", encoder=repr, decoder=float, format="text")

async def write(pool: Any, row: dict[str, Any], say: Any) -> None:
    raw, request, now = orjson.dumps(row), f"req-{uuid.uuid4()}", time.time()
    db = await pool.acquire()
    await db.execute("BEGIN")
    await db.fetch(SQL["tenant"], row["tenant_id"])
    await db.execute(SQL["row"], *map(row.get, SQL["names"]), 1, 0, 0, None, None, None, 0, None)
    await db.execute(SQL["outbox"], "create", "/v2.0/flat_network/" + row["id"], raw, 1, 0, request, now)
    await db.execute(SQL["log"], "flat_network", row["id"], 1, "create", request, "bench", now, *LOGGED)
    await db.execute("COMMIT")
    await pool.release(db)
    say(SAYS % (len(raw), raw))

class Http(asyncio.Protocol):
    def __init__(self, pool: Any, running: set[Any]) -> None: self.pool, self.running = pool, running
    def connection_made(self, transport: Any) -> None: self.say = transport.write
    def data_received(self, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        hashlib.sha256(head.partition(b"X-Auth-Token: ")[2].partition(b"\r\n")[0]).digest()
        row = SQL["defaults"] | orjson.loads(body)["flat_network"] | {"id": str(uuid.uuid4())}
        self.running.add(task := asyncio.get_running_loop().create_task(write(self.pool, row, self.say)))
        task.add_done_callback(self.running.discard)

async def main() -> None:
    pool = await asyncpg.create_pool(URL, password=PASSWORD, min_size=10, max_size=10, statement_cache_size=1024,
        max_inactive_connection_lifetime=0, connection_class=Plain, init=known, server_settings=SETTINGS)
    server = await asyncio.get_running_loop().create_server(lambda: Http(pool, set()), "127.0.0.1", 0)
    print(json.dumps({"api": "127.0.0.1:%d" % server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()

asyncio.run(main())
