"""What stands anywhere in an answer: `contains` and `matches`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import re2

from ollama_tui.rules.detector import Detector, Hit, fold
from ollama_tui.rules.openings import check_texts
from ollama_tui.rules.pattern_end import looks_ahead
from ollama_tui.rules.rule import Parameters, RuleError, parameter

MAX_TEXTS = 500
MAX_PATTERN = 10_000
MAX_PROGRAM = 20_000
"""RE2 instructions; a larger program would leave its fast path for one that is 100 times slower."""
MAX_WINDOW = 10_000


class _Tail:
    """The last characters of a text, so that what spans two pieces is found."""

    __slots__ = ("base", "keep", "text")

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.text = ""
        self.base = 0
        """Where `text` begins in the whole text."""

    def add(self, text: str) -> None:
        self.text += text

    def trim(self) -> None:
        excess = len(self.text) - self.keep
        if excess > 0:
            self.text = self.text[excess:]
            self.base += excess


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


class Containing(Detector):
    """Looks for each text where it could end in the new piece.

    Costs a search of the piece and of the longest text's length, per text.
    """

    __slots__ = ("_case_sensitive", "_decided", "_tail", "_texts", "_whole")

    def __init__(self, parameters: Contains) -> None:
        self._case_sensitive = parameters.case_sensitive
        self._whole = parameters.whole_words
        texts = parameters.texts
        self._texts = texts if self._case_sensitive else tuple(fold(text) for text in texts)
        longest = max(map(len, self._texts))
        self._tail = _Tail(longest + 1)  # one more: the character before a whole word
        self._decided = 0
        """Occurrences that end up to here have been looked at."""

    def feed(self, text: str) -> Hit | None:
        tail = self._tail
        tail.add(text if self._case_sensitive else fold(text))
        read = tail.base + len(tail.text)
        # a whole word is one when the character behind it is known
        hit = self._search(read - 1, after=1) if self._whole else self._search(read, after=0)
        tail.trim()
        return hit

    def end(self) -> Hit | None:
        if not self._whole:
            return None
        return self._search(self._tail.base + len(self._tail.text), after=0)

    def _search(self, upto: int, after: int) -> Hit | None:
        """Return the earliest occurrence that ends behind `_decided`, up to `upto`."""
        base, best = self._tail.base, None
        for text in self._texts:
            found = self._find(text, upto)
            if found >= 0 and (best is None or found + len(text) < best.end):
                end = found + len(text)
                said = self._tail.text[found - base : end - base]
                best = Hit(found, end, end + after, f"says “{said:.80}”", show=end)
        self._decided = max(self._decided, upto)
        return best

    def _find(self, text: str, upto: int) -> int:
        base, said = self._tail.base, self._tail.text
        start = max(self._decided + 1 - len(text) - base, 0)
        while (found := said.find(text, start, upto - base)) >= 0:
            if not self._whole or self._stands_alone(found, found + len(text)):
                return base + found
            start = found + 1
        return -1

    def _stands_alone(self, start: int, end: int) -> bool:
        said = self._tail.text
        before = start > 0 and _is_word(said[start - 1]) and _is_word(said[start])
        behind = end < len(said) and _is_word(said[end]) and _is_word(said[end - 1])
        return not before and not behind


@dataclass(frozen=True, slots=True)
class Contains(Parameters):
    kind: ClassVar[str] = "contains"
    summary: ClassVar[str] = "any of the texts appears"

    texts: tuple[str, ...] = parameter("texts of which none may appear")
    case_sensitive: bool = parameter("tell upper case from lower case", False)
    whole_words: bool = parameter("not as a part of a longer word", False)

    def check(self) -> None:
        check_texts("texts", self.texts)
        if len(self.texts) > MAX_TEXTS:
            raise RuleError(f"texts has more than {MAX_TEXTS} of them", field="texts")

    def detector(self) -> Containing:
        return Containing(self)


class Matching(Detector):
    """Fires at the earliest character where a match exists within the last `window` characters.

    RE2 searches the window and the new piece once: so a piece of n characters costs n + window
    steps of a linear-time search, and a long piece is taken in strides of a window. Only when
    that search matches is the earliest end pinned down, by bisection.
    """

    __slots__ = ("_found", "_pattern", "_tail", "_window")

    def __init__(self, parameters: Matches) -> None:
        self._pattern = _compile(parameters.pattern, parameters.case_sensitive)
        self._window = parameters.window
        # what the first new character needs, and one of context for ^ and \b
        self._tail = _Tail(parameters.window)
        self._found = 0
        """Where the newest match ended; the next one begins there or later."""

    def feed(self, text: str) -> Hit | None:
        first = None
        stride = max(self._window, 64)
        for at in range(0, len(text), stride):
            piece = text[at : at + stride]
            self._tail.add(piece)
            new = len(piece)
            while new and (hit := self._search(new)):
                first = first or hit
                self._found = hit.end
                new = self._tail.base + len(self._tail.text) - hit.end
            self._tail.trim()
        return first

    def _search(self, new: int) -> Hit | None:
        """Return the earliest hit that ends within the last `new` characters."""
        said = self._tail.text
        start = self._start_of(len(said) - new + 1)
        if not self._pattern.search(said, start):
            return None
        # some match exists; the least end for which one does, be it longer than the window
        low, high = len(said) - new, len(said)
        while low + 1 < high:
            middle = (low + high) // 2
            if self._pattern.search(said[:middle], start):
                high = middle
            else:
                low = middle
        for end in range(high, len(said) + 1):
            match = self._pattern.search(said[:end], self._start_of(end))
            if match:
                base = self._tail.base
                shown = match.group()[:80]
                return Hit(base + match.start(), base + end, base + end, f"matches in “{shown}”")
        return None

    def _start_of(self, end: int) -> int:
        base = self._tail.base
        return max(end - self._window, self._found - base, 1 if base else 0)


@lru_cache(maxsize=512)
def _compile(pattern: str, case_sensitive: bool) -> Any:
    options = re2.Options()
    options.log_errors = False  # or RE2 writes to standard error, over the screen
    options.case_sensitive = case_sensitive
    return re2.compile(pattern, options)


@dataclass(frozen=True, slots=True)
class Matches(Parameters):
    kind: ClassVar[str] = "matches"
    summary: ClassVar[str] = "a regular expression (RE2 syntax) matches"

    pattern: str = parameter("a regular expression in RE2's syntax")
    window: int = parameter("characters that a match may span", 500, low=1, high=MAX_WINDOW)
    case_sensitive: bool = parameter("tell upper case from lower case", True)

    def check(self) -> None:
        self._check_size()
        try:
            compiled = _compile(self.pattern, self.case_sensitive)
        except re2.error as error:
            raise RuleError(f"RE2 refuses the pattern: {_reason(error)}", field="pattern") from None
        except UnicodeEncodeError:
            raise RuleError("the pattern has half of a surrogate pair", field="pattern") from None
        if compiled.programsize > MAX_PROGRAM:
            raise RuleError(
                f"the pattern is too large: RE2 makes {compiled.programsize:,} steps of it,"
                f" and the most is {MAX_PROGRAM:,}",
                field="pattern",
            )
        ending = looks_ahead(self.pattern)
        if ending:
            raise RuleError(
                f"the pattern can end in {ending}, which only the next character decides;"
                " leave it out, or match that character too",
                field="pattern",
            )
        if compiled.search("") or compiled.search("\n", 1):
            raise RuleError(
                "the pattern matches the empty text, which is in every answer", field="pattern"
            )

    def _check_size(self) -> None:
        if not self.pattern:
            raise RuleError("pattern is empty, and would match every answer", field="pattern")
        if len(self.pattern) > MAX_PATTERN:
            raise RuleError(
                f"pattern has {len(self.pattern):,} characters; the most is {MAX_PATTERN:,}",
                field="pattern",
            )

    def detector(self) -> Matching:
        return Matching(self)


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else "unknown"
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
