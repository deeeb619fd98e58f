"""What each kind means, written down once more: slowly, prefix by prefix, and with other means.

Each function returns after how many characters the rule fires, or None.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise

from ollama_tui.rules import (
    After,
    Contains,
    LongerThan,
    Matches,
    MustNotStartWith,
    MustStartWith,
    NothingNewFor,
    NotJson,
    Repeats,
    Script,
)


def first(text: str, fires: Callable[[str], bool]) -> int | None:
    return next((n for n in range(len(text) + 1) if fires(text[:n])), None)


def must_start_with(rule: MustStartWith, text: str) -> int | None:
    for n in range(len(text) + 1):
        begun = text[:n].lstrip()
        if any(begun.startswith(opener) for opener in rule.openers):
            return None
        if not any(opener.startswith(begun) for opener in rule.openers):
            return n
    return len(text)


def must_not_start_with(rule: MustNotStartWith, text: str) -> int | None:
    openers = tuple(opener.upper() for opener in rule.openers)
    return first(text, lambda said: said.lstrip().upper().startswith(openers))


def contains(rule: Contains, text: str) -> int | None:
    flags = 0 if rule.case_sensitive else re.IGNORECASE
    left, right = (r"(?:(?<!\w)|(?!\w))", r"(?:(?!\w)|(?<!\w))") if rule.whole_words else ("", "")
    patterns = [re.compile(left + re.escape(t) + right, flags) for t in rule.texts]
    if not rule.whole_words:
        return first(text, lambda said: any(p.search(said) for p in patterns))
    # a word is known to be whole one character later, or at the end
    ends = (m.end() for p in patterns for m in p.finditer(text))
    # finditer leaves out what overlaps, so look from everywhere
    ends = (
        m.end() for p in patterns for k in range(len(text)) if (m := p.match(text, k)) is not None
    )
    return min((min(end + 1, len(text)) for end in ends), default=None)


def matches(rule: Matches, text: str) -> int | None:
    flags = re.ASCII if rule.case_sensitive else re.ASCII | re.IGNORECASE  # as \b is in RE2
    pattern = re.compile(rule.pattern, flags)
    return first(
        text,
        lambda said: any(
            pattern.fullmatch(said, start)
            for start in range(max(0, len(said) - rule.window), len(said))
        ),
    )


def inside_fence(said: str) -> bool:
    """Whether the character behind `said` stands in a code block."""
    fence = ""
    for line in said.split("\n")[:-1]:
        stripped = line.strip(" \t")
        if fence:
            if len(stripped) >= len(fence) and set(stripped) == {fence[0]}:
                fence = ""
        elif opener := re.match(r"```+(?=[^`]*$)|~~~+", stripped):
            fence = opener[0]
    return bool(fence)


def repeats(rule: Repeats, text: str) -> int | None:
    def smaller(p: str) -> bool:
        return any(p == p[:k] * (len(p) // k) for k in range(1, len(p)) if len(p) % k == 0)

    def need(period: str, in_code: bool) -> int:
        least = max(rule.min_characters, math.ceil(rule.times * len(period)))
        if not in_code:
            return least
        exact = max(rule.min_characters, rule.times * len(period))
        return math.ceil(exact * rule.in_code)

    plain = [(c.lower() if rule.ignore_case else c, n + 1) for n, c in enumerate(text)]
    if rule.ignore_white_space:
        plain = [(c, n) for c, n in plain if not c.isspace()]
    if rule.ignore_digits:
        marked = [("0", n) if c.isdigit() else (c, n) for c, n in plain]
        plain = marked[:1] + [
            b for a, b in pairwise(marked) if not (a[0] == b[0] == "0" and b[1] == a[1] + 1)
        ]
    for end in range(1, len(plain) + 1):
        said = "".join(c for c, _ in plain[:end])
        in_code = inside_fence(text[: plain[end - 1][1] - 1])
        for p in range(1, min(rule.max_period, end // 2) + 1):
            period = said[-p:]
            length = next((k for k in range(end - p) if said[-1 - k] != said[-1 - k - p]), end - p)
            if length + p >= need(period, in_code) and not smaller(period):
                return plain[end - 1][1]
    return None


def nothing_new(rule: NothingNewFor, text: str) -> int | None:
    words = re.compile(r"[一-鿿]|[a-zA-Z0-9]+")

    def fires(said: str) -> bool:
        whole = [
            m[0].lower()
            for m in words.finditer(said)
            if m.end() < len(said) or "一" <= m[0] <= "鿿"
        ]
        runs = [tuple(whole[k : k + rule.run]) for k in range(len(whole) - rule.run + 1)]
        old = {
            k + offset
            for k, run in enumerate(runs)
            if run in runs[:k]
            for offset in range(rule.run)
        }
        # a word counts as old by what was said up to each moment, which only grows
        last = set(range(len(whole) - rule.words, len(whole)))
        return len(whole) >= rule.words and len(old & last) >= rule.share * rule.words

    return first(text, fires)


def script(rule: Script, text: str) -> int | None:
    def of(letter: str) -> str:
        name = unicodedata.name(letter)
        return "Han" if name.startswith("CJK") else name.split()[0].title()

    allowed = set(rule.allowed)

    def fires(said: str) -> bool:
        if not said[-1:].isalpha() or of(said[-1]) in allowed:
            return False
        last = [of(c) for c in said if c.isalpha()][-rule.letters :]
        foreign = sum(s not in allowed for s in last)
        return foreign >= rule.least and foreign > rule.share * len(last)

    return first(text, fires)


class Unfinished(Exception):
    pass


def read_json(text: str, at: int) -> int:
    """Return where the value that begins at `at` ends; raise ValueError or Unfinished."""
    at = skip_space(text, at)
    for word in ("true", "false", "null"):
        if word.startswith(text[at : at + len(word)]) and text[at : at + 1] == word[0]:
            if len(text) - at < len(word):
                raise Unfinished
            return at + len(word)
    if text[at] in "[{":
        return read_members(text, at + 1, text[at])
    if text[at] == '"':
        return read_string(text, at)
    number = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?").match(text, at)
    begun = r"-?((0|[1-9]\d*)(\.\d*)?|(0|[1-9]\d*)(\.\d+)?[eE][+-]?\d*)?"
    if re.compile(begun).fullmatch(text, at):
        raise Unfinished
    if number is None:
        raise ValueError
    return number.end()


def skip_space(text: str, at: int) -> int:
    at = len(text) - len(text[at:].lstrip(" \t\r\n"))
    if at == len(text):
        raise Unfinished
    return at


def read_string(text: str, at: int) -> int:
    body = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*'
    whole = re.compile(body + '"').match(text, at)
    if whole:
        return whole.end()
    if re.compile(body + r"(?:\\(?:u[0-9a-fA-F]{0,3})?)?").fullmatch(text, at):
        raise Unfinished
    raise ValueError


def read_members(text: str, at: int, bracket: str) -> int:
    closing = "}" if bracket == "{" else "]"
    at = skip_space(text, at)
    if text[at] == closing:
        return at + 1
    while True:
        at = skip_space(text, at)
        if bracket == "{":
            if text[at] != '"':
                raise ValueError
            at = skip_space(text, read_string(text, at))
            if text[at] != ":":
                raise ValueError
            at += 1
        at = skip_space(text, read_json(text, at))
        if text[at] == closing:
            return at + 1
        if text[at] != ",":
            raise ValueError
        at += 1


def not_json(rule: NotJson, text: str) -> int | None:
    def possible(said: str) -> bool:
        """Whether it can still become JSON, or is."""
        try:
            rest = said[read_json(said, 0) :]
        except Unfinished:
            return True
        except ValueError:
            return False
        return not rest.strip(" \t\r\n")

    def complete(said: str) -> bool:
        try:
            return not said[read_json(said + "\n", 0) :].strip(" \t\r\n")
        except (Unfinished, ValueError):
            return False

    assert not rule.code_fence
    broken = first(text, lambda said: not possible(said))
    return broken if broken is not None or complete(text) else len(text)


def after(rule: After, text: str) -> int | None:
    def blocks(said: str) -> int:
        return sum(
            inside_fence(said[: m.start()]) and not inside_fence(said[: m.end()])
            for m in re.finditer("\n", said)
        )

    def paragraphs(said: str) -> int:
        # a blank line outside of code parts two; then count the parts with something in them
        lines = said.split("\n")
        starts = [len("\n".join(lines[:k])) + (k > 0) for k in range(len(lines))]
        parts = "".join(
            "x" if line.strip() else "|" if not inside_fence(said[:start]) else ""
            for line, start in list(zip(lines, starts, strict=True))[:-1]
        )
        return len(re.findall(r"x\|", parts))

    def sentences(said: str) -> int:
        wide = r"[\u3002\uff01\uff1f]"
        behind = r"[.!?…\u3002\uff01\uff1f”’」\"'`)]"
        ours = re.findall(rf"[.!?…]*{wide}{behind}*(?!{behind}|\Z)", said)
        plain = rf"[a-z]{{4}}[”’」\"'`)]*[.!?…](?:(?!{wide}){behind})*(?=\s)"
        return len(ours) + len(re.findall(plain, said))

    counters: dict[str, Callable[[str], int]] = {
        "code block": blocks,
        "line": lambda said: sum(bool(line.strip()) for line in said.split("\n")[:-1]),
        "paragraph": paragraphs,
        "sentence": sentences,
    }
    count = counters[rule.unit]
    return first(text, lambda said: count(said) >= rule.count)


def longer_than(rule: LongerThan, text: str) -> int | None:
    counters: dict[str, Callable[[str], int]] = {
        "characters": len,
        "words": lambda said: len(re.findall(r"[一-鿿]|[a-zA-Z0-9]+", said)),
        "lines": lambda said: len(said.split("\n")) - (said.endswith("\n") or not said),
    }
    return first(text, lambda said: counters[rule.unit](said) > rule.limit)
