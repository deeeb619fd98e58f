"""How long Esc takes in a legacy terminal, from the byte to the handler, with and without us.

    python -m benchmarks.escape

A tiny Textual app runs in a real pseudo-terminal; its handler takes the time. Both ends read the
same monotonic clock.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import statistics
import struct
import sys
import termios
import time
from fcntl import ioctl
from typing import TypedDict

PRESSES = 25
BUDGET_MS = 20
PAUSE = 0.15
"""Seconds between presses: more than Textual's own wait."""


class Figures(TypedDict):
    p50_ms: float
    p95_ms: float


class Session:
    """The app of `_app` in a pseudo-terminal that answers nothing, so it counts as legacy."""

    def __init__(self, *, fast: bool) -> None:
        reader, writer = os.pipe()
        os.set_inheritable(writer, True)
        command = [sys.executable, "-m", "benchmarks.escape", "app", str(writer), str(int(fast))]
        self.pid, self.terminal = pty.fork()
        if not self.pid:
            os.environ.update(TERM="xterm-256color")
            for name in ("TEXTUAL_DRIVER", "TMUX"):
                os.environ.pop(name, None)
            os.execv(sys.executable, command)
        ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.close(writer)
        self.notes = reader
        self._rest = b""
        self.note()  # the app is up

    def send(self, data: bytes) -> float:
        """Write to the app, as a keyboard does; return when that was."""
        when = time.monotonic()
        os.write(self.terminal, data)
        return when

    def send_all(self, data: bytes) -> None:
        """Write more than a terminal buffers, reading what the app draws meanwhile."""
        while data:
            readable, writable, _ = select.select([self.terminal], [self.terminal], [])
            if readable:
                os.read(self.terminal, 65_536)
            if writable:
                data = data[os.write(self.terminal, data[:1024]) :]

    def note(self, seconds: float = 10) -> tuple[float, str]:
        """Return when the app saw what: a key's name, or `paste`, `mouse` and the like."""
        until = time.monotonic() + seconds
        while b"\n" not in self._rest:
            wait = max(0, until - time.monotonic())
            ready, _, _ = select.select([self.notes, self.terminal], [], [], wait)
            if not ready:
                raise TimeoutError("the app in the terminal said nothing")
            if self.terminal in ready:
                os.read(self.terminal, 65_536)  # what it draws
            if self.notes in ready:
                self._rest += os.read(self.notes, 65_536)
        line, _, self._rest = self._rest.partition(b"\n")
        when, _, what = line.decode().partition(" ")
        return float(when), what

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)
        os.close(self.notes)


def measure(*, fast: bool, presses: int = PRESSES) -> Figures:
    session = Session(fast=fast)
    try:
        took = []
        for _ in range(presses):
            pressed = session.send(b"\x1b")
            when, key = session.note()
            if key != "escape":
                raise AssertionError(f"Esc was seen as {key}")
            took.append((when - pressed) * 1_000)
            time.sleep(PAUSE)
    finally:
        session.close()
    return {"p50_ms": statistics.median(took), "p95_ms": sorted(took)[int(len(took) * 0.95)]}


def run() -> dict[str, Figures]:
    """Return, and print, milliseconds by way: Textual's own driver, and ours."""
    figures = {"textual": measure(fast=False), "ollama-tui": measure(fast=True)}
    print(f"{'Esc, from byte to handler':28}{'p50 ms':>8}{'p95 ms':>8}")
    for way, row in figures.items():
        print(f"{way:28}{row['p50_ms']:8.1f}{row['p95_ms']:8.1f}")
    return figures


def missed(figures: dict[str, Figures]) -> list[str]:
    """Return the budgets that `figures` misses, as sentences."""
    taken = figures["ollama-tui"]["p50_ms"]
    return [f"Esc took {taken:.1f} ms, budget {BUDGET_MS} ms"] if taken > BUDGET_MS else []


def _app(notes: int, fast: bool) -> None:
    from textual import events
    from textual.app import App

    from ollama_tui.ui.terminal import driver_class

    def note(what: str) -> None:
        os.write(notes, f"{time.monotonic()} {what}\n".encode())

    class Noting(App[None]):
        def on_ready(self) -> None:
            note("ready")

        def on_key(self, event: events.Key) -> None:
            note(event.key)

        def on_paste(self, event: events.Paste) -> None:
            note(f"paste {len(event.text)} {event.text[:20]!r}")

        def on_mouse_down(self, event: events.MouseDown) -> None:
            note(f"mouse {event.x} {event.y}")

    Noting(driver_class=driver_class(fast_escape=fast)).run()


if __name__ == "__main__":
    if sys.argv[1:2] == ["app"]:
        _app(int(sys.argv[2]), sys.argv[3] == "1")
    else:
        run()
