"""Rows become strips: colours, marks, hits and what is selected."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from ollama_tui.events import Channel
from ollama_tui.ui.transcript.blocks import Block
from ollama_tui.ui.transcript.find import Hit
from ollama_tui.ui.transcript.message import Message
from ollama_tui.ui.transcript.rows import Row, Run, cells
from ollama_tui.ui.transcript.styles import Look, Styles


class Overlay(NamedTuple):
    """A span of a channel's text that is drawn in another style."""

    start: int
    end: int
    style: Style
    before: str = ""
    """Drawn in front of the span, as "‹"."""
    after: str = ""


def paint(row: Row, styles: Styles, width: int, thinking: bool) -> Strip:
    """Return the row without overlays, made once and kept with the row."""
    if row.strip is None or row.stamp != styles.generation:
        segments = [Segment(run.text, styles[run.style, thinking]) for run in row.runs]
        row.strip = _fitted(segments, width, styles[row.fill, thinking])
        row.stamp = styles.generation
    return row.strip


def paint_over(
    row: Row, styles: Styles, width: int, thinking: bool, overlays: Sequence[Overlay]
) -> Strip:
    """Return the row with overlays; later ones lie over earlier ones."""
    segments: list[Segment] = []
    for run in row.runs:
        style = styles[run.style, thinking]
        if run.source < 0:
            segments.append(Segment(run.text, style))
        else:
            segments.extend(_split(run, style, overlays))
    if any(o.before for o in overlays) and sum(s.cell_length for s in segments) > width:
        bare = [overlay._replace(before="", after="") for overlay in overlays]
        return paint_over(row, styles, width, thinking, bare)  # no room for the brackets
    return _fitted(segments, width, styles[row.fill, thinking])


def _split(run: Run, style: Style, overlays: Sequence[Overlay]) -> Iterable[Segment]:
    begin, end = run.source, run.source + len(run.text)
    touching = [o for o in overlays if o.start < end and begin < o.end]
    cuts = {begin, end}
    for overlay in touching:
        cuts |= {max(overlay.start, begin), min(overlay.end, end)}
    edges = sorted(cuts)
    for low, high in pairwise(edges):
        part = style
        before = after = ""
        for overlay in touching:
            if overlay.start <= low and high <= overlay.end:
                part += overlay.style
                before = (overlay.start == low and overlay.before) or before
                after = (overlay.end == high and overlay.after) or after
        yield Segment(before + run.text[low - begin : high - begin] + after, part)


def _fitted(segments: list[Segment], width: int, fill: Style) -> Strip:
    """Fill the row up to `width`; a row that marks made too long is cropped."""
    length = sum(cells(segment.text) for segment in segments)
    if length < width:
        segments.append(Segment(" " * (width - length), fill))
        return Strip(segments, width)
    strip = Strip(segments, length)
    return strip if length == width else strip.crop(0, width)


def with_offsets(row: Row, width: int, key: int) -> Strip:
    """Return a strip that tells Textual which character is under the mouse; it is not drawn.

    x is the offset in the channel's text, y the number of the channel (`selection.key_of`):
    unlike rows and columns these stay true when the layout changes.
    """
    source = row.source
    first, last = source or (row.at, row.at)
    segments: list[Segment] = []
    for run in row.runs:
        if run.source >= 0:
            segments.append(Segment(run.text, Style.from_meta({"offset": (run.source, key)})))
            first = last
            continue
        beside = Style.from_meta({"offset": (first, key)})
        segments.extend(Segment(character, beside) for character in run.text)
    beside = Style.from_meta({"offset": (last, key)})
    used = sum(segment.cell_length for segment in segments)
    segments.extend(Segment(" ", beside) for _ in range(width - used))
    return Strip(segments)


def overlay_text(strip: Strip, text: str, style: Style, width: int) -> Strip:
    """Lay a short text over the right end of a strip."""
    room = min(cells(text), width)
    left = strip.crop(0, width - room)
    return Strip([*left, *Strip([Segment(text, style)]).crop(0, room)], width)


def found_in(message: Message, block: Block, styles: Styles, current: Hit | None) -> list[Overlay]:
    """Return the marks and hits of a block; the current hit comes last."""
    channel = Channel.THINKING if block.thinking else Channel.CONTENT
    size = message.source[channel].size
    overlays = [
        Overlay(start, min(end, size), styles.overlay(Look.MARK), "‹", "›")
        for marked, start, end in message.marks
        if marked is channel
    ]
    hits = message.hits.get(channel, [])
    first = max(bisect_left(hits, (block.start, 0)) - 1, 0)  # one may reach into the block
    for start, end in hits[first : bisect_left(hits, (block.end, 0))]:
        overlays.append(Overlay(start, end, styles.overlay(Look.HIT)))
    if current is not None and current.message is message and current.channel is channel:
        overlays.append(Overlay(current.start, current.end, styles.overlay(Look.CURRENT_HIT)))
    return overlays
