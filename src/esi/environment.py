"""What a process is told from outside: its settings, and what a service manager says.

Settings come from defaults < esi.yaml < ESI_GROUP__FIELD < flags. All faults are reported together; unknown keys are
errors. A secret can be named by a file that holds it: `etcd.password_file` in place of `etcd.password`, anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from esi.errors import SettingsError
from esi.settings import GROUPS, Settings
from esi.telemetry import Secret

_TRUE, _FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})


def named_file() -> Path | None:
    """The settings file that ESI_CONFIG names: for programs of others that load us, and give us no flags."""
    name = os.environ.get("ESI_CONFIG")
    return Path(name) if name else None


_MANAGER = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def told_by_manager() -> dict[str, str]:
    """What a service manager (systemd) tells a process; a child of ours shall not take it for its own."""
    return {name: os.environ.pop(name) for name in _MANAGER if name in os.environ}


def load_settings(file: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Read all sources. `flags` maps "group.field" to a value, None meaning not given. Raises SettingsError."""
    faults: list[str] = []
    given: dict[str, tuple[Any, str]] = {}
    for name, value in _from_file(file, faults).items():
        _give(given, name, value, str(file), faults)
    for name, text in os.environ.items():
        if name.startswith("ESI_") and "__" in name:
            _give(given, name.removeprefix("ESI_").lower().replace("__", ".", 1), text, name, faults)
    for name, value in (flags or {}).items():
        if value is not None:
            _give(given, name, value, "flag", faults)
    settings = _build(given, faults)
    if faults:
        raise SettingsError(sorted(faults))
    return settings


def _give(given: dict[str, tuple[Any, str]], name: str, value: Any, source: str, faults: list[str]) -> None:
    """Take one setting; of a secret's file what it holds, without the end of its line."""
    whole = name.removesuffix("_file")
    if whole == name or not is_secret_setting(whole):
        given[name] = (value, source)
        return
    try:
        given[whole] = (Path(str(value)).read_text().rstrip("\n"), f"{value}, named by {source}")
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{source}: {name}: cannot read {value}: {getattr(error, 'strerror', None) or error}")


def is_secret_setting(name: str) -> bool:
    """Whether a setting holds a secret; then `<name>_file` may name a file that holds it."""
    group, _, key = name.partition(".")
    return group in GROUPS and get_type_hints(type(getattr(Settings(), group))).get(key) is Secret


def _from_file(file: Path | None, faults: list[str]) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        raw = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        faults.append(f"{file}: {error}")
        return {}
    if raw is None:  # an empty file, or comments only
        return {}
    if not isinstance(raw, dict) or not all(isinstance(group, dict) for group in raw.values()):
        faults.append(f"{file}: must be groups of settings ({', '.join(GROUPS)})")
        return {}
    return {f"{group}.{name}": value for group, members in raw.items() for name, value in members.items()}


def _build(given: Mapping[str, tuple[Any, str]], faults: list[str]) -> Settings:
    groups = {name: getattr(Settings(), name) for name in GROUPS}
    origin: dict[str, str] = {}
    for name, (value, source) in given.items():
        group, _, key = name.partition(".")
        known = {item.name: item for item in fields(groups[group])} if group in groups else {}
        if key not in known:
            near = ", ".join(sorted(known)) if known else ", ".join(GROUPS)
            faults.append(f"{source}: unknown setting {name}; known: {near}")
            continue
        try:
            kind = get_type_hints(type(groups[group]))[key]
            converted = _convert(value, kind, known[key].metadata["choices"])
        except ValueError as error:
            faults.append(f"{source}: {name}: {error}")
            continue
        groups[group] = replace(groups[group], **{key: converted})
        origin[name] = source
    return Settings(**groups, origin=origin)


def _convert(value: Any, kind: type, choices: tuple[str, ...]) -> Any:
    if kind is bool:
        word = str(value).lower()
        if word not in _TRUE | _FALSE:
            raise ValueError(f"{value!r} is neither true nor false")
        return word in _TRUE
    if kind in (int, float):
        try:
            return kind(value)
        except (TypeError, ValueError):
            raise ValueError(f"{value!r} is not a number") from None
    if choices and str(value) not in choices:
        raise ValueError(f"{value!r} is not one of {', '.join(choices)}")
    return kind(value)


def describe(settings: Settings) -> list[tuple[str, str, str, str]]:
    """(name, value as shown, origin, help) of every setting; secrets are masked."""
    return [
        (f"{group}.{item.name}", str(getattr(getattr(settings, group), item.name)),
         settings.origin.get(f"{group}.{item.name}", "default"), item.metadata["help"])
        for group in GROUPS
        for item in fields(getattr(settings, group))
    ]  # fmt: skip
