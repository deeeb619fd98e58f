"""The pieces that a message is drawn from, and the splitting of plain text into such pieces."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

LINE_LIMIT = 4096
"""Characters of one line that are laid out together; a longer line is drawn in several pieces."""
PLAIN_LIMIT = 2048
"""Characters of several lines that are laid out together."""


class Kind(Enum):
    """What a block is drawn as."""

    HEADER = auto()
    """Who and when."""
    FOLD = auto()
    """The line that stands for folded thinking."""
    NOTES = auto()
    """Receipts and hints under a message."""
    REST = auto()
    """Text that nobody has looked at yet; it has a guessed height and no rows."""
    PLAIN = auto()
    """Lines as they are."""
    PARAGRAPH = auto()
    HEADING = auto()
    CODE = auto()
    TABLE = auto()
    RULE = auto()


@dataclass(slots=True, frozen=True)
class Container:
    """What a block stands in: a quote, or an item of a list."""

    marker: str
    """Drawn in front of the first row: "• ", "12. ", or a bar for a quote."""
    quote: bool = False


@dataclass(slots=True, eq=False)
class Fence:
    """A code block, which may be drawn in several parts."""

    language: str = ""
    """As the model wrote it."""
    lines: list[str] = field(default_factory=list)
    """Complete lines without the indent of the fence."""
    closed: bool = False
    fenced: bool = True
    """False for code that is code only because it is indented."""
    start: int = 0
    """Offset of the line that opens it."""
    tokens: tuple[int, int, list[list[tuple[str, int]]]] | None = None
    """What the highlighter said about lines from..to: text and style, line by line."""


@dataclass(slots=True, eq=False)
class Table:
    """A table, which may be drawn in several parts that share its columns."""

    head: tuple[str, int]
    """The line with the headings, and its offset."""
    align: tuple[str, ...]
    """"left", "right" or "center" for each column."""
    widths: dict[int, list[int]] = field(default_factory=dict)
    """Columns for each width that it was drawn at, once its first part was closed."""


@dataclass(slots=True, eq=False)
class Block:
    """A part of a message that is laid out by itself, so that its rows can be thrown away."""

    kind: Kind
    start: int = 0
    """Offset of its first character in the text of its channel."""
    end: int = 0
    """Offset behind its last character."""
    lines: list[tuple[str, int]] = field(default_factory=list)
    """Lines without what stands in front for the containers, each with its offset."""
    containers: tuple[Container, ...] = ()
    markers: int = 0
    """How many of `containers`, counted from the last, begin with this block."""
    gap: bool = False
    """Whether an empty row stands above it."""
    joined: bool = False
    """Whether its first line goes on from the block before, which was cut for its length."""
    level: int = 0
    """Of a heading, 1 to 6."""
    fence: Fence | None = None
    """Of code: all that belongs together, of which this block is a part."""
    first: int = 0
    """Of code: the number in its fence of the first line."""
    table: Table | None = None
    """Of a table's rows: the table that they belong to. A block without rows is its head."""
    open: bool = False
    """Whether more text may come for it."""
    thinking: bool = False
    height: int = 0
    """Rows, the gap included: exact for the width in `width`, else a guess."""
    width: int = 0
    """The width for which `height` is exact; 0 if it is a guess."""

    @property
    def size(self) -> int:
        return sum(len(line) + 1 for line, _ in self.lines)


class Parser(Protocol):
    """Turns text that comes in pieces into blocks, each character looked at once."""

    @property
    def blocks(self) -> list[Block]:
        """Blocks that nothing can change any more."""

    def feed(self, text: str) -> None:
        """Take more text."""

    def open_blocks(self) -> list[Block]:
        """Return what the text after `blocks` looks like now; the next text may change it."""

    def end(self) -> None:
        """No more text comes: everything moves to `blocks`."""


class PlainParser:
    """Lines as they are, in blocks that are cheap to lay out again while they grow."""

    def __init__(self, kind: Kind = Kind.PLAIN) -> None:
        self.blocks: list[Block] = []
        self._kind = kind
        self._open: Block | None = None
        self._size = 0
        self._line = ""
        self._line_start = 0
        self._joined = False

    def feed(self, text: str) -> None:
        *complete, rest = (self._line + text).split("\n")
        for line in complete:
            self._cut(line)
            self._add()
            self._line_start += 1
        self._line = rest
        if len(rest) > LINE_LIMIT:
            self._cut(rest)

    def _cut(self, line: str) -> None:
        """Take the beginning off a line until it is short enough."""
        while len(line) > LINE_LIMIT:
            space = line.rfind(" ", LINE_LIMIT // 2, LINE_LIMIT)
            cut = LINE_LIMIT if space < 0 else space + 1
            self._line = line[:cut]
            self._add()
            self._close()
            self._joined = True
            line = line[cut:]
        self._line = line

    def _add(self) -> None:
        if self._open is None:
            self._open = Block(self._kind, start=self._line_start, joined=self._joined)
            self._size = 0
        block = self._open
        block.lines.append((self._line, self._line_start))
        self._line_start += len(self._line)
        block.end = self._line_start
        self._size += len(self._line) + 32
        self._line, self._joined = "", False
        if self._size > PLAIN_LIMIT:
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            self.blocks.append(self._open)
        self._open = None

    def open_blocks(self) -> list[Block]:
        lines = [*(self._open.lines if self._open else ()), (self._line, self._line_start)]
        if lines == [("", self._line_start)]:
            return []
        block = Block(self._kind, lines=lines, open=True, joined=self._joined)
        block.start = lines[0][1]
        block.end = self._line_start + len(self._line)
        if self._open is not None:
            block.joined = self._open.joined
        if not self._line:
            del lines[-1]
        return [block]

    def end(self) -> None:
        if self._line:
            self._add()
        self._close()
