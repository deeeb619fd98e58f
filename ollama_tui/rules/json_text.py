"""`not_json`: the text can no longer become a JSON value (RFC 8259)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from ollama_tui.rules.detector import Detector, Hit
from ollama_tui.rules.rule import Parameters, parameter

_SPACE = " \t\n\r"
_IN_STRING = re.compile(r'[^"\\\x00-\x1f]+')
_ESCAPES = '"\\/bfnrt'
_HEX = "0123456789abcdefABCDEF"
_DIGITS = "0123456789"
_WORDS = {"t": "rue", "f": "alse", "n": "ull"}
# a number's states: what may follow, and where it leads
_NUMBER: dict[str, tuple[tuple[str, str], ...]] = {
    "minus": (("0", "zero"), ("123456789", "digits")),
    "zero": ((".", "point"), ("eE", "e")),
    "digits": ((_DIGITS, "digits"), (".", "point"), ("eE", "e")),
    "point": ((_DIGITS, "fraction"),),
    "fraction": ((_DIGITS, "fraction"), ("eE", "e")),
    "e": (("+-", "sign"), (_DIGITS, "exponent")),
    "sign": ((_DIGITS, "exponent"),),
    "exponent": ((_DIGITS, "exponent"),),
}
_WHOLE_NUMBER = frozenset({"zero", "digits", "fraction", "exponent"})


class JsonReader:
    """A pushdown automaton. `broken` holds as soon as no text could complete what was read."""

    __slots__ = ("_left", "_state", "_step", "_steps", "broken", "open")

    def __init__(self) -> None:
        self.broken = False
        self.open: list[str] = []
        """The brackets that aren't closed yet; with ":" on top of "{" while a value is due."""
        self._state = "value"
        self._left = ""
        """The rest of a word (true), or the count of a \\u escape's digits, one x per digit."""
        self._steps: dict[str, Callable[[str], bool]] = {
            "value": self._value,
            "first item": self._first_item,
            "first key": self._first_key,
            "key": self._key,
            "colon": self._colon,
            "after": self._after,
            "string": self._string,
            "escape": self._escape,
            "hex": self._hex_digit,
            "word": self._word,
        }
        self._steps.update(dict.fromkeys(_NUMBER, self._number))
        self._step: Callable[[str], bool] = self._value

    @property
    def complete(self) -> bool:
        """Whether the text so far is a whole value."""
        ended = self._state == "after" or self._state in _WHOLE_NUMBER
        return ended and not self.open and not self.broken

    def feed(self, text: str) -> int | None:
        """Read `text`; return how many of its characters were read when it broke."""
        if self.broken:
            return 0
        at, length = 0, len(text)
        while at < length:
            if self._state == "string":
                plain = _IN_STRING.match(text, at)
                if plain:
                    at = plain.end()
                    continue
            at += 1
            if not self._step(text[at - 1]):
                self.broken = True
                return at
        return None

    def _go(self, state: str) -> bool:
        self._state = state
        self._step = self._steps[state]
        return True

    def _value(self, c: str) -> bool:
        if c in _SPACE:
            return True
        if c in "{[":
            self.open.append(c)
            return self._go("first key" if c == "{" else "first item")
        if c == '"':
            return self._go("string")
        if c in _WORDS:
            self._left = _WORDS[c]
            return self._go("word")
        if c == "-":
            return self._go("minus")
        if c in _DIGITS:
            return self._go("zero" if c == "0" else "digits")
        return False

    def _first_item(self, c: str) -> bool:
        return self._close(c) if c == "]" else self._value(c)

    def _first_key(self, c: str) -> bool:
        return self._close(c) if c == "}" else self._key(c)

    def _key(self, c: str) -> bool:
        if c in _SPACE:
            return True
        self.open.append("key")
        return c == '"' and self._go("string")

    def _colon(self, c: str) -> bool:
        if c in _SPACE:
            return True
        return c == ":" and self._go("value")

    def _after(self, c: str) -> bool:
        if c in _SPACE:
            return True
        if not self.open:
            return False
        if c == ",":
            return self._go("key" if self.open[-1] == "{" else "value")
        return self._close(c)

    def _close(self, c: str) -> bool:
        if not self.open or self.open[-1] + c not in ("{}", "[]"):
            return False
        self.open.pop()
        return self._go("after")

    def _string(self, c: str) -> bool:
        if c == "\\":
            return self._go("escape")
        if c != '"':
            return False  # a control character: the others are skipped in `feed`
        if self.open and self.open[-1] == "key":
            self.open.pop()
            return self._go("colon")
        return self._go("after")

    def _escape(self, c: str) -> bool:
        if c == "u":
            self._left = "xxxx"
            return self._go("hex")
        return c in _ESCAPES and self._go("string")

    def _hex_digit(self, c: str) -> bool:
        self._left = self._left[1:]
        return c in _HEX and (bool(self._left) or self._go("string"))

    def _word(self, c: str) -> bool:
        if not self._left.startswith(c):
            return False
        self._left = self._left[1:]
        return bool(self._left) or self._go("after")

    def _number(self, c: str) -> bool:
        for characters, state in _NUMBER[self._state]:
            if c in characters:
                return self._go(state)
        if self._state not in _WHOLE_NUMBER:
            return False
        self._go("after")
        return self._after(c)


_OPENING = re.compile(r"`{0,2}|``` ?[\w+-]*")
_MAX_FENCE_LINE = 32
_BROKEN = "can no longer become JSON"


class NotJsonDetector(Detector):
    """Fires at the first character after which no continuation would be JSON."""

    __slots__ = ("_fence", "_head", "_json", "_read", "_start")

    def __init__(self, parameters: NotJson) -> None:
        self._json = JsonReader()
        self._fence = "before" if parameters.code_fence else "none"
        """none | before the first character | opening line | inside | closing | behind"""
        self._head = ""
        self._read = 0
        self._start = 0

    def feed(self, text: str) -> Hit | None:
        if not text:
            return None
        before, self._read = self._read, self._read + len(text)
        if self._json.broken:  # and nobody wanted to hear it
            return Hit(self._start, before + 1, before + 1, _BROKEN)
        at = self._feed(text)
        if at is None:
            return None
        self._start = before + at - 1
        return Hit(self._start, before + at, before + at, _BROKEN)

    def end(self) -> Hit | None:
        if self._json.complete:
            return None
        return Hit(self._read, self._read, self._read, "ended before the JSON was complete")

    def _feed(self, text: str) -> int | None:
        """Return how many characters of `text` were read when it broke."""
        for k, c in enumerate(text):
            if self._fence == "none":
                at = self._json.feed(text[k:])
                return None if at is None else k + at
            if not self._step(c):
                self._json.broken = True
                return k + 1
        return None

    def _step(self, c: str) -> bool:
        """Read one character outside of a fence, or within one."""
        match self._fence:
            case "before":
                if c in _SPACE:
                    return True
                if c != "`":
                    self._fence = "none"
                    return self._json.feed(c) is None
                self._fence, self._head = "opening line", c
                return True
            case "opening line":
                return self._opening_line(c)
            case "inside":
                if c == "`" and self._json.complete:
                    self._fence, self._head = "closing", c
                    return True
                return self._json.feed(c) is None
            case "closing":
                self._head += c
                if len(self._head) == 3:
                    self._fence = "behind"
                return c == "`"
        return c in _SPACE

    def _opening_line(self, c: str) -> bool:
        if c == "\n":
            self._fence = "inside"
            return len(self._head) >= 3
        self._head += c
        short = len(self._head) <= _MAX_FENCE_LINE
        return short and bool(_OPENING.fullmatch(self._head.rstrip(" \t")))


@dataclass(frozen=True, slots=True)
class NotJson(Parameters):
    kind: ClassVar[str] = "not_json"
    summary: ClassVar[str] = "the answer can no longer become a JSON value"

    code_fence: bool = parameter("allow a code fence around the value", True)

    def detector(self) -> NotJsonDetector:
        return NotJsonDetector(self)
