"""`esi stack list` and `esi stack show`: what stands in stacks, as `heat stack-list` and `heat stack-show` print it.

They ask the room orchestration by HTTP, as any client of Heat does. Without a tenant and without a login at Keystone
the stacks of all tenants are asked for, which a ring without users shows, and otherwise administrators only.
"""

from __future__ import annotations

import asyncio
import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import click

from esi.cli.configuration import given, settings_options
from esi.cli.connection import complete_stack, credentials_of, options
from esi.cli.output import as_json as pretty
from esi.clock import SystemClock
from esi.errors import NotFound

COLUMNS = ("id", "stack_name", "stack_status", "creation_time", "updated_time")
WIDE = ("stack_owner", "project")
NOBODYS = "-"
"""The tenant in a path where only an administrator asks."""

CALLER = ("token", "tenant", "auth_url", "username", "password", "project_name", "user_domain", "project_domain")

Body = Mapping[str, Any]


def _caller() -> list[click.Parameter]:
    return [option for option in options() if option.name in (*CALLER, "region", "cacert")]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def stack() -> None:
    """List and show the stacks that stand, as Heat's clients do."""


@stack.command("list")
@click.option("--all-projects", is_flag=True, help="Those of all tenants; for administrators.")
@click.option("--status", metavar="WORD", help="Only these: COMPLETE, FAILED, IN_PROGRESS, CREATE_COMPLETE, …")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print Heat's answer.")
@settings_options("heat-url", "heat-port")
def list_stacks(all_projects: bool, status: str | None, limit: int | None, as_json: bool, **options: Any) -> None:
    """List stacks: of the own tenant, or of all.

    \b
    Examples:
      esi stack list
      esi stack list --status FAILED --json
    """
    query = {"status": status, "limit": limit}
    body = _ask("/stacks", options, query={name: value for name, value in query.items() if value}, all_=all_projects)
    if as_json:
        click.echo(pretty(body))
        return
    stacks = body["stacks"]
    columns = (*COLUMNS, *(WIDE if any("project" in one for one in stacks) else ()))
    rows = [[str(one.get(name)) for name in columns] for one in stacks]
    click.echo(table(columns, sorted(rows, key=lambda row: (row[3], *row))))


@stack.command("show")
@click.argument("name", shell_complete=complete_stack)
@click.option("--json", "as_json", is_flag=True, help="Print Heat's answer.")
@settings_options("heat-url", "heat-port")
def show_stack(name: str, as_json: bool, **options: Any) -> None:
    """Show one stack by its name or id.

    \b
    Examples:
      esi stack show vpn_interface_07d4f1fc-5142-4fae-b115-627fc009e222
      esi stack show --json vpn_gateway_b1da850c-3344-4de2-aa18-d96a30b54f69
    """
    try:
        body = _ask(f"/stacks/{quote(name, safe='')}", options)
    except NotFound as error:
        raise NotFound(error.message, stack=name) from error
    if as_json:
        click.echo(pretty(body))
        return
    rows = [[key, FORMS.get(key, str)(value)] for key, value in sorted(body["stack"].items())]
    click.echo(table(("Property", "Value"), rows))


for _command in (list_stacks, show_stack):
    _command.params += _caller()


def _ask(path: str, options: Mapping[str, Any], *, query: Mapping[str, Any] | None = None, all_: bool = False) -> Any:
    settings, credentials = given(options).orchestration, credentials_of(options)
    heat = settings.url or f"http://{settings.host}:{settings.port}"

    async def ask() -> Any:
        from esi.client.http import Http  # here: --help needs no HTTP library
        from esi.client.keystone import grant

        clock, token, tenant = SystemClock(), options["token"] or "", options["tenant"] or ""
        url = f"{heat}/v1/{quote(tenant or NOBODYS, safe='')}"
        if credentials is not None:
            granted = await grant(credentials, clock=clock, tls=None)
            token, url = granted.token.reveal(), granted.endpoint("heat", options["region"] or "")
        asked = dict(query or {})
        if path == "/stacks" and (all_ or not (tenant or credentials)):
            asked["global_tenant"] = "True"
        async with Http(url, token=token, clock=clock, who="Heat's read API") as http:
            return (await http.ask("GET", path, query=asked)).body

    return asyncio.run(ask())


def _wrapped(value: Any) -> str:
    return "\n".join(textwrap.wrap(value or "", 55))


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, separators=(", ", ": "))


def _links(value: Sequence[Body]) -> str:
    return "\n".join(f"{link['href']} ({link['rel']})" for link in value)


FORMS: Mapping[str, Callable[[Any], str]] = {
    "description": _wrapped,
    "template_description": _wrapped,
    "stack_status_reason": _wrapped,
    "parameters": _json,
    "outputs": _json,
    "tags": _json,
    "links": _links,
}
"""As `heat stack-show` prints each property; all others as they are."""


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Heat's client's table: cells may have several lines."""
    cells = [[value.split("\n") for value in row] for row in ([columns, *rows])]
    widths = [max(len(line) for row in cells for line in row[index]) for index in range(len(columns))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"

    def lines(row: list[list[str]]) -> list[str]:
        tall = max(len(cell) for cell in row)
        padded = [cell + [""] * (tall - len(cell)) for cell in row]
        return [
            "| " + " | ".join(c[n].ljust(w) for c, w in zip(padded, widths, strict=True)) + " |" for n in range(tall)
        ]

    return "\n".join([rule, *lines(cells[0]), rule, *(line for row in cells[1:] for line in lines(row)), rule])
