"""OS::Contrail::NetconfNamedConfigs: what its properties become on a device, what is refused before one is asked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esi.drivers import Edit, Step
from esi.errors import TemplateError, Unsupported
from esi.render.junos.text import Statement, parse
from esi.render.marks import mark
from esi.stacks import Context, Live, Props, Replace
from esi.stacks.nodes import Env
from esi.stacks.properties import resolve_properties
from esi.stacks.resources.configs import decode_path, encode_path, read_configs
from esi.stacks.resources.monitoring import NullTargets
from esi.stacks.resources.netconf import NetconfNamedConfigs
from esi.stacks.template import load_template
from unit.stacks.bench import CountingDevices, Crash, Routers

INTERFACES = {"config_type": "tag", "xml_type": "tag", "tag": "interfaces"}


def unit(name: Any, config: str = "vlan-id 5;") -> dict[str, Any]:
    return {"path": [INTERFACES, {"config_type": "named_tag", "tag": "unit", "name": name}], "config": config}


def props(*configs: Any, **more: Any) -> Props:
    return {
        "device_ip": "r1",
        "port": 830,
        "username": "u",
        "password": "p",
        "on_update": "delete-and-create",
        "lock_timeout": 3000,
        "configs": list(configs),
        **more,
    }


class Box:
    """The type at work on one router."""

    def __init__(self) -> None:
        self.routers = Routers()
        self.type = NetconfNamedConfigs()
        self.context = Context("s", "r", "op", "t", CountingDevices(self.routers, Crash()), NullTargets())

    def last(self) -> list[tuple[str, str, str]]:
        return [(edit.operation, edit.path[-1].name, edit.text) for edit in self.routers.intents[-1].edits]


def test_path_elements_become_steps_and_names_are_trimmed() -> None:
    path = [
        INTERFACES,
        {"config_type": "name", "xml_type": "named_tag", "tag": "interface", "name": " ae0\n"},
        {"config_type": "named_tag", "xml_type": "named_tag", "tag": "unit", "name": mark("1025")},
        {"tag": "vlan", "name": 7},
    ]
    (edit,) = read_configs([{"path": path, "config": "\n  vlan-id 5;\n"}])
    assert edit == Edit(
        (
            Step("interfaces"),
            Step("interface", "ae0", "name", "named_tag"),
            Step("unit", "1025", "named_tag", "named_tag"),
            Step("vlan", "7", "name", "named_tag"),
        ),
        "merge",
        "vlan-id 5;",
    )
    assert decode_path(encode_path(edit.path)) == edit.path


@pytest.mark.parametrize(
    ("configs", "path"),
    [
        ([5], "configs[0]"),
        ([{"config": "x;"}], "configs[0]"),
        ([{"path": [], "config": "x;"}], "configs[0].path"),
        ([{"path": [INTERFACES], "text": "x"}], "configs[0].text"),
        ([{"path": ["interfaces"]}], "configs[0].path[0]"),
        ([{"path": [{**INTERFACES, "word": "x"}]}], "configs[0].path[0]"),
        ([{"path": [{**INTERFACES, "config_type": "text"}]}], "configs[0].path[0].config_type"),
        ([{"path": [{**INTERFACES, "xml_type": "text"}]}], "configs[0].path[0].xml_type"),
        ([{"path": [{"config_type": "tag", "tag": "a b"}]}], "configs[0].path[0].tag"),
        ([{"path": [{"config_type": "tag"}]}], "configs[0].path[0].tag"),
        ([{"path": [{"tag": "unit"}]}], "configs[0].path[0].name"),
        ([{"path": [{"tag": "unit", "name": ["x"]}]}], "configs[0].path[0].name"),
        ([{"path": [INTERFACES], "config": ["x"]}], "configs[0].config"),
        ([{"path": [INTERFACES], "config": "x {"}], "configs[0].config, line 1"),
        ([unit("5"), unit("6"), unit(" 5 ")], "configs[2].path"),
        ([unit("5"), {"path": [*unit("5")["path"], {"tag": "family", "config_type": "tag"}]}], "configs[1].path"),
        *[([unit(name)], "configs[0].path[1].name") for name in ("a b", "5;", "{", "}", '"', "<x>", "a\tb", "/*")],
        ([unit("delete:")], "configs[0].path[1].name"),
    ],
)  # fmt: skip
def test_what_is_no_configuration_is_refused_with_its_place(configs: list[Any], path: str) -> None:
    with pytest.raises(TemplateError) as caught:
        read_configs(configs)
    assert caught.value.path == path


def test_a_leaf_may_have_children() -> None:
    child = {"path": [*unit("5")["path"], {"tag": "family", "config_type": "tag"}], "config": ""}
    assert len(read_configs([unit("5", ""), child])) == 2


def test_what_is_not_supported_is_said_before_anything_is_done() -> None:
    with pytest.raises(Unsupported, match="additional_commands"):
        read_configs([{**unit("5"), "additional_commands": ["set x"]}])
    for word in ("override", "update"):
        with pytest.raises(Unsupported, match=word):
            NetconfNamedConfigs().check(props(on_update=word))


async def test_the_intent_names_its_work_and_its_device() -> None:
    box = Box()
    live = await box.type.create(box.context, props(unit("5"), unit("6")))
    (intent,) = box.routers.intents
    assert (intent.id, intent.lock_timeout, intent.address.port) == ("op/r", 3000.0, 830)
    assert "'p'" not in repr(intent)
    assert live.physical_id == (await box.type.create(box.context, props(unit("5")))).physical_id


async def test_an_update_replaces_what_stays_and_removes_what_goes() -> None:
    box = Box()
    live = await box.type.create(box.context, props(unit("5"), unit("6"), unit("8")))
    live = await box.type.update(box.context, live, props(unit("5", "vlan-id 9;"), unit("7")))
    assert box.last() == [
        ("remove", "8", ""),
        ("remove", "6", ""),
        ("replace", "5", "vlan-id 9;"),
        ("merge", "7", "vlan-id 5;"),
    ]
    await box.type.delete(box.context, live)
    assert box.last() == [("remove", "7", ""), ("remove", "5", "")]
    assert box.routers.running["r1"] == {}


@pytest.mark.parametrize("operation", ["merge", "replace"])
async def test_on_update_merge_leaves_old_paths_and_a_delete_knows_them(operation: str) -> None:
    box = Box()
    live = await box.type.create(box.context, props(unit("5"), on_update=operation))
    live = await box.type.update(box.context, live, props(unit("6"), on_update=operation))
    assert box.last() == [(operation, "6", "vlan-id 5;")]
    live = await box.type.update(box.context, live, props(unit("7"), on_update=operation))
    await box.type.delete(box.context, live)
    assert box.last() == [("remove", "7", ""), ("remove", "6", ""), ("remove", "5", "")]


async def test_another_password_asks_no_device() -> None:
    box = Box()
    live = await box.type.create(box.context, props(unit("5")))
    again = await box.type.update(box.context, live, props(unit("5"), password="new"))
    assert again.props["password"] == "new"
    assert len(box.routers.intents) == 1


async def test_another_device_is_another_resource() -> None:
    box = Box()
    live = await box.type.create(box.context, props(unit("5")))
    with pytest.raises(Replace):
        await box.type.update(box.context, live, props(unit("5"), device_ip="r2"))


async def test_nothing_to_configure_asks_no_device_and_can_be_deleted() -> None:
    box = Box()
    live = await box.type.create(box.context, props())
    await box.type.delete(box.context, live)
    await box.type.delete(box.context, Live("", props({"path": []})))
    assert box.routers.intents == []


async def test_a_delete_after_attempts_cleans_every_device_they_may_have_touched() -> None:
    box = Box()
    tried = (props(unit("5")), props(unit("6"), device_ip="r2"))
    await box.type.delete(box.context, Live("", props(unit("7")), attempted=tried))
    assert [(intent.id, intent.address.ip) for intent in box.routers.intents] == [
        ("op/r/delete", "r1"),
        ("op/r/delete/r2", "r2"),
    ]
    assert [len(intent.edits) for intent in box.routers.intents] == [2, 1]


HOSTILE = """
heat_template_version: 2013-05-23
parameters:
  word: {type: string}
  key: {type: string}
resources:
  r:
    type: OS::Contrail::NetconfNamedConfigs
    properties:
      device_ip: r1
      configs:
        - path:
            - {config_type: tag, tag: groups}
          config:
            str_replace:
              template: |
                group $word {
                    neighbor $word-1 {
                        authentication-key "$key";
                        description $key;
                    }
                    list [ a $key b ];
                }
              params: {$word: {get_param: word}, $key: {get_param: key}}
"""
EVIL = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(list(";{}[]\"'\\ \t\n\r/*#<>&$\ue000\ue001\x00\x85\u2028\u2029")),
    ),
    max_size=12,
)


def shape(statements: tuple[Statement, ...]) -> list[Any]:
    return [
        (len(s.words), None if s.values is None else len(s.values), sorted(s.tags), s.comment, shape(s.children or ()))
        for s in statements
    ]


@settings(max_examples=400, deadline=None)
@given(word=EVIL, key=EVIL)
def test_no_value_ever_becomes_structure(word: str, key: str) -> None:
    template = load_template(HOSTILE)

    def text(**values: str) -> str:
        env = Env({name: template.parameters[name].accept(value) for name, value in values.items()})
        resolved = resolve_properties(template.resources["r"], NetconfNamedConfigs(), env)
        (edit,) = read_configs(resolved["configs"])
        return edit.text

    try:
        read = parse(text(word=word, key=key))
    except TemplateError:
        return
    assert shape(read) == shape(parse(text(word="a", key="b")))
    (group,) = read
    assert group.words == ("group", word)
    assert group.children is not None
    neighbour, listed = group.children
    assert neighbour.words == ("neighbor", f"{word}-1")
    assert [child.words[1] for child in neighbour.children or ()] == [key, key]
    assert listed.values == ("a", key, "b")


@pytest.mark.parametrize("value", [";", "}", "{", "a b", '"', "\\", "replace: x", "/* x */", "# x", "<a>", "$key"])
def test_structural_characters_alone_pass_as_one_word(value: str) -> None:
    template = load_template(HOSTILE)
    resolved = resolve_properties(template.resources["r"], NetconfNamedConfigs(), Env({"word": "w", "key": value}))
    (group,) = parse(read_configs(resolved["configs"])[0].text)
    assert group.children is not None
    assert group.children[1].values == ("a", value, "b")


@settings(max_examples=200, deadline=None)
@given(name=EVIL)
def test_a_name_is_one_plain_word_or_refused(name: str) -> None:
    try:
        (edit,) = read_configs([unit(name)])
    except TemplateError:
        return
    assert edit.path[1].name == name.replace("\ue000", "").replace("\ue001", "").strip()
    assert parse(f"{edit.path[1].name};")[0].words == (edit.path[1].name,)


def test_what_is_no_json_is_refused_in_its_place() -> None:
    with pytest.raises(TemplateError, match="must be a map of"):
        read_configs([{"path": [{"tag": "x", 1: "y"}], "config": ""}])
