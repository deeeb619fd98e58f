"""Selecting, finding and jumping in the transcript."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from ollama_tui.events import Channel
from ollama_tui.ui.transcript import MessageData, Transcript

ANSWER = """# Packing

For a **week** in Norway in March, pack for cold, wet and changing weather:

1. Layers: wool base layer, fleece, a windproof shell
2. Hat

```python
def weigh(bag):
    return sum(item.weight for item in bag)

print(weigh([]))
```

Family: 👨\u200d👩\u200d👧.
"""
CODE = "def weigh(bag):\n    return sum(item.weight for item in bag)\n\nprint(weigh([]))"


class ReadingApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Transcript()


Screen = tuple[Transcript, Pilot[None]]


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    app = ReadingApp()
    async with app.run_test(size=(44, 26)) as pilot:
        transcript = app.query_one(Transcript)
        transcript.add("user", "you", "14:02", "What should I pack?")
        transcript.add("assistant", "model", "14:02", ANSWER)
        await pilot.pause()
        yield transcript, pilot


def shown(transcript: Transcript) -> list[str]:
    strips = transcript.render_lines(transcript.size.region)
    return [strip.text.rstrip() for strip in strips]


def row_of(transcript: Transcript, text: str) -> int:
    return next(y for y, row in enumerate(shown(transcript)) if text in row)


async def drag(screen: Screen, start: tuple[int, int], end: tuple[int, int]) -> str:
    transcript, pilot = screen
    await pilot.mouse_down(Transcript, offset=start)
    await pilot.hover(Transcript, offset=end)
    await pilot.mouse_up(Transcript, offset=end)
    await pilot.pause()
    return transcript.selected_text


async def test_wrapped_lines_are_copied_as_one(screen: Screen) -> None:
    first = row_of(screen[0], "For a week")
    text = await drag(screen, (1, first), (40, first + 1))
    assert text == "For a **week** in Norway in March, pack for cold, wet and changing weather:"


async def test_code_is_copied_without_its_frame(screen: Screen) -> None:
    first = row_of(screen[0], "def weigh")
    assert await drag(screen, (2, first), (40, first + 4)) == CODE


async def test_over_messages_the_source_is_copied(screen: Screen) -> None:
    text = await drag(screen, (1, 1), (40, row_of(screen[0], "2. Hat")))
    assert text == "What should I pack?\n\n" + ANSWER.partition("\n\n```")[0]


async def test_a_family_is_copied_whole(screen: Screen) -> None:
    row = row_of(screen[0], "Family")
    assert await drag(screen, (9, row), (9, row)) == ""  # a click selects nothing
    assert await drag(screen, (1, row), (9, row)) == "Family: 👨\u200d👩\u200d👧"


async def test_a_double_click_selects_a_word_and_a_triple_click_a_message(screen: Screen) -> None:
    transcript, pilot = screen
    at = (12, row_of(transcript, "Layers"))
    await pilot.click(Transcript, offset=at, times=2)
    assert transcript.selected_text == "wool"
    await pilot.click(Transcript, offset=at, times=3)
    assert transcript.selected_text == ANSWER.strip()


async def test_a_selection_stays_on_its_text_when_the_screen_changes(screen: Screen) -> None:
    transcript, pilot = screen
    first = row_of(transcript, "For a week")
    text = await drag(screen, (1, first), (40, first + 1))
    await pilot.resize_terminal(30, 20)
    await pilot.pause()
    assert transcript.selected_text == text


async def test_find_counts_marks_and_goes_round(screen: Screen) -> None:
    transcript, _ = screen
    assert transcript.find("PACK") == 3
    assert [transcript.find_next() for _ in range(4)] == [1, 2, 3, 1]
    assert transcript.find_previous() == 3
    assert transcript.find("a week in") == 1  # the stars of the source don't matter
    assert transcript.find("nowhere") == 0
    assert transcript.find_next() == 0


async def test_find_brings_a_far_hit_into_view(screen: Screen) -> None:
    transcript, _ = screen
    transcript.load(MessageData("user", "you", "14:02", f"number {n} ok") for n in range(300))
    assert transcript.find("number 7 ok") == 1
    transcript.find_next()
    assert "▎number 7 ok" in shown(transcript)
    assert not transcript.at_end


async def test_find_unfolds_thinking_that_has_the_hit(screen: Screen) -> None:
    transcript, _ = screen
    transcript.add("assistant", "model", "14:03", "Yes.", "perhaps mittens")
    assert not any("mittens" in row for row in shown(transcript))
    transcript.find("mittens")
    transcript.find_next()
    assert " perhaps mittens" in shown(transcript)


async def test_code_blocks_are_visited_and_given_raw(screen: Screen) -> None:
    transcript, _ = screen
    answer = transcript.message_ids[1]
    assert transcript.code_blocks(answer) == [CODE]
    transcript.add("assistant", "model", "14:03", "```\nlast\n```")
    transcript.action_scroll_home()
    visited = []
    for _ in range(2):
        transcript.action_next_code_block()
        visited.append(transcript.current_code)
    transcript.action_previous_code_block()
    assert [*visited, transcript.current_code] == [CODE, "last", CODE]


async def test_messages_are_visited(screen: Screen) -> None:
    transcript, _ = screen
    transcript.load(MessageData("user", "you", "14:02", f"number {n}") for n in range(40))
    ids = transcript.message_ids
    transcript.scroll_to_message(ids[20])
    transcript.action_next_message()
    assert transcript.current == ids[21]
    assert shown(transcript)[1] == "▎number 19"
    transcript.action_previous_message()
    transcript.action_previous_message()
    assert shown(transcript)[1] == "▎number 17"


async def test_a_mark_is_drawn_around_what_a_rule_found(screen: Screen) -> None:
    transcript, _ = screen
    start = ANSWER.index("fleece")
    transcript.mark(transcript.message_ids[1], Channel.CONTENT, start, start + 6)
    assert any("‹fleece›" in row for row in shown(transcript))


async def test_cut_text_is_taken_back(screen: Screen) -> None:
    transcript, _ = screen
    message = transcript.add("assistant", "model", "14:03", streaming=True)
    transcript.append(message, Channel.CONTENT, "keep this, not that")
    transcript.cut(message, Channel.CONTENT, 9)
    transcript.end(message)
    assert shown(transcript)[-1] == " keep this" or " keep this" in shown(transcript)
    assert transcript.text_of(message) == "keep this"


async def test_compact_density_takes_fewer_rows(screen: Screen) -> None:
    transcript, pilot = screen
    before = transcript.virtual_size.height
    transcript.density = "compact"
    await pilot.pause()
    assert transcript.virtual_size.height < before
