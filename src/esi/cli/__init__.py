"""The command line: `esi`, and `gohan`, which is the same program under the name that its users know.

`program` is the tree of commands; each command's module is loaded when it is called, so `esi --help` is quick. `serve`
runs rooms through bootstrap, `resources` speaks to the API, `demo` tells the whole story with child processes of these
same commands. Only this package prints and exits; what each exit code means stands in
`program.EXITS`.

Standard output is for the answer (one JSON document where `--json` or `--output-format json` is given), standard error
for logs and errors.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit with its code."""
    from esi.cli.program import run  # here, so that importing esi.cli costs nothing

    called = Path(sys.argv[0]).name
    sys.exit(run(sys.argv[1:] if arguments is None else arguments, name="gohan" if called == "gohan" else "esi"))
