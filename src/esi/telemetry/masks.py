"""Secrets out of messages, before anything keeps them: by name, by what stands beside a name, and by value.

    by name     values of secret names (ours and those that schemas declare), also in JSON that is kept as text, and in
                pairs such as {"param": name, "value": …}
    by text     `authentication-key …` and its like in router configuration, text or XML; the stored form `$9$…`
    by value    what was found under a secret name is taken out of all other texts of the same message, and of later
                messages about the same resource

A message without any suspicious word, which is most of them, is not looked into any further.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from esi.telemetry import MASK, SECRET_NAMES, Message, is_secret

SHORTEST = 3
"""Shorter values are masked where a name says so, not looked for elsewhere: every text would be full of holes."""

SHORT = 8
"""Values shorter than this count only where they stand as a word."""

KNOWN_NAMES = 10_000
KNOWN_RESOURCES = 5_000
KNOWN_VALUES = 16

PAIRS = (("param", "value"), ("name", "value"), ("key", "value"), ("output_key", "output_value"))
"""Keys under which a name and its value stand side by side: parameters of jobs, outputs of stacks."""

WIDEST_PAIR = 8
"""What has more keys is no pair."""

_WORDS = r"(?:[\w-]*(?:password|secret|md5|pre-shared-key)|[\w-]*authentication-key)"
_VALUE = r"(\"(?:\\.|[^\"\\])*\"|[^\s;{}<>\"]+)"
_STATEMENT = re.compile(rf"\b((?:[\w-]*authentication-key)\s+|{_WORDS}\s+(?:ascii-text\s+)?(?=\S+\s*;)){_VALUE}")
_ELEMENT = re.compile(rf"<((?:\w+:)?{_WORDS}(?:\s[^<>]*)?)>([^<]+)<")
_PLAIN = re.compile(r"[\w .,;:+=/~@-]*", re.ASCII)
_STORED = re.compile(r"\$[1-9]\$[^\s\"';<&]+")

Found = set[str]


class Masks:
    """`names`: what schemas declare secret, beside the names that are always masked."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = frozenset(names)
        words = {"password", "md5", "secret", "token", "shared-key", *SECRET_NAMES, *self._names}
        pattern = "|".join([*sorted(map(re.escape, words), key=len, reverse=True), r"\$[1-9]\$"])
        self._suspicious = re.compile(pattern)
        self._in_bytes = re.compile(pattern.encode())
        self._judged: dict[str, bool] = {}
        self._known: OrderedDict[tuple[str, str], tuple[str, ...]] = OrderedDict()

    def __call__(self, message: Message) -> Message:
        """The message without its secrets."""
        packed: dict[str, Any] = orjson.loads(self.packed({"subject": message.subject, "body": message.body}, message))
        return message._replace(subject=packed["subject"], body=packed["body"])

    def packed(self, content: Mapping[str, Any], message: Message) -> bytes:
        """`content`, which is about `message`, as JSON without secrets."""
        data = orjson.dumps(content, default=str, option=orjson.OPT_NON_STR_KEYS)
        known = self._values_of(message)
        if self._in_bytes.search(data) is None and not any(_hint(value) in data for value in known):
            return data
        found: Found = set()
        value = self._by_name(orjson.loads(data), found)
        found = {secret for secret in found if len(secret) >= SHORTEST and secret.strip("*•")}
        if found:
            self._remember(message, found)
        data = orjson.dumps(value)
        wanted = {secret for secret in found.union(known) if _hint(secret) in data}
        return orjson.dumps(_by_value(orjson.loads(data), _pattern(wanted))) if wanted else data

    def _by_name(self, value: Any, found: Found) -> Any:
        """In place: what is walked through has just been read from JSON."""
        if isinstance(value, str):
            return self._text(value, found) if self._suspicious.search(value) is not None else value
        if isinstance(value, dict):
            named = _paired(value)
            for name, item in value.items():
                if item and (self._secret(name) or (named is not None and name == named[1] and self._secret(named[0]))):
                    value[name] = self._hidden(item, found)
                elif isinstance(item, str | dict | list):
                    value[name] = self._by_name(item, found)
        elif isinstance(value, list):
            value[:] = [self._by_name(item, found) for item in value]
        return value

    def _secret(self, name: str) -> bool:
        known = self._judged.get(name)
        if known is None:
            if len(self._judged) > KNOWN_NAMES:
                self._judged.clear()
            known = self._judged[name] = is_secret(name) or name in self._names
        return known

    def _hidden(self, value: Any, found: Found) -> str:
        """A value under a secret name, and every text in it."""
        todo = [value]
        while todo:
            item = todo.pop()
            if isinstance(item, str):
                found.add(item)
            elif isinstance(item, dict):
                todo.extend(item.values())
            elif isinstance(item, list):
                todo.extend(item)
        return MASK

    def _text(self, text: str, found: Found) -> str:
        if text[:1] in "{[":
            try:
                inner = orjson.loads(text)
            except orjson.JSONDecodeError:
                pass  # no JSON, but a text like others
            else:
                return orjson.dumps(self._by_name(inner, found)).decode()

        def taken(match: re.Match[str]) -> str:
            found.add(match[2].strip('"'))
            return match[0].replace(match[2], MASK)

        return _STORED.sub(MASK, _ELEMENT.sub(taken, _STATEMENT.sub(taken, text)))

    # What was found under a name stays known for the resource

    def _values_of(self, message: Message) -> tuple[str, ...]:
        known = self._known
        if not known:
            return ()
        return tuple({value for schema, id_, _ in message.refs for value in known.get((schema, id_), ())})

    def _remember(self, message: Message, found: Found) -> None:
        for schema, id_, _version in message.refs[:KNOWN_VALUES]:
            values = dict.fromkeys((*sorted(found), *self._known.pop((schema, id_), ())))
            self._known[schema, id_] = tuple(values)[:KNOWN_VALUES]
        while len(self._known) > KNOWN_RESOURCES:
            self._known.popitem(last=False)


def _paired(value: Mapping[str, Any]) -> tuple[str, str] | None:
    """The name that stands beside a value, and the key of that value."""
    if len(value) > WIDEST_PAIR:
        return None
    for name, key in PAIRS:
        if key in value and isinstance(value.get(name), str):
            return value[name], key
    return None


def _hint(value: str) -> bytes:
    """How a value begins, whatever it stands in: looked for first, which is fast. Empty: it stands everywhere."""
    plain = _PLAIN.match(value)
    return plain[0].encode() if plain is not None else b""


def _escaped(value: str) -> str:
    """How a value stands inside a JSON text."""
    return orjson.dumps(value).decode()[1:-1]


def _pattern(secrets: Iterable[str]) -> re.Pattern[str]:
    """Each value as it is, as it stands in JSON inside JSON, and in XML."""
    parts: set[str] = set()
    for secret in secrets:
        once = _escaped(secret)
        xml = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        for form in {secret, once, _escaped(once), xml}:
            word = re.escape(form)
            parts.add(rf"(?<!\w){word}(?!\w)" if len(secret) < SHORT else word)
    return re.compile("|".join(sorted(parts, key=len, reverse=True)))


def _by_value(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return pattern.sub(MASK, value)
    if isinstance(value, dict):
        return {name: _by_value(item, pattern) for name, item in value.items()}
    if isinstance(value, list):
        return [_by_value(item, pattern) for item in value]
    return value
