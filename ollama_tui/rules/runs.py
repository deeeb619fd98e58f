"""Finds every run in a stream: a tail in which each character equals the one a period before.

Exact, and in amortised constant time per character. Periods are searched by scale, each scale
at every so many characters of the text (never of the chunks): there the tail of the text, as
long as a run of this scale would have to be by then, is looked for again at all distances of
the scale, which is one search by the string library. A run that is found so is then followed
character by character, until it breaks, and so is known before it is long enough to matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

_STEP = 1.5
"""A scale's longest period divided by its shortest."""
_MAX_EVERY = 4096


@dataclass(eq=False, slots=True)
class Run:
    """text[start:end] has the period; positions count from the beginning of the text."""

    period: int
    start: int
    end: int
    alive: bool = True
    """Whether the newest character still belongs to it."""


@dataclass(frozen=True, slots=True)
class _Scale:
    low: int
    high: int
    every: int
    """Searched wherever the text's length is a multiple of this; a power of two."""
    length: int
    """A run that could be long enough before the next search has at least this length now."""


class Runs:
    """`least(period)` is how long a run must be before anybody asks for it; it must grow with
    the period, and be at least twice the period."""

    def __init__(self, least: Callable[[int], int], max_period: int) -> None:
        self._scales = _make_scales(least, max_period)
        self._every = self._scales[0].every
        self._keep = max(scale.high + scale.length for scale in self._scales) + self._every
        self._text = ""
        self._base = 0
        """Where `_text` begins in the whole text."""
        self._pending: list[str] = []
        self._pending_length = 0
        self._alive: list[Run] = []

    def feed(self, text: str) -> Iterator[tuple[int, list[Run]]]:
        """Read `text`; yield, stride by stride, its beginning and the runs that reach into it.

        Only runs that were known, or are found at the stride's beginning or end, are told.
        """
        at = 0
        while at < len(text):
            before = self._base + len(self._text) + self._pending_length
            stride = min(self._every - before % self._every, len(text) - at)
            piece = text[at : at + stride]
            at += stride
            end = before + stride
            self._pending.append(piece)
            self._pending_length += stride
            runs = self._follow(piece, before) if self._alive else []
            if end % self._every == 0:
                runs = [*runs, *self._search(end)]
            if runs:
                yield before, runs

    def period_text(self, run: Run) -> str:
        """Return one period of a run that was just told."""
        self._flush()
        end = run.end - self._base
        return self._text[end - run.period : end]

    def _flush(self) -> None:
        if self._pending:
            self._text += "".join(self._pending)
            self._pending.clear()
            self._pending_length = 0
            excess = len(self._text) - self._keep
            if excess > self._keep:
                self._text = self._text[excess:]
                self._base += excess

    def _follow(self, piece: str, before: int) -> list[Run]:
        self._flush()
        text, told = self._text, self._alive
        here = before - self._base
        for run in told:
            there = here - run.period
            same = len(piece)
            if text[there : there + same] != piece:
                same = next(k for k, c in enumerate(piece) if text[there + k] != c)
                run.alive = False
            run.end = before + same
        self._alive = [run for run in told if run.alive]
        return told

    def _search(self, end: int) -> list[Run]:
        """Return the runs that are found now, with the text at `end`."""
        self._flush()
        found: list[Run] = []
        for scale in self._scales:
            if end % scale.every:
                break
            if end >= scale.length and not self._is_covered(scale, end):
                found += self._search_scale(scale, end)
        return found

    def _is_covered(self, scale: _Scale, end: int) -> bool:
        """Whether all runs of the scale are multiples of a shorter one that is known.

        Two periods p and q of one text of at least p + q characters have their greatest common
        divisor as a period too.
        """
        return any(
            run.period < scale.low
            and end - run.start >= scale.length
            and scale.high + run.period <= scale.length
            for run in self._alive
        )

    def _search_scale(self, scale: _Scale, end: int) -> list[Run]:
        text, here = self._text, end - self._base
        tail_length = scale.length - scale.high
        tail = text[here - tail_length : here]
        first, last = here - tail_length - scale.high, here - scale.low
        found: list[Run] = []
        at = text.find(tail, max(first, 0), last)
        while at >= 0:
            run = self._check(here - tail_length - at, scale.length, here)
            if run is not None:
                found.append(run)
            at = text.find(tail, at + 1, last)
        return found

    def _check(self, period: int, length: int, here: int) -> Run | None:
        """Return the run, if the last `length` characters have the period, and it is new."""
        text, start = self._text, here - length
        if any(run.period == period for run in self._alive):
            return None
        probe = min(16, length - period)
        if text[start : start + probe] != text[start + period : start + period + probe]:
            return None
        if text[start : here - period] != text[start + period : here]:
            return None
        one = text[here - period : here]
        root = (one + one).find(one, 1)
        if any(run.period == root for run in self._alive):
            return None
        # no more than the last search's distance: else it would have been found there
        while start > 0 and text[start - 1] == text[start - 1 + root]:
            start -= 1
        run = Run(root, start + self._base, here + self._base)
        self._alive.append(run)
        return run


def _make_scales(least: Callable[[int], int], max_period: int) -> list[_Scale]:
    scales: list[_Scale] = []
    low = 1
    while low <= max_period:
        high = min(max(low, int(low * _STEP)), max_period)
        needed = least(low)
        spare = (needed - high) // 3
        every = 1
        while every * 2 <= min(spare, _MAX_EVERY):
            every *= 2
        scales.append(_Scale(low, high, every, needed - every + 1))
        low = high + 1
    return sorted(scales, key=lambda scale: scale.every)
