"""Edits of `rules.toml`: each is made to what is on the disk now, and written atomically.

So an edit by hand, or by another window, in the meantime is kept. Only where it was made to the
very rule that is being edited does the edit stop, with `RulesFileError`, and nothing is written.
"""

from __future__ import annotations

import fcntl
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import tomlkit
from tomlkit.items import AoT, Table

from ollama_tui.rules.file import RulesFile, RulesFileError, parse_rules, parse_toml, read_text
from ollama_tui.rules.presets import presets
from ollama_tui.rules.rule import Rule
from ollama_tui.rules.tables import table_from_rule
from ollama_tui.settings import write_private

_Document: TypeAlias = tomlkit.TOMLDocument


def put_rule(file: RulesFile, rule: Rule, replaces: str | None = None) -> RulesFile:
    """Add `rule`, or write it in the place of the rule named `replaces`; return the file anew.

    Raises `RulesFileError` if the name is taken, or the replaced rule has been changed since
    `file` was read.
    """
    with _editing(file) as document:
        if replaces is not None:
            _check_unchanged(file, document, replaces)
        names = [table.get("name") for table in _tables(document) if table.get("name") != replaces]
        if rule.name in names or rule.name in presets():
            raise RulesFileError(f"there is a rule named “{rule.name}” already; take another name")
        table = _find(document, replaces) if replaces is not None else None
        if table is None:
            table = tomlkit.table()
            _append(document, table)
        _update(table, {"name": rule.name, **table_from_rule(rule)})
        return _save(file.path, document)


def remove_rule(file: RulesFile, name: str) -> RulesFile:
    """Take the rule out. Raises `RulesFileError` if it is gone or was changed."""
    with _editing(file) as document:
        _check_unchanged(file, document, name)
        rules = document["rule"]
        del rules[_index(document, name)]
        if not rules:
            del document["rule"]
        return _save(file.path, document)


def set_enabled(file: RulesFile, name: str, on: bool) -> RulesFile:
    """Switch a rule or a preset on or off. Raises `RulesFileError` if there is none."""
    with _editing(file) as document:
        if name in presets():
            section = document.setdefault("presets", tomlkit.table())
            section[name] = on
            return _save(file.path, document)
        table = _find(document, name)
        if table is None:
            raise RulesFileError(f"there is no rule named “{name}” in {file.path}")
        if not on or "enabled" in table:
            table["enabled"] = on
        return _save(file.path, document)


def move_rule(file: RulesFile, name: str, before: str | None) -> RulesFile:
    """Move a rule before another one, or to the end. Raises `RulesFileError` if one is gone."""
    with _editing(file) as document:
        moved = _find(document, name)
        if moved is None or (before is not None and _find(document, before) is None):
            gone = name if moved is None else before
            raise RulesFileError(f"there is no rule named “{gone}” in {file.path} any more")
        if before == name:
            return _save(file.path, document)
        rest = [table for table in _tables(document) if table is not moved]
        at = len(rest) if before is None else [t.get("name") for t in rest].index(before)
        anew = tomlkit.aot()
        for table in [*rest[:at], moved, *rest[at:]]:
            anew.append(table)
        document["rule"] = anew
        return _save(file.path, document)


@contextmanager
def _editing(file: RulesFile) -> Iterator[_Document]:
    """Yield what is on the disk now; other windows of this program wait."""
    folder = file.path.resolve().parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        text = read_text(file.path)
        parse_toml(text, file.path)  # for its sentence, with the line
        yield tomlkit.parse(text)
    except OSError as error:
        raise RulesFileError(f"{file.path} can't be written: {error.strerror}") from error
    finally:
        os.close(handle)


def _save(path: Path, document: _Document) -> RulesFile:
    text = tomlkit.dumps(document)
    file = parse_rules(text, path)
    # the library has had bugs with sections out of order: never write what reads otherwise
    if tomllib.loads(text) != _plain(document):
        raise RulesFileError(
            f"{path} is arranged so that it can't be edited safely; put all [[rule]] side by side"
        )
    target = path.resolve()  # a link to a file elsewhere stays a link
    mode = target.stat().st_mode & 0o777 if target.exists() else None
    write_private(target, text)
    if mode is not None:
        target.chmod(mode)
    return file


def _plain(document: _Document) -> dict[str, Any]:
    plain: dict[str, Any] = document.unwrap()
    return plain


def _tables(document: _Document) -> list[Table]:
    rules = document.get("rule")
    if isinstance(rules, AoT):
        return list(rules.body)
    return list(rules) if rules is not None else []


def _index(document: _Document, name: str) -> int:
    names = [table.get("name") for table in _tables(document)]
    return names.index(name)


def _find(document: _Document, name: str) -> Table | None:
    return next((t for t in _tables(document) if t.get("name") == name), None)


def _append(document: _Document, table: Table) -> None:
    rules = document.get("rule")
    if rules is None:
        rules = tomlkit.aot()
        document["rule"] = rules
        rules = document["rule"]
    rules.append(table)


def _update(table: Table, values: dict[str, Any]) -> None:
    """Set what differs, so that everything else keeps its comments and its layout."""
    for key in [key for key in table if key not in values and key != "about"]:
        del table[key]
    for key, value in values.items():
        if key not in table or table[key] != value:
            table[key] = value


def _check_unchanged(file: RulesFile, document: _Document, name: str) -> None:
    """Raise unless the rule stands on the disk as it stood when `file` was read."""
    before = _plain_rule(tomllib.loads(file.text), name)
    now = _plain_rule(_plain(document), name)
    if now is None:
        raise RulesFileError(f"the rule “{name}” is not in {file.path} any more; read it again")
    if now != before:
        raise RulesFileError(
            f"the rule “{name}” was changed in {file.path} in the meantime;"
            " read it again, so that neither edit is lost"
        )


def _plain_rule(document: dict[str, Any], name: str) -> dict[str, Any] | None:
    tables = document.get("rule", [])
    return next((table for table in tables if table.get("name") == name), None)
