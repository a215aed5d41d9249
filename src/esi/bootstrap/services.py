"""The catalogue of a ring: which services it has, with their schemas, hooks and the templates of its flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import yaml

from esi.errors import ConfigError
from esi.lifecycle.hooks import Hooks
from esi.model.resource import Body
from esi.schema import Catalogue, load

SERVICES = ["core", "vpn"]
"""By the name of their folder; whoever starts a ring may add one before."""

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # a PyYAML without its C part: slower at start, the same otherwise
    from yaml import SafeLoader as Loader  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Services:
    """`templates` are heat_template bodies, as they will stand in SQL and etcd."""

    catalogue: Catalogue
    hooks: Hooks
    templates: Sequence[Body]


def load_services(flow: str, *, recorded_quirks: bool = False, names: Sequence[str] = SERVICES) -> Services:
    """Read everything that services bring. Raises ConfigError with every fault."""
    folders = [Path(str(files(f"esi.services.{name}"))) for name in names]
    catalogue = load(folders)
    hooks = Hooks()
    for name in names:
        if find_spec(f"esi.services.{name}.hooks") is not None:  # a service may be data alone
            import_module(f"esi.services.{name}.hooks").register(hooks, recorded_quirks=recorded_quirks)
    hooks.check(catalogue)
    return Services(catalogue, hooks, _templates(folders, flow))


def _templates(folders: Sequence[Path], flow: str) -> list[Body]:
    bodies: list[Body] = []
    faults: list[str] = []
    for file in sorted(file for folder in folders for file in (folder / "templates" / flow).glob("*.yaml")):
        try:
            body = yaml.load(file.read_text(), Loader=Loader)  # a safe loader
        except yaml.YAMLError as error:
            faults.append(f"{file}: {error}")
            continue
        if not isinstance(body, dict) or body.get("id") != file.stem:
            faults.append(f"{file}: must be an object whose id is {file.stem!r}")
            continue
        bodies.append(body)
    if faults:
        raise ConfigError(faults)
    return bodies
