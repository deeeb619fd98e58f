"""Markdown in the transcript: what it looks like, and that streaming changes nothing of it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ollama_tui.ui.transcript.blocks import Block, Kind
from ollama_tui.ui.transcript.inline import inline_lines
from ollama_tui.ui.transcript.markdown import MarkdownParser
from ollama_tui.ui.transcript.render import markdown_rows
from ollama_tui.ui.transcript.styles import Attribute, Look

ANSWER = """# Packing

For a **week** in `March`, see [yr](https://yr.no) & pack <b>warm</b>:
wool, *wind*

1. Layers

   a shell
   ```sh
   echo 1

   echo 2
   ```
2. Hat
   - gloves
     - liners

> Det finnes ikke
dårlig vær
>
> - bare

| item | weight |
|:-----|-------:|
| wool | 0.1 \\| 0.2 |

***

    indented

Title
===
```py
unclosed
"""

LINES = [
    "# head", "text *a*", "  more", "- item", "  - sub", "   * x", "1. one", "3) three", "> quote",
    ">", "```py", "```", "~~~", "    code", "\tcode", "", "", "| a | b |", "|---|--:|", "| 1 | 2 |",
    "---", "===", "***", "日本語 🇳🇴", "`c", "**b", "word " * 20, "- ", "10. ten",
]  # fmt: skip
documents = st.lists(st.sampled_from(LINES), max_size=25).map("\n".join)


def parsed(*chunks: str) -> list[Block]:
    parser = MarkdownParser()
    for chunk in chunks:
        parser.feed(chunk)
        parser.open_blocks()
    parser.end()
    return parser.blocks


def drawn(blocks: list[Block], width: int = 60) -> list[str]:
    return [row.text.rstrip() for block in blocks for row in markdown_rows(block, width)]


def rows(text: str, width: int = 60) -> list[str]:
    return drawn(parsed(text), width)


@given(documents, st.lists(st.integers(0, 400), max_size=12))
def test_the_cut_into_chunks_changes_nothing(text: str, cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    chunks = [text[a:b] for a, b in itertools.pairwise(edges)]
    assert drawn(parsed(*chunks)) == drawn(parsed(text))


@given(documents)
def test_every_line_knows_where_it_stands_in_the_source(text: str) -> None:
    for block in parsed(text):
        for line, offset in block.lines:
            assert text[offset : offset + len(line)] == line


@given(documents)
def test_no_word_is_lost(text: str) -> None:
    shown = "".join(rows(text)).replace(" ", "")
    for word in ("head", "item", "quote", "three", "日本語"):
        assert shown.count(word) >= min(text.count(word), 1)


def test_leaves_are_those_of_commonmark() -> None:
    tokens = MarkdownIt("commonmark", {"html": False}).enable("table").parse(ANSWER)
    kinds = {"heading_open": Kind.HEADING, "paragraph_open": Kind.PARAGRAPH, "fence": Kind.CODE,
             "code_block": Kind.CODE, "table_open": Kind.TABLE, "hr": Kind.RULE}  # fmt: skip
    expected = [kinds[token.type] for token in tokens if token.type in kinds]
    assert [block.kind for block in parsed(ANSWER)] == expected


def test_an_answer_as_it_is_read() -> None:
    assert rows(ANSWER) == [
        " Packing",
        "",
        " For a week in March, see yr (https://yr.no) & pack",
        " <b>warm</b>:",
        " wool, wind",
        "",
        " 1. Layers",
        "",
        "    a shell",
        "     sh",
        "     echo 1",
        "",
        "     echo 2",
        " 2. Hat",
        "    • gloves",
        "      • liners",
        "",
        " ▌ Det finnes ikke",
        " ▌ dårlig vær",
        " ▌",
        " ▌ • bare",
        "",
        " item │    weight",
        " ─────┼──────────",
        " wool │ 0.1 | 0.2",
        "",
        " " + "─" * 59,
        "",
        "  indented",
        "",
        " Title",
        "  py",
        "  unclosed",
    ]


@pytest.mark.parametrize(
    ("begun", "shown"),
    [
        ("it is **bo", " it is bo"),
        ("it is `co", " it is co"),
        ("see [yr](https://y", " see yr (https://y)"),
        ("a\n\n- ", " a"),
        ("a\n\n``", " a"),
        ("a\n\n| x | y |", " a"),
        ("a\n\n12", " a"),
    ],
)
def test_what_is_not_complete_yet_does_not_flicker(begun: str, shown: str) -> None:
    parser = MarkdownParser()
    parser.feed(begun)
    assert drawn(parser.blocks + parser.open_blocks()) == [shown]


def test_blocks_that_are_done_stay_the_same_objects() -> None:
    parser = MarkdownParser()
    parser.feed("one\n\ntwo\n\n- three\n- four\n")
    done = list(parser.blocks)
    assert len(done) == 3
    parser.feed("\n\nfive\n")
    assert parser.blocks[:3] == done


def test_emphasis_is_a_style_and_not_stars() -> None:
    (line,) = inline_lines([("a **b** *c* ~~d~~ `e`", 0)])
    styles = {run.text: run.style for run in line if run.text.strip()}
    assert styles["b"] == Attribute.BOLD
    assert styles["c"] == Attribute.ITALIC
    assert styles["d"] == Attribute.STRIKE
    assert styles["e"] == Look.CODE


def test_a_wide_table_shares_the_width_and_loses_nothing() -> None:
    table = "| a | b |\n|---|---|\n| " + "wool " * 10 + "| " + "shell " * 10 + "|\n"
    shown = rows(table, 40)
    assert all(len(row) <= 40 for row in shown)
    text = " ".join(shown)
    assert text.count("wool") == text.count("shell") == 10


def test_a_table_with_too_many_columns_is_read_record_by_record() -> None:
    table = "|h1|h2|h3|h4|h5|\n|-|-|-|-|-|\n|v1|v2|v3|v4|v5|\n|w1||w3|w4|w5|\n"
    assert rows(table, 30) == [
        *(f" h{n}  v{n}" for n in range(1, 6)),
        " " + "╌" * 29,
        *(f" h{n}  w{n}" for n in (1, 3, 4, 5)),
    ]


def test_code_is_drawn_as_it_was_written() -> None:
    code = "def f(x):\n\treturn '''a\n\nb'''  # ✓"
    shown = rows(f"```python\n{code}\n```")
    assert [row[2:] for row in shown[1:]] == code.expandtabs(4).split("\n")


def test_numbers_of_a_list_go_up() -> None:
    assert rows("1. a\n1. b\n5. c") == [" 1. a", " 2. b", " 5. c"]
