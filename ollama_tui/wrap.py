"""Wrapping text by the cells that it takes on a screen, never inside of a grapheme."""

from __future__ import annotations

import re

from rich.cells import cell_len, get_character_cell_size

_NARROW = re.compile("[\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0482\u2010-\u2027\u2500-\u25fc]*")
"""Characters that take one cell and join nothing: text made of these alone needs no tables."""

_ZWJ = "\u200d"
_NOT_FIRST = frozenset("、。，．！？：；）」』】〉》〕｝…‥ー々％,.!?:;)]}%")
_NOT_LAST = frozenset("（「『【〈《〔｛([{")
_MARKS_PER_CELL = 16
"""No script needs more code points in a cell; what has more is an attack on the painter."""


def is_narrow(text: str) -> bool:
    """Say whether every character of `text` takes one cell and none combines with another."""
    return _NARROW.fullmatch(text) is not None


def graphemes(text: str) -> list[tuple[int, int, int]]:
    """Split `text` into what a reader sees as one character.

    Returns:
        (start, end, cells) of each: combining marks, modifiers, ZWJ sequences and pairs of
        regional indicators (flags) stay with what they belong to.
    """
    clusters: list[tuple[int, int, int]] = []
    start, cells, flags = 0, 0, 0
    for index, character in enumerate(text):
        size = 1 if character < "\x7f" else get_character_cell_size(character)
        flag = "\U0001f1e6" <= character <= "\U0001f1ff"
        if index and _joins(text, index, size, flag, flags) and index - start < 64:
            flags += flag
            cells = -1
            continue
        if index:
            clusters.append((start, index, cells if cells >= 0 else cell_len(text[start:index])))
        start, cells, flags = index, size, int(flag)
    if text:
        clusters.append((start, len(text), cells if cells >= 0 else cell_len(text[start:])))
    return clusters


def _joins(text: str, index: int, size: int, flag: bool, flags: int) -> bool:
    return size == 0 or text[index - 1] == _ZWJ or (flag and flags == 1)


def wrap(text: str, width: int, taken: int = 0) -> list[tuple[int, int]]:
    """Break one line of text into rows.

    Args:
        text: Has no newline and no tab.
        width: Cells in a row, at least 2 for wide characters to find room.
        taken: Cells of the first row that are not free.

    Returns:
        (start, end) of each row. Spaces between the end of a row and the start of the next are
        swallowed by the break. The first row is empty if nothing fits behind what is taken.
    """
    width = max(width, 2)
    if is_narrow(text):
        return _wrap_narrow(text, width, taken)
    return _wrap_clusters(text, width, taken)


def _wrap_narrow(text: str, width: int, taken: int) -> list[tuple[int, int]]:
    rows: list[tuple[int, int]] = []
    start, room, size = 0, max(width - taken, 0), len(text)
    while size - start > room:
        cut = text.rfind(" ", start, start + room + 1)
        end = len(text[start:cut].rstrip(" ")) + start if cut > start else start
        if end > start:
            rows.append((start, end))
            start = cut
            while start < size and text[start] == " ":
                start += 1
        elif taken:
            rows.append((start, start))
            while start < size and text[start] == " ":
                start += 1
        else:
            rows.append((start, start + room))
            start += room
        taken, room = 0, width
    if start < size or not rows:
        rows.append((start, size))
    return rows


def _wrap_clusters(text: str, width: int, taken: int) -> list[tuple[int, int]]:
    rows: list[tuple[int, int]] = []
    clusters = graphemes(text)
    first, used = 0, taken  # index of the row's first cluster; cells used in the row
    mark = -1  # index of the cluster that may begin the next row
    index, count = 0, len(clusters)
    while index < count:
        start, end, cells = clusters[index]
        if index > first and _may_break(text, clusters[index - 1], clusters[index]):
            mark = index
        crowded = end - clusters[first][0] > width * _MARKS_PER_CELL
        if (used + cells <= width or text[start] == " ") and not crowded:
            used += cells
            index += 1
            continue
        if mark < 0 and taken and not rows:
            cut = first
        elif mark > first and not crowded:
            cut = mark
        else:
            cut = max(index, first + 1)
        begin = clusters[first][0]
        stop = clusters[cut - 1][1] if cut > first else begin
        rows.append((begin, begin + len(text[begin:stop].rstrip(" "))))
        while cut < count and text[clusters[cut][0]] == " ":
            cut += 1
        first, index, used, mark = cut, cut, 0, -1
        taken = 0
    if first < count or not rows:
        begin = clusters[first][0] if first < count else len(text)
        rows.append((begin, begin + len(text[begin:].rstrip(" ")) if rows else len(text)))
    return _fit_last(text, rows, width)


def _fit_last(text: str, rows: list[tuple[int, int]], width: int) -> list[tuple[int, int]]:
    """Spaces at a row's end may hang over the edge while wrapping; here they are let go."""
    start, end = rows[-1]
    if len(rows) == 1 and cell_len(text[start:end]) > width:
        rows[-1] = (start, start + len(text[start:end].rstrip(" ")))
    return rows


def _may_break(text: str, left: tuple[int, int, int], right: tuple[int, int, int]) -> bool:
    before, after = text[left[0]], text[right[0]]
    if before == " ":
        return after != " "
    if left[2] < 2 and right[2] < 2:
        return False
    return after not in _NOT_FIRST and before not in _NOT_LAST and after != " "
