"""What Markdown needs, imported when it is needed: the first paint of an empty chat is sooner."""

from __future__ import annotations

from ollama_tui.ui.transcript.blocks import Block, Kind, Parser
from ollama_tui.ui.transcript.rows import Row


def markdown_parser() -> Parser:
    """Return a `MarkdownParser`."""
    from ollama_tui.ui.transcript.markdown import MarkdownParser

    return MarkdownParser()


def markdown_rows(block: Block, width: int, *, tight: bool = False) -> list[Row]:
    """Call `render.markdown_rows`."""
    from ollama_tui.ui.transcript import render

    return render.markdown_rows(block, width, tight=tight)


def warm_up() -> None:
    """Import it all, with what the first answer and its first code block will need."""
    from ollama_tui.ui.transcript import code, inline

    markdown_parser().feed("warm\n")
    markdown_rows(Block(Kind.RULE), 80)
    inline.warm_up()
    code.warm_up()
