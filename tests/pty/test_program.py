"""The program as a person uses it: type, send, stop, read the receipt, quit."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.pty.program import CTRL_C, CTRL_J, CTRL_O, CTRL_Q, ENTER, ESC, Program
from tests.scripted import (
    Done,
    LateHeaders,
    Say,
    Scenario,
    Stall,
    ThinkSay,
    ThreadedScriptedServer,
    refused_url,
)

pytestmark = pytest.mark.pty

LONG = Scenario("long", (Say("one two three four five six seven ", rate=100, count=3000), Done()))
SHORT = Scenario("short", (Say("A short answer."), Done()))


def chat(folder: Path, server: ThreadedScriptedServer, *arguments: str, **more: object) -> Program:
    return Program(folder, "--host", server.url, *arguments, **more)  # type: ignore[arg-type]


def test_type_send_escape_receipt_quit(tmp_path: Path) -> None:
    with ThreadedScriptedServer(LONG, SHORT) as server, chat(tmp_path, server) as program:
        program.wait_for("ready")
        program.type("Say a lot")
        program.type(ENTER)
        program.wait_for("answering", "three four")
        program.type("half a dra")
        program.wait_for("half a dra")
        program.type(ESC)
        program.wait_for("stopped by you after", "socket closed in")
        assert "half a dra" in program.screen, "the draft is untouched"
        [*_, answered] = server.closed(len(server.connections))
        assert answered.writing, "the server was still writing when the peer closed"

        program.type("ft" + ENTER)
        program.wait_for("A short answer.")
        sent = server.chats[1].body["messages"]
        assert [m["role"] for m in sent[-3:]] == ["user", "assistant", "user"]
        assert sent[-1]["content"] == "half a draft"
        partial = sent[-2]["content"]
        assert partial.startswith("one two three")
        assert "stopped" not in partial
        assert "■" not in partial

        program.type(CTRL_Q)
        assert program.end() == 0
        program.assert_terminal_restored()
        server.assert_all_closed()


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario("late", (LateHeaders(),)),
        Scenario("stalled", (Say("so far so good"), Stall())),
        Scenario("thinking", (ThinkSay("hm well ", rate=50, count=2000),)),
        Scenario("flood", (Say("water ", count=10**7),)),
    ],
    ids=lambda scenario: scenario.name,
)
def test_ctrl_c_stops_in_each_phase(tmp_path: Path, scenario: Scenario) -> None:
    with ThreadedScriptedServer(scenario) as server, chat(tmp_path, server) as program:
        program.wait_for("ready")
        program.type("go" + ENTER)
        server.wait_for_chat()
        program.wait(lambda: "waiting" in program.screen or "tokens" in program.screen, "a phase")
        program.type(CTRL_C)
        program.wait_for("■ stopped by you", "socket closed")
        server.assert_all_closed()


def test_ctrl_c_clears_the_draft_then_asks_then_quits(tmp_path: Path) -> None:
    with ThreadedScriptedServer() as server, chat(tmp_path, server) as program:
        program.wait_for("ready")
        program.type("never mind")
        program.wait_for("never mind")
        program.type(CTRL_C)
        program.wait_until_gone("never mind")
        program.type(CTRL_C)
        program.wait_for("once more to quit")
        program.type(CTRL_C)
        assert program.end() == 0
        program.assert_terminal_restored()


def test_a_second_send_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    with ThreadedScriptedServer(LONG) as server, chat(tmp_path, server) as program:
        program.wait_for("ready")
        program.type("first" + ENTER)
        program.wait_for("answering")
        program.type("second" + ENTER)
        screen = program.wait_for("Still answering")
        assert "second" in screen
        assert len(server.chats) == 1
        program.type(ESC)
        program.wait_for("stopped by you")
        server.assert_all_closed()


def test_several_lines_are_one_message(tmp_path: Path) -> None:
    with ThreadedScriptedServer(SHORT) as server, chat(tmp_path, server) as program:
        program.wait_for("ready")
        program.type("one" + CTRL_J + "two" + ENTER)
        program.wait_for("A short answer.")
        assert server.chats[0].body["messages"][-1]["content"] == "one\ntwo"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_stops_the_answer_and_restores_the_terminal(
    tmp_path: Path, number: signal.Signals
) -> None:
    with ThreadedScriptedServer(LONG) as server, chat(tmp_path, server) as program:
        program.wait_for("ready")
        program.type("go" + ENTER)
        program.wait_for("answering")
        os.kill(program.pid, number)
        assert program.end() == 128 + number
        program.assert_terminal_restored()
        server.assert_all_closed()


def test_must_think_stops_an_answer_without_thoughts(tmp_path: Path) -> None:
    with ThreadedScriptedServer(LONG) as server, chat(tmp_path, server, "--must-think") as program:
        program.wait_for("ready")
        program.type("go" + ENTER)
        program.wait_for("stopped by rule")
        server.assert_all_closed()


def test_ctrl_o_picks_a_model_and_remembers_it(tmp_path: Path) -> None:
    with ThreadedScriptedServer(SHORT, default="steady") as server:
        with chat(tmp_path, server) as program:
            program.wait_for("ready")
            program.type(CTRL_O)
            program.wait_for("tiny:latest")
            program.type("tiny")
            program.type(ENTER)
            program.wait_for("tiny:latest", "ready")
            program.type("hello" + ENTER)
            program.wait_for("A short answer.")
            assert server.chats[0].body["model"] == "tiny:latest"
            program.type(CTRL_Q)
            assert program.end() == 0
        with chat(tmp_path, server) as program:
            program.wait_for("tiny:latest", "ready")


def test_a_model_that_is_not_there_is_named_and_others_are_offered(tmp_path: Path) -> None:
    with ThreadedScriptedServer() as server, chat(tmp_path, server, "--model", "nope") as program:
        program.wait_for("no model “nope”", "tiny:latest")


def test_no_server_where_one_was_named(tmp_path: Path) -> None:
    with refused_url() as url, Program(tmp_path, "--host", url) as program:
        program.wait_for("nothing answers", "no server")
        program.type("keep me" + ENTER)
        program.wait_for("Nobody to ask yet", "keep me")


def test_hostile_text_never_reaches_the_terminal(tmp_path: Path) -> None:
    with ThreadedScriptedServer("ansi") as server, chat(tmp_path, server) as program:
        program.wait_for("ready")
        before = len(program.raw)
        program.type("go" + ENTER)
        server.closed(len(server.connections))
        program.wait_for("ready")
        said = program.raw[before:]
        for sequence in (b"\x1b]52", b"\x1b]0;", b"\x1b[2J", b"\x9b", b"\x07"):
            assert sequence not in said


def test_a_tiny_terminal_still_chats_and_stops(tmp_path: Path) -> None:
    with (
        ThreadedScriptedServer(LONG) as server,
        chat(tmp_path, server, columns=20, rows=5) as program,
    ):
        program.wait_for("ready")
        program.type("go" + ENTER)
        program.wait_for("● answering", "Stop")
        program.type(ESC)
        program.wait_for("closed in")
        server.assert_all_closed()


def test_a_pasted_megabyte_is_sent_whole(tmp_path: Path) -> None:
    text = "x" * 999_990 + " the end"
    with ThreadedScriptedServer(SHORT) as server, chat(tmp_path, server) as program:
        program.wait_for("ready")
        program.type(f"{ESC}[200~{text}{ESC}[201~")
        program.wait_for("pasted")
        program.type(ENTER)
        program.wait_for("A short answer.", timeout=30)
        assert server.chats[0].body["messages"][-1]["content"] == text


def test_ctrl_c_twice_stops_and_keeps_the_draft(tmp_path: Path) -> None:
    with ThreadedScriptedServer(LONG) as server, chat(tmp_path, server) as program:
        program.wait_for("ready")
        program.type("go" + ENTER)
        program.wait_for("answering")
        program.type("half a draft")
        program.wait_for("half a draft")
        program.type(CTRL_C + CTRL_C + CTRL_C)
        program.wait_for("stopped by you", "the draft is kept", "half a draft")


def test_what_is_typed_right_behind_ctrl_f_is_looked_for(tmp_path: Path) -> None:
    with ThreadedScriptedServer(SHORT) as server, chat(tmp_path, server) as program:
        program.wait_for("ready")
        program.type("go" + ENTER)
        program.wait_for("A short answer.")
        program.type("\x06short")
        program.wait_for("1 found")
