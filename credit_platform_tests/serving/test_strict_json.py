"""JSON that is taken, and what is refused by name."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.problems import ProblemError
from serving.strict_json import MOST_DEPTH, strict_json

TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ["a", "b", ":", "a:b", "\\u003a", '":']
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
PAIRS = st.lists(st.tuples(TEXTS, VALUES), max_size=5)


def refusal(body: bytes) -> tuple[str, str]:
    with pytest.raises(ProblemError) as caught:
        strict_json(body)
    assert caught.value.kind == "invalid-request"
    (error,) = caught.value.errors
    return error.field, error.problem


@given(VALUES, st.booleans())
def test_what_json_can_say_is_read_as_it_was_written(value: Any, escaped: bool) -> None:
    assert strict_json(json.dumps(value, ensure_ascii=escaped).encode()) == value


@given(PAIRS, st.booleans())
def test_a_name_that_comes_twice_is_always_noticed(pairs: list[tuple[str, Any]], escaped: bool) -> None:
    """Whatever colons stand in names and texts, those that got lost included."""
    members = (f"{json.dumps(n, ensure_ascii=escaped)}:{json.dumps(v, ensure_ascii=escaped)}" for n, v in pairs)
    body = f'{{"features": {{{",".join(members)}}}}}'.encode()
    if len({name for name, _ in pairs}) == len(pairs):
        assert strict_json(body) == {"features": dict(pairs)}
    else:
        assert refusal(body)[1] == "comes more than once"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"a": 1, "a": 1}', "a"),
        ('{"a": 1, "\\u0061": 2}', "a"),
        ('{"a": 1, "a": 2, "b": "\\u003a"}', "a"),
        ('{"a": 1, "a": 2, "b": "\\u003A"}', "a"),
        ('{"a": ":", "a": 2}', "a"),
        ('{"f": {"x": {}, "y": 1, "x": {"z": 1}}}', "f.x"),
        ('[{"q": [1, {"a": 1, "a": 1}]}]', "0.q.1.a"),
    ],
)
def test_a_name_that_comes_twice_is_named(body: str, field: str) -> None:
    assert refusal(body.encode()) == (field, "comes more than once")


@pytest.mark.parametrize(
    ("body", "field"),
    [("NaN", "body"), ('{"a": [1, NaN]}', "a.1"), ('{"a": -Infinity}', "a"), ('{"a": {"b": Infinity}}', "a.b")],
)
def test_what_is_no_number_is_named(body: str, field: str) -> None:
    assert refusal(body.encode()) == (field, "must be a finite number")


@pytest.mark.parametrize(("opening", "closing", "field"), [("[", "]", "0"), ('{"a":', "}", "a")])
def test_nesting_is_bounded(opening: str, closing: str, field: str) -> None:
    def nested(depth: int) -> bytes:
        return (opening * depth + "1" + closing * depth).encode()

    strict_json(nested(MOST_DEPTH))
    assert refusal(nested(MOST_DEPTH + 1)) == (".".join([field] * MOST_DEPTH), "is nested too deeply")
    assert refusal(nested(100_000)) == ("body", "is not valid JSON")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{} {}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b"{a: 1}",
        b'{"a": 01}',
        b'{"a": .5}',
        b'{"a": +1}',
        b'{"a": 0x10}',
        b'{"a": 1} // so',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\\x41"',
        b'"a\nb"',
        b'"a\x00b"',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b"9" * 5_000,
        b"True",
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    assert refusal(body) == ("body", "is not valid JSON")
