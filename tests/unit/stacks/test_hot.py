"""HOT: functions, conditions, parameters, dependencies; and every mistake with its path, when a template is loaded."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import yaml

from esi.errors import TemplateError
from esi.render.marks import strip
from esi.stacks import Live
from esi.stacks.nodes import Env
from esi.stacks.parameters import Parameter, parse_parameter, resolve_parameters
from esi.stacks.template import Template, load_template

PARAMETERS: dict[str, Any] = {
    "text": {"type": "string", "default": "hello"},
    "number": {"type": "number", "default": 3},
    "items": {"type": "comma_delimited_list", "default": "a,b"},
    "tree": {"type": "json", "default": {"a": {"b": [1, {"c": "deep"}]}}},
    "yes": {"type": "boolean", "default": True},
}


def load(**sections: Any) -> Template:
    return load_template(yaml.safe_dump({"heat_template_version": "2018-08-31", "parameters": PARAMETERS, **sections}))


def evaluated(snippet: Any, **conditions: Any) -> Any:
    """What a property with this snippet becomes; `other` stands with the id `id1` and the attribute `link`."""
    template = load(
        conditions=conditions,
        resources={"other": {"type": "T"}, "r": {"type": "T", "properties": {"p": snippet}}},
    )
    env = template.env(resolve_parameters(template.parameters, {}) | {"OS::stack_name": "s1"})
    env.lives["other"] = Live("id1", {}, attributes={"link": {"url": ["u0", "u1"]}})
    return template.resources["r"].properties["p"].value(env)


def marked(text: str) -> str:
    return text.replace("<", "\ue000").replace(">", "\ue001")


@pytest.mark.parametrize(
    ("snippet", "value"),
    [
        ("plain", "plain"),
        ({"a": [1, None, {"b": True}]}, {"a": [1, None, {"b": True}]}),
        ({"get_param": "text"}, "hello"),
        ({"get_param": "OS::stack_name"}, "s1"),
        ({"get_param": ["tree", "a", "b", 1, "c"]}, "deep"),
        ({"get_param": ["tree", "a", "x", "y"]}, None),
        ({"get_param": ["items", 1]}, "b"),
        ({"get_param": ["items", 7]}, None),
        ({"get_resource": "other"}, "id1"),
        ({"get_attr": ["other", "link", "url", 0]}, "u0"),
        ({"get_attr": ["other", "show"]}, {"link": {"url": ["u0", "u1"]}}),
        ({"str_replace": {"template": "a $x b", "params": {"$x": {"get_param": "text"}}}}, marked("a <hello> b")),
        ({"str_replace": {"template": "$x$xy", "params": {"$x": 1, "$xy": "two"}}}, "1two"),
        ({"str_replace": {"template": "$x", "params": {"$x": {"get_param": ["tree", "a", "x"]}}}}, marked("<>")),
        ({"str_replace": {"template": "$a $b", "params": {"$a": {"get_param": "text"}, "hell": "X"}}},
         marked("<hello> $b")),
        (
            {"str_replace": {"template": "[$l]", "params": {"$l": {"get_param": "items"}}}},
            marked('[<["a","b"]>]'),
        ),
        ({"list_join": ["-", ["a", {"get_param": "text"}], {"get_param": "items"}]}, marked("a-<hello>-<a>-<b>")),
        ({"repeat": {"template": {"n": "%i%", "t": "v %i%"}, "for_each": {"%i%": [1, 2]}}},
         [{"n": 1, "t": marked("v <1>")}, {"n": 2, "t": marked("v <2>")}]),
        ({"repeat": {"template": "%a%%b%", "for_each": {"%a%": ["x", "y"], "%b%": {"get_param": "items"}}}},
         [marked(f"<{a}><{b}>") for a in "xy" for b in "ab"]),
        ({"repeat": {"template": "%a%%b%", "for_each": {"%a%": ["x", "y"], "%b%": [1, 2]}, "permutations": False}},
         [marked("<x><1>"), marked("<y><2>")]),
        ({"if": ["large", "big", "small"]}, "small"),
        ({"if": [{"equals": [{"get_param": "number"}, 3]}, {"get_param": "text"}, "no"]}, "hello"),
        ({"if": ["large", "big"]}, None),
        ({"digest": ["sha256", {"get_param": "text"}]}, hashlib.sha256(b"hello").hexdigest()),
        ({"map_merge": [{"a": 1, "b": 1}, {"b": {"get_param": "number"}}, None]}, {"a": 1, "b": 3}),
        ({"not": "large"}, True),
        ({"and": ["large", {"get_param": "yes"}]}, False),
        ({"or": ["large", {"get_param": "yes"}]}, True),
    ],
)  # fmt: skip
def test_every_function_gives_its_value(snippet: Any, value: Any) -> None:
    found = evaluated(snippet, large={"not": {"equals": [{"get_param": "number"}, 3]}})
    assert found == value


def test_conditions_may_stand_on_each_other_in_any_order() -> None:
    conditions = {"a": {"and": ["b", "c"]}, "b": {"not": "c"}, "c": False}
    assert load(conditions=conditions).env(resolve_parameters(load().parameters, {})).conditions == {
        "c": False,
        "b": True,
        "a": False,
    }


def test_a_resource_that_does_not_stand_is_null() -> None:
    template = load(
        resources={"other": {"type": "T"}, "r": {"type": "T", "properties": {"p": {"get_resource": "other"}}}}
    )
    assert template.resources["r"].properties["p"].value(Env({})) is None


def test_dependencies_are_explicit_and_implied_and_give_the_order() -> None:
    template = load(
        resources={
            "last": {"type": "T", "depends_on": ["middle", "first"]},
            "middle": {"type": "T", "properties": {"p": {"list_join": ["", [{"get_attr": ["first", "x"]}]]}}},
            "first": {"type": "T"},
        }
    )
    assert list(template.resources) == ["first", "middle", "last"]
    assert template.resources["middle"].requires == {"first"}
    assert template.resources["last"].reads == frozenset()


def snippet(raw: Any) -> dict[str, Any]:
    return {"resources": {"r": {"type": "T", "properties": {"p": raw}}, "other": {"type": "T"}}}


P = "resources.r.properties.p"


@pytest.mark.parametrize(
    ("sections", "path", "words"),
    [
        ({"resources": {"a": {"type": "T", "depends_on": "b"}, "b": {"type": "T", "depends_on": "a"}}}, "resources",
         "a circle of dependencies: a → b → a"),
        ({"conditions": {"a": "b", "b": {"not": "a"}}}, "conditions", "circle"),
        ({"resources": {"a": {"type": "T", "depends_on": "a"}}}, "resources", "a → a"),
        ({"resource": {}}, "resource", "unknown section"),
        ({"heat_template_version": "2031-01-01"}, "heat_template_version", "unknown version"),
        ({"resources": []}, "resources", "must be a map"),
        ({"resources": {"a": "T"}}, "resources.a", "must be a map"),
        ({"resources": {"a": {}}}, "resources.a.type", "resource type"),
        ({"resources": {"a": {"type": "T", "deletion_policy": "x"}}}, "resources.a.deletion_policy", "unknown key"),
        ({"resources": {"a": {"type": "T", "depends_on": "z"}}}, "resources.a.depends_on", "unknown resource 'z'"),
        ({"resources": {"a": {"type": "T", "condition": "z"}}}, "resources.a.condition", "unknown condition 'z'"),
        ({"outputs": {"o": {}}}, "outputs.o", "value"),
        ({"outputs": {"o": {"value": {"get_resource": "z"}}}}, "outputs.o.value.get_resource", "unknown resource 'z'"),
        ({"parameters": {"p": {"type": "text"}}}, "parameters.p.type", "unknown type 'text'"),
        ({"parameters": {"p": {"type": "string", "schema": 1}}}, "parameters.p.schema", "unknown key"),
        (snippet({"get_param": "zz"}), f"{P}.get_param", "unknown parameter 'zz'"),
        (snippet([{"x": {"get_param": []}}]), f"{P}[0].x.get_param", "must be a name"),
        (snippet({"get_file": "x"}), f"{P}.get_file", "not supported"),
        (snippet({"yaql": {}}), f"{P}.yaql", "not supported"),
        (snippet({"get_param": "text", "x": 1}), P, "get_param must stand alone"),
        (snippet({"get_attr": "other"}), f"{P}.get_attr", "must be a list"),
        (snippet({"str_replace": {"template": "x"}}), f"{P}.str_replace", "params and template"),
        (snippet({"str_replace": {"template": "x", "params": []}}), f"{P}.str_replace.params", "must be a map"),
        (snippet({"str_replace": {"template": "x", "params": {"": 1}}}), f"{P}.str_replace.params", "empty word"),
        (snippet({"list_join": "x"}), f"{P}.list_join", "must be a list"),
        (snippet({"repeat": {"template": 1}}), f"{P}.repeat", "for_each and template"),
        (snippet({"repeat": {"template": 1, "for_each": []}}), f"{P}.repeat.for_each", "must be a map"),
        (snippet({"if": ["z", 1, 2]}), f"{P}.if[0]", "unknown condition 'z'"),
        (snippet({"if": [1]}), f"{P}.if", "condition, value"),
        (snippet({"digest": ["crc", 1]}), f"{P}.digest", "md5"),
        (snippet({"equals": [1]}), f"{P}.equals.equals", "two values"),
        ({"conditions": {"c": {"more": [1]}}}, "conditions.c.more", "unknown condition"),
    ],
)  # fmt: skip
def test_a_mistake_is_found_at_load_with_its_path(sections: Any, path: str, words: str) -> None:
    with pytest.raises(TemplateError) as caught:
        load(**sections)
    assert caught.value.path == path
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "not YAML"),
        ("heat_template_version: 2013-05-23\nresources:\n  a: {}\n  a: {}", "line 4: 'a' stands here twice"),
        ("a: !!python/object/apply:os.system [x]", "not YAML"),
        ("- a", "must be a map"),
        ("heat_template_version: 2013-05-23\nresources: {a: " + "[" * 300 + "]" * 300 + "}", "100 deep"),
        ("a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "\n".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]" for n in range(9)
        ), "at most 200000 values"),
    ],
)  # fmt: skip
def test_text_that_is_no_template_is_refused(text: str, words: str) -> None:
    with pytest.raises(TemplateError) as caught:
        load_template(text)
    assert words in str(caught.value)


def test_a_template_is_compiled_once_per_content() -> None:
    text = "heat_template_version: 2013-05-23\n"
    assert load_template(text).resources is load_template(str(text)).resources
    assert load_template(text).hash == hashlib.sha256(text.encode()).hexdigest()


def test_templates_that_differ_in_values_only_share_their_compiled_form() -> None:
    def loaded(name: str, value: str) -> Template:
        lines = ["heat_template_version: 2013-05-23", "resources:", "  r_<NAME>:", "    type: T"]
        lines += ["    properties: {p: '<VALUE>', q: [x, '<VALUE>-<NAME>']}"]
        return load_template(marked("\n".join(lines).replace("NAME", name).replace("VALUE", value)))

    one, two, other = loaded("a", "1"), loaded("a", "2"), loaded("b", "1")
    assert one.resources is two.resources
    assert one.resources is not other.resources
    assert list(other.resources) == ["r_b"]
    for template, value, name in ((one, "1", "a"), (two, "2", "a"), (other, "1", "b")):
        node = template.resources[f"r_{name}"].properties
        assert node["p"].value(template.env({})) == marked(f"<{value}>")
        assert node["q"].value(template.env({})) == ["x", marked(f"<{value}>-<{name}>")]
    assert one.hash != two.hash


def test_names_that_become_the_same_are_refused() -> None:
    with pytest.raises(TemplateError, match="resources: a key stands here twice"):
        load_template(marked("heat_template_version: 2013-05-23\nresources: {<a>: {type: T}, a: {type: T}}"))


def test_names_that_jinja_wrote_are_plain_again() -> None:
    template = load_template(
        marked(
            "heat_template_version: 2013-05-23\nparameters:\n  <one>_ip: {type: string, default: x}\n"
            "resources:\n  r_<one>:\n    type: T\n    properties: {<p>: {get_param: <one>_ip}}\n"
            "outputs:\n  <o>: {value: {get_resource: r_<one>}}\n"
        )
    )
    assert (list(template.parameters), list(template.resources)) == (["one_ip"], ["r_one"])
    assert list(template.resources["r_one"].properties) == ["p"]
    assert template.outputs[0].name == "o"


def parameter(type_: str, *constraints: dict[str, Any]) -> Parameter:
    return parse_parameter("p", {"type": type_, "constraints": list(constraints)})


@pytest.mark.parametrize(
    ("type_", "given", "value"),
    [
        ("string", "x", "x"),
        ("string", 830, "830"),
        ("string", True, "true"),
        ("number", "830", 830),
        ("number", "1.5", 1.5),
        ("number", 2, 2),
        ("boolean", "Yes", True),
        ("boolean", False, False),
        ("comma_delimited_list", "a, b", ["a", "b"]),
        ("comma_delimited_list", "", []),
        ("comma_delimited_list", [1, "b"], ["1", "b"]),
        ("json", '{"a": 1}', {"a": 1}),
        ("json", [1], [1]),
    ],
)
def test_values_become_the_type_of_their_parameter(type_: str, given: Any, value: Any) -> None:
    assert parameter(type_).accept(given) == value


@pytest.mark.parametrize(
    ("type_", "given"),
    [("string", {}), ("number", "x"), ("number", True), ("boolean", 5), ("json", "x"), ("json", "1"),
     ("comma_delimited_list", {}), ("string", "\ue000"), ("json", {"a": ["\ue001"]})],
)  # fmt: skip
def test_values_of_another_type_are_refused_without_showing_them(type_: str, given: Any) -> None:
    with pytest.raises(TemplateError) as caught:
        parameter(type_).accept(given)
    assert caught.value.path == "parameters.p"


@pytest.mark.parametrize(
    ("type_", "constraint", "good", "bad"),
    [
        ("string", {"length": {"min": 2, "max": 3}}, "abc", "abcd"),
        ("number", {"range": {"min": 1}}, 1, 0),
        ("number", {"modulo": {"step": 2, "offset": 1}}, 3, 4),
        ("string", {"allowed_values": ["a", "b"]}, "a", "c"),
        ("string", {"allowed_pattern": "[a-z]+", "description": "only letters"}, "abc", "abc1"),
        ("comma_delimited_list", {"allowed_values": ["a", "b"]}, "a,b", "a,c"),
    ],
)
def test_constraints_hold(type_: str, constraint: dict[str, Any], good: Any, bad: Any) -> None:
    parameter(type_, constraint).accept(good)
    with pytest.raises(TemplateError) as caught:
        parameter(type_, constraint).accept(bad)
    assert constraint.get("description", "does not fulfil") in caught.value.message


@pytest.mark.parametrize(
    "constraint",
    [{"custom_constraint": "nova.flavor"}, {}, {"length": 3}, {"range": {"least": 1}}, {"allowed_pattern": "("},
     {"allowed_values": "a"}, {"modulo": {"step": 0}}],
)  # fmt: skip
def test_unknown_constraints_are_refused(constraint: dict[str, Any]) -> None:
    with pytest.raises(TemplateError, match=r"^parameters\.p\.constraints\[0\]"):
        parameter("string", constraint)


def test_missing_and_unknown_parameters_are_named() -> None:
    declared = {"a": Parameter("a", "string"), "b": Parameter("b", "string", "default")}
    assert resolve_parameters(declared, {"a": "x", "b": None}) == {"a": "x", "b": "default"}
    with pytest.raises(TemplateError, match=r"^parameters\.a: has no value"):
        resolve_parameters(declared, {"a": None})
    with pytest.raises(TemplateError, match=r"^parameters\.c: the template declares no such parameter"):
        resolve_parameters(declared, {"a": "", "c": 1})


def test_a_value_that_cannot_be_a_word_is_refused_where_it_is_put_in() -> None:
    template = load(**snippet({"str_replace": {"template": "$x", "params": {"$x": {"get_param": "text"}}}}))
    env = template.env(resolve_parameters(template.parameters, {"text": "a\nb"}))
    with pytest.raises(TemplateError) as caught:
        template.resources["r"].properties["p"].value(env)
    assert caught.value.path == f"{P}.str_replace.params.$x.get_param"
    assert strip(marked("<x>")) == "x"
