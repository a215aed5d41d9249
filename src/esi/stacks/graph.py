"""Dependencies: an order that they allow, and the name of a circle when there is none."""

from __future__ import annotations

from collections.abc import Mapping, Set

from esi.errors import TemplateError


def ordered(requires: Mapping[str, Set[str]], section: str) -> list[str]:
    """The names, each after those it requires, else as given. A circle is a TemplateError that names its members."""
    order: list[str] = []
    done: set[str] = set()
    for start in requires:
        trail: list[str] = []
        stack = [(start, iter(sorted(requires[start])))] if start not in done else []
        trail.extend(name for name, _ in stack)
        while stack:
            name, rest = stack[-1]
            following = next((other for other in rest if other not in done), None)
            if following is None:
                stack.pop()
                trail.pop()
                done.add(name)
                order.append(name)
            elif following in trail:
                circle = [*trail[trail.index(following) :], following]
                raise TemplateError(section, f"a circle of dependencies: {' → '.join(circle)}")
            else:
                stack.append((following, iter(sorted(requires[following]))))
                trail.append(following)
    return order
