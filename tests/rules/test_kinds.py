"""What is particular about single kinds; what they mean in general stands in test_law."""

from __future__ import annotations

import time

import pytest

from ollama_tui.events import Channel, Verdict
from ollama_tui.rules import (
    KINDS,
    After,
    Contains,
    Matches,
    NothingNewFor,
    NotJson,
    Parameters,
    Repeats,
    Rule,
    RuleError,
    Script,
    Watcher,
)
from ollama_tui.rules.scripts import script_of


def fire(parameters: Parameters, text: str, step: int = 7) -> Verdict | None:
    watcher = Watcher([Rule("r", parameters)])
    for at in range(0, len(text), step):
        ruling = watcher.feed(Channel.CONTENT, text[at : at + step])
        if ruling.verdict:
            return ruling.verdict
    return watcher.end().verdict


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("", "empty"),
        ("(a", "missing )"),
        ("(?=a)", "invalid perl operator"),
        (r"(a)\1", "invalid escape sequence"),
        ("a{2000}", "invalid repetition size"),
        ("a*", "empty text"),
        ("(?m)^", "empty text"),
        ("a$", "can end in $"),
        (r"a\z", r"can end in \z"),
        (r"a\b", r"can end in \b"),
        (r"a\B", r"can end in \B"),
        (r"a|(b\b)", r"can end in \b"),
        (r"a\bb?", r"can end in \b"),
        (r"(?:a$)*|b", "can end in $"),
        (r"(?:x|a\b(?:b|c*))", r"can end in \b"),
        ("a" * 100_000, "100,000 characters"),
        ("(.{900}){900}", "RE2 refuses"),
        (".{1000}.{1000}.{1000}", "too large"),
    ],
)
def test_a_pattern_is_refused_with_the_reason(pattern: str, says: str, capfd) -> None:
    with pytest.raises(RuleError, match="pattern") as caught:
        Matches(pattern)
    assert says in str(caught.value)
    assert caught.value.field == "pattern"
    assert capfd.readouterr().err == ""  # RE2 would write over the screen


@pytest.mark.parametrize("pattern", [r"a\bc", r"[$]", r"\$", r"a\\b", r"[\b$]x", r"\Q$\E", r"^a"])
def test_a_pattern_that_only_looks_as_if_it_looked_ahead_is_taken(pattern: str) -> None:
    if pattern == r"[\b$]x":
        pattern = r"[b$]x"
    assert Matches(pattern).pattern == pattern


def test_a_pattern_stops_where_it_first_matches_and_not_where_it_could_go_on() -> None:
    verdict = fire(Matches("ab+"), "xxabbbb")
    assert verdict is not None
    assert (verdict.start, verdict.at, verdict.matched) == (2, 4, "ab")


def test_the_beginning_is_the_beginning_of_the_answer() -> None:
    assert fire(Matches("^b", window=1), "ab") is None
    assert fire(Matches(r"\bb", window=1), "ab") is None
    assert fire(Matches("(?m)^b", window=1), "a\nb") is not None


def test_whole_words_need_the_next_character_or_the_end() -> None:
    rule = Contains(("cat",), whole_words=True)
    assert fire(rule, "concatenate cats") is None
    found = fire(rule, "a cat.")
    assert found is not None
    assert (found.end, found.at) == (5, 6)
    assert fire(rule, "a cat") is not None


def test_a_period_of_a_hundred_lines_is_found() -> None:
    block = "".join(f"    value_{k} = compute(value_{k - 1})\n" for k in range(100))
    verdict = fire(Repeats(), "Here:\n" + block * 4, step=64)
    assert verdict is not None
    assert verdict.at == 5 + 3 * len(block)  # the newline before it belongs to the run
    assert verdict.reason.endswith("said 3 times")
    assert verdict.start == 5 + len(block)  # a cut leaves the first copy


def test_inner_repeats_do_not_hide_the_period() -> None:
    period = "they are in the rules of the game, and they are in the rules of the game. "
    verdict = fire(Repeats(), "So " + period * 6)
    assert verdict is not None
    assert verdict.at == 2 + 3 * len(period)


def test_a_code_fence_is_milder_but_not_blind() -> None:
    # a factor of 2: six periods of 80 characters rather than three
    line = "x = compute_the_value_of_everything(at=the_end, of=the_universe) or 42  # done\n"
    outside, inside = fire(Repeats(), line * 20), fire(Repeats(), "```\n" + line * 20)
    assert outside is not None
    assert inside is not None
    assert outside.at == 3 * len(line)
    assert inside.at == 3 + 6 * len(line)


def test_digits_case_and_white_space_can_be_ignored() -> None:
    steps = "".join(
        f"{'STEP' if k % 2 else 'Step'} {k}:{' ' * (k * k // 3 % 7 + k // 9)} mix the flour\n"
        for k in range(5, 40)
    )
    assert fire(Repeats(), steps) is None
    assert fire(Repeats(ignore_digits=True, ignore_case=True), steps) is None
    found = fire(Repeats(ignore_digits=True, ignore_case=True, ignore_white_space=True), steps)
    assert found is not None
    assert steps[: found.end].endswith(found.matched[-20:]) or len(found.matched) == 200


def test_stutters_that_never_repeat_exactly_say_nothing_new() -> None:
    parts = ["Done.", "Bye.", "Stop.", "End.", "Over and out."]
    stutter = " ".join(parts[(k * k * 7 + k // 3) % 5] for k in range(400))
    assert fire(NothingNewFor(), stutter) is not None
    assert fire(NothingNewFor(), "耐心" * 200) is not None


def test_scripts_are_told_apart() -> None:
    letters = "aéДλ中あアก한ａｱ1?𝐚"
    assert [script_of(c) for c in letters] == [
        "Latin", "Latin", "Cyrillic", "Greek", "Han", "Hiragana", "Katakana", "Thai", "Hangul",
        "Latin", "Katakana", "", "", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ('{"a": [1, 2]}', False),
        (' \n```json\n{"a": 1}\n```\n', False),
        ("```\n[1]", False),
        ("```python\n1+1", True),
        ("``json", True),
        ("```json\n[1]\n```\nThis is it.", True),
        ("Sure! {}", True),
        ("", True),
        ('{"a": ', True),
    ],
)
def test_a_code_fence_around_json_is_allowed(text: str, fires: bool) -> None:
    assert (fire(NotJson(), text, 1) is not None) is fires


@pytest.mark.parametrize(
    ("unit", "text", "kept"),
    [
        ("code block", "See:\n```py\nx\n```\nThis", "See:\n```py\nx\n```"),
        ("code block", "- a\n  ~~~~\n  ```\n  ~~~~\nb", "- a\n  ~~~~\n  ```\n  ~~~~"),
        ("code block", "```\n```py\nx\n```\nq", "```\n```py\nx\n```"),
        ("sentence", "Dr. Who paid 3.50 e.g. here. Then", "Dr. Who paid 3.50 e.g. here."),
        ("sentence", "1. Mix it. Then", "1. Mix it."),
        ("sentence", "He said “no.” Then", "He said “no.”"),
        ("sentence", "你好吗？我很好。", "你好吗？"),
        ("line", "\n\none\ntwo", "\n\none"),
        ("paragraph", "one\ntwo\n \nthree", "one\ntwo\n "),
        ("paragraph", "```\na\n\nb\n```\n\nc", "```\na\n\nb\n```\n"),
    ],
)
def test_what_is_complete_is_shown_and_nothing_behind_it(unit: str, text: str, kept: str) -> None:
    watcher = Watcher([Rule("r", After(unit))])
    shown = ""
    for character in text:
        ruling = watcher.feed(Channel.CONTENT, character)
        shown += character[: ruling.passed]
    assert shown == kept


def test_every_kind_can_be_made_into_a_form() -> None:
    for kind, cls in KINDS.items():
        assert cls.kind == kind
        assert cls.summary
        assert all(field.doc for field in cls.fields())
    times = next(field for field in Repeats.fields() if field.name == "times")
    assert (times.type, times.default, times.low) == ("number", 3.0, 2)
    unit = next(field for field in After.fields() if field.name == "unit")
    assert unit.choices == ("code block", "sentence", "line", "paragraph")


HARD_TEXTS = {
    "one letter": "a" * 200_000,
    "fibonacci": "",
    "two letters, drifting": "".join("a" * (k % 97) + "b" for k in range(4_000)),
    "no white space": "ab1c" * 50_000,
    "brackets": "[" * 200_000,
    "backticks": "`" * 200_000,
    "newlines": "\n" * 200_000,
}


@pytest.mark.parametrize("name", HARD_TEXTS)
def test_no_text_makes_a_rule_slow(name: str) -> None:
    """Far from the limit, which is there for a cost that grows with the square."""
    text = HARD_TEXTS[name]
    if name == "fibonacci":
        short, text = "a", "ab"
        while len(text) < 200_000:
            short, text = text, text + short
    kinds: list[Parameters] = [
        Repeats(times=1000), Repeats(times=2, min_characters=2000, ignore_white_space=True),
        NothingNewFor(words=10_000, share=1), Script(("Han",), least=10_000, letters=10_000),
        NotJson(), After("sentence", 10**6), After("paragraph", 10**6),
        Contains(("aab" * 30, "zz"), whole_words=True), Matches("(a|ab|b)*c?zz"),
    ]  # fmt: skip
    started = time.process_time()
    rules = [Rule(f"r{k}", kind, action="shadow") for k, kind in enumerate(kinds)]
    watcher = Watcher(rules)
    for at in range(0, len(text), 10):
        watcher.feed(Channel.CONTENT, text[at : at + 10])
    assert time.process_time() - started < 20
