"""What the scripted server saw. Times are `time.monotonic()` seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(slots=True)
class Exchange:
    """One request and what was answered."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    raw: bytes
    body: Any
    """Parsed JSON; None where there was none."""
    connection: Connection = field(repr=False)
    at: float = field(default_factory=time.monotonic)
    scenario: str = ""
    """Name of the scenario that a chat request was answered with."""
    headers_at: float | None = None
    """When the status line went out."""
    tokens: int = 0
    """Deltas with text that were handed to the socket."""
    finished: bool = False
    """The script was played to its end."""

    @property
    def is_chat(self) -> bool:
        return self.method == "POST" and self.path in {"/api/chat", "/v1/chat/completions"}


@dataclass(slots=True)
class Connection:
    opened_at: float = field(default_factory=time.monotonic)
    exchanges: list[Exchange] = field(default_factory=list)
    closed_at: float | None = None
    """When the close was noticed, whoever closed."""
    closed_by: Literal["FIN", "RST", "server"] | None = None
    """How the peer closed, or that the server did it first."""
    writing: bool = False
    """The peer closed while an answer was still due (waiting and stalling included)."""

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def tokens(self) -> int:
        return sum(exchange.tokens for exchange in self.exchanges)

    def note_close(self, by: Literal["FIN", "RST", "server"]) -> None:
        """Note who closed, and when: the first one."""
        if self.closed_at is None:
            self.closed_at = time.monotonic()
            self.closed_by = by
            due = bool(self.exchanges) and not self.exchanges[-1].finished
            self.writing = due and by != "server"

    def as_json(self) -> dict[str, Any]:
        """For the program's log."""
        return {
            "opened_at": self.opened_at,
            "closed_at": self.closed_at,
            "closed_by": self.closed_by,
            "writing": self.writing,
            "tokens": self.tokens,
            "paths": [exchange.path for exchange in self.exchanges],
        }
