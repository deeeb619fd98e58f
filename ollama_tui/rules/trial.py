"""What rules would have done to answers that were given before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ollama_tui.errors import SettingsError
from ollama_tui.events import Channel, Verdict
from ollama_tui.rules.rule import Rule
from ollama_tui.rules.watcher import Watcher
from ollama_tui.text import sanitise

_STRIDE = 4096
CHARACTERS_PER_TOKEN = 4
"""A stored answer doesn't say where its tokens ended; this is about right for English."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What rules would have done to one answer."""

    id: str
    fired: tuple[Verdict, ...]
    """Of each rule the first verdict, in the order of the rules."""
    characters: int
    """Of thinking and text together."""
    saved_characters: int
    """What would not have been said, had the first of the stopping rules stopped it."""
    kept: bool | None = None
    """Whether the user kept or continued the answer; None where that isn't known."""

    @property
    def saved_tokens(self) -> int:
        """About how many; see `CHARACTERS_PER_TOKEN`."""
        return self.saved_characters // CHARACTERS_PER_TOKEN

    def as_json(self) -> dict[str, Any]:
        """Return the line that `rules test --json` prints. Offsets are characters."""
        return {
            "id": self.id,
            "fired": [
                {
                    "rule": verdict.rule,
                    "kind": verdict.kind,
                    "channel": str(verdict.channel),
                    "at": verdict.at,
                    "start": verdict.start,
                    "end": verdict.end,
                }
                for verdict in self.fired
            ],
        }


@dataclass(slots=True)
class RuleSummary:
    """How one rule did over all answers."""

    rule: str
    kind: str
    fired: int = 0
    saved_characters: int = 0
    kept: list[str] = field(default_factory=list)
    """Ids of answers that it would have stopped and the user kept: probably false stops."""


@dataclass(slots=True)
class Summary:
    """How all rules did over all answers."""

    answers: int = 0
    fired: int = 0
    """Answers in which at least one rule fired."""
    saved_characters: int = 0
    rules: dict[str, RuleSummary] = field(default_factory=dict)

    def add(self, trial: Trial) -> None:
        """Count one answer in."""
        self.answers += 1
        self.fired += bool(trial.fired)
        self.saved_characters += trial.saved_characters
        for verdict in trial.fired:
            one = self.rules.setdefault(verdict.rule, RuleSummary(verdict.rule, verdict.kind))
            one.fired += 1
            if trial.kept:
                one.kept.append(trial.id)


class BadAnswerError(SettingsError):
    """An answer to try rules on isn't what it should be."""


def try_rules(
    rules: Sequence[Rule], answers: Iterable[Mapping[str, Any]], *, step: int = 4
) -> Iterator[Trial]:
    """Yield, per answer, what each rule would have done, as if it were alone.

    An answer has `text`, and where known `id`, `thinking`, `model`, `chat` and `kept`. `step` is
    how many characters count as a token, for rules that count tokens. Rules on the clock never
    fire: nobody knows when the text came. A rule tried here is taken for on.

    Raises `BadAnswerError`: an answer without text, or with a field of another type.
    """
    trying = [replace(rule, enabled=True) for rule in rules]
    for number, answer in enumerate(answers, 1):
        text, thinking = _text(answer, "text", number), _text(answer, "thinking", number)
        model, chat = str(answer.get("model") or ""), str(answer.get("chat") or "")
        fired: list[Verdict] = []
        saved = 0
        for rule in trying:
            verdict = _try(rule, thinking, text, model, chat, step)
            if verdict is not None:
                fired.append(verdict)
                if rule.stops:
                    saved = max(saved, _saved(verdict, thinking, text))
        kept = answer.get("kept")
        name = str(answer.get("id", number))
        yield Trial(
            name,
            tuple(fired),
            len(thinking) + len(text),
            saved,
            kept if isinstance(kept, bool) else None,
        )


def _text(answer: Mapping[str, Any], key: str, number: int) -> str:
    value = answer.get(key)
    if value is None and key == "thinking":
        return ""
    if not isinstance(value, str):
        what = f"has no {key}" if value is None else f"has a {key} that is no text"
        raise BadAnswerError(f"answer {number} {what}")
    return sanitise(value)


def _try(rule: Rule, thinking: str, text: str, model: str, chat: str, step: int) -> Verdict | None:
    watcher = Watcher([rule], model, chat)
    if not watcher.rules:
        return None
    if rule.parameters.text_alone:
        step = _STRIDE
    for channel, said in ((Channel.THINKING, thinking), (Channel.CONTENT, text)):
        for at in range(0, len(said), step):
            piece = said[at : at + step]
            is_content = channel is Channel.CONTENT
            raw = watcher.feed_raw(piece if is_content else "", "" if is_content else piece)
            ruling = raw if raw.verdict or raw.marks else watcher.feed(channel, piece)
            found = ruling.verdict or next(iter(ruling.marks), None)
            if found is not None:
                return found
    last = watcher.end()
    return last.verdict or next(iter(last.marks), None)


def _saved(verdict: Verdict, thinking: str, text: str) -> int:
    if verdict.channel is Channel.THINKING:
        return len(thinking) - verdict.at + len(text)
    return len(text) - verdict.at
