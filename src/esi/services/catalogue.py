"""Where the services lie, and what the rest of the system wants from them: folders, templates, hooks."""

from __future__ import annotations

from pathlib import Path

import yaml

from esi.plugin import Body, Hooks, PluginError
from esi.services.vpn import hooks as vpn

SERVICES = ("core", "vpn")
FLOWS = ("2017", "2018")
_HERE = Path(__file__).parent


def folders() -> list[Path]:
    """The folders that `esi.schema.load` reads: schemas and policies of every service."""
    return [_HERE / name for name in SERVICES]


def register(hooks: Hooks, *, recorded_quirks: bool = False) -> None:
    """Register the hooks of every service."""
    vpn.register(hooks, recorded_quirks=recorded_quirks)


def templates(flow: str) -> list[Body]:
    """The bodies of the heat_template resources of a flow ("2017", "2018"), in the order of their ids.

    Each is {id, handler, watch, parameter_mappings, template_file}. PluginError for a flow that is not known.
    """
    if flow not in FLOWS:
        raise PluginError(f"there is no flow {flow!r}; there are {', '.join(FLOWS)}")
    files = [file for name in SERVICES for file in (_HERE / name / "templates" / flow).glob("*.yaml")]
    bodies: list[Body] = [yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader) for file in files]
    return sorted(bodies, key=lambda body: str(body["id"]))
