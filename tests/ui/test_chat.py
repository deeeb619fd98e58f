"""The conversation on the real screen: what is sent, kept, given back and shown."""

from __future__ import annotations

from typing import Any

import pytest
from textual import events
from textual.geometry import Offset
from textual.widgets import Button

from ollama_tui.request import Message
from ollama_tui.ui import reading
from ollama_tui.ui.app import ChatApp
from ollama_tui.ui.transcript import Transcript
from tests.scripted import (
    Done,
    ErrorLine,
    ErrorStatus,
    LateHeaders,
    Say,
    Scenario,
    ScriptedServer,
    SilentEnd,
    Stall,
    ThinkSay,
)
from tests.ui.chatting import ask, chatting, ended, screen, shows, strike, until

pytestmark = pytest.mark.usefixtures("own_folders")

STALLED = Scenario("stalled", (Say("so far so good"), Stall()))
SILENT = Scenario("silent", (LateHeaders(),))
SHORT = Scenario("short", (Say("A short answer."), Done()))
OTHER = Scenario("other", (Say("Another answer."), Done()))


def sent(server: ScriptedServer, number: int = -1) -> list[tuple[str, str]]:
    """The messages of that request for an answer: role and content."""
    return [(m["role"], m["content"]) for m in server.chats[number].body["messages"]]


def status(app: ChatApp) -> str:
    return app.chat.status.text


# sending


async def test_sending_while_an_answer_is_in_flight_is_refused_and_keeps_the_draft() -> None:
    async with (
        ScriptedServer(STALLED, SHORT) as server,
        chatting(server.url) as (app, pilot),
    ):
        await ask(app, pilot, "first")
        await shows(app, "so far so good")
        first = app.chat.answer
        await ask(app, pilot, "second")
        await shows(app, "Still answering", "second")
        assert app.chat.answer is first
        assert len(server.chats) == 1
        await pilot.press("escape")
        await ended(app)
        assert app.chat.prompt.draft == "second"
        await pilot.press("enter")
        await shows(app, "A short answer.")
        assert sent(server)[-1] == ("user", "second")


async def test_two_quick_enters_send_once() -> None:
    async with ScriptedServer(default=SHORT) as server, chatting(server.url) as (app, pilot):
        app.chat.prompt.paste("only once")
        strike(app, "enter")
        strike(app, "enter")
        await shows(app, "A short answer.")
        await ended(app)
        await pilot.pause()
        assert len(server.chats) == 1
        assert app.chat.prompt.draft == ""


async def test_an_empty_prompt_is_not_sent() -> None:
    async with ScriptedServer(SHORT) as server, chatting(server.url) as (app, pilot):
        await ask(app, pilot, " \n ")
        await shows(app, "the prompt is empty")
        assert not server.chats


async def test_a_paste_lands_in_the_prompt_wherever_the_focus_is() -> None:
    async with ScriptedServer(SHORT) as server, chatting(server.url) as (app, pilot):
        app.chat.transcript.focus()
        await pilot.pause()
        assert app.focused is app.chat.transcript
        app.post_message(events.Paste("pasted elsewhere"))
        await until(lambda: app.chat.prompt.draft == "pasted elsewhere", "paste")


async def test_what_is_typed_lands_in_the_prompt_wherever_the_focus_is() -> None:
    async with ScriptedServer(SHORT) as server, chatting(server.url) as (app, pilot):
        app.chat.transcript.focus()
        await pilot.pause()
        for letter in "hello":
            strike(app, letter)
        await until(lambda: len(app.chat.prompt.draft) == 5, "typing")
        assert app.chat.prompt.draft == "hello"


# what goes wrong


@pytest.mark.parametrize(
    ("scenario", "says"),
    [
        (Scenario("404", (ErrorStatus(404, "model 'x' not found"),)), "not found"),
        (Scenario("500", (ErrorStatus(500, "out of memory"),)), "out of memory"),
        (Scenario("at once", (ErrorLine("the runner is gone"),)), "the runner is gone"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_a_failed_request_puts_its_text_back(scenario: Scenario, says: str) -> None:
    async with (
        ScriptedServer(scenario, SHORT) as server,
        chatting(server.url) as (app, pilot),
    ):
        await ask(app, pilot, "keep me")
        await shows(app, "×", says)
        assert app.chat.prompt.draft == "keep me"
        await pilot.press("enter")
        await shows(app, "A short answer.")
        assert sent(server) == [("user", "keep me")]


async def test_a_failed_request_does_not_replace_a_new_draft() -> None:
    late = Scenario("late", (LateHeaders(gate="fail"), ErrorStatus(500, "out of memory")))
    async with ScriptedServer(late) as server, chatting(server.url) as (app, pilot):
        await ask(app, pilot, "the first")
        await server.wait_for_chat()
        app.chat.prompt.paste("the next")
        server.release("fail")
        await shows(app, "out of memory")
        assert app.chat.prompt.draft == "the next"
        app.chat.prompt.discard_draft()
        await pilot.press("up")
        assert app.chat.prompt.draft == "the first"


async def test_a_server_that_is_gone_gives_the_text_back() -> None:
    async with ScriptedServer(SHORT) as server:
        url = server.url
        port = int(url.rpartition(":")[2])
        async with chatting(url) as (app, pilot):
            await server.__aexit__()
            await ask(app, pilot, "keep me")
            await shows(app, "nothing answers", "keep me")
            assert app.chat.prompt.draft == "keep me"
            async with ScriptedServer(SHORT, port=port) as again:
                await pilot.press("enter")
                await shows(app, "A short answer.")
                assert sent(again) == [("user", "keep me")]


async def test_an_answer_that_is_broken_off_says_so_and_is_kept() -> None:
    broken = Scenario("broken", (Say("so far so good"), SilentEnd()))
    async with ScriptedServer(broken, SHORT) as server, chatting(server.url) as (app, pilot):
        await ask(app, pilot)
        await shows(app, "so far so good", "▲ broken off", "4 tokens kept")
        await ended(app)
        await ask(app, pilot, "on")
        await shows(app, "A short answer.")
        assert sent(server) == [("user", "go"), ("assistant", "so far so good"), ("user", "on")]


async def test_an_error_in_mid_answer_keeps_what_had_come() -> None:
    failing = Scenario("failing", (Say("so far so good"), ErrorLine("the runner is gone")))
    async with ScriptedServer(failing, SHORT) as server, chatting(server.url) as (app, pilot):
        await ask(app, pilot)
        await shows(app, "so far so good", "the runner is gone", "4 tokens kept")
        await ended(app)
        assert app.chat.prompt.draft == ""
        await ask(app, pilot, "on")
        await shows(app, "A short answer.")
        assert sent(server)[1] == ("assistant", "so far so good")


# what is stopped


async def test_a_stop_before_any_token_leaves_no_empty_answer_and_joins_the_prompts() -> None:
    async with ScriptedServer(SILENT, SHORT) as server, chatting(server.url) as (app, pilot):
        await ask(app, pilot, "one")
        await server.wait_for_chat()
        await pilot.press("escape")
        await shows(app, "■ stopped by you while waiting", "socket closed in")
        await ask(app, pilot, "two")
        await shows(app, "A short answer.")
        assert sent(server) == [("user", "one\n\ntwo")]


async def test_a_stopped_answer_goes_back_as_a_plain_assistant_message() -> None:
    async with ScriptedServer(STALLED, SHORT) as server, chatting(server.url) as (app, pilot):
        await ask(app, pilot, "one")
        await shows(app, "so far so good")
        await pilot.press("escape")
        await shows(app, "■ stopped by you after 4 tokens", "so far so good")
        await ask(app, pilot, "two")
        await shows(app, "A short answer.")
        partial = ("assistant", "so far so good")
        assert sent(server) == [("user", "one"), partial, ("user", "two")]


async def test_the_button_is_there_only_while_an_answer_is_in_flight() -> None:
    async with ScriptedServer(STALLED) as server, chatting(server.url) as (app, pilot):
        button = app.chat.query_one("#stop", Button)
        assert button.disabled
        assert "Stop" not in screen(app)
        await ask(app, pilot)
        await shows(app, "so far so good", "Stop")
        assert not button.disabled
        assert await pilot.click("#stop")
        await shows(app, "■ stopped by you")
        await ended(app)
        await until(lambda: "Stop" not in screen(app), "end of the button")
        assert button.disabled
        await pilot.press("x")
        assert app.chat.prompt.draft == "x", "the focus is in the prompt again"


async def test_escape_without_an_answer_does_nothing() -> None:
    async with ScriptedServer(SHORT) as server, chatting(server.url) as (app, pilot):
        app.chat.prompt.paste("a draft")
        await pilot.press("escape", "escape")
        assert app.is_running
        assert app.chat.prompt.draft == "a draft"
        assert app.focused is app.chat.prompt


async def test_the_clock_and_the_phase_are_told() -> None:
    phases = Scenario(
        "phases",
        (
            LateHeaders(gate="think"),
            ThinkSay("hm well"),
            Stall(gate="say"),
            Say("so far so good"),
            Stall(),
        ),
    )
    async with (
        ScriptedServer(phases) as server,
        chatting(server.url, model="smollm2-think:135m") as (app, pilot),
    ):
        assert status(app).startswith("○ ready")
        await ask(app, pilot)
        await until(lambda: "waiting" in status(app), "waiting")
        server.release("think")
        await until(lambda: "● thinking" in status(app), "thinking")
        server.release("say")
        await until(lambda: "● answering" in status(app) and "6 tokens" in status(app), "answering")
        clock = status(app)
        await until(lambda: status(app) != clock, "clock that goes")
        assert "smollm2-think:135m · Ollama 127.0.0.1" in status(app)
        await pilot.press("escape")
        await ended(app)
        assert status(app).startswith("○ ready")


# thinking


async def test_thinking_is_dimmed_then_folded_and_both_are_kept() -> None:
    thinking = Scenario(
        "thinking", (ThinkSay("Two and two."), Stall(gate="say"), Say("It is four."), Done())
    )
    async with ScriptedServer(thinking, SHORT) as server, chatting(server.url) as (app, pilot):
        await ask(app, pilot)
        await shows(app, "Two and two.")
        thought = look(app, "Two and two.")
        server.release("say")
        said = await shows(app, "It is four.", "thought for")
        await until(lambda: "Two and two." not in screen(app), f"fold:\n{said}")
        await ended(app)
        assert thought != look(app, "It is four."), "thinking and answer look alike"
        assert app.chat.messages[-1] == Message("assistant", "It is four.", "Two and two.")
        await ask(app, pilot, "on")
        await shows(app, "A short answer.")
        assert sent(server)[1] == ("assistant", "It is four.")


def look(app: ChatApp, text: str) -> str:
    """The style in which `text` is drawn."""
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            if text in segment.text:
                return str(segment.style)
    return ""


async def test_a_stop_while_thinking_keeps_the_thoughts_and_sends_none_of_them() -> None:
    thinking = Scenario("thinking", (ThinkSay("Two and two."), Stall()))
    async with ScriptedServer(thinking, SHORT) as server, chatting(server.url) as (app, pilot):
        await ask(app, pilot, "one")
        await shows(app, "Two and two.")
        await pilot.press("escape")
        await shows(app, "■ stopped by you after 3 tokens", "thought for")
        assert app.chat.messages[-1] == Message("assistant", "", "Two and two.")
        await ask(app, pilot, "two")
        await shows(app, "A short answer.")
        assert sent(server) == [("user", "one\n\ntwo")]


# models


async def test_another_model_between_two_answers() -> None:
    async with ScriptedServer(SHORT, OTHER) as server, chatting(server.url) as (app, pilot):
        await ask(app, pilot, "one")
        await shows(app, "A short answer.")
        await ended(app)
        await pilot.press("ctrl+o")
        await shows(app, "tiny:latest")
        await pilot.press(*"tiny", "enter")
        await until(lambda: app.chat.model == "tiny:latest", "other model")
        assert app.focused is app.chat.prompt
        await ask(app, pilot, "two")
        await shows(app, "Another answer.")
        assert server.chats[0].body["model"] != server.chats[1].body["model"] == "tiny:latest"
        assert sent(server) == [
            ("user", "one"),
            ("assistant", "A short answer."),
            ("user", "two"),
        ]


async def test_another_model_while_one_answers_is_for_the_next_answer() -> None:
    async with ScriptedServer(STALLED, OTHER) as server, chatting(server.url) as (app, pilot):
        await ask(app, pilot, "one")
        await shows(app, "so far so good")
        await pilot.press("ctrl+o")
        await shows(app, "tiny:latest")
        await pilot.press(*"tiny", "enter")
        await until(lambda: app.chat.model == "tiny:latest", "other model")
        assert app.chat.answer is not None, "the picker's keys stop nothing"
        await pilot.press("escape")
        await ended(app)
        await ask(app, pilot, "two")
        await shows(app, "Another answer.")
        assert server.chats[1].body["model"] == "tiny:latest"


async def test_escape_closes_the_list_of_models_and_does_not_stop() -> None:
    async with ScriptedServer(STALLED) as server, chatting(server.url) as (app, pilot):
        await ask(app, pilot, "one")
        await shows(app, "so far so good")
        await pilot.press("ctrl+o")
        await shows(app, "tiny:latest")
        await pilot.press("escape")
        await until(lambda: app.screen is app.chat, "closed list")
        assert app.chat.answer is not None
        await pilot.press("escape")
        await ended(app)


# Ctrl+C


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was copied, the system's own clipboard left alone."""
    texts: list[str] = []

    def fake_copy(_app: Any, text: str) -> str:
        texts.append(text)
        return f"copied {len(text)}"

    monkeypatch.setattr("ollama_tui.ui.clipboard.copy", fake_copy)
    monkeypatch.setattr(reading, "copy", fake_copy)
    return texts


async def test_ctrl_c_copies_the_selection_in_the_prompt_before_it_stops(
    copied: list[str],
) -> None:
    async with ScriptedServer(STALLED) as server, chatting(server.url) as (app, pilot):
        await ask(app, pilot)
        await shows(app, "so far so good")
        app.chat.prompt.paste("a draft")
        await pilot.press("shift+home", "ctrl+c")
        assert copied == ["a draft"]
        assert app.chat.answer is not None
        await pilot.press("end", "ctrl+c")
        await ended(app)
        assert copied == ["a draft"]
        assert app.chat.prompt.draft == "a draft", "a stop never touches the draft"


async def test_ctrl_c_copies_the_selection_in_the_transcript_before_it_stops(
    copied: list[str],
) -> None:
    async with ScriptedServer(STALLED) as server, chatting(server.url) as (app, pilot):
        await ask(app, pilot)
        said = (await shows(app, "so far so good")).split("\n")
        row = next(y for y, line in enumerate(said) if "so far so good" in line)
        column = said[row].index("far")
        top = app.chat.query_one(Transcript).region.offset
        start = Offset(column, row) - top
        await pilot.mouse_down("#transcript", offset=start)
        await pilot.hover("#transcript", offset=start + Offset(6, 0))
        await pilot.mouse_up("#transcript", offset=start + Offset(6, 0))
        await pilot.press("ctrl+c")
        assert len(copied) == 1
        assert copied[0].startswith("far so")
        assert app.chat.answer is not None
        app.screen.clear_selection()
        await pilot.press("ctrl+c")
        await ended(app)
        assert "stopped by you" in await shows(app, "stopped by you")


async def test_ctrl_c_clears_the_draft_then_hints_then_quits() -> None:
    async with ScriptedServer() as server, chatting(server.url) as (app, pilot):
        app.chat.prompt.paste("never mind")
        await pilot.press("ctrl+c")
        assert app.chat.prompt.draft == ""
        assert "Draft cleared" in status(app)
        await pilot.press("ctrl+z")
        assert app.chat.prompt.draft == "never mind"
        await pilot.press("ctrl+c", "ctrl+c")
        assert "once more to quit" in status(app)
        assert app.return_code is None
        strike(app, "ctrl+c")
        await until(lambda: app.return_code == 0, "quit")
