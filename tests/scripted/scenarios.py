"""The ready-made scenarios, by name. Arguments go behind a colon: `steady:count=50,rate=20`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from .steps import (
    Cut,
    Done,
    ErrorLine,
    ErrorStatus,
    Garbage,
    Hang,
    LateHeaders,
    NotHttp,
    Reset,
    Say,
    Scenario,
    SilentEnd,
    Stall,
    Step,
    ThinkSay,
    words,
)
from .texts import CJK, MARKDOWN, PROSE, THOUGHTS
from .traces import replay

Maker: TypeAlias = Callable[..., tuple[Step, ...]]
_PROSE = words(PROSE)
_THOUGHTS = words(THOUGHTS)
_SOME = Say(_PROSE, 200, 10)
"""What comes before something goes wrong in mid-stream."""


def _steady(count: int = 60, rate: float = 200) -> tuple[Step, ...]:
    return Say(_PROSE, rate, count), Done()


def _flood(count: int = 1_000_000) -> tuple[Step, ...]:
    return Say(_PROSE, None, count), Done()


def _length(count: int = 12, rate: float = 200) -> tuple[Step, ...]:
    return Say(_PROSE, rate, count), Done("length")


def _thinking(thoughts: int = 30, count: int = 30, rate: float = 200) -> tuple[Step, ...]:
    return ThinkSay(_THOUGHTS, rate, thoughts), Say(_PROSE, rate, count), Done()


def _think_forever(rate: float = 200) -> tuple[Step, ...]:
    return ThinkSay(_THOUGHTS, rate, 10_000_000), Done()


def _tags(rate: float = 200) -> tuple[Step, ...]:
    thoughts, answer = words(" Two and two."), words("\n\nThe answer is four.")
    tokens = ("<th", "ink", ">", *thoughts, "</", "think", ">", *answer)
    return Say(tokens, rate), Done()


def _orphan_close(rate: float = 200) -> tuple[Step, ...]:
    tokens = (*words("Two and two."), "</th", "ink", ">", *words("\n\nThe answer is four."))
    return Say(tokens, rate), Done()


def _late_headers(seconds: float | None = None, gate: str | None = None) -> tuple[Step, ...]:
    return LateHeaders(seconds, gate), Say(_PROSE, 200, 30), Done()


def _stall(
    count: int = 10, rate: float = 200, seconds: float | None = None, gate: str | None = None
) -> tuple[Step, ...]:
    return Say(_PROSE, rate, count), Stall(seconds, gate), Say(_PROSE, rate, count), Done()


def _stall_thinking(count: int = 10, rate: float = 200) -> tuple[Step, ...]:
    return ThinkSay(_THOUGHTS, rate, count), Stall()


def _error(status: int, message: str) -> Maker:
    return lambda: (ErrorStatus(status, message),)


def _body(status: int, body: bytes, kind: str = "application/json; charset=utf-8") -> Maker:
    return lambda: (ErrorStatus(status, body, kind),)


def _after_some(*steps: Step) -> Maker:
    """Ten tokens at 200/s, then `steps`."""
    return lambda count=10, rate=200: (Say(_PROSE, rate, count), *steps)


def _say(*tokens: str | bytes) -> Maker:
    return lambda rate=200: (Say(tokens, rate), Done())


_HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\r\n"
_MISSING_MESSAGE = Garbage(
    b'{"model":"smollm2:135m","created_at":"2026-11-22T13:37:48.416155231Z","done":false}\n',
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795354703}\n\n',
)
_NULL_ROLE = Garbage(
    b'{"model":"smollm2:135m","created_at":"2026-11-22T13:37:48.416155231Z",'
    b'"message":{"role":null,"content":" null"},"done":false}\n',
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795354703,'
    b'"choices":[{"index":0,"delta":{"role":null,"content":" null"},"finish_reason":null}]}\n\n',
)
_EMPTY_LINE = Garbage(b"\n", b"\n")

_MAKERS: dict[str, Maker] = {
    "steady": _steady,
    "flood": _flood,
    "length": _length,
    "thinking": _thinking,
    "think-forever": _think_forever,
    "tags": _tags,
    "orphan-close": _orphan_close,
    # silence
    "late-headers": _late_headers,
    "stall": _stall,
    "stall-thinking": _stall_thinking,
    # a runner that hangs after an interrupt, until the model is unloaded (ollama#17131)
    "wedged": lambda: (LateHeaders(gate="unload"), ErrorStatus(500, "model runner has stopped")),
    "accept-and-hang": lambda: (Hang(),),
    # broken off
    "silent-end": _after_some(SilentEnd()),
    "cut": _after_some(Cut()),
    "reset": _after_some(Reset()),
    "reset-before-headers": lambda: (Reset(after=0),),
    # errors
    "error-line": _after_some(ErrorLine("an error was encountered while running the model")),
    "error-object-line": _after_some(
        ErrorLine({"message": "the runner process has terminated", "type": "server_error"})
    ),
    "401": _error(401, "unauthorized"),
    "402": _error(402, "this model requires a subscription"),
    "403": _error(403, "forbidden"),
    "429": _error(429, "too many requests"),
    "500": _error(500, "model runner has unexpectedly stopped"),
    "503": _error(503, "server busy, please try again.  maximum pending requests exceeded"),
    "html-502": _body(502, _HTML, "text/html"),
    "json-string-error": _body(500, b'"something went wrong"'),
    "json-list-error": _body(500, b'["something", "went wrong"]'),
    "empty-error": _body(500, b""),
    # not the protocol
    "garbage": _after_some(Garbage(b'{"model":"smollm2:135m", this is not JSON\n'), Done()),
    "empty-line": _after_some(_EMPTY_LINE, Say(_PROSE, 200, 3), Done()),
    "missing-message": _after_some(_MISSING_MESSAGE, Done()),
    "null-role": _after_some(_NULL_ROLE, Done()),
    "not-http": lambda: (NotHttp(b"SSH-2.0-OpenSSH_9.9\r\n"),),
    # hard text
    "nel": _say("before", "\x85", "a NEL\x85inside,", " \u2028", "a line separator", " after"),
    "surrogate": _say("lone \ud83d", " and a pair \ud83d", "\ude00", " after"),
    "nul": _say("before\x00after", "\x00", " end"),
    "invalid-utf8": _say("caf", b"\xe9", b" \xff\xfe", b"\xc3", " after"),
    "empty-deltas": _say("", "one", "", "", " two", ""),
    "ansi": _say(
        "clipboard \x1b]52;c;cm0gLXJmIH4=\x07,",
        " title \x1b]0;owned\x07,",
        " screen \x1b[2J\x1b[H,",
        " split \x1b",
        "[31mred\x1b[0m,",
        " C1 \x9b2J \x9d0;owned\x9c,",
        " markup [/] [/bold] [link='x [bold]not bold",
        " \r overwritten",
    ),
    "cjk": _say(*re.findall(r"..?", CJK)),
    "markdown": lambda rate=400: (Say(tuple(re.findall(r"\s*\S+\s*?", MARKDOWN)), rate), Done()),
}

NAMES = (*_MAKERS, "loop", "replay")


def named(spec: str) -> Scenario:
    """Make a scenario from `name` or `name:argument,...`; arguments as of the maker, or in order.

    `replay:chat-length,speed=2` plays a recording; `loop` is `replay:chat-loop`. Raises KeyError
    for a name that isn't one, TypeError for arguments that don't fit.
    """
    name, _, rest = spec.partition(":")
    positional: list[Any] = []
    by_name: dict[str, Any] = {}
    for argument in filter(None, rest.split(",")):
        key, equals, value = argument.partition("=")
        if equals:
            by_name[key] = _value(value)
        else:
            positional.append(_value(key))
    if name == "replay":
        return dataclasses.replace(replay(*positional, **by_name), name=spec)
    if name == "loop":
        return dataclasses.replace(replay("chat-loop", *positional, **by_name), name=spec)
    return Scenario(spec, _MAKERS[name](*positional, **by_name))


def spoken(messages: Iterable[Any]) -> Scenario | None:
    """The scenario that the last user message asks for (`scenario:flood`), if it does."""
    said = [str(m.get("content")) for m in messages if m.get("role") == "user"]
    found = re.search(r"scenario:([\w-]+(?::[\w.=,-]+)?)", said[-1]) if said else None
    if found is None:
        return None
    try:
        return named(found[1].rstrip(".,"))
    except (KeyError, TypeError, FileNotFoundError) as error:
        return Scenario(found[1], (ErrorStatus(500, f"no such scenario: {error}"),))


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
