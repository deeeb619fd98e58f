"""Finding text in the conversation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ollama_tui.events import Channel
from ollama_tui.ui.transcript.message import Message

HITS_LIMIT = 10_000
"""Hits that are marked; nobody steps through more."""


class Hit(NamedTuple):
    """A place where the query stands, as offsets in a channel's text."""

    message: Message
    channel: Channel
    start: int
    end: int


class Finder:
    """All places of a query, from the first message to the last."""

    def __init__(self) -> None:
        self.hits: list[Hit] = []
        self.at = -1
        """The number of the current hit; -1 before the first step."""
        self._pattern: re.Pattern[str] | None = None

    @property
    def active(self) -> bool:
        return self._pattern is not None

    @property
    def current(self) -> Hit | None:
        return self.hits[self.at] if 0 <= self.at < len(self.hits) else None

    def search(self, query: str, messages: Iterable[Message]) -> int:
        """Find a text, whatever its case; a space stands for any white space, marks of
        emphasis between words don't matter. Returns the number of hits."""
        words = [re.escape(word) for word in query.split()]
        self.at = -1
        self._pattern = None
        if words:
            self._pattern = re.compile(r"[*_~`]{0,3}\s+[*_~`]{0,3}".join(words), re.IGNORECASE)
        self.again(messages)
        return len(self.hits)

    def again(self, messages: Iterable[Message]) -> None:
        """Look through the messages anew, as their texts have changed; the step stays."""
        current = self.current
        self.hits = []
        for message in messages:
            message.hits = {}
            if self._pattern is None or message.hidden:
                continue
            for channel in (Channel.THINKING, Channel.CONTENT):
                spans = self._spans(message.source[channel].text)
                if spans:
                    message.hits[channel] = spans
                    self.hits += [Hit(message, channel, *span) for span in spans]
        if current is not None:
            self.at = next((n for n, hit in enumerate(self.hits) if hit[:3] == current[:3]), -1)

    def _spans(self, text: str) -> list[tuple[int, int]]:
        assert self._pattern is not None
        room = HITS_LIMIT - len(self.hits)
        spans: list[tuple[int, int]] = []
        for found in self._pattern.finditer(text):
            if len(spans) >= room:
                break
            spans.append(found.span())
        return spans

    def step(self, by: int, first: int) -> Hit | None:
        """Go to the next hit (by=1) or the one before (by=-1), round and round.

        Args:
            by: 1 or -1.
            first: The id of the first message in view: where the first step begins.
        """
        if not self.hits:
            return None
        if self.at < 0:
            later = (n for n, hit in enumerate(self.hits) if hit.message.id >= first)
            start = next(later, 0)
            self.at = start if by > 0 else (start - 1) % len(self.hits)
        else:
            self.at = (self.at + by) % len(self.hits)
        return self.hits[self.at]
