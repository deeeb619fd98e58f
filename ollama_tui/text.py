"""What is safe to draw and to keep. The only place that sanitises model text."""

from __future__ import annotations

import re

_CONTROL = re.compile(
    # C0 without tab and newline, DEL, C1; the marks that reorder what one sees
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LINE_ENDS = re.compile("\r\n?|\x85|\u2028|\u2029")


def sanitise(text: str) -> str:
    """Return `text` without anything that could steer a terminal or break an encoder.

    Removed: control characters other than tab and newline (ESC, so every escape sequence, and
    NUL among them), marks that reorder text, lone surrogates. Kept as a newline: CR, CRLF, NEL
    and the Unicode line and paragraph separators.
    """
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub("", _LINE_ENDS.sub("\n", text))


class Sanitiser:
    """`sanitise` for a stream: pairs that are split between two deltas are put together.

    A server may cut a CRLF, or a surrogate pair written as two JSON escapes, in the middle.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """Return what of `text` (and of what was held back) can be shown now."""
        if not self._held and text.isascii() and text.isprintable():
            return text
        text = self._held + text
        self._held = ""
        if text and (text[-1] == "\r" or "\ud800" <= text[-1] <= "\udbff"):
            self._held = text[-1]
            text = text[:-1]
        return sanitise(_join_surrogates(text))

    def end(self) -> str:
        """Return what was held back for a second half that never came."""
        held, self._held = self._held, ""
        return sanitise(held)


def _join_surrogates(text: str) -> str:
    if not any("\ud800" <= c <= "\udfff" for c in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
