"""What 20 rules cost while an answer of a million characters streams in tokens of four.

`python -m benchmarks.rules` prints a table: seconds per 1,000 tokens at several lengths of the
answer, for all rules and for each kind alone, and what the last ones cost compared with the first.
The ratio is what counts: it stands near 1 if a rule costs the same however long the answer is.
"""

from __future__ import annotations

import random
import sys
import time
from statistics import median
from typing import Any

from ollama_tui.events import Channel
from ollama_tui.rules import (
    After,
    Contains,
    LongerThan,
    Matches,
    MustNotStartWith,
    NothingNewFor,
    NotJson,
    Repeats,
    Rule,
    Script,
    SlowerThan,
    Watcher,
    must_start_with,
)

CHARACTERS = 1_000_000
TOKEN = 4
BLOCK = 1_000
"""Tokens that are timed together."""
MOST_GROWTH = 1.5
MOST_MS = 250
"""At 50 tokens/s that would be about 1% of one core."""
AT = (4_000, 40_000, 200_000, 500_000, 1_000_000)
"""The lengths, in characters, that the table shows."""


def mixed_rules() -> list[Rule]:
    """20 rules of all kinds, none of which stops this text."""
    never = ["never to be said", "nor this one", "as an ai language model"]
    kinds = [
        Repeats(), Repeats(times=2.95, min_characters=140, in_code=1.0),
        Repeats(ignore_case=True, ignore_digits=True, ignore_white_space=True),
        NothingNewFor(), NothingNewFor(words=60, share=1.0, run=4),
        Contains((never[0],)), Contains(tuple(never), whole_words=True),
        Contains(tuple(never), case_sensitive=True),
        Matches(r"(?i)as an ai (language )?model"), Matches(r"\b\d{3}-\d{4}-\d{4}x"),
        Matches(r"(?m)^(Sorry|I can't)[^.]*\.x", window=200),
        Script(), Script(("Latin",)), NotJson(),
        After("code block"), After("sentence", 1_000_000), After("paragraph", 1_000_000),
        LongerThan(10_000_000), LongerThan(10_000_000, "words"),
        MustNotStartWith(("I'm sorry",)),
    ]  # fmt: skip
    return [Rule(f"{n} {kind.kind}", kind, action="shadow") for n, kind in enumerate(kinds)]


def make_text(characters: int = CHARACTERS, seed: int = 1) -> str:
    """Return text like an answer's: words, numbers, some Chinese.

    It is the beginning of a JSON string, or not_json would fire at once and cost nothing.
    """
    rng = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 10))) for _ in range(4_000)]
    parts, length = ['"'], 1
    while length < characters:
        said = " ".join(rng.choices(words, k=rng.randint(4, 14)))
        line = rng.choice((said, said + ".", f"{rng.randint(0, 999)}) {said}", said + " 耐心"))
        parts.append(line + " ")
        length += len(line) + 1
    return "".join(parts)[:characters]


def measure(rules: list[Rule], text: str) -> list[float]:
    """Return the seconds of CPU that each 1,000 tokens cost."""
    watcher = Watcher(rules)
    costs: list[float] = []
    stride = BLOCK * TOKEN
    for start in range(0, len(text) - stride + 1, stride):
        pieces = [text[at : at + TOKEN] for at in range(start, start + stride, TOKEN)]
        begun = time.process_time()
        for number, piece in enumerate(pieces):
            watcher.feed_raw(piece, "")
            fired = watcher.feed(Channel.CONTENT, piece, number / 50)
            if fired.verdict or fired.marks:
                raise RuntimeError(f"a rule that has fired costs nothing any more: {fired}")
        costs.append(time.process_time() - begun)
    return costs


def run(characters: int = CHARACTERS, *, each: bool = False) -> dict[str, Any]:
    """Measure, print the table, and return it as plain data.

    Milliseconds per 1,000 tokens, and what the last ones cost over what the first ones did.
    """
    text = make_text(characters)
    cases = {"20 mixed rules": mixed_rules()}
    if each:
        cases |= {rule.kind: [rule] for rule in reversed(mixed_rules())}
        cases["must_start_with"] = [must_start_with('"')]
        cases["slower_than"] = [Rule("slow", SlowerThan(0.001))]
    result = {
        "characters": characters,
        "token_characters": TOKEN,
        "cases": {name: _summarise(measure(rules, text)) for name, rules in cases.items()},
    }
    _print_table(result["cases"])
    return result


def missed(figures: dict[str, Any]) -> list[str]:
    """Return a sentence for each budget that wasn't kept."""
    case = figures["cases"]["20 mixed rules"]
    sentences = []
    if case["last_over_first"] > MOST_GROWTH:
        sentences.append(f"20 rules: the last tokens cost {case['last_over_first']} of the first")
    if case["ms_per_1000_tokens"] > MOST_MS:
        sentences.append(f"20 rules cost {case['ms_per_1000_tokens']} ms per 1,000 tokens")
    return sentences


def _summarise(costs: list[float]) -> dict[str, Any]:
    few = max(1, len(costs) // 20)
    at = {
        str(length): round(1000 * median(_around(costs, length, few)), 3)
        for length in AT
        if length <= len(costs) * BLOCK * TOKEN
    }
    # the very first ones pay for caches that fill once
    # the least of several: what else the machine does only adds to it
    first, last = min(costs[few : 2 * few] or costs), min(costs[-few:])
    return {
        "ms_per_1000_tokens_at": at,
        "ms_per_1000_tokens": round(1000 * median(costs), 3),
        "last_over_first": round(last / first, 3),
    }


def _around(costs: list[float], length: int, few: int) -> list[float]:
    block = length // (BLOCK * TOKEN)
    return costs[max(0, block - few) : block]


def _print_table(cases: dict[str, Any]) -> None:
    heads = "".join(f"{length:>12,}" for length in AT)
    print(f"{'ms per 1,000 tokens, at':24}{heads}{'last/first':>12}")
    for name, case in cases.items():
        at = case["ms_per_1000_tokens_at"]
        figures = "".join(f"{at.get(str(length), ''):>12}" for length in AT)
        print(f"{name:24}{figures}{case['last_over_first']:>12}")


if __name__ == "__main__":
    run(each="--each" in sys.argv)
