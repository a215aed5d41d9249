"""A bare loop: HTTP by hand, the store's own statements in one group commit (synchronous=FULL); nothing is judged.

python -m benchmarks.baselines.post FOLDER [ETCD]     with ETCD it drains the outbox, too: 100 rows in one commit
"""
import asyncio, hashlib, json, queue, sqlite3, sys, threading, time, uuid
from typing import Any
import grpc, orjson
from esi.kv import rpc_pb2 as pb
FOLDER, ETCD = sys.argv[1], sys.argv[2:]
SQL = json.load(open(FOLDER + "/statements.json"))
SAYS = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
LOGGED, work = (None, None, None, ""), queue.SimpleQueue[Any]()

def opened() -> sqlite3.Connection:
    db = sqlite3.connect(FOLDER + "/esi.db", isolation_level=None, timeout=5)
    db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON")
    return db

def write(db: sqlite3.Connection, loop: asyncio.AbstractEventLoop) -> None:
    while group := [work.get()]:
        while len(group) < 128 and not work.empty():
            group.append(work.get())
        db.execute("BEGIN IMMEDIATE")
        for row, raw, request, now, _ in group:
            db.execute("SAVEPOINT one")
            db.execute(SQL["tenant"], (row["tenant_id"],)).fetchone()
            db.execute(SQL["row"], (*map(row.get, SQL["names"]), 1, 0, 0, None, None, None, 0, None))
            db.execute(SQL["outbox"], ("create", "/v2.0/flat_network/" + row["id"], raw, 1, 0, request, now))
            db.execute(SQL["log"], ("flat_network", row["id"], 1, "create", request, "bench", now, *LOGGED))
            db.execute("RELEASE one")
        db.execute("COMMIT")
        loop.call_soon_threadsafe(lambda done: [say(SAYS % (len(raw), raw)) for _, raw, _, _, say in done], group)

def drain(db: sqlite3.Connection) -> None:
    call = grpc.insecure_channel(ETCD[0]).unary_unary
    commit = call("/etcdserverpb.KV/Txn", pb.TxnRequest.SerializeToString, pb.TxnResponse.FromString)
    while True:
        time.sleep(0.002)
        while rows := db.execute(SQL["batch"], (100, 0)).fetchall():
            values = [orjson.dumps({"body": row[3].decode(), "version": row[4]}) for row in rows]
            puts = [pb.PutRequest(key=b"/config" + r[2].encode(), value=v) for r, v in zip(rows, values, strict=True)]
            commit(pb.TxnRequest(success=[pb.RequestOp(request_put=put) for put in puts]))
            db.execute("BEGIN IMMEDIATE").executemany(SQL["done"], [(row[0],) for row in rows]).execute("COMMIT")

class Http(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None: self.say = transport.write
    def data_received(self, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        hashlib.sha256(head.partition(b"X-Auth-Token: ")[2].partition(b"\r\n")[0]).digest()
        row = SQL["defaults"] | orjson.loads(body)["flat_network"] | {"id": str(uuid.uuid4())}
        work.put((row, orjson.dumps(row), f"req-{uuid.uuid4()}", time.time(), self.say))

async def main() -> None:
    server = await (loop := asyncio.get_running_loop()).create_server(Http, "127.0.0.1", 0)
    threading.Thread(target=lambda: write(opened(), loop), daemon=True).start()
    threading.Thread(target=lambda: drain(opened()) if ETCD else None, daemon=True).start()
    print(json.dumps({"api": "127.0.0.1:%d" % server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()

asyncio.run(main())
