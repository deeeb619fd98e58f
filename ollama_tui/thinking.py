"""Splits raw `<think>` tags in an answer's content into the thinking channel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto

from ollama_tui.events import Channel, Delta, Reclassified

OPENERS = ("<think>", "<thinking>", "<thought>")
_CLOSERS = {"<think>": "</think>", "<thinking>": "</thinking>", "<thought>": "</thought>"}
_ORPHAN_TRIES = 8
"""How often a lone closing tag is looked at; each look counts the fences before it."""
_OPENING_QUOTE = re.compile(r"(?:^|[\s(\[=,:])['‘“]$")


class _State(Enum):
    START = auto()
    THINKING = auto()
    CONTENT = auto()


class ThinkTags:
    """Splits content, delta by delta; tags may be cut anywhere (`<th`, `ink`, `>`).

    Only an opener at the very beginning (white space before it is skipped) opens thinking.
    Where a template prefills the opener, the thoughts come as content and end with a lone
    closing tag: then all that came before it is reclassified, unless it stands in a code fence
    or in quotes, or behind an opener, where the answer merely speaks of the tags.
    """

    def __init__(self) -> None:
        self._state = _State.START
        self._closer = _CLOSERS["<think>"]
        self._held = ""
        self._trim = False
        self._orphans = _ORPHAN_TRIES
        self._content: list[str] = []

    def thinking_field_seen(self) -> None:
        """The server strips tags itself: what is in content stays content from now on."""
        self._orphans = 0

    def feed(self, text: str) -> Iterator[Delta | Reclassified]:
        """Yield what `text` (with what was held back before) turns out to be."""
        text = self._held + text
        self._held = ""
        while text:
            match self._state:
                case _State.START:
                    text = self._start(text)
                case _State.THINKING:
                    before, found, after = text.partition(self._closer)
                    if not found:
                        before, self._held = _hold(before, self._closer)
                        after = ""
                    yield from self._say(Channel.THINKING, before)
                    if found:
                        self._state, self._trim, self._orphans = _State.CONTENT, True, 0
                    text = after
                case _State.CONTENT:
                    yield from self._feed_content(text)
                    text = ""

    def end(self) -> Iterator[Delta]:
        """Yield what was held back for a tag that never came."""
        held, self._held = self._held, ""
        channel = Channel.THINKING if self._state is _State.THINKING else Channel.CONTENT
        yield from self._say(channel, held)

    def _start(self, text: str) -> str:
        stripped = text.lstrip()
        if any(opener.startswith(stripped) for opener in OPENERS):
            opened = stripped in OPENERS
            if not opened:
                self._held = text  # white space, or a proper prefix of an opener
                return ""
        for opener in OPENERS:
            if stripped.startswith(opener):
                self._state, self._closer, self._trim = _State.THINKING, _CLOSERS[opener], True
                return stripped[len(opener) :]
        self._state = _State.CONTENT
        return text

    def _feed_content(self, text: str) -> Iterator[Delta | Reclassified]:
        closer = self._closer
        while self._orphans:
            before, found, after = text.partition(closer)
            if not found:
                text, self._held = _hold(text, closer)
                break
            self._orphans -= 1
            if self._is_quoted(before):
                yield from self._say(Channel.CONTENT, before + closer)
                text = after
                continue
            yield from self._say(Channel.CONTENT, before)
            yield Reclassified()
            self._content.clear()
            self._orphans, self._trim, text = 0, True, after
        yield from self._say(Channel.CONTENT, text)

    def _is_quoted(self, before: str) -> bool:
        # looks at what came before only: what comes after may not be here yet
        self._content = ["".join(self._content)]
        said = self._content[0] + before
        line = said.rpartition("\n")[2]
        return (
            said.count("```") % 2 == 1
            or line.count("`") % 2 == 1
            or line.count('"') % 2 == 1
            or "<think>" in said
            or _OPENING_QUOTE.search(line) is not None
        )

    def _say(self, channel: Channel, text: str) -> Iterator[Delta]:
        if self._trim:  # the line breaks that set tags apart are no part of either text
            text = text.lstrip("\n")
            self._trim = not text
        if text:
            if channel is Channel.CONTENT and self._orphans:
                self._content.append(text)
            yield Delta(channel, text)


def _hold(text: str, tag: str) -> tuple[str, str]:
    """Split off an end of `text` that may be the beginning of `tag`."""
    at = text.rfind("<", max(0, len(text) - len(tag) + 1))
    if at >= 0 and tag.startswith(text[at:]):
        return text[:at], text[at:]
    return text, ""
