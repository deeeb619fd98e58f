"""Rows of everything that is not Markdown: headers, folded thinking, notes, plain lines."""

from __future__ import annotations

import re

from ollama_tui.events import Channel
from ollama_tui.ui.transcript.blocks import Block
from ollama_tui.ui.transcript.message import Message
from ollama_tui.ui.transcript.rows import Row, Run, cells, wrap_runs
from ollama_tui.ui.transcript.styles import Attribute, Look

MARGIN = 1
"""Empty cells at the left. Only the program draws there, so a model can't imitate its notes."""

_BEFORE_WORDS = re.compile(r"\s*[^\w\s\"'(]?\s+")
_ROLES = {"user": Look.USER, "assistant": Look.ASSISTANT}
_NOTES = {
    "stop": Look.STOP,
    "warning": Look.WARNING,
    "error": Look.ERROR,
    "hint": Look.HINT,
}
_BARS = {Look.STOP: Look.ERROR_BAR, Look.ERROR: Look.ERROR_BAR, Look.WARNING: Look.WARNING_BAR}


def header_rows(message: Message, width: int) -> list[Row]:
    """Who and when; a message of the program itself has no header."""
    if not message.label:
        return []
    look = _ROLES.get(message.role, Look.SYSTEM)
    room = max(width - MARGIN - cells(message.when) - 1, 4)
    label = wrap_runs([Run(message.label, look | Attribute.BOLD)], room)[0]
    space = width - MARGIN - cells(label.text) - cells(message.when)
    runs = (Run(" " * MARGIN), *label.runs, Run(" " * max(space, 1)), Run(message.when, Look.TIME))
    return [Row(runs)]


def fold_rows(message: Message, width: int) -> list[Row]:
    """The line about the thinking, if there is any."""
    if not message.source[Channel.THINKING].size and message.thought is None:
        return []
    words = "thinking" if message.streaming and message.thought is None else "thought"
    if message.thought is not None:
        seconds, tokens = message.thought
        words += f" for {seconds:.1f} s"
        if tokens:
            words += f" · {tokens:,} tokens"
    arrow = "▾" if message.shows_thinking else "▸"
    rows = wrap_runs([Run(f"{arrow} {words}", Look.DIM)], width - MARGIN)
    return [_shifted(row, Run(" " * MARGIN)) for row in rows]


def note_rows(message: Message, width: int) -> list[Row]:
    """Receipts and hints. What is serious has a bar in the margin."""
    rows: list[Row] = []
    serious = Look.TEXT
    for note in message.notes:
        look = _NOTES.get(note.style, Look.DIM)
        serious = look if look in _BARS else serious
        fill = look if look in _BARS else Look.TEXT
        bar = Run("▌", _BARS[serious]) if serious else Run(" " * MARGIN)
        rows.extend(_shifted(row, bar) for row in _hanging(note.text, look, width - MARGIN, fill))
    return rows


def _hanging(text: str, look: int, width: int, fill: int) -> list[Row]:
    """Wrap a line so that its further rows begin where its words begin."""
    found = _BEFORE_WORDS.match(text)
    front = found[0] if found else ""
    rows = wrap_runs([Run(text[len(front) :], look)], width - cells(front), fill)
    for number, row in enumerate(rows):
        row.runs = (Run(" " * cells(front) if number else front, look), *row.runs)
    return rows


def plain_rows(block: Block, message: Message, width: int) -> list[Row]:
    """Lines as they are; those of a user have a thin bar in the margin."""
    bar = Run("▎", Look.USER) if message.role == "user" else Run(" " * MARGIN)
    rows: list[Row] = []
    for number, (line, offset) in enumerate(block.lines):
        wrapped = wrap_runs([Run(line, Look.TEXT, offset)], width - MARGIN)
        if number == 0 and block.joined:
            wrapped[0].joint = ""
        rows.extend(_shifted(row, bar) for row in wrapped)
    return rows


def _shifted(row: Row, bar: Run) -> Row:
    row.runs = (bar, *row.runs)
    return row
