"""The page docs/reference/cli.md, made from the commands themselves: `python -m esi.cli.reference > FILE`.

A test compares the page with what this gives. Commands that the server describes are not walked into.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from esi.cli.program import COMMANDS, EXITS, program

HEAD = """# Command line

Made by `python -m esi.cli.reference`; a test compares it. `gohan` is the same program as `esi`.

Standard output is for the answer, standard error for logs and errors. The guide: [client](../client.md).

| exit code | means |
| --- | --- |
"""

WIDTH = 100


def reference() -> str:
    """The page as Markdown."""
    pages = "\n".join(f"## `{name}`\n\n```text\n{text}\n```\n" for name, text in _pages(program, "esi", None))
    exits = "".join(f"| {code} | {text} |\n" for code, text in EXITS.items())
    return f"{HEAD}{exits}\n{pages}"


def _pages(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    context = click.Context(
        *(command, parent, name),
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        resilient_parsing=True,
        **command.context_settings,
    )
    context.params["cache"] = False  # no schemas that this machine happens to have kept
    yield context.command_path, context.get_help()
    if isinstance(command, click.Group) and not getattr(command, "from_server", False):
        for child in COMMANDS if command is program else sorted(command.commands):
            found = command.get_command(context, child)
            assert found is not None
            yield from _pages(found, child, context)


if __name__ == "__main__":
    click.echo(reference(), nl=False)
