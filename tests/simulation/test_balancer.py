"""The life of a load balancer on a simulated ring that watches: created, an interface moved and moved back, deleted."""

from __future__ import annotations

from esi.cli.demo import balancer
from esi.model.resource import Ref
from esi.testing.chain import Wish
from esi.testing.loop import run
from esi.testing.ring import ADMIN
from simulation.balancers import DATA, ID, REF, Hall, ready, services
from simulation.kept import differences, keep, rest


def test_a_load_balancer_there_and_back() -> None:
    since = ready(watched=True)

    async def play() -> None:
        hall = Hall(services(), since=since, watched=True)

        async def scenario() -> None:
            before, empty = await keep(hall), hall.held()
            await hall.order()
            await hall.until(hall.active)
            await rest(hall)
            assert await hall.faults() == []
            shown = await hall.lifecycle.show(ADMIN, REF)
            assert {name: shown[name] for name in balancer.SHOWN} == balancer.SHOWN
            await move(hall, DATA, "192.0.2.10")
            await move(hall, None, None)
            await hall.cancel()
            await hall.until(hall.gone)
            await rest(hall)
            assert hall.held() == empty
            after = await keep(hall)
            bills = [row for row in await hall.bills() if row["resource_id"] in (ID, balancer.PLAN)]
            assert [row["started"] <= row["ended"] for row in bills] == [True, True]
            assert differences(after.without("billing_resource"), before.without("billing_resource")) == []

        await hall.play(scenario)
        await hall.store.close()

    run(play())


async def move(hall: Hall, network: str | None, address: str | None) -> None:
    """Interface 1/1 into a network, or out of it: another port stands in its slot, the ones above are plugged again."""
    (interface,) = [row for row in await hall.rows("load_balancer_interface") if row["slot_number"] == 1]
    body = {"network_id": network, "ip_address": address}
    await hall.lifecycle.update(ADMIN, Ref("load_balancer_interface", interface["id"]), body)
    await hall.until(hall.active)
    await rest(hall)
    assert await hall.faults() == []
    (appliance,) = hall.held().appliances.values()
    on_it = {str(row["ipaddress"]) for row in appliance.rows.of("nsip")}
    assert ("192.0.2.10" in on_it) == (network == DATA)


def test_what_an_appliance_keeps_goes_with_its_server() -> None:
    """It answers no more, and its load balancer is deleted: nobody has to lend a hand."""
    since = ready()

    async def play() -> None:
        hall = Hall(services(), since=since)

        async def scenario() -> None:
            await rest(hall)
            before, empty = await keep(hall), hall.held()
            await hall.order()
            await hall.end()
            server = {"name": "log", "ip_address": "192.0.2.9", "load_balancer_id": ID, "tenant_id": balancer.TENANT}
            log = Wish("load_balancer_syslog_server", "00000000-0000-4000-8000-00000000001c", server)
            await hall.ask(log)
            await hall.until_status(log, "ACTIVE")
            for appliance in hall.held().appliances.values():
                await appliance.faults.begin("unreachable")
            await hall.cancel()
            assert await hall.end() == ("gone", "")
            await rest(hall)
            assert hall.held() == empty
            assert differences((await keep(hall)).without("billing_resource"), before.without("billing_resource")) == []

        await hall.play(scenario)
        await hall.store.close()

    run(play())
