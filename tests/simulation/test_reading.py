"""A master that has just begun reads what a change refers to in few rounds: one for each step of the paths, not one for
each resource.
"""

from __future__ import annotations

from esi.bootstrap.services import load_services
from esi.jobs.reader import Reader, Unread
from esi.model import keys
from esi.model.codec import decode_config
from esi.model.resource import Ref
from esi.testing import chain
from esi.testing.loop import run
from esi.testing.ring import World
from simulation.steps import prepare

STEPS = 3
"""From a gateway to its service, to a router pair, to a router."""


async def rounds(world: World) -> list[set[Ref]]:
    """What is read in each round until the gateway can be planned."""
    catalogue = world.services.catalogue
    reader, ref, read = Reader(catalogue), Ref("vpn_gateway", chain.GATEWAY), []

    async def scenario() -> None:
        await world.ask(chain.gateway())
        await world.until_status(chain.gateway(), "ACTIVE")
        for entry in (await world.kv.list(keys.HEAT_TEMPLATES)).entries:
            reader.set_template(entry.key.removeprefix(keys.HEAT_TEMPLATES), entry.value)
        wanted = await world.kv.get(keys.config_key(catalogue["vpn_gateway"].path_of(ref.id)))
        assert wanted is not None
        while True:
            try:
                assert reader.change(ref, decode_config(wanted.value), None) is not None
                return
            except Unread as unread:
                read.append(set(unread.refs))
            for other in read[-1]:
                found = await world.kv.get(keys.config_key(catalogue[other.schema].path_of(other.id)))
                assert reader.stands(other, found, world.kv.revision)

    await world.run(scenario())
    return read


def test_what_is_referred_to_is_read_together() -> None:
    async def story() -> list[set[Ref]]:
        world = World(load_services("2018"))
        known = await prepare(world)
        world.restore(known.start)
        return await rounds(world)

    read = run(story())
    assert len(read) <= STEPS
    assert len(set().union(*read)) == sum(map(len, read)) >= 3 * STEPS, "each once, and all"
