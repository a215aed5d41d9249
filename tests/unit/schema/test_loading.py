"""What the loader makes of schema files, and how it complains."""

from __future__ import annotations

from pathlib import Path

import pytest

from esi.errors import NotFound, SchemaError
from esi.schema import Catalogue, load, load_documents

GOOD = """
schemas:
- id: named
  singular: named
  plural: nameds
  title: Named
  description: mix-in
  type: abstract
  prefix: /v2.0
  metadata: {state_versioning: true}
  schema:
    propertiesOrder: [id, name]
    required: [name]
    properties:
      id: {type: string, permission: [create]}
      name: {type: string, permission: [create, update]}
- id: site
  singular: site
  plural: sites
  title: Site
  description: A place
  extends: [named]
  schema:
    type: object
    properties: {status: {type: string, default: NO_STATE}}
- id: rack
  singular: rack
  plural: racks
  title: Rack
  description: In a place
  extends: [named]
  parent: site
  metadata:
    two_step_deletion: false
    template_path: {heat_worker: Crack, monitoring_worker: Crack_m}
    status: {rule: mirror, of: [site_id]}
  schema:
    type: object
    properties:
      name: {type: string, permission: [create]}
      status: {type: string}
      neighbours: {type: array, items: {type: string, relation: rack}}
      ends:
        type: object
        properties:
          left: {type: object, properties: {rack_id: {type: string, format: uuid-or-empty, relation: rack}}}
      cables:
        type: array
        items: {type: object, properties: {site: {type: string, relation: site}, code: {type: string, secret: true}}}
"""


@pytest.fixture(scope="module")
def good() -> Catalogue:
    return load_documents(GOOD)


def test_abstract_schemas_are_mixed_in_and_own_keys_win(good: Catalogue) -> None:
    assert [schema.id for schema in good] == ["site", "rack"]
    site, rack = good["site"], good["rack"]
    assert list(site.properties) == ["id", "name", "status"]
    assert (site.path, site.path_of("x")) == ("/v2.0/sites", "/v2.0/sites/x")
    assert (site.properties["name"].update, rack.properties["name"].update) == (True, False)
    assert (site.two_step_deletion, rack.two_step_deletion) == (True, False)
    site_rule, rack_rule = site.statuses.of({}), rack.statuses.of({})
    assert (site_rule.rule, rack_rule.rule, rack_rule.of) == ("default", "mirror", ("site_id",))
    assert rack.template_path == {"heat_worker": "Crack", "monitoring_worker": "Crack_m"}


def test_a_parent_is_a_required_relation_set_on_create(good: Catalogue) -> None:
    parent = good["rack"].properties["site_id"]
    assert (parent.create, parent.update, parent.required, parent.relation) == (True, False, True, "site")


def test_relations_are_found_at_every_depth_and_backwards(good: Catalogue) -> None:
    assert good["rack"].relations == {
        "site_id": "site",
        "neighbours": "rack",
        "ends.left.rack_id": "rack",
        "cables.site": "site",
    }
    assert set(good.referrers("site")) == {("rack", "site_id", False), ("rack", "cables.site", True)}
    assert set(good.referrers("rack")) == {("rack", "neighbours", True), ("rack", "ends.left.rack_id", False)}
    assert [(schema.id, link.path) for schema, link in good.dependents("site")] == [("rack", "site_id")]
    assert good["rack"].secrets == {"cables.code"}


def test_paths_lead_to_schemas(good: Catalogue) -> None:
    assert good.by_path("/v2.0/racks/r1") == (good["rack"], "r1")
    for path in ("/v2.0/racks", "/v2.0/racks/", "/v2.0/racksx/r1", "/racks/r1", "", "/"):
        assert good.by_path(path) is None
    with pytest.raises(NotFound):
        good["nothing"]
    assert good.get("nothing") is None


BAD = """
schemas:
- {id: a, singular: a, plural: as, title: A, description: d, prefix: /x, colour: red, schema: {type: object,
properties: {
    n: {type: strang}, f: {type: string, format: nonsense}, r: {type: string, relation: ghost},
    Up: {type: string}, up: {type: string}, "bad name": {type: string}}, required: [zzz]}}
- {id: b, singular: b, plural: bs, title: B, schema: {type: object, properties: {}}}
- {id: c, singular: c, plural: cs, title: C, description: d, extends: [b], schema: {type: object, properties: {
    p: {type: string, pattern: "(("}}}}
- {id: d, singular: d, plural: ds, title: D, description: d, metadata: {status: {rule: guess}},
   schema: {type: object, properties: {n: {type: integer, default: many}}}}
- {id: e, singular: e, plural: ds, title: E, description: d, schema: {type: object, properties: {
    r: {type: string, relation: ghost}}}}
- {id: e, singular: e, plural: es, title: E, description: d, schema: {type: object, properties: {}}}
- nonsense
policies:
- {id: p, principal: Member, action: read, condition: [is_domain_owner]}
- {id: q, principal: Member, action: __attach__}
- {id: r, principal: Member, action: read, tenant_id: x}
"""


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(BAD)
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "two.yaml").write_text("schemas: [\n  {id: x\n")
    (tmp_path / "three.json").write_text('{"schema": []}')
    (tmp_path / "notes.txt").write_text("not read")
    with pytest.raises(SchemaError) as refused:
        load([tmp_path, tmp_path / "missing"])
    told = "\n".join(refused.value.faults)
    for words in (
        "unknown key 'colour'", "type 'strang'", "unknown format 'nonsense'", "differs from another only", "'bad name'",
        "required names 'zzz'", "description is missing", "extends 'b'", "rule 'guess'", "refers to 'ghost'",
        "schema 'e' already stands at", "expected a mapping", "is_domain_owner", "'__attach__'", "'tenant_id'",
        "two.yaml:", "unknown top-level key 'schema'", "no such folder",
    ):  # fmt: skip
        assert words in told, words
    assert f"{tmp_path}/one.yaml:3: schema 'a'" in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("schemas: []\nschemas: []", "stands twice"),
        ("- a", "expected a mapping"),
        ("", "expected a mapping"),
        ("schemas: {}", None),
        ("schemas: 5", "must be a list"),
        ("policies: [{principal: m, action: read, resource: {path: /nowhere}}]", "matches no schema"),
        ("policies: [{principal: m, action: read, resource: {path: '(('}}]", "is no pattern"),
        ("policies: [{principal: m, action: read, resource: {properties: [a], blacklistProperties: [b]}}]", "not both"),
    ],
)
def test_files_that_make_no_sense(text: str, words: str | None) -> None:
    if words is None:
        assert len(load_documents(text)) == 0
        return
    with pytest.raises(SchemaError, match=words):
        load_documents(text)


def test_a_bad_pattern_and_a_bad_default() -> None:
    head = "schemas: [{id: d, singular: d, plural: ds, title: D, description: d, schema: {type: object, properties: "
    with pytest.raises(SchemaError, match="not a valid JSON schema"):
        load_documents(head + '{p: {type: string, pattern: "(("}}}}]')
    with pytest.raises(SchemaError, match="the default of 'n' is not valid"):
        load_documents(head + "{n: {type: integer, default: many}}}}]")
