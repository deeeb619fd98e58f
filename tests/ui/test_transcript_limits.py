"""What it costs: the thousandth message and any input must not be felt."""

from __future__ import annotations

import gc
import time
from collections.abc import AsyncIterator, Callable

import pytest
from textual.app import App, ComposeResult

from ollama_tui.events import Channel
from ollama_tui.ui.transcript import MessageData, Transcript

PATIENCE = 0.25
"""Seconds of CPU for one step of ours: a reader would wait. What grows with the input takes
many times as long for the inputs below, on any machine."""

HOSTILE = {
    "a line of 1 MB": "x" * 1_000_000,
    "words without a line end": "word " * 100_000,
    "family emoji": "👨\u200d👩\u200d👧" * 20_000,
    "combining marks": "a" + "\u0301" * 200_000,
    "empty lines": "\n" * 100_000,
    "a fence that is never closed": "```python\n" + "def f(x):\n    return 'x'\n" * 8_000,
    "empty lines in a fence": "```python\n" + "\n" * 50_000,
    "nested quotes": "> " * 10_000 + "x\n",
    "nested quotes, many lines": (">" * 10_000 + "x\n") * 10,
    "nested lists": "- " * 10_000 + "x",
    "a table of 200 columns": "|" + "a|" * 200 + "\n|" + "-|" * 200 + "\n" + "|x" * 200 + "\n",
    "brackets": "[" * 50_000,
    "images": "![" * 25_000,
    "half links": "[a](b" * 10_000,
    "stars": "*a " * 20_000,
    "underlines": "_a*b" * 12_000,
    "backticks": "`a ``b" * 8_000,
    "items": "- item\n" * 10_000,
    "tabs": "\t" * 20_000,
}


class LimitsApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Transcript()


@pytest.fixture
async def transcript() -> AsyncIterator[Transcript]:
    app = LimitsApp()
    async with app.run_test(size=(80, 24)):
        yield app.query_one(Transcript)


def cost(step: Callable[[], object]) -> float:
    before = time.process_time()
    step()
    return time.process_time() - before


def paint(transcript: Transcript) -> None:
    transcript.render_lines(transcript.size.region)


@pytest.mark.parametrize("name", HOSTILE)
async def test_no_step_takes_long_whatever_comes(transcript: Transcript, name: str) -> None:
    text = HOSTILE[name]
    gc.collect()
    message = transcript.add("assistant", "model", "14:02", streaming=True)
    assert transcript._timer is not None
    transcript._timer.stop()  # the steps are taken here

    def step() -> None:
        transcript._flush()
        paint(transcript)

    costs = []
    size = max(len(text) // 20, 1)
    for start in range(0, len(text), size):
        transcript.append(message, Channel.CONTENT, text[start : start + size])
        costs.append(cost(step))
    while transcript._layout.find(message).pending:
        costs.append(cost(step))
    costs.append(cost(lambda: transcript.end(message)))
    costs += [cost(move) for move in (
        transcript.action_scroll_home, transcript.action_page_down, transcript.action_scroll_end,
        lambda: transcript._layout.resize(60), transcript._settle,
    )]  # fmt: skip
    costs.sort()
    assert costs[-2] < PATIENCE  # one may be the garbage collector's
    assert transcript.text_of(message) == text


async def test_a_frame_costs_the_same_at_the_end_of_a_long_answer(transcript: Transcript) -> None:
    paragraph = "For a **week** in Norway, pack `wool` and [more](https://yr.no).\n\n- a\n- b\n\n"

    def frame_at(characters: int) -> float:
        message = transcript.add("assistant", "model", "14:02", streaming=True)
        transcript.append(message, Channel.CONTENT, paragraph * (characters // len(paragraph)))
        while transcript._layout.find(message).pending:
            transcript._flush()
        costs = []
        for start in range(0, len(paragraph) * 3, 16):
            transcript.append(message, Channel.CONTENT, (paragraph * 3)[start : start + 16])

            def step() -> None:
                transcript._flush()
                paint(transcript)

            costs.append(cost(step))
        transcript.end(message)
        return sorted(costs)[len(costs) // 2]

    frame_at(800)
    gc.collect()
    short, long = frame_at(800), frame_at(80_000)
    assert long < 2 * short


async def test_opening_a_thousand_messages_lays_out_only_what_is_near(
    transcript: Transcript,
) -> None:
    text = "# Title\n\n" + "A paragraph of some *length*, with `code`.\n\n" * 20
    data = [MessageData("assistant", "model", "14:02", text) for _ in range(1000)]
    transcript.load(data)
    paint(transcript)
    assert sum(message.parsed for message in transcript._layout.messages) < 10
    transcript.action_scroll_home()
    paint(transcript)
    assert sum(message.parsed for message in transcript._layout.messages) < 20
