"""Text without what a rule is told to ignore, and where each of its characters stood."""

from __future__ import annotations

import re
from bisect import bisect_right

from ollama_tui.rules.detector import fold

_DIGITS = re.compile(r"\d+")
_SPACE = re.compile(r"\s+")


class Plain:
    """Drops case, digits or white space, piece by piece.

    A number becomes one 0, whatever its length. Offsets are kept as stretches that were copied
    one to one, so that text of which nothing is dropped costs nothing.
    """

    __slots__ = (
        "_case",
        "_digits",
        "_in_number",
        "_originals",
        "_plains",
        "_space",
        "length",
        "read",
    )

    def __init__(self, *, ignore_case: bool, ignore_digits: bool, ignore_white_space: bool) -> None:
        self._case = ignore_case
        self._digits = ignore_digits
        self._space = ignore_white_space
        self._in_number = False
        self._plains = [0]
        self._originals = [0]
        """Plain character `_plains[k]` is original character `_originals[k]`, and so on from it."""
        self.length = 0
        self.read = 0

    def feed(self, text: str) -> str:
        """Return the plain form of `text`."""
        if self._case:
            text = fold(text)
        if self._digits or self._space:
            return self._drop(text)
        self.read += len(text)
        self.length += len(text)
        return text

    def offset(self, position: int) -> int:
        """Return where plain character `position` stands in the original text."""
        k = bisect_right(self._plains, position) - 1
        return self._originals[k] + position - self._plains[k]

    def _drop(self, text: str) -> str:
        kept: list[str] = []
        at = 0
        for start, end, instead in self._dropped(text):
            self._keep(kept, text[at:start], self.read + at)
            self._keep(kept, instead, self.read + start)
            at = end
        self._keep(kept, text[at:], self.read + at)
        self.read += len(text)
        return "".join(kept)

    def _keep(self, kept: list[str], text: str, original: int) -> None:
        if not text:
            return
        if self._originals[-1] - self._plains[-1] != original - self.length:
            self._plains.append(self.length)
            self._originals.append(original)
        kept.append(text)
        self.length += len(text)

    def _dropped(self, text: str) -> list[tuple[int, int, str]]:
        """Return (start, end, what stands instead) of what is dropped, in order."""
        found: list[tuple[int, int, str]] = []
        if self._space:
            found += [(*space.span(), "") for space in _SPACE.finditer(text)]
        if self._digits and text:
            for number in _DIGITS.finditer(text):
                begun = number.start() == 0 and self._in_number
                found.append((*number.span(), "" if begun else "0"))
            self._in_number = bool(_DIGITS.fullmatch(text[-1]))
        return sorted(found)
