"""Services of an installation, beside those of the package: data only, judged when the process starts.

What the package ships is held by its tests. Who writes a service of his own has none yet, so his templates are looked
at here, as far as that goes without a resource: each fault names the file, the place in it, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from esi.errors import SettingsError, TemplateError
from esi.model.resource import Body
from esi.render.jinja import check, render
from esi.render.mapping import Mapping as Mappings
from esi.render.mapping.compiler import compile_mapping
from esi.render.mapping.short import parse_short
from esi.schema import Catalogue, Schema
from esi.stacks.template import load_template

HANDLERS = ("heat_worker", "monitoring_worker")
TEMPLATE_KEYS = ("id", "handler", "watch", "parameter_mappings", "template_file")
NOT_DECLARED = ("jinja_", "heat_timeout")
"""Parameters that a template is given and does not declare: see esi.heat.parameters."""


def own_folders(place: str) -> list[Path]:
    """The folder of each service in `place`. Raises SettingsError."""
    folder = Path(place).resolve()
    if not folder.is_dir():
        raise SettingsError(f"ring.services: {folder} is no folder")
    found = sorted(one for one in folder.iterdir() if one.is_dir() and one.name[0] not in "._")
    faults = [
        f"ring.services: {one} has no folder schemas: make it, with a file for each schema"
        for one in found
        if not (one / "schemas").is_dir()
    ]
    faults += [
        f"ring.services: {file} is Python: services of your own are data; take it away"
        for one in found
        for file in sorted(one.rglob("*.py"))
    ]
    if not found:
        faults.append(f"ring.services: {folder} holds no service: each is a folder with a folder schemas in it")
    if faults:
        raise SettingsError(faults)
    return found


def judge(folder: Path, catalogue: Catalogue, templates: Mapping[Path, Body], names: frozenset[str]) -> Iterator[str]:
    """Every fault of one service's choice of templates, and of its `templates`. `names` are the ids of all templates of
    all flows: a template may belong to another flow than this ring's.
    """
    own = [schema for schema in catalogue if Path(schema.where.rpartition(":")[0]).is_relative_to(folder)]
    users: dict[str, list[tuple[str, Schema]]] = {}
    for schema in own:
        where = f"{schema.where}: schema {schema.id!r}: metadata.template_path"
        for handler, expression in schema.template_path.items():
            if handler not in HANDLERS:
                yield f"{where}.{handler} is no handler; known: {', '.join(HANDLERS)}"
                continue
            try:
                chosen = _chosen(expression, schema)
            except TemplateError as error:
                yield f"{where}.{handler}: {error.message}"
                continue
            if chosen and chosen not in names:
                yield f"{where}.{handler} chooses {chosen!r}, which is no template: add templates/{chosen}.yaml"
            users.setdefault(chosen, []).append((handler, schema))
    for file, body in templates.items():
        used = users.get(file.stem, [])
        if not used and "" not in users:
            yield f"{file}: no schema chooses it: name it in metadata.template_path, as heat_worker: C{file.stem}"
        yield from (f"{file}: {fault}" for fault in _template_faults(body, used, catalogue))


def _chosen(expression: Any, schema: Schema) -> str:
    """The template that is chosen whatever a row says; "" when that depends on the row. Raises TemplateError."""
    compile_mapping(expression, schema.id, lambda _schema, _name: None, "template_path")
    raw = parse_short(expression, "template_path") if isinstance(expression, str) else expression
    return str(raw["constant"]) if "constant" in raw else ""


def _template_faults(body: Body, used: Sequence[tuple[str, Schema]], catalogue: Catalogue) -> Iterator[str]:
    unknown = sorted(set(body) - set(TEMPLATE_KEYS))
    if unknown:
        yield f"unknown key {unknown[0]!r}; known: {', '.join(TEMPLATE_KEYS)}"
    handler, mappings, text = body.get("handler"), body.get("parameter_mappings"), body.get("template_file")
    if handler not in HANDLERS or not isinstance(mappings, dict) or not isinstance(text, str):
        yield f"needs a handler ({' or '.join(HANDLERS)}), parameter_mappings and the text template_file"
        return
    for chosen_for, schema in used:
        if chosen_for != handler:
            yield f"handler is {handler!r}, but schema {schema.id!r} chooses it for {chosen_for!r}"
        yield from _mapping_faults(mappings, schema, catalogue)
    try:
        yield from _text_faults(handler, mappings, text)
    except TemplateError as error:
        yield error.message if error.path.startswith("template_file") else f"template_file: {error.message}"


def _mapping_faults(mappings: Mapping[str, Any], schema: Schema, catalogue: Catalogue) -> Iterator[str]:
    for name, raw in mappings.items():
        try:
            Mappings.compile({name: raw}, schema.id, catalogue.relation)
        except TemplateError as error:
            yield error.message
            continue
        at, field = _end(parse_short(raw, name) if isinstance(raw, str) else raw, schema.id, catalogue.relation)
        target = catalogue.get(at)
        if target is None:
            yield f"parameter_mappings.{name}: there is no schema {at!r}"
        elif field is not None and not target.has(field):
            yield f"parameter_mappings.{name}: {at} has no property {field!r}; it has {', '.join(target.properties)}"


def _end(raw: Any, at: str, relation: Any) -> tuple[str, str | None]:
    """The schema where a plain walk ends, and the property that is read there; None for all other forms."""
    field = raw.get("field") if isinstance(raw, Mapping) else None
    for step in (raw.get("path") or ()) if field else ():
        if isinstance(step, Mapping) and "type" not in step:
            return at, None  # known at run time only
        at = step["type"] if isinstance(step, Mapping) else relation(at, step)
    return at, field or None


def _text_faults(handler: str, mappings: Mapping[str, Any], text: str) -> Iterator[str]:
    """What is wrong with a template's text, as far as it can be made without a resource. Raises TemplateError."""
    check(text)
    if handler != "heat_worker" or any(name.startswith("jinja_") for name in mappings):
        return  # what comes of it depends on the values
    declared = load_template(render(text, dict.fromkeys(mappings, "x"))).parameters
    given = {name for name in mappings if not name.startswith(NOT_DECLARED)}
    for name in sorted(given - set(declared)):
        yield f"parameter_mappings.{name}: template_file declares no such parameter; it declares {', '.join(declared)}"
    for name in sorted(set(declared) - given):
        if declared[name].default is None:
            yield f"template_file: parameters.{name} has no default, and no entry in parameter_mappings"
