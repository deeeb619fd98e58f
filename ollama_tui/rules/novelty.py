"""`nothing_new`: the answer goes on, but says nothing that it hasn't said before."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import ClassVar

from ollama_tui.rules.detector import Detector, Hit, fold
from ollama_tui.rules.fences import Fences
from ollama_tui.rules.rule import Parameters, RuleError, parameter

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_MAX_WORD = 64
"""A longer word is cut, or a block of base64 would be read again with every piece of it."""
_WORD = re.compile(f"[{_HAN}]|[^\\W_{_HAN}]{{1,{_MAX_WORD}}}")
_HAN_CHARACTER = re.compile(f"[{_HAN}]")


class Words:
    """Splits a text into words, piece by piece; a Han character is a word by itself.

    A word is complete when the character behind it has been read, a Han character at once.
    """

    __slots__ = ("_begun", "read")

    def __init__(self) -> None:
        self._begun = ""
        self.read = 0

    @property
    def begun_at(self) -> int | None:
        """Where the word begins that isn't complete yet."""
        return self.read - len(self._begun) if self._begun else None

    def feed(self, text: str) -> list[tuple[str, int, int, int]]:
        """Return (word, start, end, characters read when it was complete) of what is complete."""
        base = self.read - len(self._begun)
        said = self._begun + text
        self.read += len(text)
        self._begun = ""
        words = []
        for found in _WORD.finditer(said):
            word, (start, end) = found[0], found.span()
            if len(word) == _MAX_WORD or _HAN_CHARACTER.match(word):
                words.append((word, base + start, base + end, base + end))
            elif end < len(said):
                words.append((word, base + start, base + end, base + end + 1))
            else:
                self._begun = word
        return words


class NothingNew(Detector):
    """Keeps the word runs said so far, and which of the last words belong to an old one."""

    __slots__ = ("_fences", "_last", "_old", "_parameters", "_said", "_words")

    def __init__(self, parameters: NothingNewFor) -> None:
        self._parameters = parameters
        self._words = Words()
        self._fences = Fences()
        self._said: set[int] = set()
        """Hashes of the word runs said so far."""
        self._last: deque[_Word] = deque()
        self._old = 0

    def feed(self, text: str) -> Hit | None:
        first, start, offset = None, 0, self._fences.read
        inside = self._fences.inside
        for change in [*self._fences.feed(text), offset + len(text)]:
            piece = text[start : change - offset]
            start = change - offset
            skip = inside and self._parameters.skip_code
            for word in self._words.feed(piece):
                hit = None if skip else self._add(*word)
                first = first or hit
            inside = not inside
        return first

    def _add(self, word: str, start: int, end: int, at: int) -> Hit | None:
        parameters, last = self._parameters, self._last
        last.append(_Word(fold(word), start))
        if len(last) > parameters.words:
            self._old -= last.popleft().old
        run = parameters.run
        if len(last) >= run:
            newest = [last[-k] for k in range(run, 0, -1)]
            key = hash(tuple(w.text for w in newest))
            if key in self._said:
                for w in newest:
                    self._old += not w.old
                    w.old = True
            else:
                self._said.add(key)
        if len(last) < parameters.words or self._old < parameters.share * parameters.words:
            return None
        share = self._old / parameters.words
        reason = f"{share:.0%} of the last {parameters.words} words were said before"
        return Hit(last[0].start, end, at, reason)


@dataclass(slots=True)
class _Word:
    text: str
    start: int
    old: bool = False


@dataclass(frozen=True, slots=True)
class NothingNewFor(Parameters):
    kind: ClassVar[str] = "nothing_new"
    summary: ClassVar[str] = "nearly all of the last words repeat what this answer said before"

    words: int = parameter("how many of the last words are looked at", 120, low=10, high=10_000)
    share: float = parameter("the share of them that is old", 0.95, low=0.1, high=1)
    run: int = parameter(
        "a word is old if it belongs to a run of this many words said before", 3, low=1, high=20
    )
    skip_code: bool = parameter("leave the words in code fences out", True)

    def check(self) -> None:
        if self.run > self.words:
            raise RuleError("run can't be longer than words", field="run")

    def detector(self) -> NothingNew:
        return NothingNew(self)
