"""Neutron's API beside ours, and where it is: told to the lab's Keystone, which may run in another process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from esi.identity import Authenticator
from esi.lifecycle import Lifecycle
from esi.settings import Settings
from esi.telemetry import Recorder

if TYPE_CHECKING:  # an API without it does not load its server
    from esi.neutron import NeutronRoom

FILE = "neutron.url"


def build_neutron(
    settings: Settings, lifecycle: Lifecycle, authenticator: Authenticator, recorder: Recorder
) -> NeutronRoom:
    from esi.neutron import NeutronRoom

    named = settings.neutron
    address = (named.host, named.port)
    return NeutronRoom(lifecycle, authenticator, recorder=recorder, address=address, public_url=named.url)


def write_neutron(folder: Path, url: str) -> None:
    """Replace the file in one step; empty: there is none."""
    draft = folder / f"{FILE}.new"
    draft.write_text(url)
    draft.replace(folder / FILE)


def read_neutron(folder: Path) -> str:
    try:
        return (folder / FILE).read_text()
    except OSError:
        return ""
