"""What a field of a row may hold. A check gives the value as the appliance keeps it, or refuses it with its code."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from esi.lab.netscaler.codes import BAD_ADDRESS, BAD_NAME, BAD_NETMASK, BAD_VALUE, OUT_OF_RANGE, Refused

Check = Callable[[str, Any], Any]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_#. :@=-]{0,126}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def name(field: str, value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Refused(BAD_NAME, field)
    return value


def text(longest: int, *, least: int = 0) -> Check:
    """Any printing characters."""

    def check(field: str, value: Any) -> str:
        if not isinstance(value, str) or _CONTROL.search(value):
            raise Refused(BAD_VALUE, field)
        if not least <= len(value) <= longest:
            raise Refused(OUT_OF_RANGE, field)
        return value

    return check


def number(least: int, most: int) -> Check:
    def check(field: str, value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value, re.ASCII):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refused(BAD_VALUE, field)
        if not least <= value <= most:
            raise Refused(OUT_OF_RANGE, f"{field}, {value}")
        return value

    return check


def word(*known: str) -> Check:
    def check(field: str, value: Any) -> str:
        found = next((one for one in known if isinstance(value, str) and one.lower() == value.lower()), None)
        if found is None:
            raise Refused(OUT_OF_RANGE, field)
        return found

    return check


def words(*known: str) -> Check:
    one = word(*known)

    def check(field: str, value: Any) -> list[str]:
        listed = value if isinstance(value, list) else [value]
        if not listed:
            raise Refused(OUT_OF_RANGE, field)
        return [one(field, item) for item in listed]

    return check


def switch(field: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise Refused(BAD_VALUE, field)


def address(field: str, value: Any) -> str:
    try:
        if not isinstance(value, str):
            raise ValueError
        return str(IPv4Address(value))
    except ValueError:
        raise Refused(BAD_ADDRESS, field) from None


def netmask(field: str, value: Any) -> str:
    try:
        if not isinstance(value, str) or "/" in value:
            raise ValueError
        mask = IPv4Address(value)
        if int(mask) | int(mask) - 1 != 0xFFFFFFFF and int(mask):
            raise ValueError
        return str(mask)
    except ValueError:
        raise Refused(BAD_NETMASK, field) from None


def filename(field: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}", value, re.ASCII):
        raise Refused(BAD_VALUE, field)
    return value


def folder(field: str, value: Any) -> str:
    fits = isinstance(value, str) and re.fullmatch(r"/(nsconfig|var|flash)(/[A-Za-z0-9_-]+){0,6}/?", value, re.ASCII)
    if not fits or len(value) > 127:
        raise Refused(BAD_VALUE, field)
    return str(value).rstrip("/")


def encoded(field: str, value: Any) -> str:
    try:
        if not isinstance(value, str) or len(value) > 1_000_000:
            raise ValueError
        base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        raise Refused(BAD_VALUE, field) from None
    return value


def network_of(ip: str, mask: str) -> IPv4Network:
    return IPv4Network(f"{ip}/{mask}", strict=False)
