"""What every kind of rule is made of: a detector reads a channel's text and says where it fires."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a rule fired. Offsets are characters of the text that the detector was fed."""

    start: int
    end: int
    at: int
    """Characters read when the verdict fell."""
    reason: str
    show: int | None = None
    """How many characters may be shown at most; None is all up to `at`."""


class Detector:
    """Reads one text, piece by piece; keeps what it needs and no more.

    The law: the first hit, and every later state, depend on the text alone and not on where it
    is cut into pieces. `feed` reads all of its piece even after a hit, so that a detector whose
    hit was not wanted (a rule that is switched on in mid-answer) can go on.
    """

    __slots__ = ()

    def feed(self, text: str) -> Hit | None:
        """Read `text`; return the first hit in it."""
        raise NotImplementedError

    def end(self) -> Hit | None:
        """The answer ended normally: return a hit that only the end decides."""
        return None


class CountingDetector(Detector):
    """A detector that also looks at the server's deltas, and so is no matter of text alone."""

    __slots__ = ()

    def feed(self, text: str) -> Hit | None:
        return self.feed_delta(text, 1, None)

    def feed_delta(self, text: str, tokens: int, now: float | None) -> Hit | None:
        """Read `text`, which came in `tokens` deltas, at `now` (seconds of any one clock)."""
        raise NotImplementedError


class _Folds(dict[int, int]):
    """One character to one character, so that offsets stay what they were."""

    def __missing__(self, code: int) -> int:
        for folded in (chr(code).casefold(), chr(code).lower()):
            if len(folded) == 1:
                self[code] = ord(folded)
                return self[code]
        self[code] = code
        return code


_FOLDS = _Folds()


def fold(text: str) -> str:
    """Return `text` without its case, character by character.

    `str.lower` looks at the neighbours of a sigma, and so depends on where a text is cut;
    `str.casefold` makes two characters of one.
    """
    return text.lower() if text.isascii() else text.translate(_FOLDS)
