"""The transcript as a reader sees it: what is on which row, following, letting go."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from textual.app import App, ComposeResult

from ollama_tui.events import Channel
from ollama_tui.ui.transcript import MessageData, Note, Transcript


class TranscriptApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[bool, int]] = []

    def compose(self) -> ComposeResult:
        yield Transcript()

    def on_mount(self) -> None:
        self.query_one(Transcript).focus()

    def on_transcript_follow_changed(self, event: Transcript.FollowChanged) -> None:
        self.told.append((event.at_end, event.new_lines))


def shown(transcript: Transcript) -> list[str]:
    """Return what is drawn, row by row."""
    rows = transcript.render_lines(transcript.size.region)
    return [strip.text.rstrip() for strip in rows]


@pytest.fixture
async def transcript() -> AsyncIterator[Transcript]:
    app = TranscriptApp()
    async with app.run_test(size=(40, 12)):
        yield app.query_one(Transcript)


async def test_header_says_who_and_when(transcript: Transcript) -> None:
    transcript.add("user", "you", "14:02", "What should I pack?")
    first, second, *_ = shown(transcript)
    assert first.split() == ["you", "14:02"]
    assert first.endswith("14:02")
    assert second == "▎What should I pack?"


async def test_long_lines_are_wrapped_by_cells(transcript: Transcript) -> None:
    transcript.add("user", "you", "14:02", "日本語" * 12)
    assert shown(transcript)[1:3] == ["▎" + ("日本語" * 12)[:19], "▎" + ("日本語" * 12)[19:]]


async def test_streamed_text_is_drawn_and_thinking_folds_at_the_end(
    transcript: Transcript,
) -> None:
    message = transcript.add("assistant", "model", "14:02", streaming=True)
    transcript.append(message, Channel.THINKING, "let me see")
    transcript._flush()
    assert " let me see" in shown(transcript)
    transcript.append(message, Channel.CONTENT, "Wool.")
    transcript.thought(message, 6.2, 214)
    transcript.end(message)
    assert shown(transcript)[1:3] == [" ▸ thought for 6.2 s · 214 tokens", " Wool."]
    transcript.toggle_thinking(message)
    assert " let me see" in shown(transcript)


async def test_notes_stand_in_the_margin_where_no_model_can_write(transcript: Transcript) -> None:
    message = transcript.add("assistant", "model", "14:02", "▌■ stopped by you")
    transcript.note(message, [Note("■ stopped by you", "stop")])
    assert shown(transcript)[1:3] == [" ▌■ stopped by you", "▌■ stopped by you"]


async def test_hidden_messages_take_no_room(transcript: Transcript) -> None:
    first = transcript.add("user", "you", "14:02", "secret")
    transcript.add("user", "you", "14:03", "open")
    transcript.set_hidden(first, True)
    assert not any("secret" in row for row in shown(transcript))
    transcript.set_hidden(first, False)
    assert "▎secret" in shown(transcript)


async def test_reclassified_content_becomes_thinking(transcript: Transcript) -> None:
    message = transcript.add("assistant", "model", "14:02", streaming=True)
    transcript.append(message, Channel.CONTENT, "hm, wool?")
    transcript.reclassify(message)
    transcript.append(message, Channel.CONTENT, "Wool.")
    transcript.end(message)
    rows = shown(transcript)
    assert " Wool." in rows
    assert not any("hm" in row for row in rows)
    assert transcript.text_of(message) == "Wool."


async def test_scrolled_up_it_stays_while_text_comes_and_counts_what_is_new(
    transcript: Transcript,
) -> None:
    transcript.load(MessageData("user", "you", "14:02", f"number {n}") for n in range(50))
    message = transcript.add("assistant", "model", "14:02", streaming=True)
    transcript.action_page_up()
    before = shown(transcript)
    assert not transcript.at_end
    transcript.append(message, Channel.CONTENT, "line\n" * 7)
    transcript._flush()
    assert transcript.new_lines == 7
    after = shown(transcript)
    assert after[:-1] == before[:-1]
    assert after[-1].endswith("↓ 7 new lines below")
    transcript.action_scroll_end()
    assert transcript.at_end
    assert transcript.new_lines == 0
    assert shown(transcript)[-1] == " line"


async def test_resize_keeps_the_line_that_is_read() -> None:
    app = TranscriptApp()
    async with app.run_test(size=(40, 12)) as pilot:
        transcript = app.query_one(Transcript)
        texts = (f"number {n} " + "word " * 30 for n in range(100))
        transcript.load(MessageData("user", "you", "14:02", text) for text in texts)
        ids = transcript.message_ids
        transcript.scroll_to_message(ids[50])
        assert shown(transcript)[1].startswith("▎number 50 ")
        await pilot.resize_terminal(70, 20)
        await pilot.pause()
        assert shown(transcript)[1].startswith("▎number 50 ")
