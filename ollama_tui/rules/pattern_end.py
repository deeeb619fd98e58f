"""Whether a regular expression can end in something that only the next character decides.

`$`, `\\z`, `\\b` and `\\B` at the end of a match look at what follows it. In a stream nothing has
followed yet, so the same text would match or not by where it is cut into pieces.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_LOOKS_AHEAD = frozenset({"$", r"\z", r"\b", r"\B"})
_REPEAT = re.compile(r"\{(\d+)(,\d*)?\}")
_GROUP = re.compile(r"\(\?(?:P?<\w+>|[imsU-]*:)|\((?!\?)")
_FLAGS = re.compile(r"\(\?[imsU-]*\)")
_CLASS_NAME = re.compile(r"\[:\^?\w+:\]")


@dataclass(slots=True)
class _Item:
    text: str = ""
    branches: list[list[_Item]] | None = None
    """For a group: its alternatives."""
    may_be_empty: bool = False

    def ends(self) -> tuple[str | None, bool]:
        """Return what at its end looks ahead, and whether it can match the empty text."""
        if self.branches is None:
            looks = self.text if self.text in _LOOKS_AHEAD else None
            return looks, self.may_be_empty or self.text in ("^", r"\A") or looks is not None
        looks, empty = _ends_of_branches(self.branches)
        return looks, empty or self.may_be_empty


@dataclass(slots=True)
class _Group:
    branches: list[list[_Item]] = field(default_factory=lambda: [[]])

    def add(self, item: _Item) -> None:
        self.branches[-1].append(item)


def looks_ahead(pattern: str) -> str | None:
    r"""Return `$`, `\z`, `\b` or `\B` if a match of `pattern` can end in it, else None.

    `pattern` must be one that RE2 accepts.
    """
    stack = [_Group()]
    at = 0
    while at < len(pattern):
        part = _part(pattern, at)
        at += len(part)
        group = stack[-1]
        if _GROUP.fullmatch(part):
            stack.append(_Group())
        elif part == ")":
            closed = stack.pop()
            stack[-1].add(_Item(branches=closed.branches))
        elif part == "|":
            group.branches.append([])
        elif part in ("?", "*", "+") or _REPEAT.fullmatch(part):
            least = _REPEAT.fullmatch(part)
            if group.branches[-1] and (part in "?*" or (least and int(least[1]) == 0)):
                group.branches[-1][-1].may_be_empty = True
        elif not _FLAGS.fullmatch(part):
            group.add(_Item(part))
    return _ends_of_branches(stack[0].branches)[0]


def _part(pattern: str, at: int) -> str:
    character = pattern[at]
    if character == "\\":
        if pattern.startswith(r"\Q", at):
            end = pattern.find(r"\E", at)
            return pattern[at:] if end < 0 else pattern[at : end + 2]
        return pattern[at : at + 2]
    if character == "[":
        return pattern[at : _class_end(pattern, at)]
    if character == "{":
        repeat = _REPEAT.match(pattern, at)
        return repeat[0] if repeat else character
    if character == "(":
        found = _FLAGS.match(pattern, at) or _GROUP.match(pattern, at)
        return found[0] if found else character
    return character


def _class_end(pattern: str, at: int) -> int:
    at += 2 if pattern.startswith("[^", at) else 1
    first = True
    while at < len(pattern) and (first or pattern[at] != "]"):
        name = _CLASS_NAME.match(pattern, at)
        at = name.end() if name else at + (2 if pattern[at] == "\\" else 1)
        first = False
    return at + 1


def _ends_of_branches(branches: list[list[_Item]]) -> tuple[str | None, bool]:
    looks, any_empty = None, False
    for branch in branches:
        for item in reversed(branch):
            found, empty = item.ends()
            looks = looks or found
            if not empty:
                break
        else:
            any_empty = True
    return looks, any_empty
