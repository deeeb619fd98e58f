"""What can happen to an answer, as data.

This is the bottom of the house: everything may import it, it imports nothing of ours.
An answer gives any number of `PhaseChanged`, `Delta`, `Reclassified`, `Cut`, `Warned`, then exactly
one end (`Finished`, `Stopped`, `BrokenOff` or `Failed`), then exactly one `Closed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Phase(StrEnum):
    """Where an answer is. The order is the order in which they are passed; some may be skipped."""

    CONNECTING = "connecting"
    """No connection yet."""
    WAITING = "waiting"
    """Sent; no token yet: the server queues, loads the model or reads the prompt."""
    THINKING = "thinking"
    """The newest token was reasoning."""
    ANSWERING = "answering"
    """The newest token was part of the answer proper."""
    ENDED = "ended"


class Channel(StrEnum):
    """Which of a model's two voices a text belongs to."""

    THINKING = "thinking"
    CONTENT = "content"


class CauseKind(StrEnum):
    """Who or what ended an answer before its time."""

    USER = "user"
    RULE = "rule"
    LIMIT = "limit"
    SHUTDOWN = "shutdown"
    """The program was told to end: a quit, SIGTERM, SIGHUP, a closed pipe."""
    CLOSED = "closed"
    """The chat was closed or deleted while it was answering."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule found. Offsets are characters (code points) of the channel's text."""

    rule: str
    """Name of the rule."""
    version: str
    """Short hash of the rule's definition, so that a log row stays true when the rule changes."""
    kind: str
    action: str
    channel: Channel
    start: int
    """Where the match begins."""
    end: int
    """Where the match ends (exclusive)."""
    at: int
    """How many characters of the channel had been read when the verdict fell; >= `end`."""
    matched: str
    """The matched text, shortened to 200 characters."""
    reason: str = ""
    """The finding in words: "21 characters said 8 times"."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an answer was stopped."""

    kind: CauseKind
    by: str = ""
    """What exactly: "escape", "button", "ctrl+c", "SIGTERM", a rule's or a limit's name."""
    verdict: Verdict | None = None
    """Set for `CauseKind.RULE`."""


class SocketState(StrEnum):
    """What the socket itself said when it was read."""

    PENDING = "pending"
    """Not read yet."""
    NEVER_OPENED = "never opened"
    CLOSED = "closed"
    OPEN = "open"
    """Still open after everything was tried: a bug, and shown as one."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the server said at the end. Durations in seconds, None where it did not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    load_seconds: float | None = None
    prompt_seconds: float | None = None
    completion_seconds: float | None = None
    total_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is known about the end of an answer; what is not known says so."""

    phase: Phase
    """The phase in which it ended."""
    cause: Cause | None = None
    """Set if it was stopped."""
    tokens: int = 0
    """Tokens kept, thinking included: the server's count if it gave one, else one per delta."""
    thinking_characters: int = 0
    content_characters: int = 0
    elapsed: float = 0.0
    """Seconds from sending to the end."""
    first_token: float | None = None
    """Seconds from sending to the first token."""
    done_reason: str | None = None
    """The server's own word at a finished answer: stop, length, load, unload, ..."""
    usage: Usage | None = None
    socket: SocketState = SocketState.PENDING
    close_seconds: float | None = None
    """From the end to the socket's close."""
    detail: str = ""
    """For a broken-off or failed answer: what happened, in a sentence."""


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    phase: Phase
    elapsed: float
    """Seconds since sending."""


@dataclass(frozen=True, slots=True)
class Delta:
    """Sanitised text that may be shown and kept."""

    channel: Channel
    text: str


@dataclass(frozen=True, slots=True)
class Reclassified:
    """All content so far was thinking: the closing tag of an opener in the template has come."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Text of the channel beyond `length` characters is taken back: a rule cuts at its match."""

    channel: Channel
    length: int


@dataclass(frozen=True, slots=True)
class Warned:
    """A rule with an action that does not stop (warn, shadow) has fired."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Finished:
    """The server said that it was done."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Stopped:
    """We ended it. Sent before the connection is closed; the socket is still pending."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """The stream ended, or was reset, without the server saying that it was done."""

    receipt: Receipt
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The server refused or failed, and said so (or could not be reached)."""

    receipt: Receipt
    error: Exception


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection is closed (or, as a bug, is not): the receipt in its final form."""

    receipt: Receipt


End: TypeAlias = Finished | Stopped | BrokenOff | Failed
Event: TypeAlias = PhaseChanged | Delta | Reclassified | Cut | Warned | End | Closed
