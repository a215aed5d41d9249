"""Writes the reference pages from the code: `make docs`. tests/docs compares them, so a page cannot go stale.

docs/reference/settings.md    esi.environment.describe
docs/reference/errors.md      the classes of esi.errors and esi.api.errors
docs/reference/keys.md        the head of esi.model.keys
docs/reference/plugin.md      the names that esi.plugin promises
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from esi import environment, errors, plugin, settings
from esi.api import errors as api_errors
from esi.model import keys

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
MADE = "This page is written by `make docs`."


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def settings_page() -> str:
    rows = [
        (f"`{name}`", f"`{value}`" if value else "empty", f"`ESI_{name.upper().replace('.', '__')}`", text)
        for name, value, _, text in environment.describe(settings.Settings())
    ]
    return f"""# Settings

{MADE} Defaults < `esi.yaml` < environment < flags (`--set group.name=value`). All faults are reported together, an
unknown name is a fault, secrets are never shown. `esi settings show` prints each value and where it comes from.

{table(("setting", "default", "environment", "what it does"), rows)}
"""


def error_classes() -> list[type[errors.EsiError]]:
    """In the order of the files: the tree that the head of esi.errors draws, then what only the API says."""
    return [
        member
        for module in (errors, api_errors)
        for member in vars(module).values()
        if inspect.isclass(member) and issubclass(member, errors.EsiError) and member.__module__ == module.__name__
    ]


def own_words(member: object) -> str:
    """A class's own docstring as one line; an inherited one says nothing about it."""
    return " ".join(str(vars(member).get("__doc__") or "").split()) if inspect.isclass(member) else ""


def errors_page() -> str:
    rows = [
        (
            f"`{error.code}`",
            f"`{error.__name__}`",
            f"`{error.__mro__[1].__name__}`",
            str(error.status),
            "yes" if error.retry else "no",
            own_words(error),
            error.help,
        )
        for error in error_classes()
    ]
    return f"""# Errors

{MADE} `code` is stable: it stands in the [API's answers](../api.md#errors) and in logs. Status is what the API
answers. "Again" says whether the same may be tried again without a change; "what to do" stands in answers as `help`.

{table(("code", "class", "is a", "status", "again", "means", "what to do"), rows)}
"""


def key_rows() -> list[tuple[str, str, str]]:
    """(key, who writes it, what stands there) as the head of esi.model.keys lists them."""
    listed = re.findall(r"^    (/.+?) {2,}(\S.*?) {2,}(\S.+)$", keys.__doc__ or "", re.MULTILINE)
    return [(key, writer, text) for key, writer, text in listed]


def keys_page() -> str:
    rows = [(f"`{key}`", writer, text) for key, writer, text in key_rows()]
    return f"""# Keys in etcd

{MADE} `<path>` is a resource's API path, for example `/v2.0/vpn_interfaces/<id>`. Values are JSON; a `body` in them is
JSON again, as a string. What stands under a lease is gone when its holder is. Look with
`ETCDCTL_API=3 etcdctl get --prefix /config`.

{table(("key", "written by", "holds"), rows)}
"""


def plugin_page() -> str:
    rows = []
    for name in sorted(plugin.__all__):
        member = getattr(plugin, name)
        where = getattr(member, "__module__", "")
        rows.append((f"`{name}`", f"`{where}`" if where.startswith("esi.") else "", first_sentence(own_words(member))))
    return f"""# What authors of services import

{MADE} `from esi.plugin import ...` and from nowhere else: {len(rows)} names. A new or changed one is a line in the
[changelog](../../CHANGELOG.md).

{table(("name", "stands in", "what it is"), rows)}
"""


def first_sentence(text: str) -> str:
    return re.split(r"(?<=[.:]) (?=[A-Z`])", text)[0]


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "errors.md": errors_page,
    "keys.md": keys_page,
    "plugin.md": plugin_page,
}

if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for page, write in PAGES.items():
        (FOLDER / page).write_text(write())
