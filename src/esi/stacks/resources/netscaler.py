"""ESI::VNF::NetscalerConfig: what a load balancer's appliance is told over NITRO (services.md B.8, C.5).

    create   log in as soon as the appliance answers; licence, with a warm restart; then every row in its order; save
    update   rows that are no longer wanted go, those that are new or differ are put
    delete   every row goes, in the opposite order, and is seen to be gone; save. The default route of the management
             network stays, or comes back: it may be how the appliance is reached

The recorded system has not told its protocol: NITRO is this project's choice. Every step may be repeated. While the
appliance restarts nothing is held: no session, no turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from typing import ClassVar
from uuid import NAMESPACE_URL, uuid5

from esi.clock import Clock, pauses
from esi.drivers.compute import Clouds
from esi.drivers.nitro import Appliance, Appliances, Licence, Login, Row
from esi.drivers.nitro.kinds import key_of
from esi.errors import NotFound, Rejected, TemplateError, TemporaryError, Unsupported
from esi.stacks import Context, Live, Property, Props, Replace
from esi.stacks.resources.appliance_rows import (
    Model,
    licence_rows,
    read_login,
    read_model,
    rows_of,
    unwanted,
)

TYPE = "ESI::VNF::NetscalerConfig"
LICENCE_SECONDS = 60.0
"""As recorded: license_max_retries of 6, license_retry_sleep of 10 s."""

FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 0.05, 10.0

STRUCTURED = Property("json", default="")
"""A map or list, or a text that holds one."""


class NetscalerConfig:
    """No attributes. The id is made from stack and name."""

    type: ClassVar[str] = TYPE
    attributes: ClassVar[tuple[str, ...]] = ()
    properties: ClassVar[Mapping[str, Property]] = {
        "management_ip": Property("string", required=True),
        "server_id": Property("string", default=""),
        "credentials": Property("json", required=True, secret=True),
        "init_config": Property("json", default="", secret=True),
        "license_code": Property("string", default="", secret=True),
        "model": STRUCTURED,
        "networks": STRUCTURED,
        "internet_port": STRUCTURED,
        "default_gateway": Property("string", default=""),
        "management_gateway": Property("string", default=""),
        **{f"{role}_username": Property("string", default="") for role in ("admin", "user", "other")},
        **{f"{role}_password": Property("string", default="", secret=True) for role in ("admin", "user", "other")},
    }

    def __init__(self, appliances: Appliances, clock: Clock, clouds: Clouds | None = None) -> None:
        self._appliances = appliances
        self._clock = clock
        self._clouds = clouds

    def check(self, props: Props) -> None:
        read_login(props)
        licence_rows(props)
        rows_of(props)

    def claims(self, props: Props) -> frozenset[str]:
        return places(props, rows_of)

    async def create(self, ctx: Context, props: Props) -> Live:
        login = read_login(props, ctx.ref)
        await self._licensed(ctx, login, props)
        async with self._appliances.open(login) as appliance:
            await make(appliance, gone=unwanted(props), wanted=rows_of(props))
        return Live(physical_id(ctx), props)

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        if new["management_ip"] != live.props["management_ip"]:
            raise Replace
        login = read_login(new, ctx.ref)
        before = [*live.attempted, live.props]
        another = new["server_id"] != live.props["server_id"]  # a new machine has nothing of it yet
        if another or any(_licence_of(old) != _licence_of(new) for old in before):
            await self._licensed(ctx, login, new)
        old, wanted = [rows_of(live.props)], rows_of(new)
        tried = [rows_of(props) for props in live.attempted if _usable(props)]
        gone, put = difference([*old, *tried], wanted)
        async with self._appliances.open(login) as appliance:
            await make(appliance, gone=(*gone, *unwanted(new)), wanted=wanted if another or tried else put)
        return Live(live.physical_id, new)

    async def delete(self, ctx: Context, live: Live) -> None:
        versions = [props for props in (live.props, *live.attempted) if _usable(props)]
        by_ip: dict[str, list[Props]] = {}
        for props in versions:
            by_ip.setdefault(props["management_ip"], []).append(props)
        for there in by_ip.values():
            try:
                await self._cleared(ctx, there)
            except (TemporaryError, Rejected, Unsupported):
                if not await thrown_away(self._clouds, ctx, there):
                    raise

    async def _cleared(self, ctx: Context, there: Sequence[Props]) -> None:
        everything = [(*licence_rows(props), *rows_of(props)) for props in there]
        async with self._appliances.open(read_login(there[0], ctx.ref)) as appliance:
            gone = (row for row in difference(everything, ())[0] if not any(map(partial(_manages, row), there)))
            back = (row for props in there for row in unwanted(props))
            await make(appliance, gone=gone, wanted=back)

    async def _licensed(self, ctx: Context, login: Login, props: Props) -> None:
        """Bring the licence there, restart, and wait until it counts: a restart is not done twice for one licence."""
        rows, model = licence_rows(props), read_model(props)
        if not rows:
            return
        async with self._appliances.open(login) as appliance:
            changed = [await appliance.put(row) for row in rows]
            told = await appliance.licence()
            if not any(changed) and _counts(told, model):
                return
            await appliance.save()
            await appliance.restart()
        if ctx.held is not None:
            ctx.held(f"{login.ip} restarts for its licence")
        told = await self._licence_after_restart(ctx, login, model)
        if ctx.held is not None:
            ctx.held("")
        if not _counts(told, model):
            shown = f"{told.edition} {told.size}".strip() or "nothing"
            raise Rejected(login.ip, f"is licensed for {shown}, not for {model.edition} {model.size}".rstrip())

    async def _licence_after_restart(self, ctx: Context, login: Login, model: Model) -> Licence:
        """What it is licensed for at last. Raises what kept us from asking the last time."""
        told, trouble = Licence(), None
        left = LICENCE_SECONDS
        for pause in pauses(FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS):
            if left <= 0:
                break
            async with ctx.rest():
                await self._clock.sleep(min(pause, left))
            left -= pause
            try:
                async with self._appliances.open(login) as appliance:
                    told, trouble = await appliance.licence(), None
            except TemporaryError as error:
                trouble = error
                continue
            if _counts(told, model):
                return told
        if trouble is not None:
            raise trouble
        return told


async def make(appliance: Appliance, *, gone: Iterable[Row], wanted: Iterable[Row]) -> None:
    """Make the difference, and save: a call that is repeated after a kill saves what the first one has not."""
    for row in gone:
        await appliance.remove(row)
    for row in wanted:
        await appliance.put(row)
    await appliance.save()


def difference(old: Iterable[Iterable[Row]], new: Iterable[Row]) -> tuple[list[Row], list[Row]]:
    """What must go, the last first, and what must be put, in order; `old` are versions that may all have left rows.

    A route that stays is taken away and put again when an address goes through which its gateway is reached.
    """
    before: dict[tuple[str, ...], list[Row]] = {}
    for version in old:
        for row in version:
            before.setdefault(key_of(row), []).append(row)
    wanted = {key_of(row): row for row in new}
    gone = [rows[-1] for key, rows in before.items() if key not in wanted]
    nets = [IPv4Network(f"{row.fields['ipaddress']}/{row.fields['netmask']}", strict=False) for row in gone if _ip(row)]
    loose = [
        row
        for key, row in wanted.items()
        if row.kind == "route" and key in before and any(IPv4Address(str(row.fields["gateway"])) in net for net in nets)
    ]
    loosened = {key_of(row) for row in loose}
    kept = {key for key in before.keys() & wanted.keys() if all(wanted[key] == row for row in before[key])} - loosened
    return [*reversed(gone + loose)], [row for key, row in wanted.items() if key not in kept]


async def thrown_away(clouds: Clouds | None, ctx: Context, versions: Sequence[Props]) -> bool:
    """Whether the servers that an appliance ran on are gone, and with them all that it was told."""
    servers = {str(props.get("server_id") or "") for props in versions}
    if clouds is None or "" in servers:
        return False
    cloud = clouds.of(ctx.tenant, ctx.ref)
    for id_ in servers:
        try:
            await cloud.get(id_)
        except NotFound:
            continue
        return False
    return True


def places(props: Props, rows: Callable[[Props], Iterable[Row]]) -> frozenset[str]:
    """What only one resource of a stack may have on an appliance; nothing for what no check passes."""
    try:
        return frozenset("\n".join((props["management_ip"], *key_of(row), "")) for row in rows(props))
    except TemplateError:
        return frozenset()


def physical_id(ctx: Context) -> str:
    return str(uuid5(NAMESPACE_URL, f"{ctx.stack}/{ctx.resource}"))


def _ip(row: Row) -> bool:
    return row.kind == "nsip"


def _manages(row: Row, props: Props) -> bool:
    return row.kind == "route" and row.fields["gateway"] == props["management_gateway"]


def _counts(told: Licence, model: Model) -> bool:
    if not model.edition:
        return bool(told.edition)
    return (told.edition, told.size) == (model.edition, model.size)


def _licence_of(props: Props) -> tuple[Row, ...]:
    return licence_rows(props) if _usable(props) else ()


def _usable(props: Props) -> bool:
    """Whether these properties can ever have made anything."""
    try:
        read_login(props)
        licence_rows(props)
        rows_of(props)
    except TemplateError:
        return False
    return True
