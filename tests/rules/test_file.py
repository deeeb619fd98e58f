"""rules.toml: bad rules are shown with their line and the others work; nobody's edit is lost."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ollama_tui.rules import Contains, LongerThan, Rule
from ollama_tui.rules.edit import move_rule, put_rule, remove_rule, set_enabled
from ollama_tui.rules.file import RulesFile, RulesFileError, read_rules
from ollama_tui.rules.tables import rule_from_table, table_from_rule

GOOD = """\
# my rules
[presets]
"no endless loop" = true  # it saved me twice
"only JSON" = false

# about links
[[rule]]
name = "no links"       # ours
kind = "contains"
texts = ["http://",     # plain
         "https://"]
action = "cut"

[[rule]]
name = "short"
kind = "longer_than"
limit = 500
enabled = false
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rules.toml"


def written(path: Path, text: str) -> RulesFile:
    path.write_text(text, encoding="utf-8")
    return read_rules(path)


def test_a_file_gives_its_rules_and_presets(path: Path) -> None:
    file = written(path, GOOD)
    assert [rule.name for rule in file.rules] == ["no links", "short"]
    assert [rule.name for rule in file.active] == ["no links", "no endless loop"]
    assert file.bad == ()
    assert file.rules[0].parameters == Contains(("http://", "https://"))


def test_no_file_is_no_rules(path: Path) -> None:
    assert read_rules(path).active == ()


BAD_RULES = [
    ('name = "x"\nkind = "no_such"\n', 8, "x", "there is no kind 'no_such'"),
    ('name = "x"\nkind = "contains"\n', 6, "x", "texts is missing"),
    ('name = "x"\n', 6, "x", "kind is missing"),
    ('kind = "contains"\ntexts = ["a"]\n', 6, "rule 1", "name is missing"),
    ('name = "x"\nkind = "must_start_with"\nopeners = [""]\n', 9, "x", "empty text"),
    ('name = "x"\nkind = "contains"\ntexts = "a"\n', 9, "x", "list of texts"),
    ('name = "x"\nkind = "matches"\npattern = "(a"\n', 9, "x", "missing )"),
    ('name = "x"\nkind = "matches"\npattern = "a*"\n', 9, "x", "matches the empty text"),
    ('name = "x"\nkind = "matches"\npattern = "' + "a" * 100_000 + '"\n', 9, "x", "100,000"),
    (
        'name = "x"\nkind = "contains"\ntexts = ["a"]\ntimes = 3\n',
        10,
        "x",
        "contains has no 'times'",
    ),
    ('name = "x"\nkind = "contains"\ntexts = ["a"]\naction = "x"\n', 10, "x", "action can't be"),
    ('name = "x"\nkind = "longer_than"\nlimit = true\n', 9, "x", "whole number"),
    ('name = 7\nkind = "not_json"\n', 7, "rule 1", "needs a name"),
    ('name = "only code"\nkind = "not_json"\n', 7, "only code", "a preset has this name"),
]


@pytest.mark.parametrize(("text", "line", "name", "reason"), BAD_RULES)
def test_a_bad_rule_is_named_with_its_line_and_the_others_work(
    path: Path, text: str, line: int, name: str, reason: str
) -> None:
    head = "# one\n# two\n\n# four\n\n"
    good = '\n[[rule]]\nname = "good"\nkind = "not_json"\n'
    file = written(path, f"{head}[[rule]]\n{text}{good}")
    assert [rule.name for rule in file.rules] == ["good"]
    (bad,) = file.bad
    assert (bad.name, bad.line) == (name, line)
    assert reason in bad.reason
    assert str(bad).startswith(f"{path}, line {bad.line}: ")


def test_the_line_is_that_of_the_wrong_field(path: Path) -> None:
    file = written(path, GOOD + '\n[[rule]]\nname = "x"\nkind = "contains"\n\ntexts = [""]\n')
    assert file.bad[0].line == len(GOOD.splitlines()) + 6


def test_of_two_rules_of_one_name_the_second_is_off(path: Path) -> None:
    file = written(path, GOOD + '\n[[rule]]\nname = "short"\nkind = "not_json"\n')
    assert [rule.kind for rule in file.rules] == ["contains", "longer_than"]
    assert "same name" in file.bad[0].reason


def test_a_header_within_a_text_is_no_rule(path: Path) -> None:
    text = '[[rule]]\nname = "a"\nkind = "contains"\ntexts = ["""\n[[rule]]\n"""]\n\n'
    file = written(path, text + "[[rule]]\n")
    assert [rule.name for rule in file.rules] == ["a"]
    assert file.bad[0].line == 8


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('[presets]\n"no such" = true\n', 2, "no such preset"),
        ('[presets]\n"only JSON" = 1\n', 2, "true"),
        ("\npresets = 3\n", 2, "section"),
        ("\n[rulez]\na = 1\n", 2, "no such section"),
    ],
)
def test_other_lines_that_are_wrong_are_shown(
    path: Path, text: str, line: int, reason: str
) -> None:
    (bad,) = written(path, text).bad
    assert bad.line == line
    assert reason in bad.reason


def test_what_is_no_rules_file_says_so(path: Path) -> None:
    with pytest.raises(RulesFileError, match=r"line 2: this is not TOML"):
        written(path, "a = 1\n<html>\n")
    with pytest.raises(RulesFileError, match=r"line 1: a rule begins with \[\[rule\]\]"):
        written(path, "[rule]\nname = 1\n")
    with pytest.raises(RulesFileError, match="not TOML"):
        written(path, 'a = """')
    path.write_bytes(b'# ok\n[[rule]]\nname = "\xff"\n')
    with pytest.raises(RulesFileError, match="line 3: this is not UTF-8"):
        read_rules(path)
    with path.open("wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(RulesFileError, match=r"50\.0 MB.*at most 2 MB"):
        read_rules(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(RulesFileError, match="no ordinary file"):
        read_rules(path)


def test_a_pipe_is_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(RulesFileError, match="no ordinary file"):
        read_rules(path)


def test_five_hundred_rules_work(path: Path) -> None:
    rules = "".join(
        f'[[rule]]\nname = "r{k}"\nkind = "contains"\ntexts = ["w{k}"]\n\n' for k in range(500)
    )
    file = written(path, rules)
    assert len(file.active) == 500
    after = set_enabled(file, "r250", False)
    assert len(after.active) == 499


def test_edits_keep_comments_and_order(path: Path) -> None:
    file = written(path, GOOD)
    file = set_enabled(file, "only JSON", True)
    file = set_enabled(file, "short", True)
    file = put_rule(file, Rule("new", LongerThan(5, "lines"), models=("qwen*",)))
    file = put_rule(file, Rule("no links", Contains(("ftp://",)), action="warn"), "no links")
    text = path.read_text()
    for comment in ("# my rules", "# it saved me twice", "# about links", "# ours"):
        assert comment in text
    again = read_rules(path)
    assert again.rules == file.rules
    assert [(rule.name, rule.enabled) for rule in again.rules] == [
        ("no links", True), ("short", True), ("new", True)
    ]  # fmt: skip
    assert again.rules[0].action == "warn"
    assert again.presets_on == ("no endless loop", "only JSON")


def test_rules_are_moved_and_removed(path: Path) -> None:
    file = written(path, GOOD)
    file = put_rule(file, Rule("new", Contains(("a",))))
    file = move_rule(file, "new", before="no links")
    assert [rule.name for rule in read_rules(path).rules] == ["new", "no links", "short"]
    file = move_rule(file, "new", before=None)
    file = remove_rule(file, "no links")
    assert [rule.name for rule in read_rules(path).rules] == ["short", "new"]
    for name in ("short", "new"):
        file = remove_rule(file, name)
    assert read_rules(path).rules == ()
    file = put_rule(file, Rule("first", Contains(("a",))))
    assert [rule.name for rule in read_rules(path).rules] == ["first"]


def test_an_edit_by_hand_in_the_meantime_is_kept(path: Path) -> None:
    file = written(path, GOOD)
    path.write_text(GOOD.replace("limit = 500", "limit = 700") + "\n# by hand\n")
    after = put_rule(file, Rule("no links", Contains(("ftp://",))), "no links")
    assert "limit = 700" in path.read_text()
    assert "# by hand" in path.read_text()
    assert after.rules[0].parameters == Contains(("ftp://",))


def test_an_edit_of_the_same_rule_in_the_meantime_is_not_overwritten(path: Path) -> None:
    file = written(path, GOOD)
    by_hand = GOOD.replace("limit = 500", "limit = 700")
    path.write_text(by_hand)
    with pytest.raises(RulesFileError, match="“short” was changed"):
        put_rule(file, Rule("short", LongerThan(9)), "short")
    with pytest.raises(RulesFileError, match="“short” was changed"):
        remove_rule(file, "short")
    assert path.read_text() == by_hand
    path.write_text("")
    with pytest.raises(RulesFileError, match=r"not in .* any more"):
        put_rule(file, Rule("short", LongerThan(9)), "short")


def test_a_file_that_was_broken_by_hand_is_not_overwritten(path: Path) -> None:
    file = written(path, GOOD)
    path.write_text(GOOD + "\n[[rule")
    with pytest.raises(RulesFileError, match="not TOML"):
        set_enabled(file, "short", True)
    assert path.read_text() == GOOD + "\n[[rule"


def test_names_stay_single(path: Path) -> None:
    file = written(path, GOOD)
    for name in ("short", "only code"):
        with pytest.raises(RulesFileError, match="take another name"):
            put_rule(file, Rule(name, Contains(("a",))))
    with pytest.raises(RulesFileError, match="take another name"):
        put_rule(file, Rule("short", Contains(("a",))), "no links")
    with pytest.raises(RulesFileError, match="no rule named"):
        set_enabled(file, "gone", True)


def test_the_mode_is_kept_and_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text(GOOD)
    real.chmod(0o640)
    path.symlink_to(real)
    set_enabled(read_rules(path), "short", True)
    assert path.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert len(read_rules(real).active) == 3
    new = tmp_path / "new" / "rules.toml"
    put_rule(read_rules(new), Rule("a", Contains(("a",))))
    assert stat.S_IMODE(new.stat().st_mode) == 0o600


def test_a_rule_becomes_a_table_and_the_same_rule_again() -> None:
    rule = Rule(
        "r", LongerThan(5, "words"), channel="both", action="retry", seed=3, temperature=0.5,
        instruction="Be brief.", models=("a*",), enabled=False,
    )  # fmt: skip
    assert rule_from_table("r", table_from_rule(rule)) == rule
    assert table_from_rule(Rule("r", Contains(("a",)))) == {"kind": "contains", "texts": ["a"]}
