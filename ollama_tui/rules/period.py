"""How much of a period it takes: more where ordinary text repeats itself on purpose."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Protocol

FILLER = 320
"""Characters of a separator line, dots, or zeros that are too many in prose ..."""
FILLER_IN_CODE = 4_000
"""... and inside a code fence, or of one letter without a break (a block of zeros in base64)."""
SHORT_WORD = 12

_WORD = re.compile(r"[^\W\d_]+")
# what tables, rulers and progress bars are drawn with, besides ASCII
_DRAWN = re.compile("[\x00-\x7f·•…\u2010-\u2015\u2500-\u259f\u25a0-\u25ff\u2800-\u28ff]+")


class _Thresholds(Protocol):
    @property
    def times(self) -> float: ...
    @property
    def min_characters(self) -> int: ...
    @property
    def in_code(self) -> float: ...
    @property
    def lookalikes(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Need:
    """How long a run must be, in characters."""

    in_prose: int
    in_code: int


def needs(period: str, thresholds: _Thresholds) -> Need:
    """Return how long a run of `period` must be. `period` may begin anywhere in the loop."""
    copies = thresholds.times * len(period)
    least = thresholds.min_characters
    prose = max(least, math.ceil(copies))
    code = math.ceil(max(least, copies) * thresholds.in_code)
    if not thresholds.lookalikes:
        return Need(prose, code)
    if _is_filler(period):
        letters_only = period.isalpha()
        return Need(
            max(prose, FILLER_IN_CODE if letters_only else FILLER), max(code, FILLER_IN_CODE)
        )
    around = period + period[:2]
    if "</" in around or "/>" in around:
        return Need(prose, 2 * code)
    if "\n|" in around:
        return Need(max(prose, 2 * least), max(code, 2 * least))
    # wherever the period begins, the first and the last word of three copies may be parts
    if len(period) <= SHORT_WORD and len(set(_WORD.findall(period * 3)[1:-1])) <= 1:
        return Need(prose, 2 * code)
    return Need(prose, code)


def _is_filler(period: str) -> bool:
    """Whether it has at most one letter and one digit: ====, - - -, 0, 0, 0, AAAA."""
    if not _DRAWN.fullmatch(period):
        return False
    seen = set(period)
    return sum(c.isalpha() for c in seen) <= 1 and sum(c.isdigit() for c in seen) <= 1
