"""The catalogue of a ring: which services it has, with their schemas, hooks and the templates of its flow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from esi.errors import SchemaError
from esi.lifecycle.hooks import Hooks
from esi.model.resource import Body
from esi.schema import Catalogue, load

SERVICES = ["core", "network", "vpn", "load_balancer"]
"""By the name of their folder; whoever starts a ring may add one before."""

try:
    from yaml import CSafeLoader as Loader
except ImportError:  # a PyYAML without its C part: slower at start, the same otherwise
    from yaml import SafeLoader as Loader  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Services:
    """`templates` are heat_template bodies, as they will stand in SQL and etcd; `rows`, schema and body, stand there
    from the first start.
    """

    catalogue: Catalogue
    hooks: Hooks
    templates: Sequence[Body]
    rows: Sequence[tuple[str, Body]] = ()


def load_services(
    flow: str, *, recorded_quirks: bool = False, names: Sequence[str] = SERVICES, own: str = ""
) -> Services:
    """Read everything that services bring: those of the package, and those in the folder `own`. Raises ConfigError with
    every fault.
    """
    added = _own_folders(own) if own else []
    folders = [*(Path(str(files(f"esi.services.{name}"))) for name in names), *added]
    catalogue = load(folders)
    hooks = Hooks()
    for name in names:
        if find_spec(f"esi.services.{name}.hooks") is not None:  # a service may be data alone
            import_module(f"esi.services.{name}.hooks").register(hooks, recorded_quirks=recorded_quirks)
    hooks.check(catalogue)
    faults: list[str] = []
    templates = _templates(folders, flow, faults)
    faults += [fault for folder in added for fault in _judged(folder, folders, catalogue, templates)]
    services = Services(catalogue, hooks, list(templates.values()), _rows(folders, catalogue, faults))
    if faults:
        raise SchemaError(faults)
    return services


def _own_folders(place: str) -> list[Path]:
    from esi.bootstrap.own_services import own_folders  # here: it brings what reads templates, which few processes need

    return own_folders(place)


def _judged(
    folder: Path, folders: Sequence[Path], catalogue: Catalogue, templates: Mapping[Path, Body]
) -> Iterator[str]:
    from esi.bootstrap.own_services import judge

    names = frozenset(file.stem for one in folders for file in (one / "templates").rglob("*.yaml"))
    return judge(folder, catalogue, {f: body for f, body in templates.items() if f.is_relative_to(folder)}, names)


def _rows(folders: Sequence[Path], catalogue: Catalogue, faults: list[str]) -> list[tuple[str, Body]]:
    """What the files in `rows/` of each service list."""
    rows: list[tuple[str, Body]] = []
    for file in sorted(file for folder in folders for file in (folder / "rows").glob("*.yaml")):
        for row in _read(file, faults) or ():
            if row.get("schema") in catalogue and isinstance(row.get("body"), dict):
                rows.append((row["schema"], row["body"]))
            else:
                faults.append(f"{file}: {row!r} is no row: it needs a schema that is there, and a body")
    return rows


def _read(file: Path, faults: list[str]) -> Any:
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=Loader)  # a safe loader
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{file}: cannot be read: {error}")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file}:{mark.line + 1}" if mark is not None else str(file)
        faults.append(f"{place}: not YAML: {getattr(error, 'problem', None) or error}")
    return None


def _templates(folders: Sequence[Path], flow: str, faults: list[str]) -> dict[Path, Body]:
    """The templates of this flow, and of both, by their files."""
    bodies: dict[Path, Body] = {}
    owners: dict[str, Path] = {}
    places = [place for folder in folders for place in (folder / "templates", folder / "templates" / flow)]
    for file in sorted(file for place in places for file in place.glob("*.yaml")):
        before = len(faults)
        body = _read(file, faults)
        if len(faults) > before:
            continue
        if not isinstance(body, dict) or body.get("id") != file.stem:
            faults.append(f"{file}: must be an object whose id is {file.stem!r}")
        elif (other := owners.setdefault(file.stem, file)) is not file:
            faults.append(f"{file}: a template {file.stem!r} already stands in {other}: take another name")
        else:
            bodies[file] = body
    return bodies
