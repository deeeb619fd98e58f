"""The preset `no endless loop`: what it must catch, how soon, and what it must leave alone."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from ollama_tui.events import Channel
from ollama_tui.rules import Rule, Watcher
from ollama_tui.rules.presets import presets

from .ordinary import KINDS, fenced, ordinary

SAMPLES = Path(__file__).parents[1] / "data" / "samples"


def samples(name: str) -> list[dict[str, Any]]:
    lines = (SAMPLES / name).read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def stops_at(rule: Rule, text: str, step: int = 4) -> int | None:
    watcher = Watcher([rule])
    for at in range(0, len(text), step):
        ruling = watcher.feed(Channel.CONTENT, text[at : at + step])
        if ruling.verdict:
            return ruling.verdict.at
    return None


def caught_in_time(rule: Rule, text: str, starts: int, period: int) -> bool:
    """Within three periods, or 160 characters where that is longer.

    It may be before: some answers loop, come out of it, and fall into the loop that is measured.
    """
    at = stops_at(rule, text)
    return at is not None and at <= starts + max(3 * period, 160)


LOOP = presets()["no endless loop"]


def test_loops_of_a_real_model_are_caught_in_time() -> None:
    loops = samples("loops.jsonl")
    late = [d["id"] for d in loops if not caught_in_time(LOOP, d["text"], d["loop_starts"],
                                                         d["period"])]  # fmt: skip
    assert late == []  # at least 95% must be; docs/rules.md says 31 of 31
    assert len(loops) == 31


def test_ordinary_answers_are_left_alone() -> None:
    texts = samples("ordinary.jsonl")
    assert [d["id"] for d in texts if stops_at(LOOP, d["text"])] == []
    assert len(texts) == 52


@pytest.mark.parametrize("kind", [make.__name__ for make in KINDS])
def test_ordinary_texts_that_look_like_loops_are_left_alone(kind: str) -> None:
    stopped = [text for k, text in ordinary(12) if k == kind and stops_at(LOOP, text, 100)]
    assert stopped == []


def moved(rng: random.Random, sample: dict[str, Any], before: str) -> tuple[str, int, int]:
    """The same loop, begun elsewhere in its period, behind another text."""
    period = sample["period"]
    once = sample["text"][sample["loop_starts"] :][:period]
    turn = rng.randrange(period)
    once = once[turn:] + once[:turn]
    text = before + once * (600 // period + 6)
    starts = len(before)
    while starts and text[starts - 1] == text[starts - 1 + period]:
        starts -= 1
    return text, starts, period


@pytest.mark.parametrize("fence", ["", "python", "json", "html"])
def test_loops_elsewhere_and_inside_code_fences_are_caught_in_time(fence: str) -> None:
    rng = random.Random(7)
    before = [d["text"].replace("```", "") for d in samples("ordinary.jsonl")[:40]]
    opening = f"\n```{fence}\n" if fence else "\n"
    cases = [
        moved(rng, sample, rng.choice(before) + opening)
        for sample in samples("loops.jsonl")
        for _ in range(3)
    ]
    caught = sum(caught_in_time(LOOP, *case) for case in cases)
    assert caught >= 0.95 * len(cases)


def test_what_is_drawn_is_stopped_too_when_it_does_not_end() -> None:
    for mark in ("=", "-", ".", "🌱"):
        assert stops_at(LOOP, "So\n" + mark * 500)
    assert stops_at(LOOP, fenced("A" * 10_000))
    assert not stops_at(LOOP, "The file: " + "A" * 1_000 + " and so on.")
    assert stops_at(LOOP, "| yes | no |\n" * 60)
    assert stops_at(LOOP, fenced('<div class="card">\n  <p>Text</p>\n</div>\n' * 12, "html"))


def test_thinking_that_loops_is_stopped() -> None:
    watcher = Watcher([LOOP])
    text = "Wait, let me think about that again. " * 10
    assert watcher.feed(Channel.THINKING, text).verdict is not None
