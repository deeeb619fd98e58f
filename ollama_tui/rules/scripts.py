"""`script`: too many letters are in a script that is not allowed."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, deque
from dataclasses import dataclass
from typing import ClassVar

from ollama_tui.rules.detector import Detector, Hit
from ollama_tui.rules.rule import Parameters, RuleError, parameter

SCRIPTS = (
    "Latin", "Greek", "Cyrillic", "Armenian", "Hebrew", "Arabic", "Syriac", "Thaana", "Devanagari",
    "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam",
    "Sinhala", "Thai", "Lao", "Tibetan", "Myanmar", "Georgian", "Ethiopic", "Cherokee", "Khmer",
    "Mongolian", "Hiragana", "Katakana", "Bopomofo", "Hangul", "Han",
)  # fmt: skip
_BY_WORD = {script.upper(): script for script in SCRIPTS} | {"CJK": "Han", "IDEOGRAPHIC": "Han"}
_WIDTHS = ("FULLWIDTH ", "HALFWIDTH ")
_COMPANY = {
    # what is written together, as in Japanese, and letters that stand in any text
    **dict.fromkeys(("Han", "Hiragana", "Katakana"), ("Han", "Hiragana", "Katakana", "Bopomofo")),
    "Hangul": ("Hangul", "Han"),
    "Bopomofo": ("Han", "Bopomofo"),
}
_ANYWHERE = ("Latin", "Greek")
_NOT_ASCII_LETTERS = re.compile(r"[^\x00-\x7f]+|[A-Za-z]+")


class _Scripts(dict[str, str]):
    """The script of a letter; the empty text for everything else, and for unlisted scripts."""

    def __missing__(self, character: str) -> str:
        script = ""
        if character.isalpha():
            name = unicodedata.name(character, "")
            for width in _WIDTHS:
                name = name.removeprefix(width)
            script = _BY_WORD.get(name.split(" ")[0], "")
        self[character] = script
        return script


_SCRIPTS = _Scripts()


def script_of(character: str) -> str:
    """Return the script of a letter by its Unicode name ("Han"); "" if it has none of `SCRIPTS`.

    Letters made for formulas ("MATHEMATICAL BOLD ...") have none.
    """
    return _SCRIPTS[character]


class ForeignScript(Detector):
    """Counts the letters of the last `letters` that are in a script that isn't allowed."""

    __slots__ = ("_allowed", "_first", "_foreign", "_last", "_parameters", "_read", "_waiting")

    def __init__(self, parameters: Script) -> None:
        self._parameters = parameters
        self._allowed = frozenset(parameters.allowed)
        self._first: Counter[str] = Counter()
        self._waiting = not parameters.allowed
        """The first letters haven't yet decided what is allowed."""
        self._last: deque[int] = deque(maxlen=parameters.letters)
        """Where each foreign letter stands, or -1 for a letter that is none."""
        self._foreign = 0
        self._read = 0

    def feed(self, text: str) -> Hit | None:
        first = None
        for found in _NOT_ASCII_LETTERS.finditer(text):
            piece, start = found[0], self._read + found.start()
            if piece.isascii() and not self._waiting and "Latin" in self._allowed:
                self._add_own(len(piece))
                continue
            for k, character in enumerate(piece):
                script = _SCRIPTS[character]
                if script:
                    hit = self._add(script, start + k)
                    first = first or hit
        self._read += len(text)
        return first

    def _add_own(self, count: int) -> None:
        last, most = self._last, self._parameters.letters
        if not self._foreign:
            last.extend([-1] * min(count, most))
            return
        for _ in range(min(count, most)):
            self._push(-1)

    def _push(self, position: int) -> None:
        last = self._last
        if len(last) == self._parameters.letters and last[0] >= 0:
            self._foreign -= 1
        last.append(position)
        self._foreign += position >= 0

    def _add(self, script: str, position: int) -> Hit | None:
        parameters = self._parameters
        if self._waiting:
            self._decide(script)
            self._push(-1)
            return None
        if script in self._allowed:
            self._push(-1)
            return None
        self._push(position)
        foreign, seen = self._foreign, len(self._last)
        if foreign < parameters.least or foreign <= parameters.share * seen:
            return None
        start = next(position for position in self._last if position >= 0)
        reason = f"{foreign} of the last {seen} letters are foreign, the newest in {script}"
        return Hit(start, position + 1, position + 1, reason)

    def _decide(self, script: str) -> None:
        self._first[script] += 1
        if self._first.total() < self._parameters.first_letters:
            return
        # of equally many, the one listed first, so that nothing depends on their order
        main = max(SCRIPTS, key=lambda name: self._first[name])
        self._allowed = frozenset((main, *_COMPANY.get(main, ()), *_ANYWHERE))
        self._waiting = False


@dataclass(frozen=True, slots=True)
class Script(Parameters):
    kind: ClassVar[str] = "script"
    summary: ClassVar[str] = "too many letters are in a script that isn't allowed"

    allowed: tuple[str, ...] = parameter(
        "scripts; none means the one in which the answer begins, and Latin and Greek",
        (),
        choices=SCRIPTS,
    )
    share: float = parameter("fires when more than this share is foreign", 0.3, low=0, high=0.99)
    letters: int = parameter("how many of the last letters are looked at", 100, low=1, high=10_000)
    least: int = parameter("foreign letters among them, at least", 20, low=1, high=10_000)
    first_letters: int = parameter(
        "how many letters decide in which script the answer begins", 20, low=1, high=1000
    )

    def check(self) -> None:
        if self.least > self.letters:
            raise RuleError("least can't be more than letters", field="least")

    def detector(self) -> ForeignScript:
        return ForeignScript(self)
