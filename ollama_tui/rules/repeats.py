"""`repeats`: the tail of the answer is one period, said several times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ollama_tui.rules.detector import Detector, Hit
from ollama_tui.rules.fences import Fences
from ollama_tui.rules.period import Need, needs
from ollama_tui.rules.plain import Plain
from ollama_tui.rules.rule import Parameters, parameter
from ollama_tui.rules.runs import Run, Runs

MAX_MIN_CHARACTERS = 2_000
MAX_PERIOD = 10_000


class Repeating(Detector):
    """Fires at the first character where a run of one period is as long as it needs to be."""

    __slots__ = ("_fences", "_needs", "_parameters", "_plain", "_runs")

    def __init__(self, parameters: Repeats) -> None:
        self._parameters = parameters
        self._plain = Plain(
            ignore_case=parameters.ignore_case,
            ignore_digits=parameters.ignore_digits,
            ignore_white_space=parameters.ignore_white_space,
        )
        self._fences = Fences()
        self._runs = Runs(
            lambda period: least_run(parameters.times, parameters.min_characters, period),
            parameters.max_period,
        )
        self._needs: dict[Run, Need] = {}

    def feed(self, text: str) -> Hit | None:
        first, start, offset = None, 0, self._fences.read
        inside = self._fences.inside
        for change in [*self._fences.feed(text), offset + len(text)]:
            piece = text[start : change - offset]
            start = change - offset
            hit = self._feed(piece, inside)
            first = first or hit
            inside = not inside
        return first

    def _feed(self, piece: str, in_code: bool) -> Hit | None:
        """Read `piece`, all of which stands inside a code block, or all outside."""
        first = None
        plain = self._plain.feed(piece)
        for before, runs in self._runs.feed(plain):
            # all of `runs` held up to their `end`; shorter than `before` they were judged before
            for run in runs:
                at = self._fires_at(run, before, in_code)
                if at is not None and (first is None or at < first[0]):
                    first = (at, run)
        self._needs = {run: need for run, need in self._needs.items() if run.alive}
        return self._hit(*first) if first else None

    def _fires_at(self, run: Run, before: int, in_code: bool) -> int | None:
        """Return the first position behind `before`, up to the run's end, where it fires."""
        need = self._needs.get(run)
        if need is None:
            need = needs(self._runs.period_text(run), self._parameters)
            self._needs[run] = need
        at = max(run.start + (need.in_code if in_code else need.in_prose), before + 1)
        return at if at <= run.end else None

    def _hit(self, at: int, run: Run) -> Hit:
        end = self._plain.offset(at - 1) + 1
        start = self._plain.offset(run.start + run.period)
        copies = (at - run.start) / run.period
        reason = f"{run.period:,} characters said {copies:.3g} times"
        return Hit(start, end, end, reason)


def least_run(times: float, min_characters: int, period: int) -> int:
    """Return how many characters a run of `period` must have at least, whatever it says."""
    return max(min_characters, math.ceil(times * period))


@dataclass(frozen=True, slots=True)
class Repeats(Parameters):
    kind: ClassVar[str] = "repeats"
    summary: ClassVar[str] = "the answer goes on saying the same again"

    times: float = parameter("copies, of which the last may be a part", 3.0, low=2, high=1000)
    min_characters: int = parameter(
        "characters of all copies together, at least", 160, low=1, high=MAX_MIN_CHARACTERS
    )
    max_period: int = parameter(
        "characters of the longest period that is looked for", 5_000, low=1, high=MAX_PERIOD
    )
    in_code: float = parameter(
        "how many times as much it takes inside a code fence", 2.0, low=1, high=100
    )
    lookalikes: bool = parameter(
        "ask for more where ordinary text repeats itself on purpose:"
        " separator lines, zeros, table rows, markup",
        True,
    )
    ignore_case: bool = parameter("take upper and lower case for the same", False)
    ignore_digits: bool = parameter("take all numbers for the same", False)
    ignore_white_space: bool = parameter("leave white space out", False)

    def detector(self) -> Repeating:
        return Repeating(self)
