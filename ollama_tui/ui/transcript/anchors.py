"""Rows of the conversation in terms that outlive a new layout."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from ollama_tui.ui.transcript.blocks import Kind
from ollama_tui.ui.transcript.layout import Layout, Place
from ollama_tui.ui.transcript.message import Message


class Anchor(NamedTuple):
    """A row of the conversation in terms that outlive a new layout."""

    message: Message
    kind: Kind
    thinking: bool
    source: int
    """Offset of the row's first character, or of its block where the row has none."""
    row: int
    """Rows below the row that begins at `source` or before it."""


def anchor_of(layout: Layout, place: Place) -> Anchor:
    """Describe a row so that it can be found again after the layout has changed."""
    message = layout.messages[place.message]
    if not message.pieces:
        return Anchor(message, Kind.HEADER, False, 0, place.row)
    block = message.pieces[place.piece]
    if block.kind is Kind.REST:
        return Anchor(message, block.kind, False, max(block.height, 1), place.row)
    if block.width == layout.width and block.kind not in {Kind.HEADER, Kind.FOLD, Kind.NOTES}:
        rows = layout.rows(message, block)
        for back in range(min(place.row, len(rows) - 1), -1, -1):
            source = rows[back].source
            if source is not None:
                return Anchor(message, block.kind, block.thinking, source[0], place.row - back)
    return Anchor(message, block.kind, block.thinking, block.start, place.row)


def place_of(layout: Layout, anchor: Anchor) -> Place | None:
    """Find an anchor again; None if its message is gone. The place is made exact."""
    index = layout.index_of(anchor.message)
    if index is None:
        return None
    layout.open(index)
    pieces = anchor.message.pieces
    if anchor.message.hidden or not pieces:
        return Place(index, 0, 0)
    if anchor.kind in {Kind.HEADER, Kind.FOLD, Kind.NOTES}:
        piece = next((n for n, b in enumerate(pieces) if b.kind is anchor.kind), 0)
        layout.exact(index, piece)
        return Place(index, piece, anchor.row)
    if anchor.kind is Kind.REST:  # so many rows of the guessed height
        inside = anchor.message.measure() * anchor.row // anchor.source
        return Place(index, max(bisect_right(anchor.message.tops, inside) - 1, 0), 0)
    piece = piece_at(anchor.message, anchor.source, thinking=anchor.thinking)
    layout.exact(index, piece)
    rows = layout.rows(anchor.message, pieces[piece])
    best = 0
    for number, row in enumerate(rows):
        source = row.source
        if source is not None and source[0] <= anchor.source:
            best = number
    height = pieces[piece].height
    return Place(index, piece, min(best + anchor.row, max(height - 1, 0)))


def piece_at(message: Message, source: int, *, thinking: bool) -> int:
    """Return the piece that holds an offset of a channel's text, or the one before it."""
    best = 0
    for number, block in enumerate(message.pieces):
        if block.lines and block.thinking == thinking:
            if block.start > source:
                break
            best = number
    return best
