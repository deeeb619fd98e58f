"""Time limits of an answer, as timers; each is a stop with its own cause.

They are no HTTP time-outs: a read time-out also covers loading, queueing and prompt processing,
so a short one aborts legitimate waits and a long one catches nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ollama_tui.events import Phase


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds; None is no limit. The defaults never abort the loading of a large model."""

    connect: float | None = 15.0
    """Until a connection stands."""
    first_token: float | None = 900.0
    """From sending to the first token: queueing, loading and prompt processing."""
    between_tokens: float | None = 120.0
    """Silence after a token."""
    thinking: float | None = None
    """From the first token of reasoning to the first one of the answer."""
    total: float | None = None
    """The whole answer."""


class LimitTimers:
    """Watches the clock of one answer and calls `reached(name, seconds)` at the first limit.

    The clock is the event loop's (monotonic). A token costs one assignment: the timer for
    silence is set again only when it goes off too early.
    """

    def __init__(self, limits: Limits, reached: Callable[[str, float], None]) -> None:
        self._limits = limits
        self._reached = reached
        self._loop = asyncio.get_running_loop()
        self._handles: dict[str, asyncio.TimerHandle] = {}
        self._last_token = 0.0

    def start(self) -> None:
        """The request is being sent."""
        self._arm("connect", self._limits.connect)
        self._arm("first_token", self._limits.first_token)
        self._arm("total", self._limits.total)

    def connected(self) -> None:
        self._disarm("connect")

    def token(self) -> None:
        """Anything came from the model."""
        self._last_token = self._loop.time()
        if "between_tokens" not in self._handles:
            self._disarm("connect")
            self._disarm("first_token")
            self._arm("between_tokens", self._limits.between_tokens)

    def phase(self, phase: Phase) -> None:
        """The answer has entered `phase`."""
        if phase is Phase.THINKING:
            self._arm("thinking", self._limits.thinking)
        else:
            self._disarm("thinking")

    def cancel(self) -> None:
        """No limit is reached any more."""
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()

    def _arm(self, name: str, seconds: float | None) -> None:
        if seconds is not None and name not in self._handles:
            self._handles[name] = self._loop.call_later(seconds, self._due, name, seconds)

    def _disarm(self, name: str) -> None:
        handle = self._handles.pop(name, None)
        if handle is not None:
            handle.cancel()

    def _due(self, name: str, seconds: float) -> None:
        if name == "between_tokens":
            rest = self._last_token + seconds - self._loop.time()
            if rest > 0.001:
                self._handles[name] = self._loop.call_later(rest, self._due, name, seconds)
                return
        self._reached(name, seconds)
