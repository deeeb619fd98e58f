"""How an answer begins: `must_start_with` and `must_not_start_with`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ollama_tui.rules.detector import Detector, Hit, fold
from ollama_tui.rules.rule import Parameters, RuleError, parameter

MAX_OPENER = 10_000


def check_texts(name: str, texts: tuple[str, ...]) -> None:
    """Raise `RuleError` if `texts` has none, an empty one, or one that is too long."""
    if not texts:
        raise RuleError(f"{name} needs at least one text", field=name)
    for text in texts:
        if not text.strip():
            raise RuleError(f"{name} has an empty text, which is in every answer", field=name)
        if len(text) > MAX_OPENER:
            raise RuleError(f"{name} has a text of more than {MAX_OPENER:,} characters", field=name)


class _Opening:
    """The state of a text against openers: white space, a proper prefix, an opener, or none."""

    __slots__ = ("case_sensitive", "left", "length", "matched", "openers", "read", "start")

    def __init__(self, openers: tuple[str, ...], case_sensitive: bool) -> None:
        prepared = (opener.lstrip() for opener in openers)
        self.openers = [o if case_sensitive else fold(o) for o in prepared]
        self.case_sensitive = case_sensitive
        self.left = list(self.openers)
        """The openers that the text can still become."""
        self.read = 0
        self.start: int | None = None
        """Where the first character other than white space stands."""
        self.length = 0
        self.matched = False

    @property
    def decided(self) -> bool:
        return self.matched or not self.left

    def feed(self, text: str) -> int | None:
        """Read until decided; return how many characters were read by then, else None."""
        if not self.case_sensitive:
            text = fold(text)
        for character in text:
            self.read += 1
            if self.start is None:
                if character.isspace():
                    continue
                self.start = self.read - 1
            self.left = [o for o in self.left if o[self.length] == character]
            self.length += 1
            self.matched = any(len(o) == self.length for o in self.left)
            if self.decided:
                return self.read
        return None


class MustStart(Detector):
    """Fires as soon as the text can no longer begin with an opener, or ends before it does."""

    __slots__ = ("_excused", "_opening")

    def __init__(self, parameters: MustStartWith) -> None:
        self._opening = _Opening(parameters.openers, parameters.case_sensitive)
        self._excused = False

    def excuse(self) -> None:
        """Reasoning came in a field of its own: whatever the text says now is well."""
        self._excused = True

    def feed(self, text: str) -> Hit | None:
        opening = self._opening
        if self._excused or opening.decided:
            return None
        at = opening.feed(text)
        if at is None or opening.matched:
            return None
        return Hit(opening.start or 0, at, at, "does not begin as it must")

    def end(self) -> Hit | None:
        opening = self._opening
        if self._excused or opening.decided:
            return None
        start = opening.read if opening.start is None else opening.start
        return Hit(start, opening.read, opening.read, "ended before it had begun as it must")


class MustNotStart(Detector):
    """Fires as soon as the text begins with an opener."""

    __slots__ = ("_opening",)

    def __init__(self, parameters: MustNotStartWith) -> None:
        self._opening = _Opening(parameters.openers, parameters.case_sensitive)

    def feed(self, text: str) -> Hit | None:
        opening = self._opening
        if opening.decided:
            return None
        at = opening.feed(text)
        if at is None or not opening.matched:
            return None
        return Hit(opening.start or 0, at, at, "begins as it must not")


@dataclass(frozen=True, slots=True)
class MustStartWith(Parameters):
    kind: ClassVar[str] = "must_start_with"
    summary: ClassVar[str] = "the answer can no longer begin with one of the openers"
    raw: ClassVar[bool] = True

    openers: tuple[str, ...] = parameter("texts of which the answer must begin with one")
    thinking_field_counts: bool = parameter(
        "reasoning that the server sends in a field of its own is enough", True
    )
    case_sensitive: bool = parameter("tell upper case from lower case", True)

    def check(self) -> None:
        check_texts("openers", self.openers)

    def detector(self) -> MustStart:
        return MustStart(self)


@dataclass(frozen=True, slots=True)
class MustNotStartWith(Parameters):
    kind: ClassVar[str] = "must_not_start_with"
    summary: ClassVar[str] = "the answer begins with one of the openers"

    openers: tuple[str, ...] = parameter("texts with which the answer must not begin")
    case_sensitive: bool = parameter("tell upper case from lower case", False)

    def check(self) -> None:
        check_texts("openers", self.openers)

    def detector(self) -> MustNotStart:
        return MustNotStart(self)
