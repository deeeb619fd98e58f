"""The words of a receipt: what ended the answer, what was kept, and what the socket said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ollama_tui.events import (
    BrokenOff,
    Cause,
    CauseKind,
    Channel,
    Failed,
    Finished,
    Phase,
    Receipt,
    SocketState,
    Stopped,
    Verdict,
)
from ollama_tui.receipts import describe, milliseconds

ESCAPE = Cause(CauseKind.USER, "escape")
RECEIPT = Receipt(Phase.ANSWERING, ESCAPE, tokens=148, content_characters=600, elapsed=3.14)
CLOSED = replace(RECEIPT, socket=SocketState.CLOSED, close_seconds=0.00071)
VERDICT = Verdict(
    "no loops",
    "abc",
    "repeats",
    "stop",
    Channel.CONTENT,
    0,
    9,
    9,
    "x",
    "21 characters said 8 times",
)


def words(end: Stopped | Finished | BrokenOff | Failed, receipt: Receipt) -> str:
    return "\n".join(line.text for line in describe(end, receipt))


def test_a_stop_says_who_when_and_what_the_socket_said() -> None:
    text = words(Stopped(RECEIPT), CLOSED)
    assert text == (
        "■ stopped by you after 148 tokens, 3.1 s\n  socket closed in 0.7 ms · server: unknown"
    )


def test_before_the_socket_was_read_nothing_is_claimed() -> None:
    text = words(Stopped(RECEIPT), RECEIPT)
    assert "closing the socket" in text
    assert "closed" not in text


def test_a_stop_before_any_token_names_the_phase() -> None:
    receipt = replace(CLOSED, tokens=0, phase=Phase.WAITING)
    assert "while waiting, 3.1 s" in words(Stopped(receipt), receipt)


def test_a_socket_that_stays_open_is_shouted() -> None:
    receipt = replace(RECEIPT, socket=SocketState.OPEN)
    assert "SOCKET STILL OPEN" in words(Stopped(receipt), receipt)


def test_a_rules_stop_names_the_rule_and_its_finding() -> None:
    receipt = replace(CLOSED, cause=Cause(CauseKind.RULE, "no loops", VERDICT))
    text = words(Stopped(receipt), receipt)
    assert "rule “no loops”: 21 characters said 8 times" in text
    assert "148 tokens kept" in text
    assert "socket closed in 0.7 ms" in text


@pytest.mark.parametrize(
    ("kind", "by", "says"),
    [
        (CauseKind.LIMIT, "first token 900 s", "time limit “first token 900 s”"),
        (CauseKind.SHUTDOWN, "SIGTERM", "at the end of the program"),
        (CauseKind.CLOSED, "tab", "with its chat"),
    ],
)
def test_other_causes(kind: CauseKind, by: str, says: str) -> None:
    receipt = replace(CLOSED, cause=Cause(kind, by))
    assert says in words(Stopped(receipt), receipt)


def test_a_finished_answer_says_nothing_unless_it_was_cut_short_or_empty() -> None:
    done = replace(RECEIPT, cause=None, done_reason="stop")
    assert words(Finished(done), done) == ""
    cut = replace(done, done_reason="length")
    assert "length limit" in words(Finished(cut), cut)
    empty = replace(done, tokens=0, done_reason="load")
    assert "empty answer" in words(Finished(empty), empty)
    assert "load" in words(Finished(empty), empty)


def test_broken_off_and_failed_keep_what_had_come() -> None:
    lost = replace(RECEIPT, cause=None, detail="the connection was lost", tokens=1)
    assert words(BrokenOff(lost), lost) == "▲ broken off: the connection was lost\n  1 token kept"
    failed = replace(lost, detail="no such model", tokens=1480)
    assert words(Failed(failed, ValueError()), failed) == "× no such model\n  1,480 tokens kept"
    nothing = replace(failed, tokens=0)
    assert words(Failed(nothing, ValueError()), nothing) == "× no such model"


def test_milliseconds() -> None:
    assert [milliseconds(s) for s in (0.0007, 0.0099, 0.0234, 1.5)] == [
        "0.7 ms",
        "9.9 ms",
        "23 ms",
        "1,500 ms",
    ]


def test_stopped_at_the_first_word_says_that_nothing_is_kept() -> None:
    empty = replace(CLOSED, tokens=1, content_characters=0, cause=Cause(CauseKind.RULE, "r"))
    assert "nothing kept of 1 token" in words(Stopped(empty), empty)
