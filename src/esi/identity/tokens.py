"""Tokens from a file: a list of {token, user, tenant, roles} in YAML or JSON.

Tokens are kept as SHA-256 digests and found by digest, so how long a look-up takes tells nothing about a token.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from esi.errors import SettingsError, Unauthenticated
from esi.identity import ADMIN_ROLE, Identity

KEYS = frozenset({"token", "user", "tenant", "roles"})
SHORTEST = 8
"""Characters that a token must have."""


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class TokenFile:
    """The identities of one file, read once; SettingsError lists everything that is wrong with it."""

    def __init__(self, path: Path) -> None:
        self._identities = _load(path)

    async def identify(self, token: str | None) -> Identity:
        if token is None:
            raise Unauthenticated("a token is needed: send it as X-Auth-Token")
        wanted = digest(token)
        for known, identity in self._identities.get(wanted[:2], ()):
            if hmac.compare_digest(known, wanted):
                return identity
        raise Unauthenticated("the token is not known")


def _load(path: Path) -> Mapping[bytes, list[tuple[bytes, Identity]]]:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: neither YAML nor JSON") from error  # the parser's words would quote tokens
    if not isinstance(data, list):
        raise SettingsError(f"{path}: expected a list of token, user, tenant, roles")
    faults: list[str] = []
    found: dict[bytes, list[tuple[bytes, Identity]]] = {}
    seen: set[bytes] = set()
    for number, entry in enumerate(data, start=1):
        wrong = _faults(entry)
        key = digest(entry["token"]) if not wrong else b""
        if not wrong and key in seen:
            wrong = ["the same token stands twice"]
        faults.extend(f"{path}: entry {number}: {fault}" for fault in wrong)
        if not wrong:
            seen.add(key)
            found.setdefault(key[:2], []).append((key, _identity(entry)))
    if faults:
        raise SettingsError(faults)
    return found


def _faults(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return ["expected a mapping"]
    faults = [f"unknown key {key!r}" for key in sorted(map(str, set(entry) - KEYS))]
    token, roles = entry.get("token"), entry.get("roles", [])
    if not isinstance(token, str) or len(token) < SHORTEST:
        faults.append(f"token must be a text of at least {SHORTEST} characters")
    if not isinstance(entry.get("user"), str) or not entry["user"]:
        faults.append("user must be a text")
    if not isinstance(entry.get("tenant", ""), str):
        faults.append("tenant must be a text")
    if not isinstance(roles, list) or not all(isinstance(role, str) and role for role in roles):
        faults.append("roles must be a list of texts")
    return faults


def _identity(entry: Mapping[str, Any]) -> Identity:
    roles = tuple(entry.get("roles", []))
    return Identity(entry["user"], entry.get("tenant", ""), roles, is_admin=ADMIN_ROLE in roles)
