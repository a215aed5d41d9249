"""Who a ring knows: a YAML or JSON file of tokens and passwords, read once.

    - {token: …, password: …, user: alice, tenant: 0a0a…, project: blue, roles: [Member]}

or, with the URLs of other services that the lab's Keystone shall tell, `{tokens: [that list], catalogue: {type: url}}`.
An entry needs a token or a password. A token is one user in one tenant; a user in two tenants has two entries, and one
password. `project` is the tenant's name towards OpenStack; without it its id is its name. `%(tenant_id)s` in a URL of
the catalogue becomes the tenant's id.

Tokens and passwords are kept as SHA-256 digests, so nothing that prints an account tells them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from esi.errors import SettingsError
from esi.identity import Identity, is_administrator

KEYS = frozenset({"token", "password", "user", "tenant", "project", "roles"})
HOME, HOME_NAME = "00000000000000000000000000000e51", "admin"
"""The project, towards OpenStack, of what has no tenant."""

SECTIONS = frozenset({"tokens", "catalogue"})
SHORTEST = 8
"""Characters that a token must have, and a password."""


@dataclass(frozen=True, slots=True)
class Account:
    """One user in one tenant. `token` and `password` are digests, empty where there is none."""

    identity: Identity
    project: str
    token: bytes = b""
    password: bytes = b""


@dataclass(frozen=True, slots=True)
class Accounts:
    """All of a file. `catalogue`: service type → URL."""

    entries: tuple[Account, ...] = ()
    catalogue: Mapping[str, str] = field(default_factory=dict)


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def account(user: str, *, tenant: str = "", project: str = "", roles: Sequence[str] = (), **secrets: str) -> Account:
    """An account; `secrets` are its `token` and `password` in clear."""
    digests = {name: digest(secret) for name, secret in secrets.items()}
    identity = Identity(user, tenant, tuple(roles), is_admin=is_administrator(roles))
    return Account(identity, project or tenant, **digests)


def read_accounts(path: Path) -> Accounts:
    """SettingsError lists everything that is wrong with the file."""
    entries, catalogue = _sections(path)
    faults: list[str] = []
    found: list[Account] = []
    for number, entry in enumerate(entries, start=1):
        wrong = _faults(entry)
        if not wrong:
            one = account(**entry)
            wrong = _clashes(one, found)
            found.append(one)
        faults.extend(f"{path}: entry {number}: {fault}" for fault in wrong)
    if faults:
        raise SettingsError(faults)
    return Accounts(tuple(found), catalogue)


def _sections(path: Path) -> tuple[list[Any], dict[str, str]]:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: neither YAML nor JSON") from error  # the parser's words would quote tokens
    sections = {"tokens": data} if isinstance(data, list) else data
    if not isinstance(sections, dict) or not set(sections) <= SECTIONS or not isinstance(sections.get("tokens"), list):
        raise SettingsError(f"{path}: expected a list of {', '.join(sorted(KEYS))}; or that as tokens, and a catalogue")
    catalogue = sections.get("catalogue") or {}
    if not isinstance(catalogue, dict) or not all(_word(item) for pair in catalogue.items() for item in pair):
        raise SettingsError(f"{path}: catalogue must name a URL for each type of service")
    return sections["tokens"], catalogue


def _faults(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return ["expected a mapping"]
    faults = [f"unknown key {key!r}" for key in sorted(map(str, set(entry) - KEYS))]
    secrets = [name for name in ("token", "password") if name in entry]
    if not secrets:
        faults.append("needs a token or a password")
    for name in secrets:
        if not isinstance(entry[name], str) or len(entry[name]) < SHORTEST:
            faults.append(f"{name} must be a text of at least {SHORTEST} characters")
    if not _word(entry.get("user")):
        faults.append("user must be a text")
    faults += [f"{name} must be a text" for name in ("tenant", "project") if not isinstance(entry.get(name, ""), str)]
    roles = entry.get("roles", [])
    if not isinstance(roles, list) or not all(_word(role) for role in roles):
        faults.append("roles must be a list of texts")
    return faults


def _clashes(one: Account, known: Sequence[Account]) -> list[str]:
    faults: list[str] = []
    if one.token and any(other.token == one.token for other in known):
        faults.append("the same token stands twice")
    if any(
        other.identity.user == one.identity.user and other.password != one.password
        for other in known
        if other.password and one.password
    ):
        faults.append(f"the user {one.identity.user} has two passwords")
    projects = {other.project: other.identity.tenant for other in known}
    if projects.get(one.project, one.identity.tenant) != one.identity.tenant:
        faults.append(f"two tenants have the project name {one.project}")
    return faults


def _word(value: Any) -> bool:
    return isinstance(value, str) and value != ""
