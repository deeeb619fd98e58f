"""What a selection with the mouse means: spans of texts, not rows and columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from textual.geometry import Offset
from textual.selection import Selection

from ollama_tui.events import Channel
from ollama_tui.ui.transcript.blocks import Block, Kind
from ollama_tui.ui.transcript.message import Message
from ollama_tui.ui.transcript.rows import Row
from ollama_tui.ui.transcript.styles import Look
from ollama_tui.wrap import graphemes

_END = 1 << 60
_PARTS = {Kind.HEADER: 0, Kind.FOLD: 0, Kind.NOTES: 3}
_WORD = re.compile(r"\w+|\s+|[^\w\s]+")

Rows = Callable[[Message, Block], list[Row]]


def key_of(message: Message, block: Block) -> int:
    """Return the y that stands for a channel of a message: it grows from the first to the last."""
    return message.id * 4 + _PARTS.get(block.kind, 1 if block.thinking else 2)


class Point(NamedTuple):
    """A place in the conversation: a key, and an offset in the text that it stands for."""

    key: int
    offset: int


class Range(NamedTuple):
    """What is selected; `end` is behind the last character."""

    start: Point
    end: Point

    @classmethod
    def of(cls, selection: Selection) -> Range:
        start = Point(selection.start.y, selection.start.x) if selection.start else Point(0, 0)
        end = Point(selection.end.y, selection.end.x) if selection.end else Point(_END, 0)
        return cls(start, end)

    def within(self, key: int) -> tuple[int, int] | None:
        """Return the selected span of the text that `key` stands for."""
        if not self.start.key <= key <= self.end.key:
            return None
        start = self.start.offset if key == self.start.key else 0
        end = self.end.offset if key == self.end.key else _END
        return (start, end) if start < end else None


def selected_parts(
    messages: list[Message], selected: Range, rows: Rows
) -> Iterator[str]:  # fmt: skip
    """Yield the selected text of each message and channel in turn."""
    for message in messages:
        if message.hidden or message.id * 4 + 3 < selected.start.key:
            continue
        if message.id * 4 > selected.end.key:
            return
        for channel, part in ((Channel.THINKING, 1), (Channel.CONTENT, 2)):
            span = selected.within(message.id * 4 + part)
            if span is None or (channel is Channel.THINKING and not message.shows_thinking):
                continue
            text = message.source[channel].text
            whole = span[0] == 0 and span[1] >= len(text)
            part_text = text if whole else _excerpt(message, channel, span, rows)
            if part_text.strip():
                yield part_text.strip("\n")


def _excerpt(message: Message, channel: Channel, span: tuple[int, int], rows: Rows) -> str:
    """Return what is selected of one text: whole blocks as in the source, parts as drawn."""
    text = message.source[channel].text
    start, end = _whole_characters(text, *span)
    thinking = channel is Channel.THINKING
    blocks = [
        block
        for block in message.pieces
        if block.lines and block.thinking == thinking and block.start < end and start < block.end
    ]
    one_fence = len({id(block.fence) for block in blocks}) == 1 and blocks[0].fence is not None
    result: list[str] = []
    before: Block | None = None
    for block in blocks:
        drawn = rows(message, block)
        if not one_fence and _covers(drawn, start, end):
            begin = before.end if before is not None else text.rfind("\n", 0, block.start) + 1
            result.append(text[begin : block.end])
        else:
            if before is not None:
                result.append("" if block.joined else text[before.end : block.start] or "\n")
            result.append(_drawn_text(drawn, text, start, end))
        before = block
    return "".join(result)


def _covers(rows: list[Row], start: int, end: int) -> bool:
    spans = [row.source for row in rows if row.source is not None]
    return bool(spans) and start <= spans[0][0] and spans[-1][1] <= end


def _drawn_text(rows: list[Row], text: str, start: int, end: int) -> str:
    """Return the selected characters of rows, with the breaks of wrapping taken back."""
    parts: list[str] = []
    last = -1  # offset behind the last character that was taken
    for row in rows:
        taken: list[str] = []
        first = -1
        for run in row.runs:
            if taken and run.style == Look.URL and run.source < 0:
                taken.append(run.text)  # the brackets around the target of a link
            low, high = max(start - run.source, 0), min(end - run.source, len(run.text))
            if run.source >= 0 and low < high:
                first = first if first >= 0 else run.source + low
                taken.append(run.text[low:high])
                after = run.source + high
        if not taken:
            if parts and row.source is None and row.joint is None and last < end:
                parts.append("\n")  # an empty line of code
            continue
        if parts:
            parts.append("\n" if row.joint is None else text[last:first] or row.joint)
        parts += taken
        last = after
    return "".join(parts).rstrip("\n")


def _whole_characters(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen a span so that it cuts no grapheme."""
    for low, high, _ in graphemes(text[max(start - 64, 0) : start + 64]):
        base = max(start - 64, 0)
        if base + low < start < base + high:
            start = base + low
    base = max(end - 64, 0)
    for low, high, _ in graphemes(text[base : end + 64]):
        if base + low < end < base + high:
            end = base + high
    return start, min(end, len(text))


def word_at(message: Message, key: int, offset: int) -> Selection | None:
    """Return the selection of the word at an offset."""
    channel = {1: Channel.THINKING, 2: Channel.CONTENT}.get(key % 4)
    if channel is None:
        return None
    text = message.source[channel].text
    base = max(offset - 256, 0)
    for found in _WORD.finditer(text, base, offset + 256):
        if found.start() <= offset < found.end():
            return Selection(Offset(found.start(), key), Offset(found.end(), key))
    return None


def clicked(message: Message, key: int, offset: int, chain: int) -> Selection | None:
    """Return what a double click (a word) or a triple click (the message) selects."""
    if chain == 2:
        return word_at(message, key, offset)
    if chain == 3:
        return Selection(Offset(0, message.id * 4), Offset(0, message.id * 4 + 3))
    return None
