"""String formats, each a yes-or-no question about a text. The names and rules are Gohan's, known to every schema file.

`…-or-empty` also accepts "". A dash in `hyph-uuid` stands for the dashed form; `non-hyph-uuid` is how tenants are
named.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping

_HYPHEN_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_PLAIN_UUID = re.compile(r"[0-9a-fA-F]{32}")
_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}"
_IPV4 = re.compile(_ADDRESS)
_IPV4_PREFIX = re.compile(rf"{_ADDRESS}/(?:3[0-2]|[12]?[0-9])")
_IPV6_LENGTH = re.compile("12[0-8]|1[01][0-9]|[1-9]?[0-9]")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_VERSION = re.compile(r"v?[0-9]+(\.[0-9]+){0,2}([-+][0-9A-Za-z.-]+)?")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]*")


def is_hyphen_uuid(text: str) -> bool:
    return _HYPHEN_UUID.fullmatch(text) is not None


def is_plain_uuid(text: str) -> bool:
    return _PLAIN_UUID.fullmatch(text) is not None


def is_uuid(text: str) -> bool:
    return is_hyphen_uuid(text) or is_plain_uuid(text)


def is_ipv4(text: str) -> bool:
    """A dotted quad without leading zeros."""
    return _IPV4.fullmatch(text) is not None


def is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text


def is_ipv4_prefix(text: str) -> bool:
    return _IPV4_PREFIX.fullmatch(text) is not None


def is_cidr(text: str) -> bool:
    """An IPv4 or IPv6 address with its mask length; the host part may be set."""
    address, _, length = text.partition("/")
    return is_ipv4_prefix(text) or (_IPV6_LENGTH.fullmatch(length) is not None and is_ipv6(address))


def is_ipv4_network(text: str) -> bool:
    """An IPv4 prefix whose host part is zero."""
    return is_ipv4_prefix(text) and str(ipaddress.IPv4Interface(text).network) == text


def is_ipv4_address_with_cidr(text: str) -> bool:
    """A host's address with its mask: neither network nor broadcast address, except in a /31 or /32."""
    if not is_ipv4_prefix(text):
        return False
    host = ipaddress.IPv4Interface(text)
    return host.network.prefixlen >= 31 or host.ip not in (host.network.network_address, host.network.broadcast_address)


def is_hostname(text: str) -> bool:
    name = text[:-1] if text.endswith(".") else text
    return 0 < len(name) <= 253 and all(_LABEL.fullmatch(label) for label in name.split("."))


def is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and int(text) <= 65535


def is_regex(text: str) -> bool:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def _full(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


_PLAIN: Mapping[str, Callable[[str], bool]] = {
    "hyph-uuid": is_hyphen_uuid,
    "non-hyph-uuid": is_plain_uuid,
    "uuid": is_uuid,
    "ipv4": is_ipv4,
    "ipv6": is_ipv6,
    "cidr": is_cidr,
    "cidr-or-ipv4": lambda text: is_ipv4(text) or is_ipv4_prefix(text),
    "ipv4-network": is_ipv4_network,
    "ipv4-address-with-cidr": is_ipv4_address_with_cidr,
    "hostname": is_hostname,
    "port": is_port,
    "mac": _full(_MAC),
    "regex": is_regex,
    "version": _full(_VERSION),
    "email": _full(_EMAIL),
    "date-time": _full(_DATE_TIME),
    "uri": _full(_URI),
}


def _or_empty(check: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: text == "" or check(text)


HINTS = frozenset({"text", "yaml", "password", "version-constraint", "javascript"})
"""Formats that say how to show a value and check nothing."""

FORMATS: Mapping[str, Callable[[str], bool]] = {
    **_PLAIN,
    **{f"{name}-or-empty": _or_empty(check) for name, check in _PLAIN.items()},
}
