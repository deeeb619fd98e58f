"""What is inside of a paragraph: emphasis, code, links, as runs that know where they come from."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from ollama_tui.ui.transcript.rows import Run
from ollama_tui.ui.transcript.styles import Attribute, Look

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

PIECE = 600
"""Characters after which a long paragraph may be cut for parsing where no emphasis is open."""
PIECE_LIMIT = 1800
"""Characters after which it is cut anyway: some inputs take the parser quadratic time."""

_ATTRIBUTES = {
    "strong_open": int(Attribute.BOLD),
    "em_open": int(Attribute.ITALIC),
    "s_open": int(Attribute.STRIKE),
}
_CLOSES = {"strong_close": "strong_open", "em_close": "em_open", "s_close": "s_open"}
_PLAIN = re.compile(r"[^\\`*_~\[\]!<&]*")
_LINK_TAIL = re.compile(r"\[[^\[\]]*\]\([^()\s]*$")
_LONE_TAIL = re.compile(r"(?:\*{1,3}|_{1,3}|~{1,2}|`+|!?\[)$")
_CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # takes 30 ms, which the first paint needn't wait for

    return MarkdownIt("commonmark", {"html": False}).enable("strikethrough")


def inline_lines(
    lines: Sequence[tuple[str, int]], look: int = Look.TEXT, *, provisional: bool = False
) -> list[list[Run]]:
    """Parse the lines of one paragraph.

    Args:
        lines: Each with the offset of its first character in the source.
        look: Style of what is nothing in particular.
        provisional: More text may follow: emphasis that is still open is taken as closed.

    Returns:
        The runs of each line that is to be drawn; a line break of the source is one here, too.
    """
    text = "\n".join(line for line, _ in lines)
    starts, total = [], 0
    for line, _ in lines:
        starts.append(total)
        total += len(line) + 1
    result: list[list[Run]] = [[]]
    cuts = [*_cuts(text), len(text)]
    begin = 0
    for cut in cuts:
        piece = text[begin:cut]
        heal = provisional and cut == len(text)
        for run in _parse(_healed(piece) if heal else piece):
            if run.text == "\n":
                result.append([])
                continue
            source = -1
            if run.source >= 0:
                at = min(run.source + begin, max(total - 1, 0))
                number = bisect_right(starts, at) - 1
                source = lines[number][1] + at - starts[number]
            style = run.style if run.style > 15 else look | run.style
            result[-1].append(Run(run.text, style, source))
        begin = cut
    return result


def warm_up() -> None:
    """Import what the first answer will need."""
    _parse("*warm*")


def _cuts(text: str) -> Iterator[int]:
    """Yield where a long text is cut for parsing."""
    begin = 0
    while len(text) - begin > PIECE_LIMIT:
        cut = begin + PIECE_LIMIT
        for found in re.compile(r"\s").finditer(text, begin + PIECE, cut):
            if _balanced(text[begin : found.start()]):
                cut = found.start()
                break
        yield cut
        begin = cut


def _balanced(text: str) -> bool:
    return (
        text.count("*") % 2 == 0
        and text.count("`") % 2 == 0
        and text.count("_") % 2 == 0
        and text.count("~~") % 2 == 0
        and text.count("[") == text.count("]")
        and text.count("(") == text.count(")")
    )


def _healed(text: str) -> str:
    """Close what is open at the end of a text that still grows, so that nothing flickers."""
    text = _LONE_TAIL.sub("", text)
    bare = _CODE_SPAN.sub("", text)
    if "`" in bare:
        return text + "`" * (len(bare) - len(bare.rstrip("`")) or 1)
    if _LINK_TAIL.search(text):
        text += ")"
    closers = ""
    if bare.count("**") % 2:
        closers = "**"
        bare = bare.replace("**", "")
    elif bare.replace("**", "").count("*") % 2 and re.search(r"(?<!\w)\*\S", bare):
        closers = "*"
    if bare.count("~~") % 2:
        closers += "~~"
    return text.rstrip() + closers if closers else text


@lru_cache(maxsize=256)
def _parse(text: str) -> tuple[Run, ...]:
    """Parse a piece of a paragraph; sources are offsets in it."""
    if _PLAIN.fullmatch(text):
        return tuple(_text_runs(text, 0, Look.TEXT))
    tokens: list[Token] = []
    parser = _parser()
    parser.inline.parse(text, parser, {}, tokens)
    return tuple(_Walk(text).runs(tokens))


def _text_runs(text: str, offset: int, style: int) -> Iterator[Run]:
    for number, line in enumerate(text.split("\n")):
        if number:
            yield Run("\n", style, offset)
            offset += 1
        if line:
            yield Run(line, style, offset)
        offset += len(line)


class _Walk:
    """From tokens, which don't say where they come from, to runs, which do."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._attributes = 0
        self._look = int(Look.TEXT)
        self._links: list[str] = []

    def runs(self, tokens: list[Token]) -> Iterator[Run]:
        for token in tokens:
            kind = token.type
            if kind in _ATTRIBUTES:
                self._attributes |= _ATTRIBUTES[kind]
                self._skip(token.markup)
            elif kind in _CLOSES:
                self._attributes &= ~_ATTRIBUTES[_CLOSES[kind]]
                self._skip(token.markup)
            elif kind in {"softbreak", "hardbreak"}:
                self._skip("\n")
                yield Run("\n", Look.TEXT, self._at - 1)
            elif kind == "code_inline":
                self._skip(token.markup)
                yield self._run(token.content, Look.CODE)
                self._skip(token.markup)
            elif kind == "link_open":
                self._links.append(str(token.attrs.get("href", "")))
                self._look = Look.LINK
                self._skip("<" if token.info == "auto" else "[")
            elif kind == "link_close":
                yield from self._close_link(auto=token.info == "auto")
            elif kind == "image":
                yield from self._image(token)
            elif kind == "text_special":
                yield Run(token.content, self._look | self._attributes, self._find(token.markup))
            elif token.content:
                yield self._run(token.content, self._look)

    def _run(self, content: str, look: int) -> Run:
        return Run(content, look | self._attributes, self._find(content))

    def _find(self, content: str) -> int:
        """Return where `content` is in the text, from where the walk is; go behind it."""
        found = self._text.find(content, self._at)
        if found < 0:  # the parser has changed it: a line break in code, an entity
            return min(self._at, len(self._text))
        self._at = found + len(content)
        return found

    def _skip(self, markup: str) -> None:
        found = self._text.find(markup, self._at)
        if found >= 0:
            self._at = found + len(markup)

    def _close_link(self, *, auto: bool) -> Iterator[Run]:
        address = self._links.pop() if self._links else ""
        self._look = Look.LINK if self._links else Look.TEXT
        if auto:
            self._skip(">")
            return
        self._skip("](")
        yield Run(" (", Look.URL)
        yield self._run(address, Look.URL)
        yield Run(")", Look.URL)
        self._skip(")")

    def _image(self, token: Token) -> Iterator[Run]:
        self._skip("![")
        yield Run("image: ", Look.DIM)
        yield self._run(token.content, Look.LINK)
        self._links.append(str(token.attrs.get("src", "")))
        yield from self._close_link(auto=False)
