"""`rules.toml`: read with what is wrong in it, and edited without losing anybody's words.

A file looks so; the order of the rules is their order:

    [presets]
    "no endless loop" = true

    [[rule]]
    name = "no wiki links"
    kind = "contains"
    texts = ["[["]
"""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ollama_tui.rules.presets import presets
from ollama_tui.rules.rule import Rule, RuleError
from ollama_tui.rules.tables import rule_from_table

MAX_BYTES = 2_000_000
MAX_RULES = 1_000
_HEADER = re.compile(r"[ \t]*\[\[[ \t]*(?:rule|\"rule\"|'rule')[ \t]*\]\]")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")


class RulesFileError(RuleError):
    """The whole file can't be used, or an edit would lose another one."""


@dataclass(frozen=True, slots=True)
class BadRule:
    """A rule, or a line on a preset, that can't be used and is off."""

    name: str
    """As far as it has one; else what it is by its place ("rule 3")."""
    line: int
    """From 1; the line of the wrong field where that is known."""
    reason: str
    path: Path

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class RulesFile:
    """What the file said when it was read."""

    path: Path
    text: str = ""
    rules: tuple[Rule, ...] = ()
    """The good ones in their order, also those that are off."""
    presets_on: tuple[str, ...] = ()
    bad: tuple[BadRule, ...] = ()

    @property
    def active(self) -> tuple[Rule, ...]:
        """The rules that are on, then the presets that are switched on."""
        known = presets()
        return (
            *(rule for rule in self.rules if rule.enabled),
            *(known[name] for name in self.presets_on),
        )

    def rule(self, name: str) -> Rule | None:
        """Return the rule or preset of that name, on or off."""
        own = next((rule for rule in self.rules if rule.name == name), None)
        return own or presets().get(name)


def read_rules(path: Path) -> RulesFile:
    """Read the file; one that isn't there has no rules.

    Raises `RulesFileError` where nothing of it can be read: not TOML, not UTF-8, too large.
    """
    return parse_rules(read_text(path), path)


def read_text(path: Path) -> str:
    """Return the file's text, "" if there is none. Raises `RulesFileError`."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise RulesFileError(f"{path} is no ordinary file; rules are read from a text file")
        if status.st_size > MAX_BYTES:
            raise RulesFileError(
                f"{path} has {status.st_size / 1e6:,.1f} MB; a rules file has at most"
                f" {MAX_BYTES / 1e6:g} MB. Is it the right file?"
            )
        raw = path.read_bytes()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise RulesFileError(f"{path} can't be read: {error.strerror or error}") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise RulesFileError(
            f"{path}, line {line}: this is not UTF-8; save the file in that encoding"
        ) from None


def parse_rules(text: str, path: Path) -> RulesFile:
    """Read what `rules.toml` says. Raises `RulesFileError` where it isn't TOML."""
    document = parse_toml(text, path)
    tables = document.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise RulesFileError(
            f"{path}, line {_line_of(text, 'rule')}: a rule begins with [[rule]], in two brackets"
        )
    if len(tables) > MAX_RULES:
        raise RulesFileError(f"{path} has {len(tables):,} rules; the most is {MAX_RULES:,}")
    good: list[Rule] = []
    bad: list[BadRule] = []
    lines = text.split("\n")
    starts = _rule_lines(text, len(tables)) if tables else []
    for number, (table, start) in enumerate(zip(tables, starts, strict=True), 1):
        try:
            good.append(_read_rule(table, {rule.name for rule in good}))
        except RuleError as error:
            line = _line_of_field(lines, start, error.field)
            bad.append(BadRule(_name_of(table, number), line, str(error), path))
    on, bad_presets = _read_presets(document.get("presets", {}), text, path)
    unknown = [
        BadRule(key, _line_of(text, key), "there is no such section in a rules file", path)
        for key in document
        if key not in ("rule", "presets")
    ]
    return RulesFile(path, text, tuple(good), on, (*bad, *bad_presets, *unknown))


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """Return the TOML document. Raises `RulesFileError` with the line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        reason = _AT_LINE.sub("", str(error)).strip()
        raise RulesFileError(f"{path}, line {line}: this is not TOML: {reason}") from None
    except RecursionError:
        raise RulesFileError(f"{path} is nested too deeply to be a rules file") from None


def _read_rule(table: dict[str, Any], taken: set[str]) -> Rule:
    rest = {key: value for key, value in table.items() if key != "name"}
    if "name" not in table:
        raise RuleError("name is missing", field="name")
    rule = rule_from_table(table["name"], rest)
    if rule.name in taken:
        raise RuleError("another rule above has the same name", field="name")
    if rule.name in presets():
        raise RuleError("a preset has this name; give the rule another one", field="name")
    return rule


def _read_presets(
    table: object, text: str, path: Path
) -> tuple[tuple[str, ...], tuple[BadRule, ...]]:
    if not isinstance(table, dict):
        reason = "it must be a section, [presets]"
        return (), (BadRule("presets", _line_of(text, "presets"), reason, path),)
    on: list[str] = []
    bad: list[BadRule] = []
    for name, value in table.items():
        reason = ""
        if name not in presets():
            reason = f"there is no such preset; presets are {', '.join(presets())}"
        elif not isinstance(value, bool):
            reason = "a preset is switched on with true and off with false"
        if reason:
            bad.append(BadRule(name, _line_of(text, name), reason, path))
        elif value:
            on.append(name)
    ordered = tuple(name for name in presets() if name in on)
    return ordered, tuple(bad)


def _name_of(table: dict[str, Any], number: int) -> str:
    name = table.get("name")
    usable = isinstance(name, str) and name.strip() and name.isprintable()
    return f"{name:.100}" if usable else f"rule {number}"


def _rule_lines(text: str, count: int) -> list[int]:
    """Return the line, from 1, of each [[rule]], or of the file where they aren't written so."""
    headers = list(_headers(text))
    if len(headers) > count:  # some stand within texts of several lines
        headers = [(line, at) for line, at in headers if _is_toml(text[:at])]
    lines = [line for line, _ in headers]
    return lines if len(lines) == count else [_line_of(text, "rule")] * count


def _headers(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    for number, line in enumerate(text.split("\n"), 1):
        if _HEADER.match(line):
            yield number, at
        at += len(line) + 1


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return False
    return True


def _line_of_field(lines: list[str], start: int, field: str) -> int:
    if not field:
        return start
    assigns = re.compile(rf"[ \t]*[\"']?{re.escape(field)}[\"']?[ \t]*=")
    for number in range(start, len(lines)):
        if _HEADER.match(lines[number]):
            break
        if assigns.match(lines[number]):
            return number + 1
    return start


def _line_of(text: str, key: str) -> int:
    """Return the first line, from 1, that has `key` as a key or in a section's header."""
    wanted = re.compile(rf"[ \t]*\[*[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*[=\].]")
    for number, line in enumerate(text.split("\n"), 1):
        if wanted.match(line):
            return number
    return 1
