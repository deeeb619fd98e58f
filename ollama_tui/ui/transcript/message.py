"""A message of the transcript: its texts, its blocks and how many rows they take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from time import perf_counter

from ollama_tui.events import Channel
from ollama_tui.ui.transcript.blocks import Block, Kind, Parser, PlainParser

PART = 8192
"""Characters that are split into blocks between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Note:
    """A line that the program writes under a message; nothing that a model says looks like it."""

    text: str
    style: str = "dim"
    """"stop", "warning", "error", "dim" or "hint"."""


@dataclass(slots=True)
class MessageData:
    """A message as it is handed over when a chat is opened. Its texts are sanitised."""

    role: str
    label: str
    when: str
    content: str = ""
    thinking: str = ""
    thought: tuple[float, int] | None = None
    """Seconds and tokens of the thinking, where they are known."""
    notes: Sequence[Note] = ()
    hidden: bool = False
    marks: Sequence[tuple[Channel, int, int]] = ()


class Source:
    """A text that grows by pieces and is put together only when somebody asks."""

    def __init__(self, text: str = "") -> None:
        self._parts = [text] if text else []
        self.size = len(text)

    def append(self, text: str) -> None:
        self._parts.append(text)
        self.size += len(text)

    @property
    def text(self) -> str:
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""


def make_plain_parser() -> Parser:
    return PlainParser()


@dataclass(eq=False)
class Message:
    """What the layout knows of a message. Heights are rows at the width of the last `measure`."""

    id: int
    role: str
    label: str
    when: str
    make_parser: Callable[[], Parser] = make_plain_parser
    streaming: bool = False
    hidden: bool = False
    unfolded: bool = False
    unfolded_now: bool = False
    """Whether `pieces` has the thinking; see `shows_thinking`."""
    thought: tuple[float, int] | None = None
    notes: tuple[Note, ...] = ()
    marks: list[tuple[Channel, int, int]] = field(default_factory=list)
    hits: dict[Channel, list[tuple[int, int]]] = field(default_factory=dict)
    source: dict[Channel, Source] = field(default_factory=dict)
    pieces: list[Block] = field(default_factory=list)
    tops: list[int] = field(default_factory=lambda: [0])
    """First row of each piece, and behind them the height of the message."""

    def __post_init__(self) -> None:
        for channel in Channel:
            self.source.setdefault(channel, Source())
        self._parsers: dict[Channel, Parser] = {}
        self._pending: dict[Channel, list[str]] = {channel: [] for channel in Channel}
        self._closed = dict.fromkeys(Channel, 0)
        self._content = 2
        self._dirty = 0

    @classmethod
    def of(cls, number: int, data: MessageData, make_parser: Callable[[], Parser]) -> Message:
        message = cls(
            number, data.role, data.label, data.when, make_parser, hidden=data.hidden,
            thought=data.thought, notes=tuple(data.notes), marks=list(data.marks),
        )  # fmt: skip
        message.source = {
            Channel.THINKING: Source(data.thinking),
            Channel.CONTENT: Source(data.content),
        }
        return message

    # --- text -----------------------------------------------------------------------------

    @property
    def parsed(self) -> bool:
        return bool(self._parsers)

    @property
    def pending(self) -> bool:
        return any(self._pending.values())

    @property
    def shows_thinking(self) -> bool:
        return self.unfolded or (self.streaming and not self.source[Channel.CONTENT].size)

    def append(self, channel: Channel, text: str) -> None:
        """Take more text; without parsers it waits in the source until somebody looks."""
        self.source[channel].append(text)
        if self._parsers:
            self._pending[channel].append(text)

    def take_pending(self, seconds: float) -> list[Channel]:
        """Hand waiting text to the parsers until time is up; return who got some."""
        changed = [channel for channel, waiting in self._pending.items() if waiting]
        deadline = perf_counter() + seconds
        for channel in changed:
            waiting = self._pending[channel]
            text = "".join(waiting)
            at = 0
            while at < len(text) and (at == 0 or perf_counter() < deadline):
                self._parsers[channel].feed(text[at : at + PART])
                at += PART
            waiting[:] = [text[at:]] if at < len(text) else []
        return changed

    def parse(self, seconds: float) -> None:
        """Look at the text for the first time, as far as the time allows."""
        self._parsers = {Channel.THINKING: PlainParser(), Channel.CONTENT: self.make_parser()}
        for channel, source in self.source.items():
            text = source.text
            self._pending[channel] = [text] if text else []
        self.take_pending(seconds)
        if not self.streaming and not self.pending:
            self.finish()
        self.rebuild()

    def finish(self) -> None:
        for parser in self._parsers.values():
            parser.end()

    def forget(self) -> None:
        """Throw the blocks away; the height stays as the guess."""
        height = self.tops[-1]
        self._parsers = {}
        self._dirty = 0
        self.pieces = [Block(Kind.REST, height=height)]
        self.tops = [0, height]

    def reset_text(self, channel: Channel, text: str) -> None:
        self.source[channel] = Source(text)
        self._pending[channel] = []

    # --- blocks ---------------------------------------------------------------------------

    def rebuild(self) -> None:
        """Put the list of pieces together again from the first to the last."""
        self.pieces = [Block(Kind.HEADER), Block(Kind.FOLD), Block(Kind.NOTES)]
        self._closed = dict.fromkeys(Channel, 0)
        self._content = 2
        self._dirty = 0
        self.unfolded_now = self.shows_thinking
        if self.unfolded_now:
            self.refresh(Channel.THINKING)
        self.refresh(Channel.CONTENT)

    def refresh(self, channel: Channel) -> tuple[list[Block], list[Block]]:
        """Take over the blocks of a channel that are new since the last time.

        Returns:
            The blocks that are gone (they were open), and those that have come.
        """
        parser = self._parsers[channel]
        fresh = [*parser.blocks[self._closed[channel] :], *parser.open_blocks()]
        if channel is Channel.THINKING:
            for block in fresh:
                block.thinking = True
            start, stop = 2 + self._closed[channel], self._content
            self._content = start + len(fresh)
        else:
            start, stop = self._content + self._closed[channel], len(self.pieces) - 1
        self._closed[channel] = len(parser.blocks)
        gone = self.pieces[start:stop]
        self.pieces[start:stop] = fresh
        self._dirty = min(self._dirty, start)
        return gone, fresh

    def fold(self) -> list[Block]:
        """Show or leave out the thinking, as `shows_thinking` says; return blocks to redraw."""
        self.unfolded_now = self.shows_thinking
        if self.unfolded_now:
            _, fresh = self.refresh(Channel.THINKING)
            return [self.pieces[1], *fresh]
        gone = self.pieces[2 : self._content]
        del self.pieces[2 : self._content]
        self._closed[Channel.THINKING] = 0
        self._content = 2
        self._dirty = min(self._dirty, 1)
        return [self.pieces[1], *gone]

    def changed(self, piece: int) -> None:
        """The height of a piece has changed."""
        self._dirty = min(self._dirty, piece)

    def measure(self) -> int:
        """Return the height; work is done for the pieces from the first changed one on."""
        if self.hidden:
            return 0
        if self._dirty < len(self.pieces) or len(self.tops) != len(self.pieces) + 1:
            start = min(self._dirty, len(self.tops) - 1)
            heights = (piece.height for piece in self.pieces[start:])
            self.tops[start:] = accumulate(heights, initial=self.tops[start])
            self._dirty = len(self.pieces)
        return self.tops[-1]
