"""Whatever a value holds, it stays one value of a monitor, or one part of one."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from esi.bootstrap.services import load_services
from esi.monitoring.template import read_watch
from unit.monitoring.bench import INTERFACE, INTERFACE_VALUES, job_of

TEXT = next(body for body in load_services("2017").templates if body["id"] == "vpn_interface_monitoring")
SIGNS = st.text(alphabet=st.sampled_from("\"'{}[]:#&*!|>%@`\\ ,-?\n\t{{}}%ax0\ue0001\ue001\u2028é"), max_size=12)
ANY = st.one_of(SIGNS, st.text(max_size=20), st.sampled_from(["null", "true", "8", "~", "", "- a", "a: b", "{{ x }}"]))


@given(st.sampled_from(sorted(name for name in INTERFACE_VALUES if "_port" not in name)), ANY)
def test_a_value_reaches_its_properties_as_it_is(name: str, value: str) -> None:
    if not value:
        return
    job = job_of(INTERFACE, {})
    plain = read_watch(TEXT["template_file"], {**INTERFACE_VALUES, name: "MARK"}, job)
    hostile = read_watch(TEXT["template_file"], {**INTERFACE_VALUES, name: value}, job)

    def swapped(properties: dict[str, Any]) -> dict[str, Any]:
        return {key: value if item == "MARK" else item for key, item in properties.items()}

    assert [(m.name, m.type, m.topic, m.timeout) for m in hostile.monitors] == [
        (m.name, m.type, m.topic, m.timeout) for m in plain.monitors
    ]
    assert [m.properties for m in hostile.monitors] == [swapped(m.properties) for m in plain.monitors]
    assert [w.mapped_id for w in hostile.mappings] == [w.mapped_id.replace("MARK", value) for w in plain.mappings]


def test_a_place_that_is_all_of_a_value_keeps_its_type() -> None:
    text = 'm: {type: kafka_messenger, kafka_topic: t, a: "{{ n }}", b: {{ n }}, c: "x{{ n }}", d: {{ y }}, e: {{ l }}}'
    watch = read_watch(text, {"n": 830, "y": True, "l": ["a", "b"]}, job_of(INTERFACE, {}))
    assert watch.monitors[0].properties == {"a": 830, "b": 830, "c": "x830", "d": True, "e": ["a", "b"]}


def test_names_may_be_made_of_values() -> None:
    text = "primary_{{ vrid }}: {type: kafka_messenger, kafka_topic: t}"
    (monitor,) = read_watch(text, {"vrid": 41}, job_of(INTERFACE, {})).monitors
    assert monitor.name == "primary_41"


def test_a_monitor_prints_no_secret() -> None:
    watch = read_watch(TEXT["template_file"], INTERFACE_VALUES, job_of(INTERFACE, {}))
    assert "esiesi0000" not in repr(watch)
