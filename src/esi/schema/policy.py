"""Who may do what to which resources, compiled to a look-up by (role, action, schema, item or collection).

Deny by default. A matching deny ends it; the allows of all roles of a caller are merged, each with its own condition
and properties, so that "everybody reads name, the owner reads all" is two policies. `resource.path` is a pattern for
the whole path or for its beginning up to a slash: `/v2.0/networks` covers the collection and its members, not
`/v2.0/networks_x`. Conditions other than `is_owner` are refused when the file is loaded: a condition that is not
enforced is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from esi.schema.model import Schema
from esi.schema.source import Document

ACTIONS = ("create", "read", "update", "delete")
KEYS = frozenset({"id", "description", "principal", "action", "effect", "resource", "condition"})
RESOURCE_KEYS = frozenset({"path", "properties", "blacklistProperties"})
SAMPLE_ID = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Allow:
    """One permission: on which properties (None: all), and whether only on the caller's own rows."""

    properties: frozenset[str] | None
    owner_only: bool


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller may do with resources of one schema; false when nothing."""

    allows: tuple[Allow, ...]

    def __bool__(self) -> bool:
        return bool(self.allows)

    @property
    def owner_only(self) -> bool:
        """Whether every permission ends at the caller's own rows."""
        return all(allow.owner_only for allow in self.allows)

    def properties(self, *, own: bool) -> frozenset[str] | None:
        """Names that may be seen or sent in a row that is the caller's `own` or not; None means all."""
        names: set[str] = set()
        for allow in self.allows:
            if own or not allow.owner_only:
                if allow.properties is None:
                    return None
                names |= allow.properties
        return frozenset(names)


NO_ACCESS = Access(())


class Policies:
    """All policies, indexed. Without any policy the role `admin` may do everything and nobody else anything.

    Case means nothing in the name of a role, as in Keystone, whose `Member` of old is `member` by now.
    """

    def __init__(self, rules: Iterable[_Rule] | None, schemas: Iterable[Schema]) -> None:
        given = [_Rule("admin", "*", allow=True, pattern=None)] if rules is None else list(rules)
        schemas = list(schemas)
        self._allows: dict[tuple[str, str, str, bool], list[Allow]] = {}
        self._denies: set[tuple[str, str, str, bool]] = set()
        self.unused: list[str] = []
        for rule in given:
            if not self._index(rule, schemas):
                self.unused.append(rule.where)
        self._known: dict[tuple[tuple[str, ...], str, str, bool], Access] = {}

    def _index(self, rule: _Rule, schemas: Sequence[Schema]) -> bool:
        used = False
        for schema in schemas:
            actions = (*ACTIONS, *schema.actions) if rule.action == "*" else (rule.action,)
            for item, path in ((False, schema.path), (True, schema.path_of(SAMPLE_ID))):
                if rule.pattern is not None and not rule.pattern.fullmatch(path):
                    continue
                used = True
                for action in actions:
                    key = (rule.principal.casefold(), action, schema.id, item)
                    if rule.allow:
                        self._allows.setdefault(key, []).append(rule.on(schema))
                    else:
                        self._denies.add(key)
        return used

    def access(self, roles: tuple[str, ...], action: str, schema: Schema, *, item: bool) -> Access:
        """What these roles may do; `item` is false for list and create, true for what names one resource."""
        key = (roles, action, schema.id, item)
        known = self._known.get(key)
        if known is None:
            if len(self._known) > 10_000:
                self._known.clear()
            known = self._known[key] = self._merge(roles, action, schema, item)
        return known

    def _merge(self, roles: tuple[str, ...], action: str, schema: Schema, item: bool) -> Access:
        allows: dict[Allow, None] = {}
        for role in roles:
            key = (role.casefold(), action, schema.id, item)
            if key in self._denies:
                return NO_ACCESS
            allows.update(dict.fromkeys(self._allows.get(key, ())))
        return Access(tuple(allows)) if allows else NO_ACCESS


@dataclass(frozen=True, slots=True)
class _Rule:
    principal: str
    action: str
    allow: bool
    pattern: re.Pattern[str] | None
    names: frozenset[str] | None = None
    refused: frozenset[str] = frozenset()
    owner_only: bool = False
    where: str = ""

    def on(self, schema: Schema) -> Allow:
        """The permission as it stands for one schema; the owner's condition means nothing where nobody owns rows."""
        names = self.names
        if self.refused:
            names = frozenset(schema.properties) - self.refused
        return Allow(names, self.owner_only and schema.tenant_owned)


def build_policies(documents: Sequence[Document], schemas: Iterable[Schema], faults: list[str]) -> Policies:
    """Compile policy documents; no documents at all give the shipped default."""
    rules = [rule for document in documents if (rule := _rule(document, faults)) is not None]
    policies = Policies(rules if documents else None, schemas)
    faults.extend(f"{where}: resource.path matches no schema" for where in policies.unused if where)
    return policies


def _rule(document: Document, faults: list[str]) -> _Rule | None:
    data, where = document.data, document.where
    before = len(faults)
    for key in sorted(set(data) - KEYS, key=str):
        faults.append(f"{where}: policy key {key!r} is not supported")
    principal, action = data.get("principal"), data.get("action")
    if not isinstance(principal, str) or not principal:
        faults.append(f"{where}: a policy needs a principal (a role)")
    if not isinstance(action, str) or not action or action == "__attach__":
        faults.append(f"{where}: action {action!r} is not supported")
    resource = data.get("resource") or {}
    if not isinstance(resource, dict) or set(resource) - RESOURCE_KEYS:
        faults.append(f"{where}: resource has path, properties or blacklistProperties")
        resource = {}
    names, refused = _properties(resource, where, faults)
    owner_only = _is_owner(data.get("condition"), where, faults)
    pattern = _pattern(resource.get("path"), where, faults)
    if len(faults) > before:
        return None
    allow = str(data.get("effect") or "allow").lower() != "deny"
    return _Rule(str(principal), str(action), allow, pattern, names, refused, owner_only, where)


def _properties(
    resource: Mapping[str, Any], where: str, faults: list[str]
) -> tuple[frozenset[str] | None, frozenset[str]]:
    allowed, refused = resource.get("properties"), resource.get("blacklistProperties")
    if allowed is not None and refused is not None:
        faults.append(f"{where}: give properties or blacklistProperties, not both")
    for value in (allowed, refused):
        if value is not None and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
            faults.append(f"{where}: properties are a list of names")
            return None, frozenset()
    return (
        frozenset(allowed) if allowed is not None else None,
        frozenset(refused) if refused is not None else frozenset(),
    )


def _is_owner(condition: Any, where: str, faults: list[str]) -> bool:
    if condition is None or condition == []:
        return False
    if condition == ["is_owner"] or condition == "is_owner":
        return True
    faults.append(f"{where}: condition {condition!r} is not supported; is_owner is")
    return False


def _pattern(path: Any, where: str, faults: list[str]) -> re.Pattern[str] | None:
    if path is None:
        return None
    try:
        return re.compile(rf"(?:{path})(?:/.*)?")
    except (re.error, TypeError) as error:
        faults.append(f"{where}: resource.path is no pattern: {error}")
        return None
