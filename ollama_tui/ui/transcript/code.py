"""Colours for code, as far as they can be had in a bounded time."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from ollama_tui.ui.transcript.blocks import Block, Fence
from ollama_tui.ui.transcript.styles import Look

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType

WHOLE_LIMIT = 8192
"""Characters of a closed fence that are read as a whole; of a longer one each part by itself,
so that a text of many lines that began before may lose its colour."""
OPEN_LIMIT = 2048
"""The same while it grows, as it is read again with every line."""
LINE_LIMIT = 1000
"""No lexer is given a line that is longer: some take quadratic time."""

Tokens = list[list[tuple[str, int]]]

_NAME = re.compile(r"[\w+#.-]{1,30}")


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    from pygments.lexers import get_all_lexers

    # without plugins: looking for them at each unknown language takes 10 ms
    return {
        alias.lower(): found[0] for found in get_all_lexers(plugins=False) for alias in found[1]
    }


@lru_cache(maxsize=64)
def _lexer(language: str) -> Lexer | None:
    if not _NAME.fullmatch(language):
        return None
    name = _names().get(language.lower())
    if name is None:
        return None
    from pygments.lexers import find_lexer_class

    found = find_lexer_class(name)
    return None if found is None else found(stripnl=False, ensurenl=False)


def warm_up() -> None:
    """Import what the first code block will need."""
    _lexer("python")


@lru_cache(maxsize=512)
def _look(kind: _TokenType) -> int:
    from pygments.token import Comment, Generic, Keyword, Name, Number, Operator, String

    looks = (
        (Comment, Look.COMMENT),
        (Keyword, Look.KEYWORD),
        (Operator.Word, Look.KEYWORD),
        (String, Look.STRING),
        (Number, Look.NUMBER),
        (Name.Function, Look.NAME),
        (Name.Class, Look.NAME),
        (Name.Decorator, Look.NAME),
        (Name.Tag, Look.NAME),
        (Name.Builtin, Look.NAME),
        (Generic.Inserted, Look.STRING),
        (Generic.Deleted, Look.KEYWORD),
        (Generic.Heading, Look.NAME),
    )
    return next((int(look) for parent, look in looks if kind in parent), int(Look.CODE_BLOCK))


def highlighted(block: Block) -> Tokens:
    """Return text and style of the lines of a code block; a line that still grows is plain."""
    fence = block.fence
    stop = block.first + len(block.lines)
    tokens: Tokens = []
    if fence is not None:
        tokens = _complete_lines(fence, block.first, min(stop, len(fence.lines)))
    tokens += [[(line, int(Look.CODE_BLOCK))] for line, _ in block.lines[len(tokens) :]]
    return tokens


def _complete_lines(fence: Fence, first: int, stop: int) -> Tokens:
    if stop <= first:
        return []
    if fence.tokens is not None and fence.tokens[0] <= first and stop <= fence.tokens[1]:
        begin, _, tokens = fence.tokens
        return tokens[first - begin : stop - begin]
    lexer = _lexer(fence.language) if fence.language else None
    if lexer is None or any(len(line) > LINE_LIMIT for line in fence.lines[first:stop]):
        return [[(line, int(Look.CODE_BLOCK))] for line in fence.lines[first:stop]]
    end = len(fence.lines) if fence.closed else stop
    limit = WHOLE_LIMIT if fence.closed else OPEN_LIMIT
    begin, end = (0, end) if _fits(fence.lines, end, limit) else (first, stop)
    tokens = _lex(lexer, fence.lines[begin:end])
    if not fence.closed or (begin, end) != (first, stop):  # else nobody asks again
        fence.tokens = (begin, end, tokens)
    return tokens[first - begin : stop - begin]


def _fits(lines: list[str], end: int, limit: int) -> bool:
    size = 0
    for number in range(end):
        size += len(lines[number]) + 8  # an empty line is not free either
        if size > limit or len(lines[number]) > LINE_LIMIT:
            return False
    return True


def _lex(lexer: Lexer, lines: list[str]) -> Tokens:
    tokens: Tokens = [[]]
    for kind, text in lexer.get_tokens("\n".join(lines)):
        look = _look(kind)
        for number, part in enumerate(text.split("\n")):
            if number:
                tokens.append([])
            if part:
                tokens[-1].append((part, look))
    # a lexer that changes the text must not change what is shown
    for number, line in enumerate(lines):
        if number >= len(tokens) or "".join(part for part, _ in tokens[number]) != line:
            tokens[number:] = [[(rest, int(Look.CODE_BLOCK))] for rest in lines[number:]]
            break
    return tokens[: len(lines)]
