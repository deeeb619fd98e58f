"""The prompt, driven by keys and pastes in an app of its own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import Static

from ollama_tui.ui import clipboard
from ollama_tui.ui.prompt import LINE_LIMIT, PASTE_LIMIT, Prompt

BUBBLING = (
    "pageup,pagedown,ctrl+home,ctrl+end,home,end,up,down,f5,f6,f7,escape,ctrl+c,ctrl+o,ctrl+g"
)


class Around(App[None]):
    """A screen with keys of its own, which notes what reached it."""

    BINDINGS = [Binding(key, f"note('{key}')", key) for key in BUBBLING.split(",")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []
        self.hints: list[str] = []
        self.reached: list[str] = []

    def compose(self) -> ComposeResult:
        yield Static("above", markup=False)
        yield Prompt(placeholder="ask")

    def on_mount(self) -> None:
        self.prompt.focus()

    @property
    def prompt(self) -> Prompt:
        return self.query_one(Prompt)

    def on_prompt_submitted(self, message: Prompt.Submitted) -> None:
        self.sent.append(message.text)

    def on_prompt_hint(self, message: Prompt.Hint) -> None:
        self.hints.append(message.text)

    def action_note(self, key: str) -> None:
        self.reached.append(key)

    def lines(self) -> list[str]:
        """What the prompt shows, row by row."""
        rows = range(self.prompt.size.height)
        return [self.prompt.render_line(y).text.rstrip() for y in rows]


@pytest.fixture
async def pilot() -> AsyncIterator[Pilot[None]]:
    async with Around().run_test(size=(60, 24)) as pilot:
        yield pilot


def app_of(pilot: Pilot[None]) -> Around:
    assert isinstance(pilot.app, Around)
    return pilot.app


async def paste(pilot: Pilot[None], text: str) -> None:
    app_of(pilot).prompt.post_message(events.Paste(text))
    await pilot.pause()


BIG = "line of a log\n" * 80_000
"""1.1 MB."""


async def test_enter_sends_and_leaves_the_draft_until_it_is_accepted(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    await pilot.press("h", "i", "enter")
    assert app.sent == ["hi"]
    assert app.prompt.draft == "hi"
    app.prompt.clear_draft()
    assert app.prompt.draft == ""


async def test_what_is_typed_between_enter_and_the_clearing_stays(pilot: Pilot[None]) -> None:
    prompt = app_of(pilot).prompt
    await paste(pilot, BIG)
    await pilot.press("enter", "a", "b")
    prompt.remember(app_of(pilot).sent[0])
    prompt.clear_draft()
    assert prompt.draft == "ab"
    await pilot.press("c", "up")
    assert prompt.draft == BIG
    await pilot.press("down")
    assert prompt.draft == "abc"
    prompt.clear_draft()
    assert prompt.draft == ""


@pytest.mark.parametrize("key", ["ctrl+j", "shift+enter", "alt+enter", "shift+\r", "\r"])
async def test_other_enters_break_the_line(pilot: Pilot[None], key: str) -> None:
    app = app_of(pilot)
    await pilot.press("a")
    app.post_message(events.Key(key, "\r" if "\r" in key else None))
    await pilot.pause()
    await pilot.press("b", "enter")
    assert app.sent == ["a\nb"]


async def test_nothing_is_sent_while_it_is_blank(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    await pilot.press("enter", "space", "ctrl+j", "enter")
    assert app.sent == []
    assert len(app.hints) == 2
    assert "empty" in app.hints[0]


async def test_it_grows_with_its_text_up_to_a_third_of_the_screen(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    assert app.prompt.size.height == 1
    await pilot.press("a", "ctrl+j", "b", "ctrl+j", "c")
    await pilot.pause()
    assert app.prompt.size.height == 3
    await paste(pilot, "\n" * 30)
    await pilot.pause()
    assert app.prompt.size.height == 8
    await pilot.resize_terminal(60, 12)
    await pilot.pause()
    assert app.prompt.size.height == 4


async def test_wide_characters_are_wrapped_by_cells(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    await paste(pilot, "漢" * 40)
    await pilot.pause()
    assert app.prompt.size.height == 2
    assert sum(line.count("漢") for line in app.lines()) == 40


async def test_a_screen_of_20x5_works() -> None:
    async with Around().run_test(size=(20, 5)) as pilot:
        app = app_of(pilot)
        await paste(pilot, BIG)
        await pilot.press("x", "enter")
        assert app.sent == [BIG + "x"]


class TestChips:
    async def test_a_large_paste_is_shown_as_a_chip_and_sent_whole(
        self, pilot: Pilot[None]
    ) -> None:
        app = app_of(pilot)
        await pilot.press("a", "space")
        began = time.monotonic()
        await paste(pilot, BIG)
        await pilot.press("b")
        assert time.monotonic() - began < 2  # 7 s and more in a plain TextArea
        assert app.lines() == ["a [pasted #1: 1.1 MB, 80,000 lines]b"]
        await pilot.press("enter")
        assert app.sent == [f"a {BIG}b"]

    async def test_a_long_line_and_a_grown_line_become_chips(self, pilot: Pilot[None]) -> None:
        app = app_of(pilot)
        await paste(pilot, "x" * (LINE_LIMIT - 10))
        await paste(pilot, "y" * 20)
        assert app.lines()[-1].endswith("[pasted #1: 20 bytes, 1 line]")
        assert app.prompt.draft == "x" * (LINE_LIMIT - 10) + "y" * 20

    async def test_many_pastes_below_the_limit_add_up(self, pilot: Pilot[None]) -> None:
        app = app_of(pilot)
        page = "a line of text\n" * (PASTE_LIMIT // 16)
        for _ in range(6):
            await paste(pilot, page)
        assert len(app.prompt.text) < 80_000
        assert app.prompt.draft == page * 6

    async def test_backspace_and_delete_remove_it_whole_and_undo_brings_it_back(
        self, pilot: Pilot[None]
    ) -> None:
        app = app_of(pilot)
        await pilot.press("a")
        await paste(pilot, BIG)
        await pilot.press("backspace")
        assert app.prompt.draft == "a"
        await pilot.press("ctrl+z")
        assert app.prompt.draft == "a" + BIG
        await pilot.press("ctrl+y", "ctrl+z", "left", "delete")
        assert app.prompt.draft == "a"

    async def test_the_cursor_steps_over_it(self, pilot: Pilot[None]) -> None:
        app = app_of(pilot)
        await pilot.press("a")
        await paste(pilot, BIG)
        await pilot.press("left", "1", "right", "2", "ctrl+left", "ctrl+left", "3", "enter")
        assert app.sent[0].replace(BIG, "|") == "a13|2"
        await pilot.click(Prompt, offset=(12, 0))
        await pilot.press("4")
        assert BIG in app.prompt.draft

    @pytest.mark.parametrize("key", ["ctrl+w", "ctrl+u", "ctrl+k", "alt+delete", "shift+left"])
    async def test_no_key_cuts_it_in_two(self, pilot: Pilot[None], key: str) -> None:
        app = app_of(pilot)
        await paste(pilot, BIG)
        await pilot.press(*(["left"] if key in {"ctrl+k", "alt+delete"} else []), key, "x")
        assert app.prompt.draft == "x"

    async def test_part_of_a_selection_takes_the_whole(self, pilot: Pilot[None]) -> None:
        app = app_of(pilot)
        await pilot.press("a")
        await paste(pilot, BIG)
        app.prompt.replace("-", (0, 0), (0, 6))
        assert app.prompt.draft == "-"

    async def test_equal_pastes_are_two_chips(self, pilot: Pilot[None]) -> None:
        app = app_of(pilot)
        await paste(pilot, BIG)
        await paste(pilot, BIG)
        assert app.prompt.draft == BIG * 2
        await pilot.press("backspace")
        assert app.prompt.draft == BIG

    async def test_the_same_words_by_hand_are_no_chip(self, pilot: Pilot[None]) -> None:
        app = app_of(pilot)
        await paste(pilot, BIG)
        await pilot.press("ctrl+a")
        words = "[pasted #1: 1.1 MB, 80,000 lines]"
        await paste(pilot, words)
        assert app.prompt.draft == words + BIG

    async def test_a_forged_token_is_no_chip(self, pilot: Pilot[None]) -> None:
        app = app_of(pilot)
        await paste(pilot, BIG)
        token = app.prompt.text
        app.prompt.discard_draft()
        await paste(pilot, token)
        assert app.prompt.draft == token[1:-1]

    async def test_cut_and_paste_carry_it_along(
        self, pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(clipboard, "system_tool", lambda: None)
        app = app_of(pilot)
        await paste(pilot, BIG)
        await pilot.press("shift+left", "ctrl+x")
        assert app.prompt.draft == ""
        assert app.hints == [f"copied {len(BIG):,} characters"]
        await pilot.press("ctrl+v")
        assert app.prompt.draft == BIG
        assert len(app.prompt.text) < 100


async def test_a_paste_is_sanitised(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    await paste(pilot, "a\x1b]52;c;AAAA\x07b\rc\u202ed")
    assert app.prompt.draft == "a]52;c;AAAAb\ncd"


async def test_the_draft_can_be_set_and_undone(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    await pilot.press("a")
    app.prompt.draft = "edit me\x1b"
    assert app.prompt.draft == "edit me"
    await pilot.press("ctrl+z")
    assert app.prompt.draft == "a"
    app.prompt.draft = BIG
    assert app.prompt.draft == BIG
    assert len(app.prompt.text) < 100


async def test_a_discarded_draft_comes_back_by_undo(pilot: Pilot[None]) -> None:
    app = app_of(pilot)
    await paste(pilot, BIG)
    app.prompt.discard_draft()
    assert app.prompt.draft == ""
    await pilot.press("ctrl+z")
    assert app.prompt.draft == BIG


class TestKeysForOthers:
    async def test_scrolling_and_function_keys_bubble(self, pilot: Pilot[None]) -> None:
        keys = [key for key in BUBBLING.split(",") if key not in {"home", "end", "up", "down"}]
        await pilot.press("a", *keys)
        assert app_of(pilot).reached == keys
        assert app_of(pilot).prompt.draft == "a"

    async def test_home_and_end_bubble_only_while_it_is_empty(self, pilot: Pilot[None]) -> None:
        app = app_of(pilot)
        await pilot.press("end", "home", "up", "down")
        assert app.reached == ["end", "home", "up", "down"]
        await pilot.press("b", "home", "a", "end", "c")
        assert len(app.reached) == 4
        assert app.prompt.draft == "abc"

    async def test_ctrl_c_copies_a_selection_before_anything_else(
        self, pilot: Pilot[None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(clipboard, "system_tool", lambda: None)
        app = app_of(pilot)
        await pilot.press("a", "b", "shift+home", "ctrl+c")
        assert app.reached == []
        assert app.clipboard == "ab"
        assert app.hints == ["copied 2 characters"]


class TestHistory:
    async def send(self, pilot: Pilot[None], *texts: str) -> None:
        prompt = app_of(pilot).prompt
        for text in texts:
            prompt.draft = text
            prompt.remember(prompt.text_to_send)
            prompt.clear_draft()

    async def test_up_and_down_walk_it_and_the_draft_waits(self, pilot: Pilot[None]) -> None:
        prompt = app_of(pilot).prompt
        await self.send(pilot, "one", "two", "two")
        await pilot.press("d", "up")
        assert prompt.draft == "two"
        await pilot.press("up", "up")
        assert prompt.draft == "one"
        await pilot.press("!", "down", "up")
        assert prompt.draft == "one!"
        await pilot.press("down", "down")
        assert prompt.draft == "d"

    async def test_lines_are_walked_before_entries(self, pilot: Pilot[None]) -> None:
        prompt = app_of(pilot).prompt
        await self.send(pilot, "first", "a\nb")
        await pilot.press("up", "up")
        assert prompt.draft == "a\nb"
        await pilot.press("up")
        assert prompt.draft == "first"

    async def test_a_large_prompt_comes_back_as_a_chip(self, pilot: Pilot[None]) -> None:
        prompt = app_of(pilot).prompt
        await paste(pilot, BIG)
        await pilot.press("x")
        prompt.remember(prompt.text_to_send)
        prompt.clear_draft()
        await self.send(pilot, "next")
        await pilot.press("up", "up")
        assert prompt.draft == BIG + "x"
        assert len(prompt.text) < 100

    async def test_sending_an_old_prompt_keeps_the_new_draft(self, pilot: Pilot[None]) -> None:
        prompt = app_of(pilot).prompt
        await self.send(pilot, "old")
        await pilot.press("d", "up", "enter")
        prompt.remember(app_of(pilot).sent[-1])
        prompt.clear_draft()
        await pilot.press("up", "up")
        assert prompt.draft == "d"
