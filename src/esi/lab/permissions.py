"""What a user's login class forbids: parts of the configuration, and commands (`system login`).

Regular expressions as JUNOS takes them; a deny-configuration is held against the paths of what a load changes, a
deny-commands against a command's words. Users without a class may do everything.
"""

from __future__ import annotations

import re

from esi.render.junos.tree import Node, equal


def denied_sections(running: Node, user: str, before: Node, after: Node) -> list[str]:
    """The sections of the configuration that a load changed and that `user` may not change."""
    pattern = _denied(running, user, "deny-configuration")
    if pattern is None or before is after:
        return []
    changed = []
    for name in {**before.children, **after.children}:
        one, other = before.children.get(name), after.children.get(name)
        known = one or other
        if known is not None and (one is None or other is None or not equal(one, other)):
            changed.append(" ".join(known.words()))
    return sorted(words for words in changed if pattern.match(words))


def denies_parts(running: Node, user: str) -> bool:
    """Whether there is a part of the configuration that `user` may not change."""
    return _denied(running, user, "deny-configuration") is not None


def denies_command(running: Node, user: str, words: str) -> bool:
    """Whether `user` may not give a command."""
    pattern = _denied(running, user, "deny-commands")
    return pattern is not None and pattern.match(words) is not None


def _denied(running: Node, user: str, statement: str) -> re.Pattern[str] | None:
    login = running.get("system", "login")
    account = login.get(("user", user)) if login is not None else None
    named = login.get(("class", account.text("class"))) if login is not None and account is not None else None
    text = named.text(statement) if named is not None else ""
    try:
        return re.compile(text) if text else None
    except re.error:
        return None
