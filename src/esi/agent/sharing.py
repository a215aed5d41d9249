"""Which agent looks at what: every agent is a key under its lease, and each resource belongs to the one that a hash of
both names prefers. When an agent comes or goes, only what it gets or had moves. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b


def weight(agent: str, path: str) -> bytes:
    return blake2b(f"{agent}\n{path}".encode(), digest_size=8).digest()


def owner(agents: Iterable[str], path: str) -> str:
    """The agent that looks at a resource; "" without agents."""
    return max(agents, key=lambda agent: (weight(agent, path), agent), default="")
