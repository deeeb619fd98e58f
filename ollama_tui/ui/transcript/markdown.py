"""Markdown that streams: every complete line is looked at once, the last one provisionally."""

from __future__ import annotations

import re

from ollama_tui.ui.transcript.blocks import LINE_LIMIT, Block, Kind
from ollama_tui.ui.transcript.structure import Structure

_UNDECIDED = re.compile(r"\s*(?:[-*+>#=_~`|:. ]+|\d{1,9}[.)]?\s*)?$|\s*(?:`{3,}|~{3,}|\|)")
"""Beginnings of lines that may yet turn out to be something else than text."""
_MAYBE_FENCE_END = re.compile(r"\s*[`~]+\s*$")


class MarkdownParser:
    """See `blocks.Parser`."""

    def __init__(self) -> None:
        self._structure = Structure()
        self._rest = ""
        self._start = 0  # offset of `_rest`
        self._middle = False  # `_rest` is not the beginning of its line

    @property
    def blocks(self) -> list[Block]:
        return self._structure.blocks

    def feed(self, text: str) -> None:
        *complete, rest = (self._rest + text).split("\n")
        for line in complete:
            self._take(line)
            self._start += 1
            self._middle = False
        self._rest = rest
        while len(self._rest) > LINE_LIMIT:
            space = self._rest.rfind(" ", LINE_LIMIT // 2, LINE_LIMIT)
            cut = space + 1 if space > 0 else LINE_LIMIT
            rest = self._rest[cut:]
            self._take(self._rest[:cut])
            self._rest, self._middle = rest, True

    def _take(self, line: str) -> None:
        for start in range(0, max(len(line), 1), LINE_LIMIT):
            part = line[start : start + LINE_LIMIT]
            take = self._structure.middle if self._middle else self._structure.line
            if part or not self._middle:
                take(part, self._start)
            self._start += len(part)
            self._middle = True

    def open_blocks(self) -> list[Block]:
        preview = self._structure.preview()
        leaf = preview.leaf
        if leaf is not None and _may_be_table(leaf):
            return []
        if self._rest and (self._middle or not self._undecided(leaf)):
            take = preview.middle if self._middle else preview.line
            take(self._rest, self._start)
        blocks = preview.blocks
        if preview.leaf is not None:
            blocks.append(preview.leaf)
        for block in blocks:
            block.open = True
        return blocks

    def _undecided(self, leaf: Block | None) -> bool:
        if leaf is not None and leaf.kind is Kind.CODE:
            return _MAYBE_FENCE_END.match(self._rest) is not None
        return _UNDECIDED.match(self._rest) is not None

    def end(self) -> None:
        if self._rest:
            self._take(self._rest)
            self._rest = ""
        self._structure.end()


def _may_be_table(leaf: Block) -> bool:
    """Say whether the next line decides if this is text or the head of a table."""
    return leaf.kind is Kind.PARAGRAPH and len(leaf.lines) == 1 and leaf.lines[0][0][:1] == "|"
