"""The kinds of rows: under which keys NITRO finds one, what it cannot change, how it is said to exist no more.

`path` is the key that stands in the URL, `args` those that go along as arguments. `fixed` fields cannot be changed: the
row is made anew. A `secret` field is never shown, so a row that has one is always written. `name` is NITRO's own
spelling.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from esi.drivers.nitro import Row, Value
from esi.errors import Broken

ABSENT = frozenset({258, 344, 351, 397, 461, 462})
"""No such resource, service, server, IP address, virtual server."""

EXISTS = frozenset({273, 2080})


@dataclass(frozen=True, slots=True)
class Kind:
    """`how`: plain rows, bindings (put with PUT, never changed), switches (there is no add: enable and disable), or
    one setting of the whole appliance."""

    path: str = ""
    args: tuple[str, ...] = ()
    fixed: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    how: Literal["plain", "binding", "switch", "setting"] = "plain"

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.path, *self.args) if self.path else self.args


ALL = frozenset({"*"})

KINDS: Mapping[str, Kind] = {
    "systemuser": Kind("username", secret=frozenset({"password"})),
    "systemuser_systemcmdpolicy_binding": Kind("username", ("policyname",), how="binding"),
    "systemfile": Kind("filename", ("filelocation",), fixed=ALL),
    "nscapacity": Kind(how="setting"),
    "nsip": Kind("ipaddress", fixed=frozenset({"type"})),
    "vlan": Kind("id"),
    "vlan_interface_binding": Kind("id", ("ifnum",), how="binding"),
    "vlan_nsip_binding": Kind("id", ("ipaddress", "netmask"), how="binding"),
    "Interface": Kind("id", how="switch"),
    "route": Kind("network", ("netmask", "gateway")),
    "snmpcommunity": Kind("communityname", fixed=ALL),
    "service": Kind("name", fixed=frozenset({"servicetype", "port", "ip"})),
    "lbvserver": Kind("name", fixed=frozenset({"servicetype", "port"})),
    "lbvserver_service_binding": Kind("name", ("servicename",), how="binding"),
    "auditsyslogaction": Kind("name", fixed=frozenset({"transport", "serverip", "lbvservername"})),
    "auditsyslogpolicy": Kind("name"),
    "systemglobal_auditsyslogpolicy_binding": Kind("", ("policyname",), how="binding"),
}


def kind_of(row: Row) -> Kind:
    if row.kind not in KINDS:
        raise Broken(f"no rows of kind {row.kind} are known")
    return KINDS[row.kind]


def key_of(row: Row) -> tuple[str, ...]:
    """What tells this row from all others of an appliance."""
    return (row.kind, *(str(row.fields[name]) for name in kind_of(row).keys))


def same(wanted: Value, shown: object) -> bool:
    """Whether NITRO shows what was wanted: it may write numbers and booleans as text, and reorders lists."""
    if isinstance(wanted, tuple):
        found = shown if isinstance(shown, list) else str(shown).split(",")
        return sorted(wanted) == sorted(map(str, found))
    if isinstance(wanted, bool):
        return str(shown).lower() in (("true", "1") if wanted else ("false", "0", "none"))
    return str(wanted) == str(shown)


def differing(row: Row, shown: Mapping[str, object], names: Iterable[str]) -> list[str]:
    """The fields in which the appliance shows something else."""
    return [name for name in names if not same(row.fields[name], shown.get(name))]
