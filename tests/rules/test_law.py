"""The law of rules: same text, same verdict, same character, however the text is cut."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ollama_tui.events import Channel, Verdict
from ollama_tui.rules import Parameters, Rule, Watcher

from . import slow
from .cases import CASES

EXAMPLES = int(os.environ.get("RULES_EXAMPLES", "500"))
"""Each is tried in six ways of cutting it, so 500 are 3,000 cases per kind."""


def tell(rule: Rule, pieces: list[str]) -> tuple[Verdict | None, int]:
    """The verdict, and how many characters were shown by then."""
    watcher, shown = Watcher([rule]), 0
    for piece in pieces:
        raw = watcher.feed_raw(piece, "")
        ruling = raw
        if raw.verdict is None:
            ruling = watcher.feed(Channel.CONTENT, piece)
        shown += ruling.passed
        if ruling.verdict is not None:
            return ruling.verdict, shown
    return watcher.end().verdict, shown


def cut(text: str, places: list[int]) -> list[str]:
    marks = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(marks)]


@pytest.mark.parametrize("kind", CASES)
def test_the_same_verdict_however_it_is_cut_and_the_one_of_the_slow_check(kind: str) -> None:
    parameters, texts = CASES[kind]
    places = st.lists(st.integers(0, 10_000), max_size=12)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(parameters, texts, st.lists(places, min_size=4, max_size=4))
    def check(parameters: Parameters, text: str, cuts: list[list[int]]) -> None:
        rule = Rule("r", parameters)
        expected = tell(rule, [text])
        for pieces in [list(text), *(cut(text, places) for places in cuts)]:
            assert tell(rule, pieces) == expected
        verdict = expected[0]
        assert (verdict.at if verdict else None) == getattr(slow, kind)(parameters, text)

    check()
