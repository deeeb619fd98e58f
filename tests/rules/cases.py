"""Random rules and random texts that come near to firing them."""

from __future__ import annotations

from hypothesis import strategies as st

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


def texts_of(*blocks: str, most: int = 30) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(blocks), max_size=most).map("".join)


def loops(*blocks: str) -> st.SearchStrategy[str]:
    """Something, then a period several times, then something."""
    piece = texts_of(*blocks, most=8)
    return st.builds(
        lambda before, period, times, after: before + period * times + after,
        piece, piece, st.integers(0, 9), piece,
    )  # fmt: skip


_openers = st.lists(
    st.sampled_from(["<think>", "<thinking>", "<t", "ab", "a", "Sorry", "```"]),
    min_size=1, max_size=3,
).map(tuple)  # fmt: skip
_needles = st.lists(
    st.sampled_from(["ab", "aba", "b", "a b", "Ab", "_a", "(a)", "心急"]), min_size=1, max_size=3
).map(tuple)
_patterns = st.sampled_from(
    ["a+b", "(?:ab)+c", r"\ba", "^a?b", "(?m)^ab", "a.{2,5}b", "[^a]b", "b|aab", r"\Ba", "a(?i:B)",
     r"b\b a", "a$\nb", "(?m)a$\nb", "é|心.b", "(?s)a.*b"]
)  # fmt: skip
_repeats = st.builds(
    Repeats,
    times=st.sampled_from([2, 2.5, 3, 4.2]),
    min_characters=st.sampled_from([1, 6, 15, 40]),
    max_period=st.sampled_from([1, 5, 40]),
    in_code=st.sampled_from([1, 1.5, 3]),
    lookalikes=st.just(False),
    ignore_case=st.booleans(),
    ignore_digits=st.booleans(),
    ignore_white_space=st.booleans(),
)

CASES: dict[str, tuple[st.SearchStrategy[object], st.SearchStrategy[str]]] = {
    "must_start_with": (
        st.builds(MustStartWith, _openers),
        texts_of("<", "think", "ing", ">", " ", "\n", "a", "b", "Sorry", "`", most=6),
    ),
    "must_not_start_with": (
        st.builds(MustNotStartWith, _openers),
        texts_of("<", "think", "ing", ">", " ", "\n", "A", "b", "sorry", "`", most=6),
    ),
    "contains": (
        st.builds(Contains, _needles, st.booleans(), st.booleans()),
        texts_of("a", "b", " ", "A", "(", ")", "_", "心", "急", "é"),
    ),
    "matches": (
        st.builds(Matches, _patterns, st.sampled_from([1, 2, 3, 5, 8, 100]), st.booleans()),
        texts_of("a", "b", "c", " ", "\n", "B", "é", "心"),
    ),
    "repeats": (
        _repeats,
        st.one_of(
            loops("a", "b", "A", " ", "1", "23", "\n", "\n```\n"),
            loops("a"),
            st.lists(loops("a", "b"), max_size=3).map("".join),
        ),
    ),
    "nothing_new": (
        st.builds(
            NothingNewFor,
            words=st.sampled_from([10, 12]),
            share=st.sampled_from([0.3, 0.7, 1.0]),
            run=st.sampled_from([1, 2, 3]),
            skip_code=st.just(False),
        ),
        loops("ab ", "c", " ", "Ab. ", "\n", "d1 ", "心", "急"),
    ),
    "script": (
        st.builds(
            Script,
            allowed=st.sampled_from([("Latin",), ("Han", "Latin"), ("Cyrillic",)]),
            share=st.sampled_from([0, 0.3, 0.5]),
            letters=st.sampled_from([3, 8, 20]),
            least=st.sampled_from([1, 2, 3]),
        ),
        texts_of("a", "é", "the ", "心", "д", "1", " ", "心急"),
    ),
    "not_json": (
        st.just(NotJson(code_fence=False)),
        texts_of(
            "{", "}", "[", "]", ",", ":", '"a"', '"', "\\u00", "\\", "0", "-", "1", ".5", "e", "+",
            "true", "nu", "ll", " ", "\n", "x", '{"a":', "[1,", '"b\\n"', most=12,
        ),
    ),
    "after": (
        st.builds(
            After,
            st.sampled_from(["code block", "line", "paragraph", "sentence"]),
            st.integers(1, 3),
        ),
        texts_of("word", "。", ".", "!", " ", "\n", "”", "\n```\n", "\n~~~~\n", "```py\n", "``"),
    ),
    "longer_than": (
        st.builds(
            LongerThan, st.integers(1, 12), st.sampled_from(["characters", "words", "lines"])
        ),
        texts_of("a", "bc", " ", "\n", "心", ". "),
    ),
}  # fmt: skip
