"""etcd's members, each asked alone, then the cluster as our user; and the database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from esi.bootstrap.database import DATABASE as SQLITE_FILE
from esi.bootstrap.database import Databases, server_of
from esi.doctor.finding import Finding, Findings, ok, warn, wrong
from esi.doctor.ward import Ward
from esi.errors import ConfigError, EsiError, NotFound, Rejected
from esi.kv.members import Cluster, Member, ask_cluster, ask_member
from esi.model import keys
from esi.store.looking import Looked, look_at_postgresql, look_at_sqlite
from esi.store.migration import Difference

ETCD, DATABASE = "etcd", "database"
OLD = (3, 5, 33)
"""What is recommended to run; 3.4 works, and slows down for good after large deletes."""

GIBIBYTE = 1 << 30
DEFAULT_QUOTA = 2 * GIBIBYTE
SLOW_SECONDS = 0.1
BEHIND = 5_000
UNCOMPACTED = 1_000_000
LATE_SECONDS = 30.0


async def ask_etcd(ward: Ward) -> Findings:
    if not ward.endpoints:
        return [ok(ETCD, "own", "etcd.endpoints is empty: `esi dev` and `esi etcd` start their own")]
    way = ward.way
    answers = await asyncio.gather(*(ask_member(one, way) for one in ward.endpoints), return_exceptions=True)
    found: list[Finding] = []
    members: list[Member] = []
    for endpoint, answer in zip(ward.endpoints, answers, strict=True):
        if isinstance(answer, Member):
            members.append(answer)
            found += _member(answer)
        elif isinstance(answer, EsiError):
            todo = "see whether it runs and listens there, and whose certificates etcd.ca_file and cert_file are"
            found.append(wrong(ETCD, endpoint, str(answer), todo))
        else:
            raise answer
    if members:
        found += await _cluster(ward, members)
    return found


def _member(one: Member) -> Iterator[Finding]:
    which = one.endpoint
    if not one.has_leader:
        todo = "a majority of the members must run and reach each other"
        yield wrong(ETCD, which, f"member {which} has no leader: nothing is answered", todo)
    for alarm in one.alarms:
        if "NOSPACE" in alarm:
            todo = "delete keys or raise --quota-backend-bytes, then etcdctl compact, defrag, alarm disarm"
            yield wrong(ETCD, which, "etcd has used up its quota (NOSPACE): it takes no writes", todo)
            return
        yield wrong(
            ETCD, which, f"etcd raises an alarm: {alarm.strip()}", "etcdctl alarm list; docs of etcd say what to do"
        )
    quota = one.quota or DEFAULT_QUOTA
    if one.size > quota * 0.8:
        words = f"etcd's data has {one.size // (1 << 20)} MiB, near its quota (2 GiB, unless you have set another)"
        yield warn(ETCD, which, words, "etcdctl compact and defrag, or raise --quota-backend-bytes")
    if one.took > SLOW_SECONDS:
        words = f"member {which} took {one.took * 1000:.0f} ms to answer; changes of services take several such turns"
        yield warn(ETCD, which, words, "look at its disk and the way there")
    if one.behind > BEHIND:
        yield warn(
            ETCD, which, f"member {which} is behind in applying what was agreed", "look at its disk and its load"
        )
    if tuple(int(part) for part in one.version.split(".")[:3] if part.isdecimal()) < OLD:
        words = f"etcd {one.version} is old: it slows down for good after large deletes, and is mended no more"
        yield warn(ETCD, which, words, "upgrade to 3.5.33, 3.6.14 or later; a desk may go on with it")
    else:
        yield ok(ETCD, which, f"etcd {one.version}{', which leads' if one.leads else ''}")


async def _cluster(ward: Ward, members: Sequence[Member]) -> Findings:
    try:
        cluster = await ask_cluster([one.endpoint for one in members], ward.way, key=keys.MASTER)
    except Rejected as error:
        words = error.message.removeprefix("etcd: ")
        todo = "look at etcd.user and etcd.password; docs/deploy.md says which ranges the user's role needs"
        return [wrong(ETCD, "login", f"etcd does not let {ward.settings.etcd.user or 'us'} in: {words}", todo)]
    except EsiError as error:
        todo = "a majority of the members must run and reach each other"
        return [wrong(ETCD, "cluster", f"etcd does not answer a read that needs its leader: {error}", todo)]
    return list(_agreed(cluster, members))


def _agreed(cluster: Cluster, members: Sequence[Member]) -> Iterator[Finding]:
    heard = {one.id for one in members}
    silent = sorted(name or f"{number:x}" for number, (name, _) in cluster.members.items() if number not in heard)
    if silent:
        words = f"{len(silent)} of {len(cluster.members)} members are not among etcd.endpoints, or silent: "
        todo = "start what is down; name every member in etcd.endpoints, so that one can be lost"
        yield warn(ETCD, "members", words + ", ".join(silent), todo)
    if len(cluster.members) % 2 == 0:
        words = f"the cluster has {len(cluster.members)} members: an even one more can fail, and none more may be lost"
        yield warn(ETCD, "members", words, "run three or five")
    if cluster.revision > UNCOMPACTED and not cluster.compacted:
        words = f"the history of {cluster.revision} revisions has never been compacted: it fills the disk"
        yield warn(ETCD, "history", words, "start etcd with --auto-compaction-retention=1h")


async def ask_database(ward: Ward) -> Findings:
    """SQLite's file, or PostgreSQL: how it stands, and whether it has the shape that the schemas want."""
    database, file = ward.settings.database, ward.folder / SQLITE_FILE
    which = str(file)
    try:
        if database.url:
            server = server_of(database)
            which = server.place
            looked = await look_at_postgresql(server)
        else:
            looked = await asyncio.to_thread(look_at_sqlite, file)
        found = [*_looked(which, looked, ward.clock.now())]
        shape = [*_shape(which, await (await asyncio.to_thread(Databases, ward.settings, ward.clock)).look())]
    except NotFound as error:
        return [warn(DATABASE, which, str(error), "`esi api` makes it when it starts")]
    except ConfigError:
        raise
    except EsiError as error:
        todo = "see whether it runs, and look at database.url and database.password, or at the file's owner"
        return [wrong(DATABASE, which, f"{which} cannot be read: {error}", todo)]
    return [*found, *(shape or [ok(DATABASE, which, f"{looked.version}, shape as the schemas want it")])]


def _shape(which: str, differences: Sequence[Difference]) -> Iterator[Finding]:
    missing = [one.sentence for one in differences if one.state == "missing"]
    if missing:
        words = f"the database is behind the schemas by {len(missing)} things, first {missing[0]}"
        yield wrong(DATABASE, which, words, "`esi db diff` shows them, `esi db migrate` adds them")
    for one in differences:
        if one.state == "by hand":
            yield wrong(DATABASE, which, f"the database cannot be brought to shape: {one.sentence}", "mend it by hand")


def _looked(which: str, looked: Looked, now: float) -> Iterator[Finding]:
    if looked.refuses:
        yield wrong(DATABASE, which, f"the database takes no writes: {looked.refuses}", "make it writable")
    weak = {"journal_mode": "wal", "fsync": "on", "full_page_writes": "on"}
    for name, value in looked.durability.items():
        if value != weak[name]:
            words = f"{name} is {value}: what was answered with success may be gone after a power cut"
            yield warn(DATABASE, which, words, f"set {name} to {weak[name]}")
    late = now - looked.oldest if looked.waiting else 0.0
    if late > LATE_SECONDS:
        words = f"{looked.waiting} changes wait to be told to the workers, the oldest for {late:.0f} s"
        yield wrong(DATABASE, "outbox", words, "see whether a process runs sync, and whether etcd takes writes")
    if looked.parked:
        words = f"{looked.parked} changes could not be told to the workers and were set aside"
        yield wrong(DATABASE, "outbox", words, "the log of sync names each and why; esi_outbox_parked holds them")
