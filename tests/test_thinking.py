"""Raw <think> tags in content: what is reasoning and what is the answer, however it is cut."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_tui.events import Channel, Reclassified
from ollama_tui.thinking import ThinkTags


def split(pieces: Sequence[str]) -> tuple[str, str]:
    """Return (thinking, content) as a screen would have them at the end."""
    tags = ThinkTags()
    texts = {Channel.THINKING: "", Channel.CONTENT: ""}
    parts = [part for piece in pieces for part in tags.feed(piece)] + list(tags.end())
    for part in parts:
        if isinstance(part, Reclassified):
            texts[Channel.THINKING] += texts[Channel.CONTENT]
            texts[Channel.CONTENT] = ""
        else:
            texts[part.channel] += part.text
    return texts[Channel.THINKING], texts[Channel.CONTENT]


CASES = [
    ("hello", "", "hello"),
    ("<think>hm</think>yes", "hm", "yes"),
    ("<think>\nhm\n</think>\n\nyes", "hm\n", "yes"),
    ("  \n<think>hm</think>yes", "hm", "yes"),
    ("<thinking>hm</thinking>yes", "hm", "yes"),
    ("<thought>hm</thought>yes", "hm", "yes"),
    ("<think>never closed", "never closed", ""),
    ("<think></think>yes", "", "yes"),
    ("<think>a < b </thin k> c</think>yes", "a < b </thin k> c", "yes"),
    ("the template opened it</think>yes", "the template opened it", "yes"),
    ("<thin", "", "<thin"),
    ("<thinner>is no tag</thinner>", "", "<thinner>is no tag</thinner>"),
    ("a <think> later on is text", "", "a <think> later on is text"),
    ("write `</think>` to end it", "", "write `</think>` to end it"),
    ("thoughts that end 'quoted'</think>yes", "thoughts that end 'quoted'", "yes"),
    ('they said "stop"</think>"Yes"', 'they said "stop"', '"Yes"'),
    ("use `<think>x</think>` here", "", "use `<think>x</think>` here"),
    ("use <think>x</think> here", "", "use <think>x</think> here"),
    ('"</think></think>', "", '"</think></think>'),
    ('say "</think>" or\nso</think>yes', 'say "</think>" or\nso', "yes"),
    ("split at '</think>'.", "", "split at '</think>'."),
    ('the tag "</think>" ends it', "", 'the tag "</think>" ends it'),
    ("```\nx = 1\n</think>\n```", "", "```\nx = 1\n</think>\n```"),
    ("<think>a</think>b </think> c", "a", "b </think> c"),
    ("ends with <", "", "ends with <"),
    ("   ", "", "   "),
    ("", "", ""),
]


@pytest.mark.parametrize(("raw", "thinking", "content"), CASES)
def test_whole(raw: str, thinking: str, content: str) -> None:
    assert split([raw]) == (thinking, content)


@pytest.mark.parametrize(("raw", "thinking", "content"), CASES)
def test_character_by_character(raw: str, thinking: str, content: str) -> None:
    assert split(list(raw)) == (thinking, content)


ALPHABET = ["<think>", "</think>", "<", "/", "think", ">", "`", "\n", "```", " ", "a", '"', "</"]


@given(st.lists(st.sampled_from(ALPHABET), max_size=12).map("".join), st.data())
def test_cutting_changes_nothing(raw: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    places = [0, *cuts, len(raw)]
    pieces = [raw[a:b] for a, b in pairwise(places)]
    assert split(pieces) == split([raw])


def test_nothing_is_held_back_longer_than_a_tag() -> None:
    tags = ThinkTags()
    said = tags.feed("an answer that goes on </thi")
    assert "".join(part.text for part in said if not isinstance(part, Reclassified)) == (
        "an answer that goes on "
    )


def test_where_the_server_has_a_thinking_field_a_lone_closer_is_text() -> None:
    tags = ThinkTags()
    tags.thinking_field_seen()
    parts = list(tags.feed("say </think> aloud"))
    assert [p.text for p in parts if not isinstance(p, Reclassified)] == ["say </think> aloud"]
    assert not any(isinstance(p, Reclassified) for p in parts)
