"""Reading a conversation: find, jump, copy, looks."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_tui.settings import looks
from ollama_tui.ui import reading
from tests.scripted import Done, Say, Scenario, ScriptedServer, Stall
from tests.ui.chatting import ask, chatting, ended, shows, until

CODE = Scenario(
    "code",
    (
        Say("Here is one:\n\n```python\nfor x in range(3):\n    print(x)\n```\n\nand a pear.\n"),
        Done(),
    ),
)
LONG = Scenario("long", (Say("".join(f"line {n}\n\n" for n in range(100))), Done()))
STALLED = Scenario("stalled", (Say("a pear so far"), Stall()))


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []

    def fake_copy(_app: Any, text: str) -> str:
        texts.append(text)
        return f"copied {len(text)}"

    monkeypatch.setattr(reading, "copy", fake_copy)
    return texts


async def test_find_counts_and_steps_and_escape_closes_it_before_it_stops() -> None:
    async with ScriptedServer(CODE, STALLED) as server, chatting(server.url) as (app, pilot):
        await ask(app, pilot, "one")
        await ended(app)
        await ask(app, pilot, "two")
        await shows(app, "a pear so far")
        await pilot.press("ctrl+f", *"pear")
        await shows(app, "2 found", "^C")
        await pilot.press("enter")
        await shows(app, "1 of 2")
        await pilot.press("enter")
        await shows(app, "2 of 2")
        await pilot.press("up")
        await shows(app, "1 of 2")
        await pilot.press("escape")
        await until(lambda: not app.chat.find_bar.is_open, "closed find bar")
        assert app.chat.answer is not None, "the first Esc closes the bar only"
        assert app.focused is app.chat.prompt
        await pilot.press("escape")
        await ended(app)


async def test_keys_copy_the_answer_and_the_code_without_its_frame(copied: list[str]) -> None:
    async with ScriptedServer(CODE) as server, chatting(server.url) as (app, pilot):
        await pilot.press("f6")
        await shows(app, "no answer to copy")
        await ask(app, pilot, "code, please")
        await ended(app)
        await pilot.press("f8")
        await pilot.press("f6")
        await shows(app, "the last answer: copied")
        code, answer = copied
        assert code.rstrip("\n") == "for x in range(3):\n    print(x)"
        assert answer.startswith("Here is one:\n\n```python\n")


async def test_scrolled_up_it_stays_and_end_returns() -> None:
    async with ScriptedServer(LONG) as server, chatting(server.url) as (app, pilot):
        await ask(app, pilot, "many lines")
        await shows(app, "line 99")
        await pilot.press("pageup", "pageup")
        await until(lambda: not app.chat.transcript.at_end, "scrolled up")
        await pilot.press("end")
        await until(lambda: app.chat.transcript.at_end, "the end")
        await pilot.press("ctrl+up")
        await shows(app, "line 0", "line 1")
        await pilot.press("ctrl+up")
        await shows(app, "many lines")


async def test_density_and_theme_are_remembered() -> None:
    async with ScriptedServer() as server, chatting(server.url) as (app, _):
        app.action_toggle_density()
        app.theme = "high-contrast"
        await until(lambda: looks().get("theme") == "high-contrast", "a remembered theme")
        assert looks().get("density") == "compact"
        assert app.chat.transcript.density == "compact"
