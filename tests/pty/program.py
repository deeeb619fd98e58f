"""The whole program in a pseudo-terminal: type at it, look at its screen, see how it ends."""

from __future__ import annotations

import os
import signal
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pexpect
import pyte

ESC = "\x1b"
CTRL_C, CTRL_J, CTRL_O, CTRL_Q = "\x03", "\x0a", "\x0f", "\x11"
ENTER = "\r"


class Program:
    """`python -m ollama_tui` in a terminal of `columns` by `rows`, with folders of its own."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        columns: int = 80,
        rows: int = 24,
        environment: dict[str, str] | None = None,
        command: tuple[str, ...] = (sys.executable, "-m", "ollama_tui"),
    ) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OLLAMA", "TMUX"))}
        self._environment = {
            **kept,
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
            "TEXTUAL_ANIMATIONS": "none",
            "OLLAMA_TUI_STATE": str(folder / "state"),
            "OLLAMA_TUI_CONFIG": str(folder / "config"),
            "OLLAMA_TUI_DATA": str(folder / "data"),
            **(environment or {}),
        }
        self._command = [*command, *arguments]
        self._size = (rows, columns)
        self.raw = b""
        """Every byte that reached the terminal."""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    def __enter__(self) -> Self:
        self.child = pexpect.spawn(
            self._command[0], self._command[1:], env=self._environment, dimensions=self._size
        )
        self.modes_before: list[Any] = termios.tcgetattr(self.child.child_fd)
        return self

    def __exit__(self, *exc: object) -> None:
        if self.child.isalive():
            self.child.kill(signal.SIGKILL)
        self.child.close(force=True)

    @property
    def pid(self) -> int:
        return int(self.child.pid)

    @property
    def screen(self) -> str:
        """What a person sees now."""
        return "\n".join(self._screen.display)

    def type(self, keys: str) -> None:
        """Send keys as they are."""
        self.child.send(keys)

    def wait_for(self, *texts: str, timeout: float = 15.0) -> str:
        """Read until all of `texts` are on the screen; return it."""
        return self.wait(lambda: all(text in self.screen for text in texts), repr(texts), timeout)

    def wait_until_gone(self, text: str, timeout: float = 15.0) -> str:
        """Read until `text` is not on the screen any more."""
        return self.wait(lambda: text not in self.screen, f"no {text!r}", timeout)

    def wait(self, condition: Callable[[], bool], what: str, timeout: float = 15.0) -> str:
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"no {what} within {timeout} s; the screen is\n{self.screen}")
            if not self._read(0.05) and not self.child.isalive():
                raise AssertionError(f"it ended before {what}; the screen is\n{self.screen}")
        return self.screen

    def end(self, timeout: float = 10.0) -> int:
        """Wait until it ends; return its status as a shell would (128 + n for a signal)."""
        deadline = time.monotonic() + timeout
        while self.child.isalive() and time.monotonic() < deadline:
            self._read(0.05)
        assert not self.child.isalive(), f"it did not end; the screen is\n{self.screen}"
        while self._read(0.05):
            continue
        if self.child.signalstatus is not None:
            return 128 + int(self.child.signalstatus)
        return int(self.child.exitstatus)

    def assert_terminal_restored(self) -> None:
        """Modes as before, the first screen back, the cursor shown, mouse and paste modes off."""
        for on, off in ((b"?1049h", b"?1049l"), (b"?25l", b"?25h"), (b"?1000h", b"?1000l")):
            assert self.raw.rfind(off) > self.raw.rfind(on), (on, off)
        assert b"\x1b[?2004l" in self.raw
        modes = termios.tcgetattr(self.child.child_fd)
        assert modes[:4] == self.modes_before[:4]

    def _read(self, timeout: float) -> bool:
        try:
            data: bytes = self.child.read_nonblocking(65536, timeout)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return False
        self.raw += data
        self._stream.feed(data)
        return True
