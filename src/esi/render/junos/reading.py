"""Statements into a tree: what the words mean by the table, and what the tags ask to be done.

A statement that does not fit is noted and the next one is read, as a router does: a load with errors has taken the
good statements. Whoever loads must look at `errors` and throw the tree away if that is not wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from esi.errors import TemplateError
from esi.render.junos.statements import GENERIC, Kind, Spec
from esi.render.junos.text import Statement
from esi.render.junos.tree import Node, Tree, ident

Default = Literal["merge", "replace", "none"]

REMOVING = frozenset({"delete:", "remove:"})


class Misfit(TemplateError):
    """A statement that the table does not allow. `path` is `[edit …]`, `bad` the word at fault."""

    def __init__(self, path: str, message: str, bad: str = "", tag: str = "operation-failed") -> None:
        self.bad = bad
        self.tag = tag
        self.words = message
        super().__init__(path, f"{message}: {bad}" if bad else message)


class Step(NamedTuple):
    """One level of a statement: an entry, a container or, last, a leaf with its value. None was not written."""

    spec: Spec
    key: str | tuple[str, ...] | None
    value: str | tuple[str, ...] | None


def resolve(
    spec: Spec, words: Sequence[str], values: tuple[str, ...] | None = None, *, wild: bool = False
) -> tuple[list[Step], Sequence[str]]:
    """The levels that words name below `spec`, and the words behind a complete leaf, which go on beside it.

    A key or value that is missing at the end is None: a delete may ask so. `wild` allows `<*>` for any value, as
    groups do. Raises Misfit for unknown words and wrong values.
    """
    wild = wild or (bool(words) and words[0] == "groups" and spec.find("groups") is not None)
    steps: list[Step] = []
    while words:
        found = spec.find(words[0])
        if found is not None:
            words = words[1:]
        elif spec.hidden is not None:
            found = spec.hidden
        elif spec.open:
            steps.append(Step(GENERIC, tuple(words) + (values or ()), None))
            return steps, ()
        else:
            raise Misfit("", "syntax error", words[0])
        step, words = _step(found, words, values, wild)
        steps.append(step)
        if not found.inside:
            return steps, words
        spec = found
    return steps, ()


def _step(spec: Spec, words: Sequence[str], values: tuple[str, ...] | None, wild: bool) -> tuple[Step, Sequence[str]]:
    kind = spec.kind
    if kind in (Kind.CONTAINER, Kind.FLAG):
        return Step(spec, "", None), words
    if kind is Kind.VALUES and values is not None and not words:
        return Step(spec, "", tuple(_checked(spec, value, wild) for value in values)), ()
    if not words:
        return Step(spec, None if kind is Kind.LIST else "", None), ()
    word, rest = _checked(spec, words[0], wild), words[1:]
    if kind is Kind.LIST:
        return Step(spec, word, None), rest
    return Step(spec, "", (word,) if kind is Kind.VALUES else word), rest


def _checked(spec: Spec, value: str, wild: bool) -> str:
    if spec.check is None or (wild and value[:1] == "<" and value[-1:] == ">"):
        return value
    fault = spec.check(value)
    if fault is not None:
        raise Misfit("", fault, value)
    return value


def edit_path(trail: Iterable[str]) -> str:
    """How a router names a place: `[edit interfaces ae0 unit 5]`."""
    return f"[{' '.join(('edit', *trail))}]"


def _keep(secret: str) -> str:
    return secret


class Reader:
    """Loads statements into a tree. `replace` honours `replace:`, `encode` gives plain secrets their stored form."""

    def __init__(
        self,
        tree: Tree,
        *,
        replace: bool = False,
        default: Default = "merge",
        encode: Callable[[str], str] = _keep,
    ) -> None:
        self._tree, self._replace, self._default, self._encode = tree, replace, default, encode
        self._trail: list[str] = []
        self.errors: list[Misfit] = []
        self.warnings: list[Misfit] = []

    def load(self, statements: Iterable[Statement]) -> None:
        """Apply statements in order; look at `errors` afterwards."""
        top = self._tree.own()
        for statement in statements:
            self._apply(top, statement)

    def _apply(self, node: Node, statement: Statement) -> None:
        depth = len(self._trail)
        try:
            rest: Sequence[str] = statement.words
            while rest:
                steps, rest = resolve(node.spec, rest, statement.values, wild=self._trail[:1] == ["groups"])
                node = self._take(node, steps, statement, last=not rest)
        except Misfit as misfit:
            path = misfit.path or edit_path(self._trail)
            self.errors.append(Misfit(path, misfit.words, misfit.bad, misfit.tag))
        del self._trail[depth:]

    def _take(self, node: Node, steps: list[Step], statement: Statement, *, last: bool) -> Node:
        """Do what one run of levels asks; return the container in which words behind a leaf go on."""
        tags = statement.tags
        if tags & REMOVING:
            self._remove(node, steps, quiet="remove:" in tags)
            return node
        if self._default == "none" and not tags:
            return self._look(node, steps, statement)
        if "create:" in tags and _find(node, steps) is not None:
            raise Misfit("", "data-exists", steps[-1].spec.name, "data-exists")
        if "replace:" in tags and (self._replace or self._default == "none"):
            self._remove(node, [*steps[:-1], steps[-1]._replace(value=None)], quiet=True)
        way = [node]
        try:
            for step in steps:
                self._trail += _named(step)
                if step.spec.inside:
                    way.append(self._enter(way[-1], step))
                else:
                    self._put(way[-1], step)
            target = way[-1] if steps[-1].spec.inside else way[-1].children[steps[-1].spec.name]
            if statement.children is not None and last:
                self._inside(target, statement)
        except Misfit:
            self._prune(way, told=False)
            raise
        self._dress(way, steps[-1], target, statement)
        self._prune(way, told=not any(child.tags for child in statement.children or ()))
        return way[-1] if not steps[-1].spec.inside else node

    def _inside(self, node: Node, statement: Statement) -> None:
        if not node.spec.inside:
            raise Misfit("", "syntax error", "{")
        # What a create, replace or merge stands on is wholly new or wanted: below it `none` does not hold any more.
        default, self._default = self._default, "merge" if statement.tags else self._default
        for child in statement.children or ():
            self._apply(node, child)
        self._default = default

    def _look(self, node: Node, steps: list[Step], statement: Statement) -> Node:
        """Walk down without making anything: only tagged statements below do something."""
        for step in steps:
            self._trail += _named(step)
        if _find(node, steps) is None:
            if _asks(statement):
                self.warnings.append(Misfit(edit_path(self._trail), "statement not found"))
            return node
        way = [node]
        for step in steps:
            if step.spec.inside:
                way.append(self._enter(way[-1], step))
        for child in statement.children or ():
            self._apply(way[-1], child)
        self._prune(way, told=False)
        return way[-1]

    def _put(self, parent: Node, step: Step) -> None:
        spec, value = step.spec, step.value
        if value is None and spec.kind in (Kind.LEAF, Kind.VALUES):
            raise Misfit("", "syntax error, expecting <data>", spec.name)
        if spec.secret9 and isinstance(value, str) and not value.startswith(("$9$", "$8$")):
            value = self._encode(value)
        self._tree.put(parent, spec, value)

    def _enter(self, parent: Node, step: Step) -> Node:
        if not step.key and step.spec.kind is Kind.LIST:
            raise Misfit("", "syntax error, expecting <data>", step.spec.name)
        return self._tree.enter(parent, step.spec, step.key or "")

    def _dress(self, way: list[Node], step: Step, target: Node, statement: Statement) -> None:
        """Note activation and annotation."""
        if not (statement.comment or statement.tags & {"inactive:", "active:"}):
            return
        if not step.spec.inside:
            target = self._tree.enter(way[-1], step.spec)
        if statement.comment:
            target.comment = statement.comment
        if "inactive:" in statement.tags:
            target.inactive = True
        elif "active:" in statement.tags:
            target.inactive = False

    def _prune(self, way: list[Node], *, told: bool) -> None:
        """Containers that stayed empty say nothing: take them out, with a warning when they were written so."""
        for parent, node in zip(way[-2::-1], way[:0:-1], strict=True):
            if node.children or node.spec.presence or parent.children.get(node.ident) is not node:
                return
            self._tree.remove(parent, node.ident)
            if told:
                self.warnings.append(Misfit(edit_path(self._trail), "statement has no contents; ignored"))
                told = False

    def _remove(self, node: Node, steps: list[Step], *, quiet: bool) -> None:
        step = steps[-1]
        above = _find(node, steps[:-1])
        name = ident(step.spec, step.key or "")
        found = above.children.get(name) if above is not None else None
        every = step.key is None
        if above is None or (found is None and not every) or not _holds(found, step):
            if not quiet:
                trail = [*self._trail, *(word for one in steps[:-1] for word in _named(one))]
                self.warnings.append(Misfit(edit_path(trail), "statement not found", " ".join(_named(step))))
            return
        way = [node]
        for one in steps[:-1]:
            way.append(self._enter(way[-1], one))
        if every:
            kept = {key: child for key, child in above.children.items() if child.spec is not step.spec}
            self._tree.reorder(way[-1], kept)
        elif found is not None and isinstance(step.value, tuple) and isinstance(found.value, tuple):
            left = tuple(value for value in found.value if value not in step.value)
            if left:
                self._tree.enter(way[-1], step.spec).value = left
            else:
                self._tree.remove(way[-1], name)
        else:
            self._tree.remove(way[-1], name)
        self._prune(way, told=False)


def _find(node: Node, steps: Iterable[Step]) -> Node | None:
    found: Node | None = node
    for step in steps:
        found = found.children.get(ident(step.spec, step.key or "")) if found is not None else None
    return found


def _holds(found: Node | None, step: Step) -> bool:
    """Whether a statement holds the value that a delete names; a delete without value takes any."""
    if found is None or step.value is None:
        return True
    if isinstance(step.value, tuple) and isinstance(found.value, tuple):
        return all(value in found.value for value in step.value)
    return found.value == step.value or step.spec.secret


def _asks(statement: Statement) -> bool:
    """Whether something below must be there: a tag other than `remove:`."""
    return bool(statement.tags - {"remove:"}) or any(_asks(child) for child in statement.children or ())


def _named(step: Step) -> tuple[str, ...]:
    key = step.key or ""
    if step.spec.kind is Kind.GENERIC:
        return tuple(key)
    if step.spec.kind is Kind.LIST and key:
        return (step.spec.name, str(key)) if step.spec.written else (str(key),)
    return (step.spec.name,)
