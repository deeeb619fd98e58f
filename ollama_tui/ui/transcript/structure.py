"""The block structure of Markdown, line by line.

As in CommonMark: the containers of the line before are matched first, then new containers, then
the leaf. Tables are known; HTML and reference definitions are text like any other. Depth and
sizes are bounded: what goes further is drawn as it is.
"""

from __future__ import annotations

import copy
import re
from typing import NamedTuple

from ollama_tui.ui.transcript.blocks import LINE_LIMIT, Block, Container, Fence, Kind, Table

NESTING = 10
"""Quotes and lists inside each other; what is nested deeper is text."""
CODE_LIMIT = 1536
"""Characters of code that are laid out and highlighted together."""
TABLE_LIMIT = 4096
"""Characters of rows that are laid out together; the first part gives the columns."""

_QUOTE = re.compile(r" {0,3}> ?")
_ITEM = re.compile(r"( {0,3})([-*+]|\d{1,9}[.)])(?:([ \t]{1,4})(?=\S)|(?=[ \t]|$))")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+|$)")
_HEADING_END = re.compile(r"[ \t]+#+[ \t]*$|[ \t]+$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r"( {0,3})(`{3,}(?=[^`]*$)|~{3,})[ \t]*([^\s`]*)")
_DELIMITER = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_SPECIAL = re.compile(r"[ \t]*[-*+>#=_~`|\d]|    |\t")
"""No line that begins otherwise can begin anything but a paragraph."""


class Item(NamedTuple):
    """An open item of a list."""

    column: int
    """Spaces that its later lines are indented by."""
    bullet: str
    """Its marker without the number; another one begins another list."""
    number: int


class Structure:
    """What is open, and the blocks that are closed."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.leaf: Block | None = None
        self._containers: list[Item | None] = []  # None is a quote
        self._drawn: list[Container] = []
        self._fresh = 0  # containers, counted from the last, that have no leaf yet
        self._fence_end = re.compile("")
        self._fence_indent = 0
        self._size = 0
        self._blank = False
        self._begun = False
        self._is_preview = False

    def preview(self) -> Structure:
        """Return a copy without the closed blocks; lines given to it don't change this one."""
        other = copy.copy(self)
        other.blocks = []
        other._is_preview = True  # noqa: SLF001 - of our own kind
        other._containers = list(self._containers)  # noqa: SLF001
        other._drawn = list(self._drawn)  # noqa: SLF001
        if self.leaf is not None:
            other.leaf = copy.copy(self.leaf)
            other.leaf.lines = list(self.leaf.lines)
        return other

    # --- a line ---------------------------------------------------------------------------

    def line(self, text: str, offset: int) -> None:
        """Take a line without its newline."""
        position, matched = self._match_containers(text)
        leaf = self.leaf
        if leaf is not None and leaf.fence is not None:
            if self._code_line(leaf, leaf.fence, text, position, matched, offset):
                return
            leaf = self.leaf
        if not text[position:].strip():
            self._blank_line(matched)
            return
        if not self._containers and not _SPECIAL.match(text):
            self._text(text, offset)
            return
        position, opened = self._open_containers(text, position, matched)
        rest = text[position:]
        if not opened and matched < len(self._containers):
            if leaf is not None and leaf.kind is Kind.PARAGRAPH and not self._begins(rest):
                self._text(rest, offset + position)  # lazy: it goes on without its markers
                return
            self._leave(matched)
        self._leaf_line(rest, offset + position)

    def middle(self, text: str, offset: int) -> None:
        """Take a further part of a line that is too long to be taken at once."""
        leaf = self.leaf
        code = leaf is not None and leaf.fence is not None
        fence, first = (leaf.fence, leaf.first + len(leaf.lines)) if leaf and code else (None, 0)
        self._close_leaf()
        self._open_leaf(Kind.CODE if fence is not None else Kind.PARAGRAPH, offset)
        assert self.leaf is not None
        self.leaf.joined, self.leaf.gap = True, False
        self.leaf.fence, self.leaf.first = fence, first
        self._add(text, offset)

    def end(self) -> None:
        """Close everything."""
        if self.leaf is not None and self.leaf.fence is not None:
            self.leaf.fence.closed = True
        self._leave(0)

    # --- containers -----------------------------------------------------------------------

    def _match_containers(self, text: str) -> tuple[int, int]:
        position = matched = 0
        for container in self._containers:
            if container is None:
                found = _QUOTE.match(text, position)
                if found is None:
                    break
                position = found.end()
            else:
                rest = text[position:]
                bare = rest.lstrip(" \t")
                if bare:
                    indent = rest[: len(rest) - len(bare)]
                    if len(indent.expandtabs(4)) < container.column:
                        break
                    position += min(len(indent), container.column) if "\t" not in indent else 1
            matched += 1
        return position, matched

    def _open_containers(self, text: str, position: int, matched: int) -> tuple[int, bool]:
        opened = False
        while True:
            kept = len(self._containers) if opened else matched
            if kept >= NESTING:
                return position, opened
            quote = _QUOTE.match(text, position)
            if quote is not None:
                self._leave(kept)
                self._enter(None, Container("▌ ", quote=True))
                position, opened = quote.end(), True
                continue
            item = None if _RULE.match(text, position) else _ITEM.match(text, position)
            if item is None or not self._may_begin(item, text, kept):
                return position, opened
            self._enter_item(item, kept)
            position, opened = item.end(), True

    def _may_begin(self, item: re.Match[str], text: str, kept: int) -> bool:
        """Say whether an item may begin where a paragraph is open."""
        leaf = self.leaf
        if leaf is None or leaf.kind is not Kind.PARAGRAPH or kept < len(self._containers):
            return True
        empty = not text[item.end() :].strip()
        return not empty and item[2] in {"-", "*", "+", "1.", "1)"}

    def _enter_item(self, item: re.Match[str], kept: int) -> None:
        bullet = item[2][-1]
        before = self._containers[kept] if kept < len(self._containers) else None
        number = int(item[2][:-1]) if len(item[2]) > 1 else 0
        if before is not None and before.bullet == bullet:
            number = max(number, before.number + 1)
        marker = f"{number}{bullet} " if len(item[2]) > 1 else "• "
        spaces = (item[3] or " ").expandtabs(4)
        self._leave(kept)
        column = len(item[1]) + len(item[2]) + len(spaces)
        self._enter(Item(column, bullet, number), Container(marker))

    def _enter(self, container: Item | None, drawn: Container) -> None:
        self._close_leaf()
        self._containers.append(container)
        self._drawn.append(drawn)
        self._fresh += 1

    def _leave(self, kept: int) -> None:
        """Close the leaf and all containers but the first `kept`."""
        self._close_leaf()
        if kept >= len(self._containers):
            return
        if self._fresh:  # an item without anything in it
            self._open_leaf(Kind.PARAGRAPH, self.blocks[-1].end if self.blocks else 0)
            self._close_leaf()
        del self._containers[kept:], self._drawn[kept:]

    # --- leaves ---------------------------------------------------------------------------

    def _blank_line(self, matched: int) -> None:
        leaf = self.leaf
        self._blank = True
        if leaf is None or leaf.fence is None:
            self._close_leaf()
        quotes = (n for n, c in enumerate(self._containers) if c is None and n >= matched)
        quote = next(quotes, None)
        if quote is not None:
            self._leave(quote)

    def _code_line(
        self, leaf: Block, fence: Fence, text: str, position: int, matched: int, offset: int
    ) -> bool:
        """Take a line of code; False if the code has ended before this line."""
        rest = text[position:]
        if matched < len(self._containers):
            self._leave(matched)
            return False
        if not fence.fenced:
            if rest.strip() and not rest.startswith(("    ", "\t")):
                self._close_leaf()
                return False
        elif self._fence_end.fullmatch(rest):
            fence.closed = fence.closed or not self._is_preview
            leaf.end = offset + len(text)
            self._close_leaf()
            return True
        indent = min(len(rest) - len(rest.lstrip(" ")), self._fence_indent)
        indent = 1 if self._fence_indent == 4 and rest.startswith("\t") else indent
        if self._size > CODE_LIMIT:
            self._go_on(offset + position)
        if not self._is_preview:
            fence.lines.append(rest[indent:])
        self._add(rest[indent:], offset + position + indent)
        return True

    def _go_on(self, offset: int) -> None:
        """Close the leaf for its size and open one that continues it."""
        before = self.leaf
        assert before is not None
        self._close_leaf()
        self._open_leaf(before.kind, offset)
        assert self.leaf is not None
        self.leaf.gap = False
        self.leaf.fence, self.leaf.table = before.fence, before.table
        self.leaf.first = before.first + len(before.lines)

    def _begins(self, rest: str) -> bool:
        """Say whether a line begins something that ends a paragraph."""
        return bool(_RULE.match(rest) or _HEADING.match(rest) or _FENCE.match(rest))

    def _leaf_line(self, rest: str, offset: int) -> None:
        leaf = self.leaf
        if leaf is not None and leaf.kind is Kind.PARAGRAPH:
            underline = _UNDERLINE.match(rest)
            if underline is not None:
                leaf.kind, leaf.level = Kind.HEADING, 1 if underline[1][0] == "=" else 2
                leaf.end = offset + len(rest)
                self._close_leaf()
                return
            if _DELIMITER.match(rest) and self._begin_table(leaf, rest):
                return
        fence = _FENCE.match(rest)
        heading = None if fence else _HEADING.match(rest)
        if fence is not None:
            self._begin_fence(fence, offset)
        elif heading is not None:
            self._close_leaf()
            self._open_leaf(Kind.HEADING, offset)
            assert self.leaf is not None
            self.leaf.level = len(heading[1])
            self._add(_HEADING_END.sub("", rest[heading.end() :]), offset + heading.end())
            self._close_leaf()
        elif _RULE.match(rest):
            self._close_leaf()
            self._open_leaf(Kind.RULE, offset)
            self._add(rest, offset)
            self._close_leaf()
        elif leaf is not None and leaf.kind is Kind.TABLE and leaf is self.leaf:
            if self._size > TABLE_LIMIT:
                self._go_on(offset)
            self._add(rest, offset)
        elif self.leaf is None and rest.startswith(("    ", "\t")):
            self._begin_indented(rest, offset)
        else:
            self._text(rest, offset)

    def _text(self, rest: str, offset: int) -> None:
        leaf = self.leaf
        bare = rest.lstrip(" \t")
        offset += len(rest) - len(bare)
        if leaf is not None and leaf.kind is not Kind.PARAGRAPH:
            self._close_leaf()
        if self.leaf is None:
            self._open_leaf(Kind.PARAGRAPH, offset)
        elif self._size > LINE_LIMIT:
            self._go_on(offset)
        self._add(bare, offset)

    def _begin_fence(self, found: re.Match[str], offset: int) -> None:
        self._close_leaf()
        self._open_leaf(Kind.CODE, offset)
        assert self.leaf is not None
        self.leaf.fence = Fence(language=found[3], start=offset)
        self.leaf.end = offset + found.end()
        self._fence_indent = len(found[1])
        self._fence_end = re.compile(rf" {{0,3}}{re.escape(found[2][0])}{{{len(found[2])},}}[ \t]*")

    def _begin_indented(self, rest: str, offset: int) -> None:
        self._open_leaf(Kind.CODE, offset)
        assert self.leaf is not None
        self.leaf.fence = Fence(fenced=False, start=offset)
        self._fence_indent = 4
        indent = 1 if rest[0] == "\t" else 4
        self.leaf.fence.lines.append(rest[indent:])
        self._add(rest[indent:], offset + indent)

    def _begin_table(self, leaf: Block, rest: str) -> bool:
        """Turn the last line of a paragraph into the head of a table, if the columns agree."""
        head, offset = leaf.lines[-1]
        marks = [mark.strip() for mark in rest.strip().strip("|").split("|")]
        if "|" not in head or len(split_cells(head)) != len(marks):
            return False
        align = tuple(
            {(1, 1): "center", (0, 1): "right"}.get((m[0] == ":", m[-1] == ":"), "left")
            for m in marks
        )
        if len(leaf.lines) == 1:
            leaf.kind, leaf.table = Kind.TABLE, Table((head, offset), align)
            leaf.lines.clear()
            return True
        leaf.lines.pop()
        leaf.end = leaf.lines[-1][1] + len(leaf.lines[-1][0])
        self._close_leaf()
        self._open_leaf(Kind.TABLE, offset)
        assert self.leaf is not None
        self.leaf.table, self.leaf.end = Table((head, offset), align), offset + len(head)
        return True

    def _open_leaf(self, kind: Kind, offset: int) -> None:
        self.leaf = Block(kind, offset, offset, containers=tuple(self._drawn))
        self.leaf.markers, self._fresh = self._fresh, 0
        self.leaf.gap = self._blank and self._begun
        self._size, self._blank, self._begun = 0, False, True

    def _add(self, text: str, offset: int) -> None:
        assert self.leaf is not None
        self.leaf.lines.append((text, offset))
        self.leaf.end = offset + len(text)
        self._size += len(text) + 24

    def _close_leaf(self) -> None:
        leaf, self.leaf = self.leaf, None
        if leaf is None:
            return
        if leaf.fence is not None and not leaf.fence.fenced:
            while leaf.lines and not leaf.lines[-1][0].strip():  # belongs to what comes next
                leaf.lines.pop()
                self._blank = True
                if not self._is_preview:
                    leaf.fence.lines.pop()
        self.blocks.append(leaf)


def split_cells(line: str) -> list[tuple[str, int]]:
    """Split a row of a table into cells, each with the offset of its text in the line."""
    cells: list[tuple[str, int]] = []
    start = 0
    bare = line.strip()
    first = line.find("|") + 1 if bare.startswith("|") else 0
    stop = len(line.rstrip())
    if bare.endswith("|") and not bare.endswith("\\|") and stop > first:
        stop -= 1
    start = first
    for index in range(first, stop + 1):
        if index == stop or (line[index] == "|" and line[index - 1 : index] != "\\"):
            text = line[start:index]
            cells.append((text.strip(), start + len(text) - len(text.lstrip())))
            start = index + 1
    return cells
