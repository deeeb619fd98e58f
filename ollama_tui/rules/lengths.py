"""How long and how fast: `longer_than` and `slower_than`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from ollama_tui.events import Channel
from ollama_tui.rules.detector import CountingDetector, Detector, Hit
from ollama_tui.rules.novelty import Words
from ollama_tui.rules.rule import Parameters, parameter

UNITS = ("tokens", "characters", "words", "lines")


class _Count:
    """What all channels of a rule have counted together."""

    __slots__ = ("total",)

    def __init__(self) -> None:
        self.total = 0


class TooLong(CountingDetector):
    """Fires at the first character beyond the limit; what is shown ends before it.

    A token is one delta of the server. A word counts when it begins, a line when something
    stands behind its newline.
    """

    __slots__ = ("_count", "_in_line", "_limit", "_over_from", "_read", "_unit", "_words")

    def __init__(self, parameters: LongerThan, count: _Count) -> None:
        self._unit = parameters.unit
        self._limit = parameters.limit
        self._count = count
        self._read = 0
        self._words = Words()
        self._in_line = False
        self._over_from: int | None = None
        """Where the excess begins in this channel."""

    def feed_delta(self, text: str, tokens: int, now: float | None) -> Hit | None:
        del now
        begins = self._begins(text, tokens) if text else None
        before, self._read = self._read, self._read + len(text)
        if begins is not None:
            self._over_from = begins
            return self._hit(begins, begins if self._unit == "tokens" else begins + 1)
        over = self._count.total > self._limit and bool(text)
        if not over:
            return None
        return self._hit(self._over_from if self._over_from is not None else before, before + 1)

    def _hit(self, start: int, at: int) -> Hit:
        return Hit(start, at, at, f"more than {self._limit:,} {self._unit}", show=start)

    def _begins(self, text: str, tokens: int) -> int | None:
        """Count `text`; return where the first unit beyond the limit begins, if it is in it."""
        left = self._limit - self._count.total
        starts: list[int]
        match self._unit:
            case "tokens":
                self._count.total += tokens
                return self._read if 0 <= left < tokens else None
            case "characters":
                self._count.total += len(text)
                return self._read + left if 0 <= left < len(text) else None
            case "words":
                starts = self._word_starts(text)
            case _:
                starts = self._line_starts(text)
        self._count.total += len(starts)
        return starts[left] if 0 <= left < len(starts) else None

    def _word_starts(self, text: str) -> list[int]:
        begun = self._words.begun_at
        starts = [start for _, start, _, _ in self._words.feed(text) if start != begun]
        newest = self._words.begun_at
        return starts if newest is None or newest == begun else [*starts, newest]

    def _line_starts(self, text: str) -> list[int]:
        starts, at = [], 0
        while at < len(text):
            if not self._in_line:
                starts.append(self._read + at)
                self._in_line = True
            newline = text.find("\n", at)
            if newline < 0:
                break
            self._in_line = False
            at = newline + 1
        return starts


@dataclass(frozen=True, slots=True)
class LongerThan(Parameters):
    kind: ClassVar[str] = "longer_than"
    summary: ClassVar[str] = "it is longer than a number of tokens, characters, words or lines"
    text_alone: ClassVar[bool] = False

    limit: int = parameter("how many are allowed", low=1, high=10_000_000)
    unit: str = parameter("what is counted", "tokens", choices=UNITS)

    def detector(self) -> TooLong:
        return TooLong(self, _Count())

    def detectors(self, channels: Iterable[Channel]) -> dict[Channel, Detector]:
        count = _Count()
        return {channel: TooLong(self, count) for channel in channels}


class _Pace:
    """The deltas of the last seconds, of all channels of a rule."""

    __slots__ = ("_came", "_seconds", "_started", "_tokens")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._came: deque[tuple[float, int]] = deque()
        self._tokens = 0
        self._started: float | None = None

    def rate(self, tokens: int, now: float) -> float | None:
        """Count `tokens`; return tokens/s, or None while too little time has passed."""
        if self._started is None:
            self._started = now
            return None
        self._came.append((now, tokens))
        self._tokens += tokens
        while self._came[0][0] <= now - self._seconds:
            self._tokens -= self._came.popleft()[1]
        if now - self._started < self._seconds:
            return None
        return self._tokens / self._seconds


class TooSlow(CountingDetector):
    """Fires at a delta when fewer tokens than `rate` per second came in the last `seconds`.

    Silence is no matter of this rule: it is asked when a delta comes. The first delta starts
    the clock, so loading and reading the prompt don't count.
    """

    __slots__ = ("_least", "_pace", "_read", "_seconds")

    def __init__(self, parameters: SlowerThan, pace: _Pace) -> None:
        self._least = parameters.rate
        self._seconds = parameters.seconds
        self._pace = pace
        self._read = 0

    def feed_delta(self, text: str, tokens: int, now: float | None) -> Hit | None:
        self._read += len(text)
        if now is None or not tokens:
            return None
        rate = self._pace.rate(tokens, now)
        if rate is None or rate >= self._least:
            return None
        at = self._read
        return Hit(at, at, at, f"{rate:.2g} tokens/s over {self._seconds:g} s")


@dataclass(frozen=True, slots=True)
class SlowerThan(Parameters):
    kind: ClassVar[str] = "slower_than"
    summary: ClassVar[str] = "the rate stays under a number of tokens per second"
    text_alone: ClassVar[bool] = False

    rate: float = parameter("tokens per second", low=0.001, high=100_000)
    seconds: float = parameter("over how many seconds", 10.0, low=0.1, high=3600)

    def detector(self) -> TooSlow:
        return TooSlow(self, _Pace(self.seconds))

    def detectors(self, channels: Iterable[Channel]) -> dict[Channel, Detector]:
        pace = _Pace(self.seconds)
        return {channel: TooSlow(self, pace) for channel in channels}
