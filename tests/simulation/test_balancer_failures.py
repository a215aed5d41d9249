"""The failure matrix of the load balancer's chain: each fault while one is ordered; docs/failures.md says how it ends.

Three ends for each fault. *create*: it ends, or is mended and asked for again; then it is whole, and its delete leaves
nothing. *update*: the same for one that was ACTIVE before the fault: one of its interfaces goes into a network.
*delete*: it is deleted while the fault lasts, as soon as the create has failed, or in its middle where it does not
fail; nothing is left of it in Nova, Contrail, appliance, addresses, and its bill has ended.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from conftest import Report
from esi.cli.demo import balancer
from esi.errors import RequestError
from esi.lab.web import CloudFaults
from esi.model.resource import Ref
from esi.testing.loop import run
from esi.testing.ring import ADMIN, Snapshot
from simulation.balancers import TAKEN, TIGHT, TIGHT_SUBNET, Hall, ready, services
from simulation.kept import differences, keep, rest
from simulation.test_failures import PAGE, TWO_HOURS, pattern

MIDDLE_SECONDS = 3.0
"""From the order to the middle of its work."""

FIVE_MINUTES = 300.0

CHANGED = ("billing_resource", "quota", "vnf_template")
"""What bills and faults leave otherwise than it was."""

Act = Callable[[Hall], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """Is there before the order, and is mended `lasts` seconds later."""

    begin: Act
    end: Act
    lasts: float


async def was_killed(hall: Hall) -> None:
    assert hall.deaths == 1


def cloud(of: Callable[[Hall], CloudFaults], kind: str, operand: str = "", *, lasts: float, times: int = 0) -> Fault:
    async def begin(hall: Hall) -> None:
        of(hall).begin(kind, operand, times=times)

    async def end(hall: Hall) -> None:
        of(hall).end(kind)

    return Fault(begin, end, lasts)


def nova(kind: str, operand: str = "", *, lasts: float, times: int = 0) -> Fault:
    return cloud(lambda hall: hall.servers.nova.faults, kind, operand, lasts=lasts, times=times)


def appliance(kind: str, *, lasts: float) -> Fault:
    """A fault of an appliance as soon as there is one."""

    async def begin(hall: Hall) -> None:
        async def when_there() -> None:
            await hall.until(lambda: bool(hall.held().appliances), within=lasts)
            for one in hall.held().appliances.values():
                await one.faults.begin(kind)

        hall.keep(kind, when_there())

    async def end(hall: Hall) -> None:
        for one in hall.held().appliances.values():
            await one.faults.end(kind)

    return Fault(begin, end, lasts)


async def another_password(hall: Hall) -> None:
    """Those that boot from now on have it, and those that run."""
    hall.servers.appliances.otherwise["passwords"] = {"nsroot": "nsroot", balancer.LOGIN: "another"}
    set_password(hall, "another")


async def ours_again(hall: Hall) -> None:
    """Somebody sets the password that the template tells."""
    hall.servers.appliances.otherwise.clear()
    set_password(hall, balancer.PASSWORD)


def set_password(hall: Hall, password: str) -> None:
    for one in hall.held().appliances.values():
        row = one.rows.get("systemuser", balancer.LOGIN)
        assert row is not None
        one.rows.put("systemuser", {**row, "password": password})
        one.save()


async def all_addresses_taken(hall: Hall) -> None:
    """Of a network: the management's of the order, the one that an interface goes into."""
    taken = [{"subnet_id": TIGHT_SUBNET, "ip_address": f"198.51.100.{number}"} for number in (3, 4, 5, 6)]
    body = {"network_id": TIGHT, "tenant_id": balancer.TENANT, "fixed_ips": taken}
    await hall.lifecycle.put(ADMIN, Ref("port", TAKEN), body)
    await hall.lifecycle.update(ADMIN, Ref("vnf_template", balancer.TEMPLATE), {"management_networks": [TIGHT]})
    await rest(hall)


async def given_back(hall: Hall) -> None:
    await hall.lifecycle.delete(ADMIN, Ref("port", TAKEN))
    await rest(hall)


def quota(ports: int) -> Act:
    async def allowed(hall: Hall) -> None:
        await hall.lifecycle.ensure("quota", {"id": "default", "port": ports})

    return allowed


def template(**change: object) -> Act:
    async def changed(hall: Hall) -> None:
        await hall.lifecycle.update(ADMIN, Ref("vnf_template", balancer.TEMPLATE), dict(change))

    return changed


async def between_two_attaches(hall: Hall) -> None:
    """The worker dies as soon as Nova has plugged the second slot: nobody is told."""
    hall.processes["worker"].plan = lambda point: point == "nova.POST os-interface after"


FAULTS = {
    "no address left": Fault(all_addresses_taken, given_back, 60.0),
    "quota reached": Fault(quota(6), quota(100), 60.0),
    "plan without a management network": Fault(
        template(management_networks=[]), template(management_networks=[balancer.ADMIN]), 60.0
    ),
    "image unknown": cloud(lambda hall: hall.servers.glance.faults, "no-image", lasts=TWO_HOURS),
    "Nova answers 500 after success, 3 times": nova("error-after", lasts=60.0, times=3),
    "Nova answers 500 after success for 2 minutes": nova("error-after", lasts=120.0),
    "Nova unreachable for 5 minutes": nova("unreachable", lasts=FIVE_MINUTES),
    "Nova unreachable for 2 hours": nova("unreachable", lasts=TWO_HOURS),
    "Nova hears nothing of its ports for 2 minutes": nova("deaf", lasts=120.0),
    "VM in ERROR": nova("vm-error", lasts=TWO_HOURS),
    "attach refused for 5 minutes": nova("refuse-attach", lasts=FIVE_MINUTES),
    "attach refused for 2 hours": nova("refuse-attach", lasts=TWO_HOURS),
    "Contrail unreachable for 5 minutes": cloud(
        lambda hall: hall.contrail.lab.faults, "unreachable", lasts=FIVE_MINUTES
    ),
    "appliance unreachable for 5 minutes": appliance("unreachable", lasts=FIVE_MINUTES),
    "appliance unreachable for 2 hours": appliance("unreachable", lasts=TWO_HOURS),
    "appliance with another password": Fault(another_password, ours_again, TWO_HOURS),
    "worker killed between attach 1 and attach 2": Fault(between_two_attaches, was_killed, 60.0),
}


@dataclass
class End:
    """How it ended: the word at first, after mending if that was a failure, and the sentence of the failure."""

    word: str = ""
    after: str = ""
    sentence: str = ""


Begin = Callable[[], Awaitable[Awaitable[None]]]
"""Begins the fault; what it gives has ended when the fault is mended."""


async def create(hall: Hall, end: End, fault: Fault, begin: Begin) -> None:
    mended = await begin()
    try:
        await hall.order()
        end.word, end.sentence = await hall.end()
    except RequestError as error:
        end.word, end.sentence = "refused", error.message
        assert not any((await hall.made()).values()), "what is refused makes nothing"
    await mended
    if end.word != "ACTIVE":
        await (hall.order() if end.word == "refused" else hall.try_again())
        end.after, _ = await hall.end()
    assert await hall.faults() == []
    await hall.cancel()
    assert await hall.end() == ("gone", "")


async def update(hall: Hall, end: End, fault: Fault, begin: Begin) -> None:
    await hall.order()
    assert await hall.end() == ("ACTIVE", "")
    mended = await begin()
    try:
        await hall.plug(TIGHT)
        end.word, end.sentence = await hall.end()
    except RequestError as error:
        end.word, end.sentence = "refused", error.message
    await mended
    if end.word != "ACTIVE":
        await (hall.plug(TIGHT) if end.word == "refused" else hall.try_again())
        end.after, _ = await hall.end()
    assert await hall.faults() == []
    assert (await hall.interface(1))["network_id"] == TIGHT
    await hall.cancel()
    assert await hall.end() == ("gone", "")


async def delete(hall: Hall, end: End, fault: Fault, begin: Begin) -> None:
    mended = await begin()
    try:
        await hall.order()
    except RequestError:
        end.word = "nothing is made"
        await mended
        return
    await hall.clock.sleep(MIDDLE_SECONDS)
    assert not await hall.active(), "it is over before it is deleted"
    if fault.lasts >= TWO_HOURS:
        await hall.end()
    await hall.cancel()
    end.word, end.sentence = await hall.end()
    await mended
    if end.word != "gone":
        await hall.clear()
        end.after, _ = await hall.end()


PLAYS = {"create": create, "update": update, "delete": delete}


async def ending(fault: Fault, verb: str, since: Snapshot) -> End:
    end, hall = End(), Hall(services(), since=since)

    async def scenario() -> None:
        await rest(hall)
        empty = hall.held()
        before = await keep(hall)
        await PLAYS[verb](hall, end, fault, begin)
        await template(management_networks=[balancer.ADMIN])(hall)
        await rest(hall)
        assert hall.held() == empty, "something is left outside"
        left = await keep(hall)
        assert not (found := differences(left.without(*CHANGED), before.without(*CHANGED))), found
        bills = await hall.bills()
        assert all(row["ended"] is not None for row in bills), bills

    async def begin() -> Awaitable[None]:
        await fault.begin(hall)
        return hall.keep("mended", mend())

    async def mend() -> None:
        await hall.clock.sleep(fault.lasts)
        await fault.end(hall)

    await hall.play(scenario)
    await hall.store.close()
    return end


def words(end: End, verb: str) -> str:
    """An end as the page says it."""
    if not end.after:
        return end.word
    again = "delete" if verb == "delete" else verb if end.word == "refused" else "update"
    return f"{end.word}, then {again}: {end.after}"


def _rows(cells: str) -> list[tuple[str, ...]]:
    return re.findall(cells, PAGE.read_text(), re.MULTILINE)


def page() -> dict[str, tuple[dict[str, str], str]]:
    """The table: fault → ({verb: how it ends}, sentence)."""
    cells = r"^\| ([^|]+?) \| ([^|]+?) \| ([^|]+?) \| ([^|]+?) \| ([^|]*?) ?\|$"
    table = {name: (dict(zip(PLAYS, ends, strict=True)), words) for name, *ends, words in _rows(cells)}
    return {name: row for name, row in table.items() if name in FAULTS}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("verb", PLAYS)
def test_how_it_ends(name: str, verb: str) -> None:
    end = run(ending(FAULTS[name], verb, ready()))
    ends, sentence = page()[name]
    assert words(end, verb) == ends[verb], end
    if end.sentence:
        assert re.fullmatch(pattern(sentence), end.sentence), end.sentence


def test_the_page_names_every_fault_and_the_share(report: Report) -> None:
    table = page()
    assert list(table) == list(FAULTS)
    ends = [end for ends, _ in table.values() for end in ends.values()]
    well = sum(end in ("ACTIVE", "gone") for end in ends)
    share = f"{well} of {len(ends)} end ACTIVE or gone by themselves"
    assert share in PAGE.read_text()
    report(f"failure matrix of load balancers: {share}")
