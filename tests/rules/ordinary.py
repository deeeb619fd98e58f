"""Ordinary texts that look like loops, made at random; no loop rule may stop any of them."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator

_WORDS = (
    "river stone winter garden letter mountain paper window silver market bridge candle harvest "
    "engine number signal bottle copper dragon forest island kitchen ladder mirror needle orange "
    "pocket quarter ribbon shadow timber umbrella valley whistle yellow basket cotton"
)
WORDS = tuple(_WORDS.split())


def words(rng: random.Random, count: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(count))


def fenced(text: str, language: str = "") -> str:
    return f"Here it is:\n\n```{language}\n{text}\n```\nThat is all."


def times_table(rng: random.Random) -> str:
    n = rng.randint(2, 12)
    return "\n".join(f"{n} x {k} = {n * k}" for k in range(1, rng.randint(12, 60)))


def song(rng: random.Random) -> str:
    refrain = [f"Oh the {words(rng, 2)} runs, the {words(rng, 1)} runs," for _ in range(2)]
    refrain += [refrain[-1]] * rng.randint(0, 1)
    verses = []
    for _ in range(rng.randint(3, 7)):
        verses += [words(rng, rng.randint(6, 10)) for _ in range(rng.randint(1, 4))]
        verses += [*refrain, ""]
    return "\n".join(verses)


def csv(rng: random.Random) -> str:
    equal = ",".join(words(rng, 1) for _ in range(rng.randint(2, 9)))
    rows = [f"2026-{k % 12 + 1:02}-01,{equal},{100 + k},9.99" for k in range(rng.randint(10, 60))]
    return "\n".join(["date,region,units,price", *rows])


def base64_block(rng: random.Random) -> str:
    return fenced(base64.b64encode(rng.randbytes(rng.randint(300, 1500))).decode())


def base64_of_zeros(rng: random.Random) -> str:
    block = base64.b64encode(bytes(rng.randint(200, 2500))).decode()
    lines = "\n".join(block[k : k + 76] for k in range(0, len(block), 76))
    return fenced(rng.choice([block, lines]))


def asserts(rng: random.Random) -> str:
    lines = ["def test_all():"]
    for word in rng.sample(WORDS, rng.randint(5, 20)):
        lines += [f"    assert parse('{word}') == Token('{word}')", "    reset()"]
    return fenced("\n".join(lines), "python")


def repeated_line(rng: random.Random) -> str:
    line = rng.choice(["    tick()", "    counter.advance()", "print()", "    pass", "nop"])
    return fenced("def run():\n" + "\n".join([line] * rng.randint(3, 6)) + "\n    return", "python")


def html_list(rng: random.Random) -> str:
    name = words(rng, 1)
    items = [f'  <li class="{name}">Entry {k}</li>' for k in range(rng.randint(10, 40))]
    return fenced("\n".join(["<ul>", *items, "</ul>"]), "html")


def equal_cards(rng: random.Random) -> str:
    card = '<div class="card">\n  <h2>Title</h2>\n  <p>Some text.</p>\n</div>\n'
    return fenced(card * rng.randint(3, 4), "html")


def quoted_chinese(rng: random.Random) -> str:
    quotes = ["耐心", "忍耐", "心急吃不了热豆腐", "别着急", "慢慢来"]
    return " ".join(f"{words(rng, 9)} {rng.choice(quotes)}, {words(rng, 8)}." for _ in range(8))


def separators(rng: random.Random) -> str:
    width = rng.randint(40, 130)
    marks = [rng.choice("=-_*#~.─═") * width for _ in range(4)]
    return "\n".join(f"{mark}\n{words(rng, rng.randint(1, 6))}" for mark in marks)


def counting(rng: random.Random) -> str:
    sep = rng.choice([", ", "\n", " ", "; ", " - "])
    return sep.join(str(k) for k in range(1, rng.randint(100, 400)))


def yes_no_table(rng: random.Random) -> str:
    rows = [f"| step {k} | {rng.choice(['yes', 'yes', 'yes', 'no'])} |" for k in range(1, 40)]
    return "\n".join(["| item | works |", "|---|---|", *rows])


def equal_rows(rng: random.Random) -> str:
    row = "| " + " | ".join(rng.choice(["yes", "no", "-", "n/a"]) for _ in range(3)) + " |"
    return "\n".join(["| a | b | c |", "|---|---|---|", *[row] * rng.randint(4, 12)])


def laughing(rng: random.Random) -> str:
    laugh = rng.choice(["ha ", "Ha", "he ", "lol ", "哈"])
    return f"{laugh * rng.randint(3, 30)}! That is a good one. {laugh * 3}. No, really, tell me."


def log_lines(rng: random.Random) -> str:
    line = f"INFO worker: {words(rng, 4)} done in 12 ms"
    return fenced("\n".join(f"12:00:{k:02} {line}" for k in range(rng.randint(10, 60))))


def hex_dump(rng: random.Random) -> str:
    zeros = " ".join(["00"] * 16)
    rows = [f"{k * 16:08x}  {zeros}  |{'.' * 16}|" for k in range(rng.randint(10, 50))]
    return fenced("\n".join(rows))


def plain_hex_dump(rng: random.Random) -> str:
    return fenced("\n".join([" ".join(["00"] * 16)] * rng.randint(5, 40)))


def array_of_zeros(rng: random.Random) -> str:
    zero = rng.choice(["0", "0.0", "null", "false"])
    many = rng.randint(20, 300) if zero.startswith("0") else rng.randint(10, 30)
    return fenced("[" + ", ".join([zero] * many) + "]", "json")


def matrix(rng: random.Random) -> str:
    n = rng.randint(4, 10)
    rows = [", ".join("1" if i == j else "0" for j in range(n)) for i in range(n)]
    return fenced("[\n" + "\n".join(f"  [{row}]," for row in rows) + "\n]", "python")


def progress_bars(rng: random.Random) -> str:
    filled = ((k * 5, "█" * k + "░" * (20 - k)) for k in range(21))
    return "\n".join(f"{percent:3}% {bar}" for percent, bar in filled)


def emoji(rng: random.Random) -> str:
    return f"Well done! {rng.choice('🎉🌱🔥👏') * rng.randint(3, 60)} You made it."


def poem_with_and(rng: random.Random) -> str:
    return "\n".join(f"And the {words(rng, rng.randint(3, 6))}" for _ in range(30))


def ascii_art(rng: random.Random) -> str:
    width = rng.randint(10, 40)
    box = "+" + "-" * width + "+"
    return fenced("\n".join([box, *["|" + " " * width + "|"] * rng.randint(3, 8), box]))


def chess_board(rng: random.Random) -> str:
    row, line = "|   " * 8 + "|", "+---" * 8 + "+"
    return fenced("\n".join([line, *[row, line] * rng.randint(3, 8)]))


def wide_table(rng: random.Random) -> str:
    columns = rng.randint(3, 20)
    head = "| " + " | ".join(words(rng, 1) for _ in range(columns)) + " |"
    return head + "\n|" + "---|" * columns + "\n" + "\n".join([head.replace("e", "a")] * 2)


def nursery(rng: random.Random) -> str:
    animal = (
        "Old MacDonald had a farm, E-I-E-I-O,\nAnd on that farm he had a {0}, E-I-E-I-O.\n"
        "With a {1}-{1} here and a {1}-{1} there,\nHere a {1}, there a {1},\n"
        "Everywhere a {1}-{1},\n"
        "Old MacDonald had a farm, E-I-E-I-O.\n\n"
    )
    pairs = [("cow", "moo"), ("duck", "quack"), ("pig", "oink"), ("dog", "woof")]
    return "".join(animal.format(*pair) for pair in pairs)


def bottles(rng: random.Random) -> str:
    return "\n".join(
        f"{k} bottles of beer on the wall, {k} bottles of beer. Take one down, pass it around."
        for k in range(rng.randint(20, 99), 1, -1)
    )


def shampoo(rng: random.Random) -> str:
    return "Lather, rinse, repeat. " * rng.randint(2, 5) + "That is how the joke goes."


def numbered_steps(rng: random.Random) -> str:
    same = words(rng, 6)
    return "\n".join(f"{k}. **Step {k}**: {same}" for k in range(1, rng.randint(8, 30)))


def sql_inserts(rng: random.Random) -> str:
    rows = [f"INSERT INTO users (id, name) VALUES ({k}, 'user');" for k in range(30)]
    return fenced("\n".join(rows), "sql")


def switch_cases(rng: random.Random) -> str:
    cases = [f"    case {k}:\n      handle();\n      break;" for k in range(rng.randint(5, 25))]
    return fenced("switch (x) {\n" + "\n".join(cases) + "\n}", "c")


def dna(rng: random.Random) -> str:
    return "".join(rng.choice("ACGT") for _ in range(rng.randint(200, 900)))


def binary(rng: random.Random) -> str:
    return " ".join(f"{rng.getrandbits(8):08b}" for _ in range(rng.randint(20, 80)))


KINDS: tuple[Callable[[random.Random], str], ...] = (
    times_table, song, csv, base64_block, base64_of_zeros, asserts, repeated_line, html_list,
    equal_cards, quoted_chinese, separators, counting, yes_no_table, equal_rows, laughing,
    log_lines, hex_dump, plain_hex_dump, array_of_zeros, matrix, progress_bars, emoji,
    poem_with_and, ascii_art, chess_board, wide_table, nursery, bottles, shampoo, numbered_steps,
    sql_inserts, switch_cases, dna, binary,
)  # fmt: skip


def ordinary(count: int, seed: int = 1) -> Iterator[tuple[str, str]]:
    """Yield (kind, text), `count` of every kind."""
    rng = random.Random(seed)
    for make in KINDS:
        for _ in range(count):
            yield make.__name__, make(rng)
