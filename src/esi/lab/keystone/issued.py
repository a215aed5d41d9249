"""The tokens that were given out: 256 random bits each, kept by digest with their end, at most so many per user.

Who has taken too many loses the oldest of their own. A user whose password was guessed at too often is not listened to
for a while, whatever comes.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from esi.clock import Clock
from esi.identity.accounts import digest
from esi.lab.keystone.directory import User

MOST_PER_USER = 500
TOKEN_BYTES = 32
BEGINNING = "gAAAAA"
"""As of Fernet tokens: a command line takes a word that begins with a dash for an option."""
GUESSES = 10
GUESS_SECONDS = 60.0
MOST_GUESSED = 1_000
"""Names whose wrong guesses are remembered."""


@dataclass(frozen=True, slots=True)
class Token:
    """`project` is an id, empty for a token without scope; times in epoch seconds."""

    user: User
    project: str
    methods: tuple[str, ...]
    issued: float
    expires: float
    audit: str = field(default_factory=lambda: secrets.token_urlsafe(16))


class Issued:
    """Tokens by digest; `seconds` is how long one lives."""

    def __init__(self, clock: Clock, *, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._tokens: dict[bytes, Token] = {}
        self._by_user: dict[str, OrderedDict[bytes, None]] = {}

    def issue(self, user: User, project: str, methods: tuple[str, ...], *, until: float | None = None) -> str:
        """A new token as text. `until`: not longer than the token that it was given for."""
        now = self._clock.now()
        expires = now + self._seconds if until is None else until
        text = BEGINNING + secrets.token_urlsafe(TOKEN_BYTES)
        key = digest(text)
        own = self._by_user.setdefault(user.id, OrderedDict())
        for old in [old for old in own if self._tokens[old].expires <= now]:
            self._drop(old)
        if len(own) >= MOST_PER_USER:
            self._drop(next(iter(own)))
        self._tokens[key] = Token(user, project, methods, now, expires)
        own[key] = None
        return text

    def find(self, text: str) -> Token | None:
        key = digest(text)
        token = self._tokens.get(key)
        if token is not None and token.expires <= self._clock.now():
            self._drop(key)
            return None
        return token

    def revoke(self, text: str) -> bool:
        key = digest(text)
        if key not in self._tokens:
            return False
        self._drop(key)
        return True

    def _drop(self, key: bytes) -> None:
        del self._by_user[self._tokens.pop(key).user.id][key]


class Guesses:
    """Wrong passwords of the last minute, by name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def too_many(self, name: str) -> bool:
        wrong = self._wrong.get(name, deque())
        while wrong and wrong[0] < self._clock.monotonic() - GUESS_SECONDS:
            wrong.popleft()
        return len(wrong) >= GUESSES

    def wrong(self, name: str) -> None:
        self._wrong.setdefault(name, deque(maxlen=GUESSES)).append(self._clock.monotonic())
        self._wrong.move_to_end(name)
        if len(self._wrong) > MOST_GUESSED:
            self._wrong.popitem(last=False)
