"""Our errors, as Neutron tells them: `{"NeutronError": {"type", "message", "detail"}}`, by names that its clients know.

Clients tell errors apart by type, so a conflict is told as the one that Neutron would have had there; the sentence is
ours, because it names what stands in the way. What failed inside of us is told to the log alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from esi.errors import (
    Conflict,
    EsiError,
    Forbidden,
    Invalid,
    NotFound,
    QuotaExceeded,
    RequestError,
    TemporaryError,
    Unauthenticated,
)
from esi.model.resource import Body
from esi.neutron.kinds import Kind

DENIED = "The request you have made requires authentication."
INSIDE = "Request Failed: internal server error while processing your request."
MISSING = {"network_id": ("NetworkNotFound", "Network"), "subnet_id": ("SubnetNotFound", "Subnet")}
"""What Neutron says when such a property leads nowhere."""
NOWHERE = "there is no "


class NeutronError(RequestError):
    """Something that Neutron has a name for, said by this room itself."""

    code = "neutron"

    def __init__(self, status: int, type: str, message: str) -> None:
        self.type = type
        self.http = status
        super().__init__(message)


def not_found(title: str, words: str, id_: str) -> NeutronError:
    return NeutronError(404, f"{title}NotFound", f"{words} {id_} could not be found.")


NO_PATH = NeutronError(404, "HTTPNotFound", "The resource could not be found.")


@dataclass(frozen=True, slots=True)
class Doing:
    """What was being done when it went wrong. `sent` is the body inside its singular."""

    verb: str = ""
    kind: Kind | None = None
    id: str = ""
    sent: Mapping[str, Any] | None = None


def told(error: EsiError, doing: Doing) -> tuple[int, Body]:
    """The status and the body."""
    if isinstance(error, Unauthenticated):
        return 401, {"error": {"message": DENIED, "code": 401, "title": "Unauthorized"}}
    status, type_, message = _named(error, doing)
    return status, {"NeutronError": {"type": type_, "message": message, "detail": ""}}


def _named(error: EsiError, doing: Doing) -> tuple[int, str, str]:
    kind = doing.kind
    title = kind.title if kind is not None else "Resource"
    if isinstance(error, NeutronError):
        return error.http, error.type, error.message
    if isinstance(error, NotFound) and kind is not None:
        found = not_found(title, kind.in_words, doing.id)
        return found.http, found.type, found.message
    if isinstance(error, Invalid):
        return _invalid(error, doing.sent or {})
    if isinstance(error, QuotaExceeded):
        name = kind.singular if kind is not None else "resource"
        return 409, "OverQuota", f"Quota exceeded for resources: ['{name}']."
    if isinstance(error, Conflict):
        return 409, _conflict(error, doing), error.message
    if isinstance(error, Forbidden):
        name = kind.singular if kind is not None else "resource"
        rule = f"rule:{doing.verb}_{name} is disallowed by policy"
        return 403, "PolicyNotAuthorized", f"{rule}: {error.message}"
    if isinstance(error, RequestError):
        return error.status, f"HTTP{type(error).__name__}", error.message
    if isinstance(error, TemporaryError):
        return 503, "ServiceUnavailable", error.message
    return 500, "HTTPInternalServerError", INSIDE


def _invalid(error: Invalid, sent: Mapping[str, Any]) -> tuple[int, str, str]:
    for path, text in error.errors:
        named = MISSING.get(path.rpartition(".")[2])
        if named is not None and text.startswith(NOWHERE):
            return 404, named[0], f"{named[1]} {_at(sent, path)} could not be found."
    faults = "; ".join(f"{path}: {text}" for path, text in error.errors) or error.message
    return 400, "InvalidInput", f"Invalid input for operation: {faults}."


def _at(sent: Any, path: str) -> str:
    """The text that was sent at a path such as fixed_ips[0].subnet_id."""
    for step in re.findall(r"[^.\[\]]+", path):
        try:
            sent = sent[int(step)] if isinstance(sent, Sequence) else sent[step]
        except (KeyError, IndexError, ValueError, TypeError):
            return ""
    return str(sent)


def _conflict(error: Conflict, doing: Doing) -> str:
    fields = error.details.get("fields") or ()
    title = doing.kind.title if doing.kind is not None else "Resource"
    if doing.verb == "delete":
        return f"{title}InUse"
    if "mac_address" in fields:
        return "MacAddressInUse"
    if "gateway_ip" in fields:
        return "IpAddressInUse"
    if "fixed_ips" in fields:
        asked = (doing.sent or {}).get("fixed_ips")
        named = any(isinstance(item, dict) and item.get("ip_address") for item in asked or ())
        return "IpAddressInUse" if named else "IpAddressGenerationFailure"
    return "Conflict"
