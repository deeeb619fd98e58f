"""The code blocks of messages, to jump to and to copy."""

from __future__ import annotations

from collections.abc import Sequence

from ollama_tui.events import Channel
from ollama_tui.ui.transcript.blocks import Fence
from ollama_tui.ui.transcript.lazily import markdown_parser
from ollama_tui.ui.transcript.message import Message


def fences(message: Message) -> list[Fence]:
    """Return the fenced code of a message in order."""
    text = message.source[Channel.CONTENT].text
    if message.role != "assistant" or ("```" not in text and "~~~" not in text):
        return []
    blocks = message.pieces
    if not message.parsed or message.pending:
        parser = markdown_parser()
        parser.feed(text)
        parser.end()
        blocks = parser.blocks
    found = {id(block.fence): block.fence for block in blocks if block.fence is not None}
    return [fence for fence in found.values() if fence.fenced]


def code_of(fence: Fence) -> str:
    """Return the code as the model wrote it, without its fence."""
    return "\n".join(fence.lines)


def next_fence(
    messages: Sequence[Message], at: tuple[int, int] | None, by: int
) -> tuple[Message, Fence] | None:
    """Return the code block behind (by=1) or before (by=-1) a place.

    Args:
        messages: All of the conversation.
        at: A message's id and an offset in its content; None for all of it.
        by: 1 or -1.
    """
    for message in messages[::by]:
        if message.hidden or (at is not None and (message.id - at[0]) * by < 0):
            continue
        for fence in fences(message)[::by]:
            place = (message.id, fence.start)
            if at is None or (place > at if by > 0 else place < at):
                return message, fence
    return None
