"""Shell completion: click's scripts, which ask the program for each word; schemas come from the kept file."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

NAMES = ("esi", "gohan")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the shell's completion script, for `esi` and for `gohan`.

    \b
    Examples:
      source <(esi completion bash)
      esi completion zsh > ~/.zfunc/_esi
      esi completion fish > ~/.config/fish/completions/esi.fish
    """
    program = click.get_current_context().find_root().command
    kind = get_completion_class(shell)
    assert kind is not None
    for name in NAMES:
        click.echo(kind(program, {}, name, f"_{name.upper()}_COMPLETE").source())
