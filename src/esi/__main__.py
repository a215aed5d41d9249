"""`python -m esi` is the command `esi`."""

from esi.cli import main

main()
