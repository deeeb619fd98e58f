"""Several causes want to stop one answer at the same moment: one wins, and nothing is left.

OLLAMA_TUI_ROUNDS=n plays n rounds instead of 20.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from itertools import combinations

import pytest
from textual.widgets import Button

from ollama_tui.events import Cause, CauseKind, Closed, Receipt, SocketState, Stopped
from ollama_tui.ui.app import ChatApp
from tests.answering import Recorder, turns
from tests.scripted import Done, LateHeaders, Say, Scenario, ScriptedServer
from tests.ui.chatting import ask, chatting, screen, shows, strike, until

ROUNDS = int(os.environ.get("OLLAMA_TUI_ROUNDS", "20"))
STOPS = 5
KINDS = ("escape", "button", "ctrl+c", "rule", "quit")
COMBINATIONS = [c for size in range(len(KINDS), 0, -1) for c in combinations(KINDS, size)]
LONG = Scenario("long", (LateHeaders(gate="first token"), Say("one two three ", count=10**6)))
SHORT = Scenario("short", (Say("<think>Well.</think>A short answer."), Done()))


pytestmark = pytest.mark.usefixtures("own_folders")


def plan(number: int) -> tuple[tuple[str, ...], list[int]]:
    """Which stops round `number` fires, in which order, and how many loop turns apart."""
    kinds = COMBINATIONS[number % len(COMBINATIONS)]
    chance = random.Random(number)
    # a second Ctrl+C would quit, and a rule and a quit happen once: Esc and the button repeat
    repeated = [kind for kind in kinds if kind in ("escape", "button")] or ["escape"]
    stops = [*kinds, *chance.choices(repeated, k=STOPS - len(kinds))]
    chance.shuffle(stops)
    return tuple(stops), [chance.choice((0, 0, 1, 2)) for _ in stops]


def fire(app: ChatApp, server: ScriptedServer) -> dict[str, Callable[[], object]]:
    button = app.chat.query_one("#stop", Button)
    return {
        "escape": lambda: strike(app, "escape"),
        "ctrl+c": lambda: strike(app, "ctrl+c"),
        "quit": lambda: strike(app, "ctrl+q"),
        "button": lambda: button.post_message(Button.Pressed(button)),
        "rule": lambda: server.release("first token"),  # the answer begins without <think>
    }


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_five_rapid_stops_are_one(number: int) -> None:
    stops, apart = plan(number)
    rule = "rule" in stops
    async with ScriptedServer(LONG, SHORT) as server:
        async with chatting(server.url, must_think=rule) as (app, pilot):
            await ask(app, pilot)
            await server.wait_for_chat()
            if not rule:
                server.release("first token")
                await until(lambda: app.chat.answer and app.chat.answer.content, "a token")
            answer = app.chat.answer
            assert answer is not None
            answer.listen(recorder := Recorder())
            app.chat.prompt.draft = "" if "ctrl+c" in stops else "half a draft"

            firing = fire(app, server)
            for stop, turns_before in zip(stops, apart, strict=True):
                await turns(turns_before)
                firing[stop]()

            async with asyncio.timeout(5):
                receipt = await answer.wait()
            if "quit" not in stops:
                await pilot.pause()  # keys that came too late have been looked at
            assert receipt.socket is SocketState.CLOSED
            assert receipt.cause is not None
            recorder.assert_in_order()
            assert [type(end) for end in recorder.ends] == [Stopped]
            assert sum(isinstance(event, Stopped) for event in recorder.events) == 1
            await server.assert_all_closed()
            if "quit" in stops:
                await until(lambda: app.return_code == 0, "quit")
                return
            assert not app.connections.live
            said = await shows(app, "■ stopped", "socket closed")
            assert said.count("■ stopped") == 1
            assert app.chat.prompt.draft == ("" if "ctrl+c" in stops else "half a draft")

            app.chat.prompt.draft = ""
            await ask(app, pilot, "And now?")
            await shows(app, "A short answer.")
            assert screen(app).count("■ stopped") == 1
            assert not app.connections.live
        await server.assert_all_closed()


async def test_a_quit_waits_for_a_socket_that_is_closing() -> None:
    """Esc and, in the same moment, ctrl+q: the program outlives the close."""
    async with ScriptedServer(LONG) as server:
        async with chatting(server.url) as (app, pilot):
            await ask(app, pilot)
            answer = app.chat.answer
            assert answer is not None
            seen: list[Receipt] = []
            answer.listen(lambda e: seen.append(e.receipt) if isinstance(e, Closed) else None)
            answer.stop(Cause(CauseKind.USER, "escape"))
            await app.action_quit()
            assert [receipt.socket for receipt in seen] == [SocketState.CLOSED]
        await server.assert_all_closed()
