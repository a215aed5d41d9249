"""The `$9$` form in which JUNOS shows secrets: reversible, so equal secrets are compared decoded.

`$9$`, one salt character, filler that nobody reads, then for each byte of the secret a few characters. A character
counts by its distance from the one before it, times a weight that depends on the byte's position; the alphabet is four
families of characters, and the family of the salt says how much filler follows.
"""

from __future__ import annotations

import hashlib
import secrets

from esi.errors import TemplateError

PREFIX = "$9$"
_FAMILIES = ("QzF3n6/9CAtpu0O", "B1IREhcSyrleKvMW8LXx", "7N-dVbwsY2g4oaJZGUDj", "iHkq.mPf5T")
_ALPHABET = "".join(_FAMILIES)
_INDEX = {character: index for index, character in enumerate(_ALPHABET)}
_FILLER = {character: 3 - family for family, characters in enumerate(_FAMILIES) for character in characters}
_WEIGHTS = ((1, 4, 32), (1, 16, 32), (1, 8, 32), (1, 64), (1, 32), (1, 4, 16, 128), (1, 32, 64))


def encode(plain: str, *, seed: str | None = None) -> str:
    """The `$9$` form of a secret. The same `seed` gives the same text; without one salt and filler are random."""
    noise = secrets.token_bytes(4) if seed is None else hashlib.sha256(seed.encode()).digest()
    salt = _ALPHABET[noise[0] % len(_ALPHABET)]
    out = [PREFIX, salt, *(_ALPHABET[byte % len(_ALPHABET)] for byte in noise[1 : 1 + _FILLER[salt]])]
    before = _INDEX[salt]
    for position, byte in enumerate(plain.encode()):
        weights = _WEIGHTS[position % len(_WEIGHTS)]
        gaps: list[int] = []
        rest = byte
        for weight in reversed(weights):
            gaps.append(rest // weight)
            rest %= weight
        for gap in reversed(gaps):
            before = (before + gap + 1) % len(_ALPHABET)
            out.append(_ALPHABET[before])
    return "".join(out)


def decode(secret: str) -> str:
    """The secret behind a `$9$` text. Raises TemplateError for a text that is none; it does not repeat the text."""
    body = secret.removeprefix(PREFIX)
    if body == secret or not body or body[0] not in _FILLER:
        raise _invalid()
    before = _INDEX[body[0]]
    rest = body[1 + _FILLER[body[0]] :]
    if len(body) < 1 + _FILLER[body[0]] or any(character not in _INDEX for character in rest):
        raise _invalid()
    plain = bytearray()
    while rest:
        weights = _WEIGHTS[len(plain) % len(_WEIGHTS)]
        group, rest = rest[: len(weights)], rest[len(weights) :]
        if len(group) < len(weights):
            raise _invalid()
        total = 0
        for character, weight in zip(group, weights, strict=True):
            gap = (_INDEX[character] - before) % len(_ALPHABET) - 1
            if gap < 0:
                raise _invalid()
            total += gap * weight
            before = _INDEX[character]
        plain.append(total % 256)
    try:
        return plain.decode()
    except UnicodeDecodeError as error:
        raise _invalid() from error


def is_encoded(text: str) -> bool:
    """Whether a text is in `$9$` form, as JUNOS decides whether to keep it as it is."""
    return text.startswith(PREFIX)


def same(one: str, other: str) -> bool:
    """Whether two secrets are equal, each plain or encoded."""
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    return decode(text) if is_encoded(text) else text


def _invalid() -> TemplateError:
    return TemplateError("", "not a $9$ secret")
