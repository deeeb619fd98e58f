"""Trying rules on answers that were given before."""

from __future__ import annotations

import pytest

from ollama_tui.rules import Contains, LongerThan, Rule, must_start_with
from ollama_tui.rules.trial import BadAnswerError, Summary, try_rules

STOP = Rule("no secrets", Contains(("secret",)), channel="both", enabled=False)
SHADOW = Rule("long", LongerThan(3), action="shadow")


def test_each_rule_is_tried_as_if_it_were_alone() -> None:
    answers = [
        {"id": "a", "text": "it is a secret, and more of it", "kept": True},
        {"text": "nothing"},
        {"id": "c", "text": "so", "thinking": "the secret is", "kept": False},
    ]
    trials = list(try_rules([STOP, SHADOW], answers))
    assert trials[0].as_json() == {
        "id": "a",
        "fired": [
            {"rule": "no secrets", "kind": "contains", "channel": "content",
             "at": 14, "start": 8, "end": 14},
            {"rule": "long", "kind": "longer_than", "channel": "content",
             "at": 12, "start": 12, "end": 12},
        ],
    }  # fmt: skip
    assert trials[0].saved_characters == 16
    assert trials[1].as_json() == {"id": "2", "fired": []}
    assert (trials[2].fired[0].channel, trials[2].saved_characters) == ("thinking", 5)

    summary = Summary()
    for trial in trials:
        summary.add(trial)
    assert (summary.answers, summary.fired, summary.saved_characters) == (3, 2, 21)
    assert summary.rules["no secrets"].kept == ["a"]
    assert summary.rules["long"].fired == 1


def test_thinking_counts_as_a_field_and_models_are_in_scope_or_not() -> None:
    first = must_start_with("<think>")
    only = Rule("q", Contains(("a",)), models=("qwen*",))
    answers = [
        {"text": "Paris", "thinking": "hm", "model": "qwen3"},
        {"text": "<think>a</think>", "model": "llama3"},
        {"text": "Paris", "model": "llama3"},
    ]
    fired = [[v.rule for v in t.fired] for t in try_rules([first, only], answers)]
    assert fired == [["q"], [], ["reasoning first"]]


@pytest.mark.parametrize("answer", [{}, {"text": 3}, {"text": "a", "thinking": ["b"]}])
def test_what_is_no_answer_is_refused_with_its_number(answer: dict[str, object]) -> None:
    with pytest.raises(BadAnswerError, match="answer 2 has"):
        list(try_rules([STOP], [{"text": "fine"}, answer]))
