"""Rows of a block of Markdown."""

from __future__ import annotations

from ollama_tui.ui.transcript.blocks import Block, Kind
from ollama_tui.ui.transcript.code import highlighted
from ollama_tui.ui.transcript.inline import inline_lines
from ollama_tui.ui.transcript.plain import MARGIN
from ollama_tui.ui.transcript.rows import Row, Run, cells, wrap_runs
from ollama_tui.ui.transcript.styles import Attribute, Look
from ollama_tui.ui.transcript.table import table_rows

PROSE = 100
"""Cells after which prose is wrapped even where there is more room: the eye loses the line."""
LEAST = 20
"""Cells that text gets even where it is nested so deep that none would be left."""

_HEADINGS = {1: Look.HEADING | Attribute.BOLD, 2: Look.HEADING | Attribute.BOLD}


def markdown_rows(block: Block, width: int, *, tight: bool = False) -> list[Row]:
    """Lay out a block for a width.

    Args:
        block: From a `MarkdownParser`.
        width: Cells of the view.
        tight: Draw no empty row above it, unless it is a paragraph.
    """
    first, rest = _fronts(block, width - MARGIN)
    taken = MARGIN + sum(cells(run.text) for run in rest)
    room = max(width - taken, 2)
    rows = _leaf(block, room, min(room, max(PROSE - taken, LEAST)))
    for number, row in enumerate(rows):
        front = first if number == 0 and not block.joined else rest
        row.runs = (Run(" " * MARGIN), *front, *row.runs)
    if block.joined and rows:
        rows[0].joint = ""
    if block.gap and not (tight and (block.kind is not Kind.PARAGRAPH or block.containers)):
        bars = _bars(block)
        rows.insert(0, Row((Run(" " * MARGIN), *bars) if bars else ()))
    return rows


def _fronts(block: Block, width: int) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """What stands before the first row and before the others: bars, bullets, numbers."""
    containers = block.containers
    while containers and sum(cells(c.marker) for c in containers) > max(width - LEAST, 0):
        containers = containers[1:]
    fresh = len(containers) - min(block.markers, len(containers))
    first, rest = [], []
    for number, container in enumerate(containers):
        look = Look.QUOTE if container.quote else Look.BULLET
        space = Run(" " * cells(container.marker))
        marker = Run(container.marker, look)
        first.append(marker if number >= fresh or container.quote else space)
        rest.append(marker if container.quote else space)
    return tuple(first), tuple(rest)


def _bars(block: Block) -> tuple[Run, ...]:
    """Return what goes on through the empty row above a block: the quotes that began before."""
    before = block.containers[: len(block.containers) - block.markers]
    if not any(container.quote for container in before):
        return ()
    return tuple(
        Run(c.marker, Look.QUOTE) if c.quote else Run(" " * cells(c.marker)) for c in before
    )


def _leaf(block: Block, room: int, prose: int) -> list[Row]:
    match block.kind:
        case Kind.HEADING:
            style = _HEADINGS.get(block.level, Look.TEXT | Attribute.BOLD)
            return _prose(block, prose, style)
        case Kind.CODE:
            return _code(block, room)
        case Kind.TABLE:
            return table_rows(block, room)
        case Kind.RULE:
            return [Row((Run("─" * prose, Look.RULE),))]
        case _:
            return _prose(block, prose, Look.TEXT)


def _prose(block: Block, width: int, style: int) -> list[Row]:
    if any(container.quote for container in block.containers) and style == Look.TEXT:
        style = Look.QUOTED
    rows: list[Row] = []
    for line in inline_lines(block.lines, style, provisional=block.open):
        rows += wrap_runs(line, width)
    return rows or [Row()]


def _code(block: Block, width: int) -> list[Row]:
    fence = block.fence
    look = Look.CODE_BLOCK
    rows: list[Row] = []
    if fence is not None and block.first == 0 and fence.language and not block.joined:
        label = wrap_runs([Run(fence.language, Look.LANGUAGE)], width - 2)[0]
        rows.append(Row((Run(" ", look), *label.runs), fill=look))
    for (_, offset), tokens in zip(block.lines, highlighted(block), strict=True):
        at = offset
        runs = []
        for text, style in tokens:
            runs.append(Run(text, style, at))
            at += len(text)
        wrapped = wrap_runs(runs, width - 2, look)
        for number, row in enumerate(wrapped):
            row.runs = (Run("↪" if number else " ", Look.LANGUAGE if number else look), *row.runs)
        rows += wrapped
    return rows or [Row((Run(" ", look),), fill=look)]
