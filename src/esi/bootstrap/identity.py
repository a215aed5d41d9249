"""Who says who is calling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from esi.clock import Clock
from esi.identity import Authenticator
from esi.identity.none import NoIdentity
from esi.identity.tokens import TokenFile
from esi.settings import Settings

if TYPE_CHECKING:  # a ring that asks no Keystone does not load its client
    from esi.identity.keystone import Login
    from esi.lab.keystone import KeystoneRoom


def open_identity(settings: Settings, clock: Clock, *, lab: tuple[KeystoneRoom, Login] | None = None) -> Authenticator:
    """The Keystone of the settings; with a token file the lab's Keystone, where it is given, or the file itself;
    without one everybody is the administrator.
    """
    asked, file = settings.keystone, settings.api.token_file
    if not asked.url and (lab is None or not file):
        return TokenFile(Path(file)) if file else NoIdentity()
    from esi.identity.keystone import KeystoneIdentity, Login, Trust

    trust = Trust(asked.cache_seconds, asked.stale_seconds)
    if asked.url or lab is None:
        login = Login(asked.user, asked.password, asked.project, asked.domain)
        return KeystoneIdentity(lambda: asked.url, login, clock=clock, trust=trust)
    room, login = lab
    return KeystoneIdentity(lambda: f"{room.url}/v3", login, clock=clock, trust=trust)
