"""Tokens from a file (accounts.py has its form).

Tokens are found by digest, so how long a look-up takes tells nothing about a token.
"""

from __future__ import annotations

import hmac
from pathlib import Path

from esi.errors import Unauthenticated
from esi.identity import Identity
from esi.identity.accounts import digest, read_accounts


class TokenFile:
    """The identities of one file, read once; SettingsError lists everything that is wrong with it."""

    def __init__(self, path: Path) -> None:
        self._identities: dict[bytes, list[tuple[bytes, Identity]]] = {}
        for account in read_accounts(path).entries:
            if account.token:
                self._identities.setdefault(account.token[:2], []).append((account.token, account.identity))

    async def identify(self, token: str | None) -> Identity:
        if token is None:
            raise Unauthenticated("a token is needed: send it as X-Auth-Token")
        wanted = digest(token)
        for known, identity in self._identities.get(wanted[:2], ()):
            if hmac.compare_digest(known, wanted):
                return identity
        raise Unauthenticated("the token is not known")
