"""Edits to requests. Pure: edits in, elements out; no value ever becomes structure.

Consecutive merges and replaces become one load-configuration of CLI text, printed from one tree of path words and
parsed bodies; consecutive removals become one edit-config, in which the last element of each path carries the
operation. The order of edits is kept: what first removes and then merges (delete-and-create) is two requests.

Secrets go out in the `$9$` form, made with a seed of device and path: loading the same intent again loads the same
text, so the device finds nothing changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, groupby
from operator import is_
from typing import NamedTuple

from lxml import etree

from esi.drivers import Edit, Path, Step
from esi.errors import TemplateError
from esi.netconf.xml import BASE, Element, local, serialise
from esi.render.junos.reading import Misfit, resolve
from esi.render.junos.secret9 import encode, is_encoded
from esi.render.junos.statements import Spec, root
from esi.render.junos.text import Statement, parse, print_statements
from esi.render.marks import strip

SECRETS = frozenset({"authentication-key", "secret", "pre-shared-key", "ascii-text", "simple-password"})
"""Words whose value JUNOS stores as `$9$`. Where the table of statements knows the place, the table decides."""

NC = f"{{{BASE}}}"
_SHORT = 8192
"""Characters of CLI text."""

Words = tuple[str, ...]


class Written(NamedTuple):
    """A request as it goes out, but for its number."""

    name: str
    body: bytes


def is_short(edits: Sequence[Edit]) -> bool:
    """Whether what they are written as is remembered: a thousand long ones would fill the memory."""
    return sum(len(edit.text) for edit in edits) <= _SHORT


def written(edits: tuple[Edit, ...], device: str) -> tuple[Written, ...]:
    """The requests of `requests`; short ones are made once, for who asks beforehand and for a batch that goes again."""
    return _remembered(edits, device) if is_short(edits) else _written(edits, device)


@lru_cache(maxsize=1024)
def _remembered(edits: tuple[Edit, ...], device: str) -> tuple[Written, ...]:
    return _written(edits, device)


def _written(edits: tuple[Edit, ...], device: str) -> tuple[Written, ...]:
    return tuple(Written(local(request), serialise(request)) for request in requests(edits, device=device))


def requests(edits: Sequence[Edit], *, device: str) -> Iterator[Element]:
    """The requests that do `edits` on the candidate, in order. Raises TemplateError for what cannot be written."""
    for removing, run in groupby(edits, key=lambda edit: edit.operation == "remove"):
        part = list(run)
        yield remove_request(part) if removing else load_request(part, device=device)


def load_request(edits: Sequence[Edit], *, device: str) -> Element:
    """One load-configuration: action=replace when something is to be replaced, else merge."""
    replacing = any(edit.operation == "replace" for edit in edits)
    request = etree.Element("load-configuration", action="replace" if replacing else "merge", format="text")
    body = etree.SubElement(request, "configuration-text")
    body.text = _text_of(print_statements(_all_stored(statements(edits), (), device)))
    return request


def remove_request(edits: Sequence[Edit]) -> Element:
    """One edit-config, default-operation none, that takes away the last element of each path."""
    request = etree.Element(f"{NC}edit-config", nsmap={"nc": BASE})
    etree.SubElement(etree.SubElement(request, f"{NC}target"), f"{NC}candidate")
    etree.SubElement(request, f"{NC}default-operation").text = "none"
    configuration = etree.SubElement(etree.SubElement(request, f"{NC}config"), "configuration")
    paths = dict.fromkeys(map(_path, edits))
    made: dict[Path, Element] = {}
    for path in paths:
        if any(path[:length] in paths for length in range(1, len(path))):
            continue  # goes with what lies above it
        here = configuration
        for depth, step in enumerate(path, start=1):
            if path[:depth] not in made:
                made[path[:depth]] = _element(here, step)
            here = made[path[:depth]]
        here.set(f"{NC}operation", "remove")
    return request


def _element(parent: Element, step: Step) -> Element:
    try:
        element = etree.SubElement(parent, step.tag)
        if step.xml == "named_tag":
            etree.SubElement(element, "name").text = step.name
    except ValueError as error:
        raise TemplateError(step.tag, f"cannot be written as XML: {error}") from error
    return element


def _text_of(text: str) -> str:
    if "]]>]]>" in text:  # lxml escapes each `>`; a name with this in it is nonsense all the same
        raise TemplateError("", "a configuration must not hold NETCONF's end token")
    return text


def _path(edit: Edit) -> Path:
    """The path with marks and blanks around names taken off: what it holds are single words anyway."""
    if not edit.path:
        raise TemplateError("path", "an edit needs a path")
    return tuple(map(_clean, edit.path))


def _clean(step: Step) -> Step:
    tag, name = strip(step.tag).strip(), strip(step.name).strip()
    return step if tag is step.tag and name is step.name else step._replace(tag=tag, name=name)


@dataclass(slots=True)
class _Place:
    """A node of the tree: what stands below, from paths (`below`) and from the body of the edit that ends here."""

    below: dict[Words, _Place] = field(default_factory=dict)
    body: tuple[Statement, ...] = ()
    given: bool = False
    replaced: bool = False


def statements(edits: Sequence[Edit]) -> tuple[Statement, ...]:
    """One tree of all edits. Raises TemplateError when a path is given twice."""
    top = _Place()
    for edit in edits:
        here = top
        for step in _path(edit):
            here = here.below.setdefault(tuple(step.words()), _Place())
        if here.given:
            raise TemplateError(_name(edit), "is given twice")
        here.given = True
        here.body = edit.body if edit.body is not None else parse(edit.text, where=_name(edit))
        here.replaced = edit.operation == "replace"
    return tuple(_statements(top))


def _statements(place: _Place) -> Iterator[Statement]:
    for words, below in place.below.items():
        tags = frozenset({"replace:"}) if below.replaced else frozenset()
        children = (*_statements(below), *below.body)
        yield Statement(words, children or None, None, tags)


def _name(edit: Edit) -> str:
    return " ".join(word for step in edit.path for word in step.words())


def _all_stored(found: tuple[Statement, ...], above: tuple[Words, ...], device: str) -> tuple[Statement, ...]:
    """The statements with their secrets in stored form; `above` are the words of those that they stand in."""
    stored = tuple([_stored(statement, above, device) for statement in found])
    return found if all(map(is_, stored, found)) else stored


def _stored(statement: Statement, above: tuple[Words, ...], device: str) -> Statement:
    words, children = statement.words, statement.children
    if not SECRETS.isdisjoint(words):
        words = _words_stored(words, above, device)
    if children:
        children = _all_stored(children, (*above, words), device)
    if words is statement.words and children is statement.children:
        return statement
    return statement._replace(words=words, children=children)


def _words_stored(plain: Words, above: tuple[Words, ...], device: str) -> Words:
    words, spec = list(plain), _spec(above)
    for at in range(1, len(words)):
        if words[at - 1] in SECRETS and not is_encoded(words[at]) and _is_secret(spec, words[:at]):
            words[at] = encode(words[at], seed=" ".join((device, *chain(*above), *words[:at])))
    return tuple(words) if words != list(plain) else plain


def _spec(above: tuple[Words, ...]) -> Spec | None:
    """What the table says of what stands there; None where it does not know it."""
    spec: Spec | None = root()
    for words in above:
        spec = _below(spec, words)
    return spec


def _is_secret(spec: Spec | None, words: Sequence[str]) -> bool:
    """Whether the value behind `words` is a secret: as the table says, else the word alone decides."""
    last = _last(spec, words)
    return last is None or last.secret9


def _below(spec: Spec | None, words: Sequence[str]) -> Spec | None:
    last = _last(spec, words)
    return last if last is not None and last.inside else None


def _last(spec: Spec | None, words: Sequence[str]) -> Spec | None:
    """What the table calls the last of `words`; None where it does not know them."""
    if spec is None:
        return None
    try:
        rest: Sequence[str] = words
        here, last = spec, spec
        while rest:
            steps, rest = resolve(here, rest)
            last = steps[-1].spec
            here = next((step.spec for step in reversed(steps) if step.spec.inside), here)
    except Misfit:
        return None
    return last if not last.open else None
