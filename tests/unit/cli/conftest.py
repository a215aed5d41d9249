"""Fixtures of the command line's tests."""

from unit.cli.calling import api, program

__all__ = ["api", "program"]
