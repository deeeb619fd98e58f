"""Wrapping by cells: nothing is lost, nothing is too wide, no grapheme is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ollama_tui.wrap import graphemes, is_narrow, wrap

FAMILY = "👨\u200d👩\u200d👧"
NORWAY = "🇳🇴"
THUMB = "👍🏽"
E_ACUTE = "e\u0301"
PIECES = [
    "word",
    " ",
    "  ",
    "日本",
    "。",
    "「",
    FAMILY,
    NORWAY,
    THUMB,
    E_ACUTE,
    "שלום",
    "न",
    "x" * 30,
]

texts = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
anything = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=60)


def rows(text: str, width: int, taken: int = 0) -> list[str]:
    return [text[start:end] for start, end in wrap(text, width, taken)]


@given(st.one_of(texts, anything), st.integers(2, 40), st.integers(0, 40))
def test_nothing_but_spaces_at_breaks_is_lost(text: str, width: int, taken: int) -> None:
    assert "".join(rows(text, width, taken)).replace(" ", "") == text.replace(" ", "")


@given(texts, st.integers(2, 40))
def test_no_row_is_wider_than_the_screen(text: str, width: int) -> None:
    assert all(cell_len(row) <= width for row in rows(text, width))


@given(texts, st.integers(2, 40))
def test_rows_begin_and_end_between_graphemes(text: str, width: int) -> None:
    edges = {start for start, _, _ in graphemes(text)} | {len(text)}
    assert all(start in edges and end in edges for start, end in wrap(text, width))


@pytest.mark.parametrize("character", [FAMILY, NORWAY, THUMB, E_ACUTE, "한"])
def test_what_is_seen_as_one_character_is_one_grapheme(character: str) -> None:
    assert [(0, len(character))] == [(start, end) for start, end, _ in graphemes(character)]


@given(st.text(st.characters(max_codepoint=0x3000, exclude_categories=["Cc"]), max_size=20))
def test_the_fast_path_is_right_about_widths(text: str) -> None:
    if is_narrow(text):
        assert cell_len(text) == len(text)


def test_words_stay_whole_where_they_fit() -> None:
    assert rows("pack wool and a shell", 9) == ["pack wool", "and a", "shell"]


def test_long_words_are_cut_at_the_edge() -> None:
    assert rows("a" * 10 + " b", 4) == ["aaaa", "aaaa", "aa b"]


def test_a_row_that_is_partly_taken_takes_less() -> None:
    assert rows("pack wool", 9, 3) == ["pack", "wool"]
    assert rows("pack wool", 9, 7) == ["", "pack wool"]


def test_chinese_and_japanese_break_between_characters_but_not_before_a_full_stop() -> None:
    assert rows("日本語です。はい", 10) == ["日本語で", "す。はい"]


def test_indentation_is_kept() -> None:
    assert rows("    indented", 20) == ["    indented"]


def test_a_pile_of_combining_marks_does_not_make_an_endless_row() -> None:
    assert max(len(row) for row in rows("a" + "\u0301" * 10_000, 10)) <= 300
