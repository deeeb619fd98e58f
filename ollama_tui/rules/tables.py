"""A rule as a plain table, as it stands in `rules.toml`, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from ollama_tui.rules.kinds import KINDS
from ollama_tui.rules.rule import Parameters, Rule, RuleError

ABOUT = "about"
"""A key that any rule may have: a note to the reader, without effect."""
_SCOPE = {"channel", "models", "chats", "action", "enabled"}
_RETRY = {"retries", "seed", "temperature", "instruction"}


def rule_from_table(name: str, table: Mapping[str, Any]) -> Rule:
    """Return the rule that `table` describes.

    Raises `RuleError` for an unknown kind or key, a missing one, or a value that can't be.
    """
    kind = table.get("kind")
    if kind is None:
        raise RuleError("kind is missing", field="kind")
    cls = KINDS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        known = ", ".join(KINDS)
        raise RuleError(f"there is no kind {kind!r:.80}; kinds are {known}", field="kind")
    names = {declared.name for declared in fields(cls)}
    for key in table:
        if key not in names | _SCOPE | _RETRY | {"kind", ABOUT}:
            known = ", ".join(sorted(names))
            raise RuleError(f"{kind} has no {key!r:.80}; it has {known}", field=str(key))
    given = {key: _frozen(table[key]) for key in names if key in table}
    for declared in fields(cls):
        if declared.name not in given and declared.default is MISSING:
            raise RuleError(f"{declared.name} is missing", field=declared.name)
    rest = {key: _frozen(table[key]) for key in _SCOPE | _RETRY if key in table}
    return Rule(name, cls(**given), **rest)


def table_from_rule(rule: Rule) -> dict[str, Any]:
    """Return what `rules.toml` says of the rule; what has its default is left out."""
    table: dict[str, Any] = {"kind": rule.kind}
    table.update(_given(rule.parameters))
    table.update({k: v for k, v in _given(rule).items() if k in _SCOPE | _RETRY})
    return table


def _given(item: Rule | Parameters) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for declared in fields(item):
        value = getattr(item, declared.name)
        if declared.default is MISSING or value != declared.default:
            given[declared.name] = list(value) if isinstance(value, tuple) else value
    return given


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
