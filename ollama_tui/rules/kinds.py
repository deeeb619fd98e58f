"""The registry of kinds: what a form, the reference and `rules.toml` are made from."""

from __future__ import annotations

from ollama_tui.rules.complete import After
from ollama_tui.rules.json_text import NotJson
from ollama_tui.rules.lengths import LongerThan, SlowerThan
from ollama_tui.rules.novelty import NothingNewFor
from ollama_tui.rules.openings import MustNotStartWith, MustStartWith
from ollama_tui.rules.phrases import Contains, Matches
from ollama_tui.rules.repeats import Repeats
from ollama_tui.rules.rule import Parameters
from ollama_tui.rules.scripts import Script

KINDS: dict[str, type[Parameters]] = {
    parameters.kind: parameters
    for parameters in (
        MustStartWith,
        MustNotStartWith,
        Contains,
        Matches,
        Repeats,
        NothingNewFor,
        Script,
        NotJson,
        After,
        LongerThan,
        SlowerThan,
    )
}
"""Every kind by its name, in the order of the reference."""
