"""Stop rules: text in, verdict out. Pure: no clock, no file, no connection of its own."""

from __future__ import annotations

from ollama_tui.rules.complete import After
from ollama_tui.rules.json_text import NotJson
from ollama_tui.rules.kinds import KINDS
from ollama_tui.rules.lengths import LongerThan, SlowerThan
from ollama_tui.rules.novelty import NothingNewFor
from ollama_tui.rules.openings import MustNotStartWith, MustStartWith
from ollama_tui.rules.phrases import Contains, Matches
from ollama_tui.rules.presets import preset_summaries, presets
from ollama_tui.rules.repeats import Repeats
from ollama_tui.rules.rule import (
    ACTIONS,
    CHANNELS,
    Action,
    ParameterField,
    Parameters,
    Rule,
    RuleChannel,
    RuleError,
)
from ollama_tui.rules.scripts import Script
from ollama_tui.rules.tables import rule_from_table, table_from_rule
from ollama_tui.rules.watcher import Ruling, Watcher


def must_start_with(
    *openers: str, name: str = "reasoning first", thinking_field_counts: bool = True
) -> Rule:
    """Return a rule that stops an answer which doesn't begin with one of `openers`.

    With `thinking_field_counts`, reasoning in a field of its own is as good as an opener.
    Raises `RuleError` for no opener or an empty one.
    """
    return Rule(name, MustStartWith(openers, thinking_field_counts))


__all__ = [
    "ACTIONS",
    "CHANNELS",
    "KINDS",
    "Action",
    "After",
    "Contains",
    "LongerThan",
    "Matches",
    "MustNotStartWith",
    "MustStartWith",
    "NotJson",
    "NothingNewFor",
    "ParameterField",
    "Parameters",
    "Repeats",
    "Rule",
    "RuleChannel",
    "RuleError",
    "Ruling",
    "Script",
    "SlowerThan",
    "Watcher",
    "must_start_with",
    "preset_summaries",
    "presets",
    "rule_from_table",
    "table_from_rule",
]
