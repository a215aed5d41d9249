"""The verbs of one schema: list, show, create, set, delete. Each is one short conversation with the API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from esi.cli.output import FORMATS, print_many, print_one
from esi.cli.values import PREFIX, property_options
from esi.client.schemas import SchemaCache, SchemaSource, SchemaView
from esi.clock import Clock

if TYPE_CHECKING:
    from esi.client.resources import Client

T = TypeVar("T")

NAMES = ["-h", "--help"]
USUAL = ("id", "name", "status", "tenant_id")  # the columns of a table of rows
WAIT_SECONDS = 120.0


@dataclass(frozen=True)
class Where:
    """The API of this call, and who calls."""

    url: str
    token: str
    tenant: str
    schema_path: str
    cache: SchemaCache | None
    clock: Clock
    known: dict[str, SchemaView] = field(default_factory=dict)

    def schema(self, id: str) -> SchemaView:
        """One schema; all that came with it are kept for the conversations of this call."""

        async def work(client: Client) -> SchemaView:
            view = await client.schema(id)
            self.known.update(await client.schemas())
            return view

        return self.run(work)

    def run(self, work: Callable[[Client], Awaitable[T]]) -> T:
        """One conversation, on a loop of its own. Raises the errors of esi.errors."""
        from esi.client.resources import Client  # here: completion must not load an HTTP library

        async def talk() -> T:
            source = SchemaSource(self.schema_path, self.cache, self.known)
            async with Client(self.url, self.token, clock=self.clock, tenant=self.tenant, source=source) as client:
                return await work(client)

        return asyncio.run(talk())


def verbs(view: SchemaView, where: Where) -> click.Group:
    """The group of one schema's commands, those that this caller may use."""
    group = click.Group(
        view.id, help=view.description or view.title, context_settings={"help_option_names": NAMES},
        subcommand_metavar="VERB [OPTIONS] [NAME|ID]",
    )  # fmt: skip
    for needed, build in (
        ("read", _list), ("read", _show), ("create", _create), ("update", _set), ("delete", _delete)
    ):  # fmt: skip
        if needed in view.verbs:
            group.add_command(build(view, where))
    return group


def _list(view: SchemaView, where: Where) -> click.Command:
    def call(limit: int | None, offset: int | None, sort_key: str | None, sort_order: str | None, **given: Any) -> None:
        paging = {"limit": limit, "offset": offset, "sort_key": sort_key, "sort_order": sort_order}
        query = {name: value for name, value in paging.items() if value is not None}

        async def work(client: Client) -> None:
            wanted = await _resolved(client, view, _sent(given))
            found = await client.list(view.id, {**query, **{k: _as_query(v) for k, v in wanted.items()}})
            print_many(view.plural, found.rows, usual=USUAL, **_form(given))

        where.run(work)

    ours = [
        click.Option(["--limit"], type=click.IntRange(min=0), help="At most so many rows."),
        click.Option(["--offset"], type=click.IntRange(min=0), help="Leave out so many rows first."),
        click.Option(["--sort-key"], help="Property to sort by."),
        click.Option(["--sort-order"], type=click.Choice(["asc", "desc"])),
    ]
    return _command("list", f"List {view.plural}; a property given is a filter.", call, ours, view.properties, view)


def _show(view: SchemaView, where: Where) -> click.Command:
    def call(name_or_id: str, **given: Any) -> None:
        row = where.run(lambda client: client.show(view.id, name_or_id))
        print_one(view.singular, row, **_form(given))

    return _command("show", f"Show one {view.singular}.", call, [_target()], (), view)


def _create(view: SchemaView, where: Where) -> click.Command:
    def call(wait: bool, **given: Any) -> None:
        async def work(client: Client) -> dict[str, Any]:
            made = await client.create(view.id, await _resolved(client, view, _sent(given)))
            return await client.wait(view.id, str(made["id"]), at_most=WAIT_SECONDS) if wait else made

        print_one(view.singular, where.run(work), **_form(given))

    items = [item for item in view.properties if "create" in item.verbs]
    return _command("create", f"Create a {view.singular}.", call, [_wait("ACTIVE")], items, view)


def _set(view: SchemaView, where: Where) -> click.Command:
    def call(name_or_id: str, wait: bool, **given: Any) -> None:
        change = _sent(given)
        if not change:
            raise click.UsageError(f"nothing to set: give at least one property of {view.id}")

        async def work(client: Client) -> dict[str, Any]:
            row = await client.set(view.id, name_or_id, await _resolved(client, view, change))
            return await client.wait(view.id, str(row["id"]), at_most=WAIT_SECONDS) if wait else row

        print_one(view.singular, where.run(work), **_form(given))

    items = [item for item in view.properties if "update" in item.verbs]
    return _command("set", f"Change a {view.singular}.", call, [_target(), _wait("ACTIVE")], items, view)


def _delete(view: SchemaView, where: Where) -> click.Command:
    def call(name_or_id: str, wait: bool, **given: Any) -> None:
        async def work(client: Client) -> None:
            id = await client.delete(view.id, name_or_id)
            if wait:
                await client.wait_gone(view.id, id, at_most=WAIT_SECONDS)

        where.run(work)

    return _command("delete", f"Delete a {view.singular}.", call, [_target(), _wait("gone")], (), view)


def _command(
    verb: str,
    help: str,
    call: Callable[..., None],
    ours: Sequence[click.Parameter],
    items: Sequence[Any],
    view: SchemaView,
) -> click.Command:
    arguments = [param for param in ours if isinstance(param, click.Argument)]
    options = [param for param in ours if not isinstance(param, click.Argument)]
    form = [
        click.Option(["--output-format"], type=click.Choice(FORMATS), help="How the answer looks."),
        click.Option(["--fields"], help="Comma list of properties to print."),
    ]
    taken = {option.opts[0].removeprefix("--") for option in [*options, *form]} | {"help"}
    example = f"gohan client {view.id} {verb}" + (" --output-format json" if verb in ("list", "show") else "")
    return click.Command(
        verb,
        callback=call,
        params=[*arguments, *property_options(items, taken=taken, marked=verb == "create"), *options, *form],
        help=help,
        epilog=f"Example: {example}{' NAME|ID' if arguments else ''}",
        context_settings={"help_option_names": NAMES},
    )


def _target() -> click.Argument:
    return click.Argument(["name_or_id"], metavar="NAME|ID")


def _wait(until: str) -> click.Option:
    return click.Option(["--wait"], is_flag=True, help=f"Wait until it is {until}, at most {WAIT_SECONDS:g} s.")


def _sent(given: dict[str, Any]) -> dict[str, Any]:
    """The properties that stood on the command line; one that is null was sent too."""
    source = click.get_current_context().get_parameter_source
    return {
        name.removeprefix(PREFIX): value
        for name, value in given.items()
        if name.startswith(PREFIX) and source(name) is ParameterSource.COMMANDLINE
    }


async def _resolved(client: Client, view: SchemaView, properties: dict[str, Any]) -> dict[str, Any]:
    """The properties with the ids of what was named."""
    out = dict(properties)
    for name, value in properties.items():
        item = view.property(name)
        if item is not None and item.relation and isinstance(value, str) and value:
            out[name] = await client.resolve(item.relation, value)
    return out


def _as_query(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _form(given: dict[str, Any]) -> dict[str, Any]:
    """How the answer looks: this command's own options, else those before the schema id."""
    context: click.Context | None = click.get_current_context()
    outer: dict[str, Any] = {}
    while context is not None:
        outer = {**context.params, **{k: v for k, v in outer.items() if v is not None}}
        context = context.parent
    fields = given.get("fields") or outer.get("fields") or ""
    names = [name.strip() for name in fields.split(",") if name.strip()]
    return {"form": given.get("output_format") or outer.get("output_format") or "table", "names": names}
