"""`after`: something is complete, and more isn't wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from ollama_tui.rules.detector import Detector, Hit
from ollama_tui.rules.fences import Fences
from ollama_tui.rules.rule import Parameters, parameter

UNITS = ("code block", "sentence", "line", "paragraph")
_TERMINATORS = ".!?…"
_WIDE_TERMINATORS = "\u3002\uff01\uff1f\uff0e\uff61"
_CLOSERS = "\"'”’»)]}*_`」』\uff09】》"
# fmt: off
_ABBREVIATIONS = frozenset((
    "mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "e.g", "i.e", "cf", "al", "fig", "vol",
    "pp", "ca", "approx", "inc", "ltd", "jr", "sr",
))
# fmt: on
_MAX_WORD = 32


class _Counter(Protocol):
    def feed(self, text: str) -> list[tuple[int, int]]:
        """Return (end of the unit, characters read when that was known), in order."""


class _CodeBlocks:
    """A block is complete with the newline behind its closing fence."""

    def __init__(self) -> None:
        self._fences = Fences()

    def feed(self, text: str) -> list[tuple[int, int]]:
        inside = self._fences.inside
        ends = []
        for change in self._fences.feed(text):
            if inside:
                ends.append((change - 1, change))
            inside = not inside
        return ends


class _Lines:
    """A line with something on it is complete with its newline."""

    def __init__(self) -> None:
        self._read = 0
        self._something = False

    def feed(self, text: str) -> list[tuple[int, int]]:
        ends, start = [], 0
        while (newline := text.find("\n", start)) >= 0:
            if self._something or not _is_blank(text[start:newline]):
                ends.append((self._read + newline, self._read + newline + 1))
            self._something = False
            start = newline + 1
        self._something = self._something or not _is_blank(text[start:])
        self._read += len(text)
        return ends


class _Paragraphs:
    """A paragraph is complete with the newline that ends the blank line behind it.

    Blank lines inside a code block end nothing.
    """

    def __init__(self) -> None:
        self._fences = Fences()
        self._read = 0
        self._in_line = False
        """Something stands on this line."""
        self._text_end = 0
        """Where the newest line with something on it ended; 0 between paragraphs."""

    def feed(self, text: str) -> list[tuple[int, int]]:
        ends, start, base = [], 0, self._read
        changes = [(base, self._fences.inside)]
        for change in self._fences.feed(text):
            changes.append((change, not changes[-1][1]))
        while (newline := text.find("\n", start)) >= 0:
            in_code = next(inside for at, inside in reversed(changes) if at <= base + newline)
            if self._in_line or not _is_blank(text[start:newline]):
                self._text_end = base + newline
            elif self._text_end and not in_code:
                ends.append((self._text_end, base + newline + 1))
                self._text_end = 0
            self._in_line = False
            start = newline + 1
        self._in_line = self._in_line or not _is_blank(text[start:])
        self._read += len(text)
        return ends


class _Sentences:
    """A sentence is complete when what stands behind its end mark is read.

    Behind . ! ? white space must follow (quotes and brackets may close before it); behind a full
    stop of Chinese or Japanese anything but another end mark or a closing quote. A full stop
    behind a number at the beginning of a line, a single letter or a known abbreviation is none.
    """

    def __init__(self) -> None:
        self._read = 0
        self._mark = ""
        """The kind of end mark that has been read: "" none, "." or "。"."""
        self._end = 0
        self._word = ""
        """The last characters of this line, enough to know an abbreviation."""
        self._line_start = True
        """The line so far is white space and at most one word."""

    def feed(self, text: str) -> list[tuple[int, int]]:
        ends = []
        for k, c in enumerate(text):
            at = self._read + k
            if self._mark:
                if c in _CLOSERS or c in _TERMINATORS or c in _WIDE_TERMINATORS:
                    self._mark = "。" if c in _WIDE_TERMINATORS else self._mark
                    self._end = at + 1
                    continue
                if self._mark == "。" or c.isspace():
                    ends.append((self._end, at + 1))
                self._forget()
            if c in _WIDE_TERMINATORS or (c in _TERMINATORS and not self._is_abbreviated(c)):
                self._mark = "。" if c in _WIDE_TERMINATORS else "."
                self._end = at + 1
            elif c == "\n":
                self._forget()
                self._line_start = True
            elif c.isspace():
                self._line_start = self._line_start and not self._word
                self._word = ""
            else:
                self._word = (self._word + c)[-_MAX_WORD:]
        self._read += len(text)
        return ends

    def _forget(self) -> None:
        self._mark = self._word = ""
        self._line_start = False

    def _is_abbreviated(self, mark: str) -> bool:
        word = self._word.lstrip("(\"'“‘”’`[*_.!?…")
        if not word:
            return True  # a mark that follows nothing, as in "... and", or ![an image]
        if mark != ".":
            return False
        if word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isalpha()):
            return True
        return self._line_start and word.isdigit()


def _is_blank(text: str) -> bool:
    return not text or text.isspace()


class Completed(Detector):
    """Fires when the unit that was waited for is complete; shows nothing behind it.

    At the end of an answer it doesn't fire: there is nothing left to stop.
    """

    __slots__ = ("_count", "_counter", "_parameters", "_reached", "_read")

    def __init__(self, parameters: After) -> None:
        self._parameters = parameters
        counters: dict[str, type[_Counter]] = {
            "code block": _CodeBlocks,
            "sentence": _Sentences,
            "line": _Lines,
            "paragraph": _Paragraphs,
        }
        self._counter = counters[parameters.unit]()
        self._count = 0
        self._read = 0
        self._reached: int | None = None
        """Where the unit that was waited for ended."""

    def feed(self, text: str) -> Hit | None:
        before, self._read = self._read, self._read + len(text)
        if self._reached is not None and text:
            return self._hit(self._reached, before + 1)
        for end, at in self._counter.feed(text):
            self._count += 1
            if self._count == self._parameters.count:
                self._reached = end
                return self._hit(end, at)
        return None

    def _hit(self, end: int, at: int) -> Hit:
        parameters = self._parameters
        plural = "s" if parameters.count > 1 else ""
        reason = f"{parameters.count:,} {parameters.unit}{plural} complete"
        return Hit(end, end, at, reason, show=at - 1)


@dataclass(frozen=True, slots=True)
class After(Parameters):
    kind: ClassVar[str] = "after"
    summary: ClassVar[str] = "so many code blocks, sentences, lines or paragraphs are complete"

    unit: str = parameter("what must be complete", choices=UNITS)
    count: int = parameter("how many of them", 1, low=1, high=1_000_000)

    def detector(self) -> Completed:
        return Completed(self)
