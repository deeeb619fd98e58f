"""A stop rule as data: what it looks for, where, and what then happens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from ollama_tui.errors import SettingsError
from ollama_tui.events import Channel
from ollama_tui.rules.detector import Detector

RuleChannel: TypeAlias = Literal["content", "thinking", "both"]
Action: TypeAlias = Literal["stop", "cut", "discard", "retry", "answer_now", "warn", "shadow"]
CHANNELS: tuple[RuleChannel, ...] = get_args(RuleChannel)
ACTIONS: dict[Action, str] = {
    "stop": "stop, and keep what was said",
    "cut": "stop, and keep it up to the match",
    "discard": "stop, and hide what was said",
    "retry": "stop, and ask again",
    "answer_now": "end the thinking, and ask for the answer",
    "warn": "mark it, and go on",
    "shadow": "log it, and go on",
}
"""Every action, in words."""
GOES_ON: frozenset[str] = frozenset({"warn", "shadow"})
"""The actions that don't stop the answer."""
MAX_NAME = 100
MAX_RETRIES = 10
MAX_SEED = 2**31 - 1


class RuleError(SettingsError):
    """A rule can't be used; the sentence says which part of it and why."""

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field
        """The field of the rule that is wrong, as it is called in `rules.toml`."""


@dataclass(frozen=True, slots=True)
class ParameterField:
    """One field of a kind's parameters, for a form and for the reference."""

    name: str
    type: Literal["texts", "text", "switch", "integer", "number", "choice"]
    default: Any
    """None where it must be given."""
    doc: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


def parameter(
    doc: str,
    default: Any = MISSING,
    *,
    choices: Iterable[str] = (),
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """Declare a field of a `Parameters` class."""
    metadata = {"doc": doc, "choices": tuple(choices), "low": low, "high": high}
    if default is MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


_TYPES: dict[str, tuple[str, tuple[type, ...], str]] = {
    "tuple[str, ...]": ("texts", (tuple,), "a list of texts"),
    "str": ("text", (str,), "a text"),
    "bool": ("switch", (bool,), "true or false"),
    "int": ("integer", (int,), "a whole number"),
    "float": ("number", (int, float), "a number"),
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """Base of every kind's parameters; a wrong value raises `RuleError` at construction."""

    kind: ClassVar[str]
    summary: ClassVar[str]
    """What the kind does, in a line that goes on from "stops when"."""
    text_alone: ClassVar[bool] = True
    """False where the server's deltas and the clock matter."""
    raw: ClassVar[bool] = False
    """True for a kind that reads the content before `<think>` tags are split from it."""

    def __post_init__(self) -> None:
        for declared in fields(self):
            _check_value(declared, getattr(self, declared.name))
        self.check()

    def check(self) -> None:
        """Raise `RuleError` for values that are wrong only together."""

    def detector(self) -> Detector:
        """Return a new detector for one channel of one answer."""
        raise NotImplementedError

    def detectors(self, channels: Iterable[Channel]) -> dict[Channel, Detector]:
        """Return a detector per channel; kinds that add the channels up override this."""
        return {channel: self.detector() for channel in channels}

    @classmethod
    def fields(cls) -> tuple[ParameterField, ...]:
        """What a form asks for."""
        return tuple(_describe(declared) for declared in fields(cls))


def _describe(declared: Field[Any]) -> ParameterField:
    kind = _TYPES[str(declared.type)][0]
    meta = declared.metadata
    return ParameterField(
        declared.name,
        "choice" if meta["choices"] and kind == "text" else kind,  # type: ignore[arg-type]
        None if declared.default is MISSING else declared.default,
        meta["doc"],
        meta["choices"],
        meta["low"],
        meta["high"],
    )


def _check_value(declared: Field[Any], value: Any) -> None:
    name, meta = declared.name, declared.metadata
    kind, types, words = _TYPES[str(declared.type)]
    right: bool = isinstance(value, types)
    if not right or (isinstance(value, bool) and kind != "switch"):
        raise RuleError(f"{name} must be {words}, not {value!r:.80}", field=name)
    if kind == "texts" and not all(isinstance(item, str) for item in value):
        raise RuleError(f"{name} must be {words}", field=name)
    items = value if kind == "texts" else (value,)
    if meta["choices"]:
        for item in items:
            if item not in meta["choices"]:
                choices = ", ".join(meta["choices"])
                raise RuleError(f"{name} can't be {item!r:.80}; it is one of {choices}", field=name)
    _check_range(name, value, meta["low"], meta["high"])


def _check_range(name: str, value: Any, low: float | None, high: float | None) -> None:
    # written so that NaN is refused too
    if low is not None and not value >= low:
        raise RuleError(f"{name} must be at least {low:g}, not {value}", field=name)
    if high is not None and not value <= high:
        raise RuleError(f"{name} must be at most {high:,g}, not {value}", field=name)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Raises `RuleError` at construction if it can't work."""

    name: str
    parameters: Parameters
    channel: RuleChannel = "content"
    models: tuple[str, ...] = ()
    """Globs; none means every model."""
    chats: tuple[str, ...] = ()
    """Ids; none means every chat."""
    action: Action = "stop"
    retries: int = 1
    """For `retry`: how many new answers at most."""
    seed: int | None = None
    """For `retry`: the seed of the next answer; None takes a new one each time."""
    temperature: float | None = None
    """For `retry`: None leaves it as it was."""
    instruction: str = ""
    """For `retry`: a sentence added to the system prompt of the next answer."""
    enabled: bool = True

    def __post_init__(self) -> None:
        for check in _RULE_CHECKS:
            check(self)

    @property
    def kind(self) -> str:
        return self.parameters.kind

    @property
    def version(self) -> str:
        """Short hash of the definition: everything but the name and whether it is on."""
        return _version(self)

    @property
    def stops(self) -> bool:
        """Whether its action ends the answer."""
        return self.action not in GOES_ON

    @property
    def channels(self) -> tuple[Channel, ...]:
        if self.channel == "both":
            return (Channel.THINKING, Channel.CONTENT)
        return (Channel(self.channel),)

    def applies_to(self, model: str, chat: str = "") -> bool:
        """Whether the rule is on and in scope. `llama3` and `llama3:latest` are one model."""
        if not self.enabled or (self.chats and chat not in self.chats):
            return False
        model = model.lower()
        names = {model, model.removesuffix(":latest")}
        globs = [glob.lower() for glob in self.models]
        return not globs or any(fnmatchcase(name, glob) for name in names for glob in globs)


@lru_cache(maxsize=1024)
def _version(rule: Rule) -> str:
    definition = asdict(rule)
    del definition["name"], definition["enabled"]
    text = json.dumps([rule.kind, definition], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _check_name(rule: Rule) -> None:
    name = rule.name
    if not isinstance(name, str) or not name.strip():
        raise RuleError("a rule needs a name", field="name")
    if len(name) > MAX_NAME or not name.isprintable():
        raise RuleError(
            f"a name has at most {MAX_NAME} printable characters, not {name!r:.40}", field="name"
        )


def _check_scope(rule: Rule) -> None:
    if rule.channel not in CHANNELS:
        raise RuleError(
            f"channel can't be {rule.channel!r}; it is one of {', '.join(CHANNELS)}",
            field="channel",
        )
    for key in ("models", "chats"):
        value = getattr(rule, key)
        if not isinstance(value, tuple) or not all(isinstance(v, str) and v for v in value):
            raise RuleError(f"{key} must be a list of texts that aren't empty", field=key)
    if not isinstance(rule.enabled, bool):
        raise RuleError("enabled must be true or false", field="enabled")


def _check_action(rule: Rule) -> None:
    if rule.action not in ACTIONS:
        raise RuleError(
            f"action can't be {rule.action!r}; it is one of {', '.join(ACTIONS)}", field="action"
        )
    if rule.action == "answer_now" and (rule.channel != "thinking" or rule.parameters.raw):
        raise RuleError(
            'answer_now ends the thinking, so it needs channel = "thinking"'
            " and a kind that can read the thinking",
            field="action",
        )


def _check_retry(rule: Rule) -> None:
    if type(rule.retries) is not int or not 1 <= rule.retries <= MAX_RETRIES:
        raise RuleError(f"retries must be a whole number from 1 to {MAX_RETRIES}", field="retries")
    if rule.seed is not None and (type(rule.seed) is not int or not 0 <= rule.seed <= MAX_SEED):
        raise RuleError(f"seed must be a whole number from 0 to {MAX_SEED}", field="seed")
    if rule.temperature is not None and (
        type(rule.temperature) not in (int, float) or not 0 <= rule.temperature <= 10
    ):
        raise RuleError("temperature must be a number from 0 to 10", field="temperature")
    if not isinstance(rule.instruction, str):
        raise RuleError("instruction must be a text", field="instruction")


_RULE_CHECKS: tuple[Callable[[Rule], None], ...] = (
    _check_name,
    _check_scope,
    _check_action,
    _check_retry,
)
