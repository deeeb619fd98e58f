"""docs/rules.md: its examples work, and it names every kind, field and preset with its default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ollama_tui.rules import ACTIONS, KINDS
from ollama_tui.rules.file import parse_rules
from ollama_tui.rules.presets import presets

DOCS = Path(__file__).parents[2] / "docs" / "rules.md"


def test_every_example_is_a_rule_that_works() -> None:
    examples = re.findall(
        r"^```toml\n(.*?)^```$", DOCS.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    kinds = set()
    for example in examples:
        file = parse_rules(example, DOCS)
        assert [str(bad) for bad in file.bad] == []
        kinds |= {rule.kind for rule in file.rules}
    assert kinds == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_there_with_its_default(kind: str) -> None:
    section = DOCS.read_text("utf-8").split(f"### {kind}\n")[1].split("\n#")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*?)\|", section, re.MULTILINE))
    said = {name: value.strip().strip("`") for name, value in rows.items()}
    for field in KINDS[kind].fields():
        default = "" if field.default is None else field.default
        if field.type in ("number", "integer") and default != "":
            assert float(said[field.name]) == default
        else:
            shown = {True: "true", False: "false", (): "[]"}.get(default, f'"{default}"')
            assert said[field.name] == (shown if default != "" else "")


def test_every_action_and_preset_is_there() -> None:
    text = DOCS.read_text("utf-8")
    assert all(f"| `{action}` |" in text for action in ACTIONS)
    assert all(f"| {name} |" in text for name in presets())
