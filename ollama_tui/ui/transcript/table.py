"""Tables: columns that share the width, or one record below the other where there are too many."""

from __future__ import annotations

from collections.abc import Sequence

from ollama_tui.ui.transcript.blocks import Block, Table
from ollama_tui.ui.transcript.inline import inline_lines
from ollama_tui.ui.transcript.rows import Row, Run, cells, wrap_runs
from ollama_tui.ui.transcript.structure import split_cells
from ollama_tui.ui.transcript.styles import Look

BETWEEN = " │ "
NARROWEST = 6
"""Cells below which a column can't be read any more: then every row becomes a record."""

Cell = list[Run]


def table_rows(block: Block, width: int) -> list[Row]:
    """Lay out a table, or a further part of one, without anything in front of it."""
    table = block.table
    assert table is not None
    count = len(table.align)
    head = _cells(table.head, count, Look.TABLE_HEADER)
    body = [_cells(line, count, Look.TEXT) for line in block.lines]
    if count * (NARROWEST + len(BETWEEN)) - len(BETWEEN) > width:
        return _records(head, body, width)
    widths = table.widths.get(width)
    if widths is None:
        widths = _share([head, *body], width)
        if not block.open:
            table.widths = {width: widths}
    rows: list[Row] = []
    if block.start <= table.head[1]:
        rows += _row(head, widths, table)
        rows.append(_line(widths))
    crowded = False
    for number, line in enumerate(body):
        drawn = _row(line, widths, table)
        crowded = crowded or len(drawn) > 1
        if crowded and number:  # rows of several lines need something between them
            rows.append(_line(widths, "╌"))
        rows += drawn
    return rows


def _cells(line: tuple[str, int], count: int, look: int) -> list[Cell]:
    text, offset = line
    found = split_cells(text)[:count]
    result = []
    for cell, at in found:
        lines = inline_lines([(cell, offset + at)], look)
        result.append([run for part in lines for run in part])
    return result + [[] for _ in range(count - len(result))]


def _share(lines: Sequence[Sequence[Cell]], width: int) -> list[int]:
    """Give every column what it needs, or where that is too much its share of the width."""
    count = len(lines[0])
    room = width - len(BETWEEN) * (count - 1)
    wanted = [max(_cells_of(line[n]) for line in lines) or 1 for n in range(count)]
    widths = [0] * count
    left = sorted(range(count), key=lambda n: wanted[n])
    for index, column in enumerate(left):
        share = room // (count - index)
        widths[column] = min(wanted[column], share)
        room -= widths[column]
    return widths


def _cells_of(cell: Cell) -> int:
    return sum(cells(run.text) for run in cell)


def _row(line: Sequence[Cell], widths: Sequence[int], table: Table) -> list[Row]:
    columns = [wrap_runs(cell, width) for cell, width in zip(line, widths, strict=True)]
    rows = []
    for number in range(max(len(column) for column in columns)):
        runs: list[Run] = []
        for column, width, align in zip(columns, widths, table.align, strict=True):
            if runs:
                runs.append(Run(BETWEEN, Look.RULE))
            cell = column[number].runs if number < len(column) else ()
            space = max(width - sum(cells(run.text) for run in cell), 0)
            left = {"right": space, "center": space // 2}.get(align, 0)
            runs += [Run(" " * left), *cell, Run(" " * (space - left))]
        rows.append(Row(tuple(run for run in runs if run.text), "" if number else None))
    return rows


def _line(widths: Sequence[int], stroke: str = "─") -> Row:
    return Row((Run(f"{stroke}┼{stroke}".join(stroke * width for width in widths), Look.RULE),))


def _records(head: Sequence[Cell], body: Sequence[Sequence[Cell]], width: int) -> list[Row]:
    """Every row as a list of heading and value; empty values are left out."""
    widest = max(_cells_of(cell) for cell in head)
    label = max(min(widest, width // 3), 1)
    rows: list[Row] = []
    for number, line in enumerate(body or [[[] for _ in head]]):
        if number:
            rows.append(Row((Run("╌" * width, Look.RULE),)))
        for name, value in zip(head, line, strict=True):
            if value or not body:
                rows += _record(name, value, label, width)
    return rows


def _record(name: Cell, value: Cell, label: int, width: int) -> list[Row]:
    names = wrap_runs(name, label)
    values = wrap_runs(value, max(width - label - 2, 2))
    rows = []
    for number in range(max(len(names), len(values))):
        left = names[number].runs if number < len(names) else ()
        right = values[number].runs if number < len(values) else ()
        space = label - sum(cells(run.text) for run in left) + 2
        rows.append(Row((*left, Run(" " * space), *right), "" if number else None))
    return rows
