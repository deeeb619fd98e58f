"""What the answer is told: what may be shown, which rule stops it, and what is only marked."""

from __future__ import annotations

import pytest

from ollama_tui.events import Channel
from ollama_tui.rules import (
    Contains,
    LongerThan,
    Matches,
    MustStartWith,
    Repeats,
    Rule,
    RuleError,
    Script,
    SlowerThan,
    Watcher,
    must_start_with,
)

CONTENT, THINKING = Channel.CONTENT, Channel.THINKING


def contains(*texts: str, name: str = "r", **rest: object) -> Rule:
    return Rule(name, Contains(texts), **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("deltas", "at"),
    [
        (["<th", "ink", ">", "so"], None),
        ([" \n", "<think>so"], None),
        (["", "<thi", "s"], 5),
        (["Hello"], 1),
        (["  Hello"], 3),
        (["<th"], 3),
        ([" "], 1),
        ([], 0),
    ],
)
def test_reasoning_first_has_three_states(deltas: list[str], at: int | None) -> None:
    watcher = Watcher([must_start_with("<think>")])
    rulings = [watcher.feed_raw(delta, "") for delta in deltas] + [watcher.end()]
    found = [ruling.verdict for ruling in rulings if ruling.verdict]
    assert [verdict.at for verdict in found] == ([] if at is None else [at])


def test_a_thinking_field_is_reasoning_first_unless_it_does_not_count() -> None:
    for counts in (True, False):
        watcher = Watcher([must_start_with("<think>", thinking_field_counts=counts)])
        assert watcher.feed_raw("", "hm").verdict is None
        assert (watcher.feed_raw("Hello", "").verdict is None) is counts


def test_what_stands_behind_a_match_is_not_passed() -> None:
    watcher = Watcher([contains("stop")])
    assert watcher.feed(CONTENT, "please st").passed == 9
    ruling = watcher.feed(CONTENT, "op here")
    assert ruling.passed == 2
    assert ruling.verdict is not None
    assert (ruling.verdict.start, ruling.verdict.end, ruling.verdict.matched) == (7, 11, "stop")
    assert watcher.finished
    assert watcher.feed(CONTENT, "more").passed == 0


def test_the_earliest_verdict_stops_and_of_equal_ones_the_first_rule() -> None:
    late, early = contains("cd", name="late"), contains("bc", name="early")
    ruling = Watcher([late, early]).feed(CONTENT, "abcd")
    assert ruling.verdict is not None
    assert ruling.verdict.rule == "early"
    twin = contains("abc", name="twin")
    ruling = Watcher([twin, early]).feed(CONTENT, "abcd")
    assert ruling.verdict is not None
    assert ruling.verdict.rule == "twin"


def test_rules_that_go_on_mark_once_and_not_behind_the_stop() -> None:
    warn = contains("a", name="warn", action="warn")
    late = contains("z", name="shadow", action="shadow")
    ruling = Watcher([contains("stop"), warn, late]).feed(CONTENT, "a a stop z")
    assert [mark.rule for mark in ruling.marks] == ["warn"]
    assert ruling.marks[0].at == 1
    watcher = Watcher([warn])
    assert len(watcher.feed(CONTENT, "a").marks) == 1
    assert watcher.feed(CONTENT, "a").marks == ()


def test_a_rule_reads_its_own_channel() -> None:
    for channel, fires in (("content", False), ("thinking", True), ("both", True)):
        watcher = Watcher([contains("secret", channel=channel)])
        assert (watcher.feed(THINKING, "secret").verdict is not None) is fires


def test_scope_is_by_model_and_chat() -> None:
    rule = contains("a", models=("qwen3*", "LLAMA3"), chats=("7",))
    assert Watcher([rule], "qwen3:8b", "7").rules == (rule,)
    assert Watcher([rule], "llama3:latest", "7").rules == (rule,)
    assert Watcher([rule], "llama3:70b", "7").rules == ()
    assert Watcher([rule], "qwen3:8b", "8").rules == ()
    assert Watcher([contains("a", enabled=False)]).rules == ()


def test_a_new_rule_in_mid_answer_fires_on_new_text_only() -> None:
    watcher = Watcher([])
    watcher.feed(CONTENT, "stop ")
    watcher.replace([contains("stop")])
    assert watcher.feed(CONTENT, "and go on, ").verdict is None
    ruling = watcher.feed(CONTENT, "stop")
    assert ruling.verdict is not None
    assert ruling.verdict.start == 16


def test_an_old_match_does_not_make_a_new_rule_fire() -> None:
    watcher = Watcher([])
    watcher.feed(CONTENT, "call 0123-4567 ")
    watcher.replace([Rule("m", Matches(r"\d{4}-\d{4}"))])
    assert watcher.feed(CONTENT, "or ").verdict is None
    ruling = watcher.feed(CONTENT, "9999-1111 now")
    assert ruling.verdict is not None
    assert (ruling.passed, ruling.verdict.matched) == (9, "9999-1111")


def test_a_rule_that_has_warned_does_not_warn_again_when_others_are_exchanged() -> None:
    long, other = Rule("long", LongerThan(3, "characters"), action="warn"), contains("x")
    watcher = Watcher([long, other])
    assert len(watcher.feed(CONTENT, "abcd").marks) == 1
    watcher.replace([long])
    assert watcher.feed(CONTENT, "more").marks == ()


def test_a_new_rule_fires_on_what_began_before_and_still_holds() -> None:
    watcher = Watcher([])
    watcher.feed(CONTENT, "the same again. " * 12)
    watcher.replace([Rule("loop", Repeats())])
    ruling = watcher.feed(CONTENT, "the")
    assert ruling.passed == 1
    assert ruling.verdict is not None
    assert ruling.verdict.at == 12 * 16 + 1


def test_an_unchanged_rule_keeps_its_state_when_others_are_exchanged() -> None:
    kept, other = contains("stop", name="kept"), contains("x", name="other")
    watcher = Watcher([kept, other])
    watcher.feed(CONTENT, "st")
    watcher.replace([kept])
    ruling = watcher.feed(CONTENT, "op x")
    assert ruling.verdict is not None
    assert (ruling.verdict.rule, ruling.passed) == ("kept", 2)


def test_a_thinking_budget_counts_the_deltas_of_the_server() -> None:
    watcher = Watcher([Rule("b", LongerThan(2), channel="thinking", action="answer_now")])
    for word in ("one ", "two "):
        watcher.feed_raw("", word)
        # a delta that is split in two is still one token
        assert watcher.feed(THINKING, word[:2]).verdict is None
        assert watcher.feed(THINKING, word[2:]).verdict is None
    watcher.feed_raw("", "three")
    ruling = watcher.feed(THINKING, "three")
    assert ruling.passed == 0
    assert ruling.verdict is not None
    assert (ruling.verdict.start, ruling.verdict.action) == (8, "answer_now")


def test_both_channels_count_together() -> None:
    watcher = Watcher([Rule("b", LongerThan(5, "characters"), channel="both")])
    assert watcher.feed(THINKING, "abcd").verdict is None
    assert watcher.feed(CONTENT, "xyz").passed == 1


def test_too_slow_is_judged_over_a_span() -> None:
    watcher = Watcher([Rule("slow", SlowerThan(rate=5, seconds=2))])
    fast = [watcher.feed(CONTENT, "a", now=second / 10) for second in range(41)]
    assert not any(ruling.verdict for ruling in fast)
    # 10 tokens/s so far; one per second from here
    assert watcher.feed(CONTENT, "a", now=4.5).verdict is None
    assert watcher.feed(CONTENT, "a", now=6).verdict is not None
    assert Watcher([Rule("slow", SlowerThan(rate=5))]).feed(CONTENT, "a").verdict is None


def test_thinking_that_came_as_content_is_read_as_thinking() -> None:
    watcher = Watcher([
        contains("plan", name="in thinking", channel="thinking", action="warn"),
        contains("plan", name="in content"),
    ])  # fmt: skip
    watcher.feed(CONTENT, "the pla")
    watcher.reclassify()
    assert watcher.feed(CONTENT, "n").verdict is None
    watcher = Watcher([contains("plan", name="t", channel="thinking", action="warn")])
    watcher.feed(CONTENT, "the plan")
    watcher.reclassify()
    ruling = watcher.feed(CONTENT, "So")
    assert (ruling.passed, [mark.start for mark in ruling.marks]) == (2, [4])


def test_the_version_is_of_the_definition_and_not_of_the_name() -> None:
    rule = contains("a")
    assert contains("a", name="other", enabled=False).version == rule.version
    assert contains("b").version != rule.version
    assert contains("a", action="cut").version != rule.version


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (must_start_with, "openers"),
        (lambda: must_start_with(""), "openers"),
        (lambda: must_start_with("<think>", name=" "), "name"),
        (lambda: contains("a", channel="nowhere"), "channel"),
        (lambda: contains("a", action="explode"), "action"),
        (lambda: contains("a", action="answer_now"), "action"),
        (lambda: contains("a", action="retry", retries=0), "retries"),
        (lambda: contains("a", action="retry", seed=-1), "seed"),
        (lambda: contains("a", action="retry", temperature=99), "temperature"),
        (lambda: contains("a", models=("",)), "models"),
        (lambda: Repeats(times=1), "times"),
        (lambda: Repeats(times=float("nan")), "times"),
        (lambda: Repeats(min_characters=1.5), "min_characters"),
        (lambda: Repeats(ignore_case=1), "ignore_case"),
        (lambda: Script(("Klingon",)), "allowed"),
        (lambda: Script(least=200), "least"),
        (lambda: LongerThan(5, "pages"), "unit"),
        (lambda: MustStartWith(("<think>",), "yes"), "thinking_field_counts"),
    ],
)
def test_a_wrong_rule_is_refused_and_the_field_is_named(make, field: str) -> None:
    with pytest.raises(RuleError) as caught:
        make()
    assert caught.value.field == field
    assert len(str(caught.value)) > 15
