"""`$9$`: known pairs, round trips of anything, and a clear no to what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.errors import TemplateError
from esi.render.junos.secret9 import decode, encode, is_encoded, same

KNOWN = {
    "$9$-/d2aji.5z6qm": "test",
    "$9$FNex3A0Ehrv87yl": "test",
    "$9$2GgZjHkPQ39.PhrvLVb.P5Tz6": "password",
    "$9$LbHX-wg4Z": "lc",
    "$9$iHfz9Cu1Eyp0": "test",
    "$9$B1I1SeLX-w2aNd": "test",
    "$9$QzF3z9pIRSeMXcy": "test",
    "$9$i.T3AtOREyApIcSrLXGDjkfT369": "secret123",
    "$9$7NdwgGDkTz6oJz69A1INdb": "juniper",
    "$9$T3npcSv": "é",
}


@pytest.mark.parametrize(("secret", "plain"), KNOWN.items())
def test_recorded_secrets_decode(secret: str, plain: str) -> None:
    assert decode(secret) == plain
    assert is_encoded(secret)
    assert same(secret, plain)


@given(plain=st.text(max_size=40), seed=st.text(max_size=8))
def test_any_text_comes_back(plain: str, seed: str) -> None:
    plain = plain.encode("utf-8", "ignore").decode()
    seed = seed.encode("utf-8", "ignore").decode()
    assert decode(encode(plain, seed=seed)) == decode(encode(plain)) == plain
    assert encode(plain, seed=seed) == encode(plain, seed=seed)


def test_other_seeds_give_other_texts_of_the_same_secret() -> None:
    texts = {encode("test", seed=str(number)) for number in range(50)}
    assert len(texts) > 40
    assert {decode(text) for text in texts} == {"test"}


@pytest.mark.parametrize(
    "text", ["", "$9$", "test", "$8$abc", "$9$é", "$9$Q", "$9$iHf", "$9$iii", "$9$i;;;", "$9$iHfzH"]
)
def test_what_is_no_secret_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(TemplateError) as refused:
        decode(text)
    assert not text or text not in str(refused.value).replace("not a $9$ secret", "")


def test_different_secrets_are_not_the_same() -> None:
    assert not same("$9$LbHX-wg4Z", "test")
    assert not same("a", "b")
