"""How much of a period it takes: more where ordinary text repeats itself on purpose."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Protocol

FILLER = 320
"""Characters of a separator line or of zeros that are too many in prose ..."""
FILLER_IN_CODE = 4_000
"""... and inside a code fence, or of the letter A (a block of zeros in base64)."""
RULED_IN_CODE = 640
"""Characters of what is drawn inside a code fence: | | |, - - -."""

_CONSTANT = re.compile(
    r"[\W\d_]*(?:null|none|nil|nan|na|true|false|undefined|nop|pass)[\W\d_]*", re.IGNORECASE
)
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
        return _need_of_filler(period, prose, code)
    around = period + period[:1]
    if "</" in around or "/>" in around:
        return Need(prose, 2 * code)
    if around.count("\n|") == 1:
        return Need(max(prose, 2 * least), max(code, 2 * least))
    if _CONSTANT.fullmatch(_one_word(period)):
        return Need(prose, 2 * code)
    return Need(prose, code)


def _need_of_filler(period: str, prose: int, code: int) -> Need:
    zeros = len(period) == 1 or any(c.isalnum() for c in period)
    code = max(code, FILLER_IN_CODE if zeros else RULED_IN_CODE)
    if period == "A":
        return Need(max(prose, FILLER_IN_CODE), code)
    if len(set(period)) > 1 and any(c.isspace() for c in period):
        return Need(prose, code)  # 0, 0, 0, or . . . is no separator line
    return Need(max(prose, FILLER), code)


def _one_word(period: str) -> str:
    """Return the period turned so that it begins behind a word, if there is such a place."""
    for k in range(1, len(period)):
        if period[k - 1].isalpha() and not period[k].isalpha():
            return period[k:] + period[:k]
    return period


def _is_filler(period: str) -> bool:
    """Whether it has at most one letter and one digit: ====, - - -, 0, 0, 0, AAAA."""
    if not _DRAWN.fullmatch(period):
        return False
    seen = set(period)
    return sum(c.isalpha() for c in seen) <= 1 and sum(c.isdigit() for c in seen) <= 1
