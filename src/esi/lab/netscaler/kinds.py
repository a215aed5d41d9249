"""The resources that the appliance knows: keys, fields, which verbs each of them takes.

What NITRO has beyond this is refused as an invalid object name, a field that is not here as no such argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from esi.lab.netscaler import fields as f
from esi.lab.netscaler.codes import MISSING, NO_SUCH_ARGUMENT, Refused
from esi.lab.netscaler.fields import Check

ON = f.word("ENABLED", "DISABLED")
SYSLOG = "SYSLOGUDP"
LEVELS = ("ALL", "EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFORMATIONAL", "DEBUG", "NONE")
COMMAND_POLICIES = ("read-only", "operator", "network", "superuser")
SERVICE_TYPES = ("HTTP", "TCP", "UDP", "SSL", "SSL_BRIDGE", "DNS", "SYSLOGUDP", "ANY")

Fields = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One resource. `path` is the key in the URL, `more` further keys; `fixed` cannot be set; `hidden` is not shown."""

    path: str
    checks: Mapping[str, Check]
    more: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset({"add", "set", "rm", "show"})
    binding: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.path, *self.more) if self.path else self.more

    def checked(self, given: Mapping[str, Any], *, whole: bool) -> Fields:
        """The fields as they are kept. `whole`: of a new row, with all that is required and the defaults."""
        unknown = sorted(set(given) - set(self.checks))
        if unknown:
            raise Refused(NO_SUCH_ARGUMENT, unknown[0])
        found = {name: self.checks[name](name, value) for name, value in given.items()}
        needed = (*self.keys, *self.required) if whole else self.keys
        missing = [name for name in needed if name not in found and name not in self.defaults]
        if missing:
            raise Refused(MISSING, missing[0])
        return {**self.defaults, **found} if whole else found


NO_SET = frozenset({"add", "rm", "show"})

KINDS: Mapping[str, Kind] = {
    "systemuser": Kind(
        "username",
        {
            "username": f.name,
            "password": f.text(127, least=1),
            "externalauth": ON,
            "timeout": f.number(300, 100_000_000),
            "logging": ON,
            "maxsession": f.number(1, 40),
            "promptstring": f.text(63),
        },
        required=("password",),
        defaults={"externalauth": "ENABLED", "maxsession": 20, "logging": "DISABLED"},
        hidden=frozenset({"password"}),
    ),
    "systemuser_systemcmdpolicy_binding": Kind(
        "username",
        {"username": f.name, "policyname": f.name, "priority": f.number(0, 2147483647)},
        more=("policyname",),
        binding=True,
        required=("priority",),
    ),
    "systemfile": Kind(
        "filename",
        {
            "filename": f.filename,
            "filelocation": f.folder,
            "filecontent": f.encoded,
            "fileencoding": f.word("BASE64"),
        },
        more=("filelocation",),
        required=("filecontent",),
        defaults={"fileencoding": "BASE64"},
        verbs=NO_SET,
    ),
    "nsip": Kind(
        "ipaddress",
        {
            "ipaddress": f.address,
            "netmask": f.netmask,
            "type": f.word("SNIP", "VIP", "NSIP"),
            **{name: ON for name in ("arp", "icmp", "telnet", "ftp", "ssh", "snmp", "mgmtaccess", "dynamicrouting")},
            "gui": f.word("ENABLED", "SECUREONLY", "DISABLED"),
        },
        required=("netmask",),
        defaults={"type": "SNIP", "mgmtaccess": "DISABLED", "arp": "ENABLED", "icmp": "ENABLED", "snmp": "ENABLED"},
        fixed=frozenset({"type"}),
    ),
    "vlan": Kind(
        "id",
        {
            "id": f.number(1, 4094),
            "aliasname": f.text(31),
            "mtu": f.number(500, 9216),
            "dynamicrouting": ON,
            "sharing": ON,
        },
    ),
    "vlan_interface_binding": Kind(
        "id",
        {"id": f.number(1, 4094), "ifnum": f.text(31, least=1), "tagged": f.switch},
        more=("ifnum",),
        defaults={"tagged": False},
        binding=True,
    ),
    "vlan_nsip_binding": Kind(
        "id",
        {"id": f.number(1, 4094), "ipaddress": f.address, "netmask": f.netmask},
        more=("ipaddress",),
        required=("netmask",),
        binding=True,
    ),
    "Interface": Kind(
        "id",
        {
            "id": f.text(31, least=1),
            "ifalias": f.text(31),
            "mtu": f.number(1500, 9216),
            "hamonitor": f.word("ON", "OFF"),
        },
        verbs=frozenset({"set", "show", "enable", "disable"}),
    ),
    "route": Kind(
        "network",
        {
            "network": f.address,
            "netmask": f.netmask,
            "gateway": f.address,
            "distance": f.number(0, 254),
            "weight": f.number(1, 65535),
            "cost": f.number(0, 65535),
        },
        more=("netmask", "gateway"),
        defaults={"distance": 1, "weight": 1, "cost": 0},
    ),
    "snmpcommunity": Kind(
        "communityname",
        {"communityname": f.text(31, least=1), "permissions": f.word("GET", "GET_NEXT", "GET_BULK", "SET", "ALL")},
        required=("permissions",),
        verbs=NO_SET,
    ),
    "snmpmanager": Kind(
        "ipaddress",
        {"ipaddress": f.address, "netmask": f.netmask},
        more=("netmask",),
        defaults={"netmask": "255.255.255.255"},
        verbs=NO_SET,
    ),
    "service": Kind(
        "name",
        {
            "name": f.name,
            "ip": f.address,
            "servicetype": f.word(*SERVICE_TYPES),
            "port": f.number(1, 65535),
            "healthmonitor": f.word("YES", "NO"),
        },
        required=("ip", "servicetype", "port"),
        defaults={"healthmonitor": "YES"},
        fixed=frozenset({"ip", "servicetype", "port"}),
    ),
    "lbvserver": Kind(
        "name",
        {"name": f.name, "servicetype": f.word(*SERVICE_TYPES), "ipv46": f.address, "port": f.number(1, 65535)},
        required=("servicetype",),
        fixed=frozenset({"servicetype", "port"}),
    ),
    "lbvserver_service_binding": Kind(
        "name",
        {"name": f.name, "servicename": f.name, "weight": f.number(1, 100)},
        more=("servicename",),
        binding=True,
    ),
    "auditsyslogaction": Kind(
        "name",
        {
            "name": f.name,
            "serverip": f.address,
            "lbvservername": f.name,
            "serverport": f.number(1, 65535),
            "loglevel": f.words(*LEVELS),
            "logfacility": f.word(*(f"LOCAL{number}" for number in range(8))),
            "dateformat": f.word("MMDDYYYY", "DDMMYYYY", "YYYYMMDD"),
            "timezone": f.word("GMT_TIME", "LOCAL_TIME"),
            "tcp": f.word("NONE", "ALL"),
            "acl": ON,
            "userdefinedauditlog": f.word("YES", "NO"),
            "appflowexport": ON,
            "transport": f.word("TCP", "UDP"),
        },
        required=("loglevel",),
        defaults={"serverport": 514, "transport": "UDP"},
        fixed=frozenset({"transport"}),
    ),
    "auditsyslogpolicy": Kind(
        "name",
        {"name": f.name, "rule": f.word("ns_true", "ns_false", "true", "false"), "action": f.name},
        required=("rule", "action"),
    ),
    "systemglobal_auditsyslogpolicy_binding": Kind(
        "",
        {"policyname": f.name, "priority": f.number(0, 2147483647)},
        more=("policyname",),
        required=("priority",),
        binding=True,
    ),
}
