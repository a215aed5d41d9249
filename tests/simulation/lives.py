"""Lives with one hostile text in them: from the request that carries it to the last delete, on a simulated ring.

A Field is a text that a caller can set, found in the compiled schemas. A Bench is one world on one hand-turned loop; it
goes back to a snapshot for each Life. A Life checks itself on its way: a refusal names the property and makes nothing;
what is not refused becomes ACTIVE or fails and says so; the routers hold the lines of an undisturbed life with the
value in its own words; names and descriptions change nothing there; after the deletes they are byte for byte as before.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from hypothesis import strategies as st

from esi.bootstrap.services import Services, load_services
from esi.errors import Conflict, Invalid, NotFound, RequestError
from esi.model.resource import Body
from esi.testing import chain, invariants
from esi.testing.chain import Wish
from esi.testing.loop import HandTurnedLoop
from esi.testing.ring import Snapshot, World
from simulation.slots import Line, lines, pairs, strangers

CHAIN = [*chain.prerequisites(), chain.gateway(), chain.interface()]
SERVICE = CHAIN[-2:]
PATIENCE_SECONDS = 9_000.0
"""Of the ring's own time: a router that does not answer is asked for an hour."""

SIGNS = [
    ";", "{", "}", "{ }", "; }", "[", "]", '"', "'", "\\", '\\"', "#", "##", "# ", "/*", "*/", "/* x */", "<", ">", "&",
    "<a/>", "</configuration>", "<!--", "]]>", "]]>]]>", "<![CDATA[", "&lt;", "&#10;", "{{ 7 * 7 }}", "{% raw %}", "{#",
    "${x}", "$key", "$vlan", "%s", "`id`", "$(id)", "inactive:", "replace:", "delete:", " protect: ", "apply-groups ",
    "apply-groups-except", "<*>", "$9$", "$9$abc", "$8$", "* ", ":", ": ", "- ", "--- ", "!!python/object:", "&a ",
    "*a", "../", "/", "|", " | no-more", "\\n", "%0a", "\uff1b", "\uff5b", "\u037e", "\u200b", "\u202e", "\u00a0", 
    "\u2003", "\ufeff", "\ufffd", "\u0661", "\uff11", "e\u0301", "\U0001f600", "null", "true", "0x7a", "1e3", " ",
    "  ", "",
]  # fmt: skip
BREAKOUTS = [
    "x; disable; description y", 'x"; disable; description "y', "x\\; disable; description y", "x; mtu 1500",
    "x; } unit 7 { vlan-id 7; description y", 'x"; } unit 7 { vlan-id 7; description "y', "x */ disable; /* y",
    "x; } } } system { host-name y; } interfaces { ge-0/0/1 { unit 3999 { description z", "x; inactive: mtu 1500",
    'x"; apply-groups VPNGW1-VRRP; description "y', "x; apply-macro y", 'x\\"; disable; description \\"y', "x disable",
    'test"; passive; authentication-key "x', 'test"; } neighbor 192.0.2.1 { passive; authentication-key "x',
]  # fmt: skip
"""What would be good configuration, were it taken for configuration."""

CONTROLS = ["\n", "\r\n", "\t", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ue000", "\ue001", "\uffff", "\x0b"]


class Field(NamedTuple):
    """A text that a caller can set: in which resource of the chain, and where."""

    at: int
    path: tuple[str | int, ...]

    def __repr__(self) -> str:
        return f"{CHAIN[self.at].schema} {self.at} {'.'.join(map(str, self.path))}"

    def plain(self) -> str:
        """What stands there usually: as asked for, else the default."""
        schema, id, body = CHAIN[self.at]
        value: Any = {**services().catalogue[schema].defaults(), "id": id, **body}
        for step in self.path:
            value = value.get(step, "") if isinstance(value, dict) else value[step]
        return str(value)

    def wish(self, text: str) -> Wish:
        """The resource with `text` there."""
        schema, id, body = CHAIN[self.at]
        return Wish(schema, text if self.path == ("id",) else id, _put(body, self.path, text))


def _put(value: Any, path: tuple[str | int, ...], text: str) -> Any:
    if not path:
        return text
    if isinstance(value, list):
        return [_put(item, path[1:], text) if index == path[0] else item for index, item in enumerate(value)]
    return {**value, str(path[0]): _put(value.get(path[0]) or {}, path[1:], text)}


def texts_in(document: Mapping[str, Any], path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """The places of texts in a property's document, one element of each list."""
    if document.get("type") == "string":
        yield path
    for name, inner in (document.get("properties") or {}).items():
        yield from texts_in(inner, (*path, name))
    if isinstance(document.get("items"), dict):
        yield from texts_in(document["items"], (*path, 0))


@cache
def services() -> Services:
    return load_services("2018")


@cache
def fields() -> list[Field]:
    catalogue = services().catalogue
    return [
        Field(at, path)
        for at, wish in enumerate(CHAIN)
        for item in catalogue[wish.schema].properties.values()
        if item.create or item.name == "id"
        for path in texts_in(item.document, (item.name,))
    ]


def hostile(field: Field) -> st.SearchStrategy[str]:
    """Hostile texts, often around the plain one."""
    plain = st.just(field.plain())
    printable = st.lists(st.sampled_from([*SIGNS, *BREAKOUTS]) | plain, min_size=1, max_size=5).map("".join)
    controlled = st.tuples(printable, st.sampled_from(CONTROLS), printable).map("".join)
    long = st.tuples(printable, st.sampled_from(SIGNS), st.integers(20, 3000)).map(lambda t: t[0] + t[1] * t[2])
    return st.one_of(printable, printable, printable, st.text(max_size=12), controlled, long)


@dataclass(frozen=True)
class Undisturbed:
    """The world before each resource of the chain; the routers before and after; what is shown in the end."""

    starts: list[Snapshot]
    before: dict[str, str]
    added: dict[str, Counter[Line]]
    shown: list[Body]


class Bench:
    """One world on one hand-turned loop, for all examples."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._runner = asyncio.Runner(loop_factory=HandTurnedLoop)
        self.world: World
        self.known: Undisturbed = self.run(self._live())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        problems: list[str] = []
        loop = self._runner.get_loop()
        loop.set_exception_handler(lambda _loop, context: problems.append(str(context)))
        result = self._runner.run(work)
        assert problems == []
        return result

    def close(self) -> None:
        self.run(self.world.store.close())
        self._runner.close()

    async def _live(self) -> Undisturbed:
        world = self.world = World(self._services)
        before = dict(invariants.configurations(world))
        starts: list[Snapshot] = []
        for wish in CHAIN:
            starts.append(world.snapshot())
            await world.run(self.made(wish))
        shown = [await world.show(wish) for wish in SERVICE]
        return Undisturbed(starts, before, self.added(before), shown)

    async def made(self, wish: Wish) -> None:
        await self.world.ask(wish)
        await self.settled(wish)
        assert (await self.world.show(wish)).get("status") in ("ACTIVE", None)

    async def settled(self, wish: Wish) -> Body:
        shown = await self.world.until_status(wish, "ACTIVE", "ERROR", None, within=PATIENCE_SECONDS)  # type: ignore[arg-type]
        await self.world.until(self._rests, within=PATIENCE_SECONDS)
        return shown

    async def _rests(self) -> bool:
        return not await invariants.nothing_is_under_way(self.world)

    def added(self, before: Mapping[str, str]) -> dict[str, Counter[Line]]:
        """The lines that each router has more than before; what was there before must be there."""
        found = {}
        for ip, text in invariants.configurations(self.world).items():
            old, new = lines(before[ip]), lines(text)
            assert not old - new, "a line is gone that was there before"
            found[ip] = new - old
        return found


def named(error: RequestError, field: Field) -> bool:
    """Whether a refusal names the property: by its path, or for a conflict among its fields or in its sentence."""
    first = str(field.path[0])
    sides = ("primary", "secondary") if first in ("primary", "secondary") else (first,)
    if isinstance(error, Invalid):
        return any(path.startswith(sides) for path, _text in error.errors)
    return isinstance(error, Conflict) and any(side in error.message for side in sides)


class Life:
    """One example: a hostile text in one field, and all that comes of it."""

    def __init__(self, bench: Bench, field: Field, text: str) -> None:
        self.bench, self.world, self.field, self.text = bench, bench.world, field, text
        self.wish = field.wish(text)
        self.chain = [self.wish, *CHAIN[field.at + 1 :]]
        self.exists: list[Wish] = []
        self.outcome = "refused"

    async def live(self) -> str:
        """refused, ACTIVE or FAILED."""
        self.world.restore(self.bench.known.starts[self.field.at])
        before = self.world.store.snapshot()
        error = await self._refusal(self.wish)
        if error is not None:
            assert 400 <= error.status < 500
            assert named(error, self.field), error
            assert self.world.store.snapshot() == before, "something was made all the same"
            return "refused"
        await self.world.run(self._whole())
        return self.outcome

    async def _refusal(self, wish: Wish) -> RequestError | None:
        """Ask; what was said against it."""
        try:
            await self.world.ask(wish)
        except RequestError as error:
            return error
        return None

    async def _whole(self) -> None:
        self.outcome = await self._make()
        await self._compare()
        for wish in SERVICE:
            await self._change(wish)
        await self._compare()
        gone = [await self._delete(wish) for wish in reversed(SERVICE)]
        if all(gone):
            assert dict(invariants.configurations(self.world)) == self.bench.known.before
        else:
            await self._compare()

    async def _make(self) -> str:
        """Everything from the hostile one on; ends with the first that fails or is refused."""
        for wish in self.chain:
            if wish is not self.wish and await self._refusal(wish) is not None:
                return "FAILED"
            self.exists.append(wish)
            shown = await self.bench.settled(wish)
            if shown.get("status") == "ERROR":
                assert shown["orchestration_state"].endswith("_FAILED")
                assert shown["status_reason"].strip()
                return "FAILED"
        return "ACTIVE"

    async def _compare(self) -> None:
        """The routers hold what they would hold otherwise, the value in its own words; half of it when it failed."""
        exchanged = [*pairs(self.field.plain(), self.text)]
        for wish, plain in zip(SERVICE, self.bench.known.shown, strict=True):
            if any(made.id == wish.id for made in self.exists):
                exchanged += pairs(plain, await self.world.show(wish))
        for ip, found in self.bench.added(self.bench.known.before).items():
            expected = self.bench.known.added[ip]
            assert strangers(found, expected, exchanged) == []
            if self.outcome == "ACTIVE":
                assert found.total() == expected.total(), "lines are missing"

    async def _change(self, wish: Wish) -> None:
        """The text as name and as description of what stands."""
        if not any(made.id == wish.id for made in self.exists):
            return
        for name in ("name", "description"):
            error = await self._refusal(wish._replace(body={name: self.text}))
            assert error is None or (isinstance(error, Invalid) and [path for path, _text in error.errors] == [name])
        shown = await self.bench.settled(wish)
        assert shown["status"] == ("ERROR" if self.outcome == "FAILED" and wish.id == self.exists[-1].id else "ACTIVE")

    async def _delete(self, wish: Wish) -> bool:
        """Whether it is gone. It stays only when a router does not answer, which nobody can clean then."""
        try:
            await self.world.delete(wish)
            await self.world.until(self.bench._rests, within=PATIENCE_SECONDS)
            shown = await self.world.show(wish)
        except NotFound:
            return True
        assert shown["orchestration_state"] == "DELETE_FAILED"
        assert "does not answer" in shown["status_reason"]
        assert self.field.path == ("ip",)
        return False
