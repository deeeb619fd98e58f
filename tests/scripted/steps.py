"""What a script is made of: plain data, the same for both protocols.

A `Scenario` is played step by step for one chat request. A scenario that runs out of steps
without an end (`Done`, `SilentEnd`, `Cut`, `Reset`, ...) ends as `SilentEnd` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, cycle, islice
from typing import Any, TypeAlias

Token: TypeAlias = str | bytes
"""Bytes stand between the quotes of the JSON string as they are: for what no encoder writes."""


def words(text: str) -> tuple[str, ...]:
    """Cut `text` as a tokenizer roughly does: a word with the white space before it."""
    return tuple(re.findall(r"\s*\S+|\s+$", text))


@dataclass(frozen=True, slots=True)
class Say:
    """Send content, one delta for each token."""

    tokens: str | tuple[Token, ...]
    """A string is cut into words; a tuple is sent as it is cut."""
    rate: float | None = None
    """Tokens per second; None is as fast as the socket takes them."""
    count: int | None = None
    """How many tokens, taken round and round; None is every token once."""

    def stream(self) -> Iterator[Token]:
        tokens = words(self.tokens) if isinstance(self.tokens, str) else self.tokens
        return iter(tokens) if self.count is None else islice(cycle(tokens), self.count)


@dataclass(frozen=True, slots=True)
class ThinkSay(Say):
    """The same for thinking; left out when the request said that it wants no thinking."""


@dataclass(frozen=True, slots=True)
class LateHeaders:
    """Send nothing, no header either: the model loads, the request queues, the prompt is read."""

    seconds: float | None = None
    """None is for ever, or until the gate is released."""
    gate: str | None = None
    """Goes on at `server.release(gate)`."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Send the headers if they aren't out yet, then nothing; fields as in `LateHeaders`."""

    seconds: float | None = None
    gate: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """An error in mid-stream (status 200 is out already)."""

    error: str | dict[str, Any]


@dataclass(frozen=True, slots=True)
class ErrorStatus:
    """Refuse the request."""

    status: int
    body: str | bytes
    """A string is the message, in the protocol's own error shape; bytes are sent as they are."""
    content_type: str = "application/json; charset=utf-8"
    """For a body of bytes."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """One chunk of the body as it stands here, be it what it may."""

    ollama: bytes
    openai: bytes | None = None
    """None is `ollama`'s bytes as the data of an event."""


@dataclass(frozen=True, slots=True)
class Done:
    """The regular end."""

    reason: str = "stop"


@dataclass(frozen=True, slots=True)
class SilentEnd:
    """End the stream cleanly, without the chunk that says so."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Close (FIN) in the middle of the chunked body."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Close with RST, as a killed server's kernel does."""

    after: float = 0.02
    """Seconds to wait first: some systems throw away what was received when the RST comes."""


@dataclass(frozen=True, slots=True)
class NotHttp:
    """Write these bytes where the status line should be, and close."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Hang:
    """Accept the connection and never read from it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The body of a recording, chunk by chunk."""

    chunks: tuple[tuple[float, bytes], ...]
    """Seconds since sending, and the bytes."""
    tokens: int
    """How many of the chunks, from the first, are tokens."""
    speed: float | None = None
    """1 is the recording's own pace; None is as fast as the socket takes it."""


Step: TypeAlias = (
    Say
    | LateHeaders
    | Stall
    | ErrorLine
    | ErrorStatus
    | Garbage
    | Done
    | SilentEnd
    | Cut
    | Reset
    | NotHttp
    | Hang
    | Recorded
)


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    steps: tuple[Step, ...]
    ollama: tuple[Step, ...] | None = field(default=None, repr=False)
    """What is played instead of `steps` to a streaming request on Ollama's own path."""
    openai: tuple[Step, ...] | None = field(default=None, repr=False)
    """The same for the OpenAI-compatible path."""

    @property
    def hangs(self) -> bool:
        """Whether it begins before the request is read."""
        return bool(self.steps) and isinstance(self.steps[0], Hang)

    @property
    def text(self) -> str:
        """The content that a client should have at the end (tokens of bytes left out)."""
        return self._said(ThinkSay, wanted=False)

    @property
    def thinking(self) -> str:
        return self._said(ThinkSay, wanted=True)

    def _said(self, kind: type[Say], *, wanted: bool) -> str:
        said = (
            s.stream() for s in self.steps if isinstance(s, Say) if isinstance(s, kind) == wanted
        )
        return "".join(t for t in chain.from_iterable(said) if isinstance(t, str))
