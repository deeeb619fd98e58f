"""Code fences in Markdown, found line by line while the text streams."""

from __future__ import annotations

import re

_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})(.*)", re.DOTALL)
_MAX_LINE = 200
"""A fence's line is never longer; what is, is not looked at."""


class Fences:
    """Tells where code blocks begin and end. A change takes effect behind the line's newline.

    Fences may be indented by any depth: models put them into lists.
    """

    __slots__ = ("_fence", "_line", "inside", "read")

    def __init__(self) -> None:
        self.inside = False
        self.read = 0
        self._line = ""
        self._fence = ""

    def feed(self, text: str) -> list[int]:
        """Read `text`; return where (in the whole text) inside turned to outside or back."""
        if "\n" not in text:
            self.read += len(text)
            if len(self._line) <= _MAX_LINE:
                self._line += text
            return []
        changes = []
        *lines, rest = text.split("\n")
        for line in lines:
            self.read += len(line) + 1
            if self._toggles(self._line + line if len(self._line) <= _MAX_LINE else ""):
                changes.append(self.read)
            self._line = ""
        self.read += len(rest)
        self._line = rest
        return changes

    def _toggles(self, line: str) -> bool:
        if len(line) > _MAX_LINE or ("```" not in line and "~~~" not in line):
            return False
        found = _FENCE.fullmatch(line)
        if found is None:
            return False
        fence, info = found.groups()
        if self.inside:
            if fence[0] != self._fence[0] or len(fence) < len(self._fence) or info.strip():
                return False
        elif fence[0] == "`" and "`" in info:
            return False  # that is code within a line
        self.inside = not self.inside
        self._fence = fence
        return True
