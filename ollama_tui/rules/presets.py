"""The rules that ship with the program, switched on by name rather than copied."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType

from ollama_tui.rules.rule import Rule
from ollama_tui.rules.tables import ABOUT, rule_from_table


@lru_cache(maxsize=1)
def presets() -> MappingProxyType[str, Rule]:
    """Return every preset by its name, in the order of the reference."""
    tables = _tables()
    return MappingProxyType({name: rule_from_table(name, table) for name, table in tables.items()})


@lru_cache(maxsize=1)
def preset_summaries() -> MappingProxyType[str, str]:
    """Return what each preset does, in a line."""
    return MappingProxyType({name: str(table[ABOUT]) for name, table in _tables().items()})


def _tables() -> dict[str, dict[str, object]]:
    import tomllib
    from importlib.resources import files

    text = files("ollama_tui.rules").joinpath("presets.toml").read_text("utf-8")
    return {table.pop("name"): table for table in tomllib.loads(text)["rule"]}
