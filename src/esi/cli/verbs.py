"""The verbs of one schema: list, show, create, set, delete, and its own. Each is a short conversation with the API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from esi.cli.connection import Where
from esi.cli.following import progress, wait_options
from esi.cli.output import FORMATS, as_json, print_many, print_one
from esi.cli.values import filters, property_options, read_body, sent
from esi.client.schemas import Action, SchemaView

if TYPE_CHECKING:
    from esi.client.resources import Body, Client

NAMES = ["-h", "--help"]
USUAL = ("id", "name", "status", "tenant_id")  # the columns of a table of rows
PAGE = 500


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
    for action in view.actions:
        group.add_command(_act(view, where, action))
    return group


def _list(view: SchemaView, where: Where) -> click.Command:
    def call(limit: int | None, whole: bool, pairs: Sequence[str], sort: str | None, **given: Any) -> None:
        named = {name: given[name] for name in ("offset", "sort_key", "sort_order")}
        if sort is not None:
            named |= {"sort_key": sort.removeprefix("-"), "sort_order": "desc" if sort.startswith("-") else "asc"}
        query = {name: value for name, value in {"limit": limit, **named}.items() if value is not None}
        properties = {**filters(view, pairs), **sent(click.get_current_context())}

        async def work(client: Client) -> tuple[list[Body], int]:
            query.update({k: _as_query(v) for k, v in (await _resolved(client, view, properties)).items()})
            pages = client.list_all(view.id, query, page=limit or PAGE) if whole else client.list(view.id, query)
            found = await pages
            return found.rows, found.total

        rows, total = where.run(work)
        form = _form(given)
        print_many(view.plural, rows, usual=USUAL, **form)
        if len(rows) < total and form["form"] == "table":
            click.echo(f"{len(rows)} of {total} are shown; --all shows every one", err=True)

    ours = [
        click.Option(["--filter", "pairs"], multiple=True, metavar="PROPERTY=VALUE", help="May be repeated."),
        click.Option(["--sort"], metavar="[-]PROPERTY", help="Sort by a property; with - the other way round."),
        click.Option(["--limit"], type=click.IntRange(min=0), help="At most so many rows; with --all per page."),
        click.Option(["--offset"], type=click.IntRange(min=0), help="Leave out so many rows first."),
        click.Option(["--all", "whole"], is_flag=True, help="Every row, asked for page by page."),
        click.Option(["--sort-key"], help="As --sort, in Gohan's words."),
        click.Option(["--sort-order"], type=click.Choice(["asc", "desc"])),
    ]
    items = [item for item in view.properties if not {"object", "array"} & set(item.types)]
    return _command("list", f"List {view.plural}; a property given is a filter.", call, ours, items, view)


def _show(view: SchemaView, where: Where) -> click.Command:
    def call(name_or_id: str, **given: Any) -> None:
        row = where.run(lambda client: client.show(view.id, name_or_id))
        print_one(view.singular, row, **_form(given))

    return _command("show", f"Show one {view.singular}.", call, [_target()], (), view)


def _create(view: SchemaView, where: Where) -> click.Command:
    def call(file: Any, **given: Any) -> None:
        body = _body(view, file)

        async def work(client: Client) -> Body:
            made = await client.create(view.id, await _resolved(client, view, body))
            return await _settled(client, view, made, given)

        print_one(view.singular, where.run(work), **_form(given))

    items = [item for item in view.properties if "create" in item.verbs]
    return _command("create", f"Create a {view.singular}.", call, [_file(), *wait_options("ACTIVE")], items, view)


def _set(view: SchemaView, where: Where) -> click.Command:
    def call(name_or_id: str, file: Any, retry: bool, **given: Any) -> None:
        change = _body(view, file)
        if not change and not retry:
            raise click.UsageError(f"nothing to set: give at least one property of {view.id}, or --retry")

        async def work(client: Client) -> Body:
            row = await client.set(view.id, name_or_id, await _resolved(client, view, change))
            return await _settled(client, view, row, given)

        print_one(view.singular, where.run(work), **_form(given))

    items = [item for item in view.properties if "update" in item.verbs]
    again = click.Option(["--retry"], is_flag=True, help="Change nothing, but try again what has failed.")
    ours = [_target(), _file(), again, *wait_options("ACTIVE")]
    return _command("set", f"Change a {view.singular}.", call, ours, items, view)


def _delete(view: SchemaView, where: Where) -> click.Command:
    def call(name_or_id: str, force: bool, **given: Any) -> None:
        if force:
            left = where.run(lambda client: client.force_delete(view.id, name_or_id))
            print_one(view.singular, left, **_form(given))
            return

        async def work(client: Client) -> None:
            id = await client.delete(view.id, name_or_id)
            if given["wait"]:
                with progress(f"{view.id} {id}") as seen:
                    await client.wait_gone(view.id, id, at_most=given["timeout"], seen=seen)

        where.run(work)

    forced = click.Option(
        ["--force"], is_flag=True,
        help="Administrators: drop the record at once, take nothing down, and say what may be left where.",
    )  # fmt: skip
    return _command("delete", f"Delete a {view.singular}.", call, [_target(), forced, *wait_options("gone")], (), view)


def _act(view: SchemaView, where: Where, action: Action) -> click.Command:
    def call(file: Any, name_or_id: str = "", **_given: Any) -> None:
        body = read_body(file, "input") if file is not None else {}
        answer = where.run(lambda client: client.act(view.id, action, name_or_id, body))
        if answer is not None:
            click.echo(as_json(answer))

    ours = [_target(), _file()] if action.on_item else [_file()]
    return _command(action.id, f"{action.method} {view.url}{action.path}.", call, ours, (), view)


def _command(
    verb: str,
    help: str,
    call: Callable[..., None],
    ours: Sequence[click.Parameter],
    items: Sequence[Any],
    view: SchemaView,
) -> click.Command:
    arguments = [param for param in ours if isinstance(param, click.Argument)]
    own = [param for param in ours if not isinstance(param, click.Argument)]
    form = [
        click.Option(["--output-format"], type=click.Choice(FORMATS), help="How the answer looks."),
        click.Option(["--fields", "--column", "fields"], multiple=True, help="Comma list of properties to print."),
    ]
    taken = {flag.removeprefix("--") for option in [*own, *form] for flag in option.opts} | {"help"}
    example = f"gohan client {view.id} {verb}" + (" --output-format json" if verb in ("list", "show") else "")
    return click.Command(
        verb,
        callback=call,
        params=[*arguments, *property_options(items, taken=taken, marked=verb == "create"), *own, *form],
        help=help,
        epilog=f"Example: {example}{' NAME|ID' if arguments else ''}",
        context_settings={"help_option_names": NAMES},
    )


def _target() -> click.Argument:
    return click.Argument(["name_or_id"], metavar="NAME|ID")


def _file() -> click.Option:
    return click.Option(
        ["--file"], type=click.File("rb"), metavar="FILE",
        help="Take the body from a file of JSON or YAML, - for standard input; options count more.",
    )  # fmt: skip


def _body(view: SchemaView, file: Any) -> Body:
    """What the file says, then what the options say; a member takes its place in an object of the file."""
    body: Body = read_body(file, view.singular) if file is not None else {}
    for name, value in sent(click.get_current_context()).items():
        both = isinstance(value, dict) and isinstance(body.get(name), dict)
        body[name] = {**body[name], **value} if both else value
    return body


async def _settled(client: Client, view: SchemaView, row: Body, given: dict[str, Any]) -> Body:
    """The row as it is, or with --wait as it has become."""
    if not given["wait"]:
        return row
    id = str(row["id"])
    with progress(f"{view.id} {row.get('name') or id}") as seen:
        return await client.wait(view.id, id, at_most=given["timeout"], seen=seen)


async def _resolved(client: Client, view: SchemaView, properties: Body) -> Body:
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
        outer = {**context.params, **{k: v for k, v in outer.items() if v not in (None, ())}}
        context = context.parent
    fields = given.get("fields") or outer.get("fields") or ()
    names = [name.strip() for text in fields for name in text.split(",") if name.strip()]
    return {"form": given.get("output_format") or outer.get("output_format") or "table", "names": names}
