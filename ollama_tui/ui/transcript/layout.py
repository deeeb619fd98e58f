"""Where every row of the conversation is, without laying out what nobody looks at."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import accumulate
from time import perf_counter
from typing import NamedTuple

from ollama_tui.events import Channel
from ollama_tui.ui.transcript.blocks import Block, Kind
from ollama_tui.ui.transcript.message import Message
from ollama_tui.ui.transcript.rows import Row

ROWS_KEPT = 1500
"""Rows that stay laid out; the ones that were not looked at for longest go first."""
PARSED_KEPT = 2_000_000
"""Characters of messages whose blocks are kept."""
SLICE = 0.01
"""Seconds in which text is split into blocks; what is left waits for the next frame."""
EXACT_AT_ONCE = 6
"""Blocks that are laid out as soon as they have come; of more only what is looked at."""

Renderer = Callable[[Block, Message, int], list[Row]]


class Place(NamedTuple):
    """A row of the conversation: which message, which of its pieces, which row of the piece."""

    message: int
    piece: int
    row: int


class Layout:
    """All messages, their heights, and the rows of what is near the view.

    Heights of what was never looked at are guesses. Whoever shows a part calls `settle` first,
    which makes the heights around it exact; rows keep their place in the text, not their number.
    """

    def __init__(self, render: Renderer) -> None:
        self.messages: list[Message] = []
        self.width = 0
        self._render = render
        self._index: dict[int, int] = {}
        self._tops: list[int] = [0]
        self._dirty = 0
        self._rows: OrderedDict[Block, list[Row]] = OrderedDict()
        self._kept = 0
        self._parsed: OrderedDict[int, Message] = OrderedDict()
        self.growing: dict[int, Message] = {}
        """Messages that stream, or whose text was too long to be split at once."""

    # --- the list of messages -------------------------------------------------------------

    def append(self, message: Message) -> None:
        self._index[message.id] = len(self.messages)
        self.messages.append(message)
        self._guess(message)

    def index_of(self, message: Message) -> int | None:
        """Return the position of a message; None if it was taken out."""
        return self._index.get(message.id)

    def find(self, number: int) -> Message:
        """Return the message with this id; raises KeyError."""
        return self.messages[self._index[number]]

    def remove(self, number: int) -> None:
        position = self._index[number]
        self._drop(self.messages.pop(position))
        self._index = {message.id: index for index, message in enumerate(self.messages)}
        self._dirty = min(self._dirty, position)

    def clear(self) -> None:
        self.messages.clear()
        self._index.clear()
        self._rows.clear()
        self._parsed.clear()
        self.growing.clear()
        self._kept = self._dirty = 0

    def changed(self, message: Message) -> None:
        """The height of a message may be another one."""
        self._dirty = min(self._dirty, self._index[message.id])

    def fold(self, message: Message) -> None:
        """Show the thinking of a message or leave it out, if that is due."""
        if not message.parsed or message.unfolded_now == message.shows_thinking:
            return
        for block in message.fold():
            self.redraw(block)
            block.height = self._guess_block(block)
        message.changed(0)
        self.changed(message)

    def finish(self, message: Message) -> None:
        """No more text comes for a message: its blocks take their final form."""
        if not message.parsed:
            self._guess(message)
        else:
            message.finish()
            gone, fresh = message.refresh(Channel.CONTENT)
            for block in gone:
                self._forget(block)
            for block in fresh:
                block.height = self._guess_block(block)
            for block in message.pieces:
                if block.fence is not None:  # colours are better now that it is whole
                    self._forget(block)
        self.changed(message)
        self.fold(message)
        self.redraw_kind(message, Kind.FOLD)

    def redraw_kind(self, message: Message, kind: Kind) -> None:
        """Lay out one of the program's own pieces of a message again."""
        for number, block in enumerate(message.pieces):
            if block.kind is kind:
                self.redraw(block)
                if self.width:
                    self.rows(message, block)
                message.changed(number)
                self.changed(message)

    def reparse(self, message: Message) -> None:
        """The text of a message is another one."""
        for block in message.pieces:
            self._forget(block)
        message.forget()
        self.open(self._index[message.id])
        self.changed(message)

    def resize(self, width: int) -> None:
        """Take a new width: everything is a guess again."""
        self.width = width
        self.restyle()

    def restyle(self) -> None:
        """Forget all rows, and turn all heights into guesses."""
        self._rows.clear()
        self._kept = 0
        for message in self.messages:
            if message.parsed and (message.streaming or self._is_small(message)):
                for block in message.pieces:
                    block.width = 0
                    block.height = self._guess_block(block)
                message.changed(0)
            else:
                self._parsed.pop(message.id, None)
                self._guess(message)
        self._dirty = 0

    @staticmethod
    def _is_small(message: Message) -> bool:
        return len(message.pieces) < 2000

    def _drop(self, message: Message) -> None:
        for block in message.pieces:
            self._forget(block)
        self._parsed.pop(message.id, None)
        self.growing.pop(message.id, None)

    # --- guesses --------------------------------------------------------------------------

    def _guess(self, message: Message) -> None:
        """Guess the height of a message that nobody has looked at."""
        text = message.source[Channel.CONTENT].text
        rows = 2 + text.count("\n") + len(text) // max(self.width - 4, 8) + len(message.notes)
        message.tops = [0, rows]
        message.forget()

    def _guess_block(self, block: Block) -> int:
        if block.kind is Kind.REST:
            return block.height
        if block.kind is Kind.HEADER:
            return 2
        if block.kind in {Kind.FOLD, Kind.NOTES}:
            return 0
        wrapped = sum(len(line) // max(self.width - 4, 8) for line, _ in block.lines)
        return block.gap + max(len(block.lines), 1) + wrapped

    # --- rows and heights -----------------------------------------------------------------

    @property
    def height(self) -> int:
        return self._measure()[-1]

    def _measure(self) -> list[int]:
        if self._dirty < len(self.messages) or len(self._tops) != len(self.messages) + 1:
            start = min(self._dirty, len(self._tops) - 1, len(self.messages))
            heights = (message.measure() for message in self.messages[start:])
            self._tops[start:] = accumulate(heights, initial=self._tops[start])
            self._dirty = len(self.messages)
        return self._tops

    def top_of(self, place: Place) -> int:
        """Return the number of a row, counted from the first one of the conversation."""
        message = self.messages[place.message]
        top = self._measure()[place.message]
        if message.hidden:
            return top
        return top + message.tops[place.piece] + place.row

    def locate(self, row: int) -> Place | None:
        """Return where a row is; None below the end or in an empty conversation."""
        tops = self._measure()
        if not 0 <= row < tops[-1]:
            return None
        index = bisect_right(tops, row) - 1
        message = self.messages[index]
        inside = row - tops[index]
        piece = bisect_right(message.tops, inside) - 1
        return Place(index, piece, inside - message.tops[piece])

    def rows(self, message: Message, block: Block) -> list[Row]:
        """Return the rows of a block, laid out now if need be."""
        before = block.height
        rows = self._lay_out(message, block)
        if block.height != before:
            message.changed(0)
            self.changed(message)
        return rows

    def _lay_out(self, message: Message, block: Block) -> list[Row]:
        rows = self._rows.get(block)
        if rows is not None and block.width == self.width:
            self._rows.move_to_end(block)
            return rows
        self._forget(block)
        rows = self._rows[block] = self._render(block, message, self.width)
        self._kept += len(rows)
        at = block.start
        for row in rows:
            row.at = at = (row.source or (0, at))[1]
        block.width = self.width
        block.height = len(rows)
        if self._kept > ROWS_KEPT:
            self._evict()
        return rows

    def redraw(self, block: Block) -> None:
        """A block has changed and is laid out anew when it is next looked at."""
        self._forget(block)
        block.width = 0

    def grow(self, message: Message) -> int:
        """Take over text that waits for a message; return by how many rows it grew."""
        if not message.parsed:
            return 0
        before = message.measure()
        for channel in message.take_pending(SLICE):
            self.fold(message)
            if channel is Channel.THINKING:
                self.redraw_kind(message, Kind.FOLD)
            if channel is Channel.THINKING and not message.unfolded_now:
                continue
            gone, fresh = message.refresh(channel)
            for block in gone:
                self._forget(block)
            for block in fresh:
                if len(fresh) < EXACT_AT_ONCE:
                    self._lay_out(message, block)
                else:
                    block.height = self._guess_block(block)
        self.changed(message)
        return message.measure() - before

    def _forget(self, block: Block) -> None:
        rows = self._rows.pop(block, None)
        if rows is not None:
            self._kept -= len(rows)

    def _evict(self) -> None:
        while self._kept > ROWS_KEPT and len(self._rows) > 64:
            _, rows = self._rows.popitem(last=False)
            self._kept -= len(rows)

    # --- making a part exact --------------------------------------------------------------

    def exact(self, index: int, piece: int) -> int:
        """Make one piece exact; return its height."""
        message = self.messages[index]
        block = message.pieces[piece]
        if block.width != self.width:
            before = block.height
            self._lay_out(message, block)
            if block.height != before:
                message.changed(piece)
                self.changed(message)
        return block.height

    def open(self, index: int) -> bool:
        """Split a message into blocks if that was not done; say whether it was done now."""
        message = self.messages[index]
        if message.parsed or message.hidden:
            self._parsed.pop(message.id, None)
            self._parsed[message.id] = message
            return False
        message.parse(SLICE)
        for block in message.pieces:
            block.height = self._guess_block(block)
        self._parsed[message.id] = message
        if message.pending:
            self.growing[message.id] = message
        self.changed(message)
        return True

    def close_far(self, near: set[int]) -> None:
        """Let go of the blocks of messages that were not looked at for long."""
        size = sum(_size(message) for message in self._parsed.values())
        for number, message in list(self._parsed.items()):
            if size <= PARSED_KEPT:
                return
            if message.streaming or number in near:
                continue
            size -= _size(message)
            message.measure()
            self._drop(message)
            message.forget()
            self.changed(message)

    def down(self, place: Place) -> Iterator[tuple[int, int]]:
        """Yield (message, piece) from a place on; messages are opened on the way."""
        index, piece = place.message, place.piece
        while index < len(self.messages):
            self.open(index)
            message = self.messages[index]
            if not message.hidden:
                while piece < len(message.pieces):
                    yield index, piece
                    piece += 1
            index, piece = index + 1, 0

    def up(self, place: Place) -> Iterator[tuple[int, int]]:
        """Yield (message, piece) before a place, nearest first; messages are opened."""
        index, piece = place.message, place.piece - 1
        while index >= 0:
            opened = self.open(index)
            message = self.messages[index]
            if not message.hidden:
                if opened or piece >= len(message.pieces):
                    piece = len(message.pieces) - 1
                while piece >= 0:
                    yield index, piece
                    piece -= 1
            index -= 1
            piece = len(self.messages[index].pieces) - 1 if index >= 0 else -1

    def settle_down(self, place: Place, rows: int, deadline: float | None = None) -> bool:
        """Make at least `rows` rows from a place on exact; False if time ran out before."""
        have = -place.row
        for index, piece in self.down(place):
            have += self.exact(index, piece)
            if have >= rows:
                return True
            if deadline is not None and perf_counter() > deadline:
                return False
        return True

    def settle_up(self, place: Place, rows: int, deadline: float | None = None) -> bool:
        """Make at least `rows` rows above a place exact; False if time ran out before."""
        have = place.row
        for index, piece in self.up(place):
            if have >= rows:
                return True
            have += self.exact(index, piece)
            if deadline is not None and perf_counter() > deadline:
                return False
        return True


def _size(message: Message) -> int:
    return sum(source.size for source in message.source.values())
