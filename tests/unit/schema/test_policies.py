"""Who may do what: the index, merges, denials."""

from __future__ import annotations

from esi.schema import Catalogue, load_documents
from esi.schema.policy import NO_ACCESS

SCHEMAS = """
schemas:
- {id: n, singular: n, plural: ns, title: N, description: d, prefix: /v2.0, schema: {type: object, properties: {
    id: {type: string}, tenant_id: {type: string}, name: {type: string}, secret: {type: string}}}}
- {id: nx, singular: nx, plural: nsx, title: N, description: d, prefix: /v2.0, schema: {type: object, properties: {
    id: {type: string}}}}
"""


def loaded(policies: str) -> Catalogue:
    return load_documents(f"{SCHEMAS}\npolicies:\n{policies}")


def test_without_policies_admin_may_everything_and_others_nothing() -> None:
    catalogue = load_documents(SCHEMAS)
    for action in ("create", "read", "update", "delete"):
        for item in (False, True):
            assert catalogue.policies.access(("admin",), action, catalogue["n"], item=item)
            assert not catalogue.policies.access(("Member",), action, catalogue["n"], item=item)
    assert catalogue.policies.access((), "read", catalogue["n"], item=True) is NO_ACCESS


def test_paths_are_anchored_and_end_at_a_slash() -> None:
    catalogue = loaded("- {principal: m, action: read, resource: {path: /v2.0/ns}}")
    access = catalogue.policies.access
    assert access(("m",), "read", catalogue["n"], item=False)
    assert access(("m",), "read", catalogue["n"], item=True)
    assert not access(("m",), "read", catalogue["nx"], item=False)
    assert not access(("m",), "update", catalogue["n"], item=True)
    assert access(("M",), "read", catalogue["n"], item=True)  # case means nothing in the name of a role
    items = loaded("- {principal: m, action: read, resource: {path: '/v2.0/ns/.*'}}")
    assert not items.policies.access(("m",), "read", items["n"], item=False)
    assert items.policies.access(("m",), "read", items["n"], item=True)


def test_allows_of_all_roles_are_merged_each_with_its_own_condition() -> None:
    catalogue = loaded(
        "- {principal: m, action: read, condition: [is_owner]}\n"
        "- {principal: g, action: read, resource: {path: '.*', properties: [id, name]}}"
    )
    both = catalogue.policies.access(("m", "g"), "read", catalogue["n"], item=True)
    assert not both.owner_only
    assert both.properties(own=True) is None
    assert both.properties(own=False) == frozenset({"id", "name"})
    alone = catalogue.policies.access(("m",), "read", catalogue["n"], item=True)
    assert alone.owner_only
    assert alone.properties(own=False) == frozenset()


def test_the_owner_condition_means_nothing_where_nobody_owns_rows() -> None:
    catalogue = loaded("- {principal: m, action: read, condition: [is_owner]}")
    assert not catalogue.policies.access(("m",), "read", catalogue["nx"], item=True).owner_only


def test_a_denial_ends_it_and_hidden_properties_stay_hidden() -> None:
    catalogue = loaded(
        "- {principal: m, action: '*', resource: {path: '.*', blacklistProperties: [secret]}}\n"
        "- {principal: m, action: delete, effect: Deny, resource: {path: /v2.0/ns}}\n"
        "- {principal: a, action: '*'}"
    )
    access = catalogue.policies.access
    assert access(("m",), "read", catalogue["n"], item=True).properties(own=True) == frozenset(
        {"id", "tenant_id", "name"}
    )
    assert not access(("m",), "delete", catalogue["n"], item=True)
    assert not access(("a", "m"), "delete", catalogue["n"], item=True)
    assert access(("a",), "delete", catalogue["n"], item=True)
    assert access(("m",), "delete", catalogue["nx"], item=True)
