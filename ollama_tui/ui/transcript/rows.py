"""Rows: a block laid out for a width, still free of colours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from textual.strip import Strip

from ollama_tui.ui.transcript.styles import Look
from ollama_tui.wrap import is_narrow, wrap

TAB = 4


class Run(NamedTuple):
    """Text in one style."""

    text: str
    style: int = Look.TEXT
    """A `Look` plus `Attribute`s."""
    source: int = -1
    """Offset of its first character in the channel's text; -1 for what the program adds."""


class Row:
    """A line of the screen."""

    __slots__ = ("at", "fill", "joint", "runs", "stamp", "strip")

    def __init__(
        self, runs: tuple[Run, ...] = (), joint: str | None = None, fill: int = Look.TEXT
    ) -> None:
        self.runs = runs
        self.joint = joint
        """What stands between the row above and this one in the text: None for a line break,
        else the space (or nothing) at which one line was wrapped."""
        self.fill = fill
        """Style of what is empty to the right."""
        self.at = 0
        """Offset in the channel's text that stands for the row where it has no text."""
        self.strip: Strip | None = None
        """What the painter made of it."""
        self.stamp = -1

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)

    @property
    def source(self) -> tuple[int, int] | None:
        """Offsets of the first drawn character and behind the last one."""
        own = [run for run in self.runs if run.source >= 0]
        return (own[0].source, own[-1].source + len(own[-1].text)) if own else None


def cells(text: str) -> int:
    return len(text) if is_narrow(text) else cell_len(text)


def expand_tabs(runs: Iterable[Run]) -> Iterator[Run]:
    """Replace each tab by spaces up to the next column that TAB divides."""
    column = 0
    for run in runs:
        if "\t" not in run.text:
            yield run
            column += cells(run.text)
            continue
        offset = run.source
        for index, part in enumerate(run.text.split("\t")):
            if index:
                spaces = TAB - column % TAB
                yield Run(" " * spaces, run.style, offset)
                column += spaces
                offset += 1 if offset >= 0 else 0
            if part:
                yield Run(part, run.style, offset)
                column += cells(part)
                offset += len(part) if offset >= 0 else 0


def wrap_runs(runs: Sequence[Run], width: int, fill: int = Look.TEXT) -> list[Row]:
    """Lay out one line of text that is made of runs without newlines."""
    runs = list(expand_tabs(runs))
    text = "".join(run.text for run in runs)
    rows: list[Row] = []
    last_end = 0
    index, begin = 0, 0  # the run that the next row begins in, and the offset of that run
    for start, end in wrap(text, width):
        piece: list[Run] = []
        while index < len(runs) and begin + len(runs[index].text) <= start:
            begin += len(runs[index].text)
            index += 1
        at, offset = index, begin
        while at < len(runs) and offset < end:
            run = runs[at]
            low, high = max(start - offset, 0), min(end - offset, len(run.text))
            if high > low:
                source = run.source + low if run.source >= 0 else -1
                whole = low == 0 and high == len(run.text)
                piece.append(run if whole else Run(run.text[low:high], run.style, source))
            offset += len(run.text)
            at += 1
        joint = (" " if start > last_end else "") if rows else None
        rows.append(Row(tuple(piece), joint, fill))
        last_end = end
    return rows


def indent(rows: list[Row], first: tuple[Run, ...], rest: tuple[Run, ...]) -> list[Row]:
    """Put something in front of the first row and of the others."""
    for number, row in enumerate(rows):
        row.runs = (first if number == 0 else rest) + row.runs
    return rows
