"""ESI::VNF::NetscalerSyslogServer: one server that a load balancer's appliance logs to (services.md B.10).

An action says where and how, a policy names the action, a global binding makes it count, with its priority. With a
`vserver_ip_address` the appliance reaches the server through a virtual server of its own. `comment` stays with us:
NITRO has no place for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from esi.drivers.compute import Clouds
from esi.drivers.nitro import Appliances, Row, Value
from esi.errors import Rejected, TemplateError, TemporaryError, Unsupported
from esi.stacks import Context, Live, Property, Props, Replace
from esi.stacks.resources.appliance_rows import address, name, once, read_login
from esi.stacks.resources.netscaler import difference, make, physical_id, places, thrown_away

TYPE = "ESI::VNF::NetscalerSyslogServer"
LEVELS = ("ALL", "EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFORMATIONAL", "DEBUG", "NONE")
LONGEST_NAME = 118
ON_OFF = ("ENABLED", "DISABLED")

PLAIN = {
    "log_facility": "logfacility",
    "date_format": "dateformat",
    "time_zone": "timezone",
    "tcp_logging": "tcp",
    "acl_logging": "acl",
    "appflow_logging": "appflowexport",
    "user_configurable_log_messages": "userdefinedauditlog",
    "transport_type": "transport",
}
"""Properties that are fields of the action under another name."""


class NetscalerSyslogServer:
    """No attributes."""

    type: ClassVar[str] = TYPE
    attributes: ClassVar[tuple[str, ...]] = ()
    properties: ClassVar[Mapping[str, Property]] = {
        "management_ip": Property("string", required=True),
        "server_id": Property("string", default=""),
        "credentials": Property("json", required=True, secret=True),
        "init_config": Property("json", default="", secret=True),
        "name": Property("string", required=True),
        "ip_address": Property("string", required=True),
        "port_number": Property("integer", default=514),
        "log_level": Property("string", default="ALL"),
        "log_facility": Property("string", default="LOCAL0", values=tuple(f"LOCAL{number}" for number in range(8))),
        "date_format": Property("string", default="MMDDYYYY", values=("DDMMYYYY", "MMDDYYYY", "YYYYMMDD")),
        "time_zone": Property("string", default="GMT_TIME", values=("GMT_TIME", "LOCAL_TIME")),
        "tcp_logging": Property("string", default="NONE", values=("NONE", "ALL")),
        "acl_logging": Property("string", default="DISABLED", values=ON_OFF),
        "appflow_logging": Property("string", default="DISABLED", values=ON_OFF),
        "user_configurable_log_messages": Property("string", default="NO", values=("YES", "NO")),
        "transport_type": Property("string", default="UDP", values=("UDP",)),
        "priority": Property("integer", default=0),
        "vserver_ip_address": Property("string", default=""),
        "comment": Property("string", default=""),
    }

    def __init__(self, appliances: Appliances, clouds: Clouds | None = None) -> None:
        self._appliances = appliances
        self._clouds = clouds

    def check(self, props: Props) -> None:
        read_login(props)
        once(_rows(props))

    def claims(self, props: Props) -> frozenset[str]:
        return places(props, _rows)

    async def create(self, ctx: Context, props: Props) -> Live:
        async with self._appliances.open(read_login(props, ctx.ref)) as appliance:
            await make(appliance, gone=(), wanted=_rows(props))
        return Live(physical_id(ctx), props)

    async def update(self, ctx: Context, live: Live, new: Props) -> Live:
        """What NITRO cannot change is taken down whole and made anew, because its parts hold each other."""
        if new["management_ip"] != live.props["management_ip"]:
            raise Replace
        versions = [_rows(props) for props in (*live.attempted, live.props) if _usable(props)]
        wanted = _rows(new)
        another = new.get("server_id") != live.props.get("server_id")  # a new machine has nothing of it yet
        anew = another or any(_core(version) != _core(wanted) for version in versions)
        gone, put = difference(versions, () if anew else wanted)
        async with self._appliances.open(read_login(new, ctx.ref)) as appliance:
            await make(appliance, gone=gone, wanted=wanted if anew or live.attempted else put)
        return Live(live.physical_id, new)

    async def delete(self, ctx: Context, live: Live) -> None:
        for props in (live.props, *live.attempted):
            if not _usable(props):
                continue
            try:
                async with self._appliances.open(read_login(props, ctx.ref)) as appliance:
                    await make(appliance, gone=difference([_rows(props)], ())[0], wanted=())
            except (TemporaryError, Rejected, Unsupported):
                if not await thrown_away(self._clouds, ctx, [props]):
                    raise


def _rows(props: Props) -> tuple[Row, ...]:
    """Raises TemplateError with the property that is wrong."""
    called = name(props["name"], "name")
    if len(called) > LONGEST_NAME:
        raise TemplateError("name", f"must be at most {LONGEST_NAME} characters")
    server, port = address(props["ip_address"], "ip_address"), _number(props, "port_number", 1, 65535)
    fields: dict[str, Value] = {"name": called, "serverport": port, "loglevel": _levels(props["log_level"])}
    fields |= {field: str(props[property_]) for property_, field in PLAIN.items()}
    through: tuple[Row, ...] = ()
    if props.get("vserver_ip_address"):
        own = address(props["vserver_ip_address"], "vserver_ip_address")
        kind: dict[str, Value] = {"servicetype": "SYSLOGUDP", "port": port}
        through = (
            Row("service", {"name": f"{called}_srv", "ip": server, "healthmonitor": "NO", **kind}),
            Row("lbvserver", {"name": f"{called}_vs", "ipv46": own, **kind}),
            Row("lbvserver_service_binding", {"name": f"{called}_vs", "servicename": f"{called}_srv"}),
        )
        fields["lbvservername"] = f"{called}_vs"
        del fields["serverport"]
    else:
        fields["serverip"] = server
    policy, priority = f"{called}_pol", _number(props, "priority", 0, 2147483647)
    return (
        *through,
        Row("auditsyslogaction", fields),
        Row("auditsyslogpolicy", {"name": policy, "rule": "ns_true", "action": called}),
        Row("systemglobal_auditsyslogpolicy_binding", {"policyname": policy, "priority": priority}),
    )


def _core(rows: tuple[Row, ...]) -> list[tuple[str, Any]]:
    """What others hold on to and NITRO does not change."""
    fixed: dict[str, tuple[str, ...]] = {
        "service": ("ip", "port"),
        "lbvserver": ("ipv46", "port"),
        "auditsyslogaction": ("name", "serverip", "lbvservername", "transport"),
    }
    return [(row.kind, [row.fields.get(field) for field in fixed[row.kind]]) for row in rows if row.kind in fixed]


def _levels(value: Any) -> tuple[str, ...]:
    found = tuple(re.split(r"[\s,]+", str(value).strip()))
    wrong = [word for word in found if word not in LEVELS]
    if wrong:
        raise TemplateError("log_level", f"must be words of {', '.join(LEVELS)}")
    return found


def _number(props: Props, field: str, least: int, most: int) -> int:
    value = props[field]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise TemplateError(field, f"must be {least} to {most}")
    return value


def _usable(props: Props) -> bool:
    try:
        read_login(props)
        _rows(props)
    except TemplateError:
        return False
    return True
