"""Characters that break a line of JSON in two for httpx are made escapes, wherever they are cut."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_tui.wire import Wire, escape


def through(data: bytes, cuts: list[int]) -> bytes:
    places = [0, *sorted(cuts), len(data)]
    out, held = b"", b""
    for a, b in pairwise(places):
        safe, held = escape(held + data[a:b])
        out += safe
    return out + held


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029"])
def test_a_line_end_inside_a_string_stays_in_its_line(character: str) -> None:
    line = json.dumps({"content": f"a{character}b"}, ensure_ascii=False)
    safe = through(line.encode(), []).decode()
    assert len(safe.splitlines()) == 1
    assert json.loads(safe) == {"content": f"a{character}b"}


def test_control_characters_that_splitlines_knows_become_readable_json() -> None:
    assert json.loads(through(b'{"content":"a\x0b\x0c\x1c\x1d\x1eb"}', [])) == {
        "content": "a\x0b\x0c\x1c\x1d\x1eb"
    }


@given(
    st.text(st.sampled_from("ab\x85\u2028\u2029\u2027é€\u20a8😀\n")),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_cutting_changes_nothing_and_no_byte_is_lost(text: str, cuts: list[int]) -> None:
    data = json.dumps(text, ensure_ascii=False).encode()
    safe = through(data, [min(cut, len(data)) for cut in cuts])
    assert safe == through(data, [])
    assert json.loads(safe) == text


@given(st.binary(max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_bytes_that_are_no_utf8_pass(data: bytes, cuts: list[int]) -> None:
    assert through(data, [min(cut, len(data)) for cut in cuts]) == through(data, [])


def test_the_newest_line_is_remembered_for_error_messages() -> None:
    wire = Wire()
    wire.count(b'{"a":1}\n{"err')
    wire.count(b'or":"x"}\n\n')
    assert wire.last_line == '{"error":"x"}'
    assert wire.bytes == 23
    assert wire.last_byte_at is not None


def test_a_long_body_is_remembered_from_its_beginning() -> None:
    wire = Wire()
    wire.count(b"<!DOCTYPE html>")
    for _ in range(20):
        wire.count(b"x" * 1000)
    assert wire.body.startswith("<!DOCTYPE html>")
    assert len(wire.body) < 20_000
