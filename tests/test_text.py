"""What is drawn and kept can't steer a terminal, whatever the model says and however it is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_tui.text import Sanitiser, sanitise

HOSTILE = st.text(
    st.one_of(
        st.sampled_from(list("\x00\x07\x1b\r\n\t\x85\x9b\u2028\u202e\u2066\ud83d\ude00\u061c[]a;")),
        st.characters(),
    )
)


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("plain words", "plain words"),
        ("a\tb\nc", "a\tb\nc"),
        ("red \x1b[31mtext\x1b[0m", "red [31mtext[0m"),
        ("\x1b]52;c;aGk=\x07clipboard", "]52;c;aGk=clipboard"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("next\x85line\u2028line\u2029paragraph", "next\nline\nline\nparagraph"),
        ("nul\x00 and C1 \x9b31m", "nul and C1 31m"),
        ("gro\u202eforp\u2066 \u200emarks\u061c", "groforp marks"),
        ("lone \ud83d half", "lone  half"),
        ("汉字 émoji 😀 👩‍👩‍👧 עברית", "汉字 émoji 😀 👩‍👩‍👧 עברית"),
    ],
)
def test_only_harmless_text_remains(raw: str, safe: str) -> None:
    assert sanitise(raw) == safe


def test_a_surrogate_pair_cut_in_two_is_one_character() -> None:
    sanitiser = Sanitiser()
    assert sanitiser.feed("smile \ud83d") == "smile "
    assert sanitiser.feed("\ude00!") == "😀!"
    assert sanitiser.end() == ""


def test_a_crlf_cut_in_two_is_one_line_end() -> None:
    sanitiser = Sanitiser()
    assert sanitiser.feed("one\r") + sanitiser.feed("\ntwo") + sanitiser.end() == "one\ntwo"


def test_a_carriage_return_at_the_very_end_is_a_line_end() -> None:
    sanitiser = Sanitiser()
    assert sanitiser.feed("one\r") + sanitiser.end() == "one\n"


@given(HOSTILE, st.lists(st.integers(0, 40), max_size=6))
def test_cutting_changes_nothing_and_the_result_can_be_written(raw: str, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    sanitiser = Sanitiser()
    pieces = [raw[a:b] for a, b in pairwise(places)]
    joined = "".join(map(sanitiser.feed, pieces)) + sanitiser.end()
    whole = Sanitiser()
    assert joined == whole.feed(raw) + whole.end()
    joined.encode("utf-8")
    assert not any(c < " " and c not in "\t\n" for c in joined)
    assert not any("\x7f" <= c <= "\x9f" for c in joined)
