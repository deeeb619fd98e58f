"""CPU until the first paint, of the program and of an empty Textual app, in a pseudo-terminal.

Both end themselves right after their first paint; the kernel's account of the ended process is
what is compared, run by run in turn, so that the machine's drift falls on both.
"""

from __future__ import annotations

import fcntl
import os
import pty
import statistics
import struct
import sys
import tempfile
import termios
from typing import Any

RUNS = 9
BUDGET = 1.3

_EMPTY = """
from textual.app import App
class Empty(App):
    def on_mount(self):
        self.call_after_refresh(self.exit)
Empty().run()
"""
_OURS = """
import sys
sys.argv = ["ollama-tui"]
from ollama_tui.cli import cli  # what the installed program loads first
from ollama_tui.choice import Choice
from ollama_tui.ui.app import ChatApp
class Ours(ChatApp):
    def _begin(self):
        self.exit()
Ours(Choice()).run()
"""


def cpu(code: str, environment: dict[str, str]) -> float:
    """Seconds of CPU that a Python process running `code` in a terminal of 80 by 24 took."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", code], environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    output = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # EIO: the other side is closed
            break
        if not data:
            break
        output += data
    _, status, usage = os.wait4(pid, 0)
    os.close(terminal)
    if status:
        raise RuntimeError(f"it ended with {status}: {output[-2000:].decode(errors='replace')}")
    return usage.ru_utime + usage.ru_stime


def run() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"}
        environment |= {f"OLLAMA_TUI_{v}": folder for v in ("STATE", "CONFIG", "DATA")}
        cpu(_EMPTY, environment), cpu(_OURS, environment)
        pairs = [(cpu(_EMPTY, environment), cpu(_OURS, environment)) for _ in range(RUNS)]
    ratio = statistics.median(ours / empty for empty, ours in pairs)
    empty, ours = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
    print(f"empty Textual app {empty:6.0f} ms of CPU")
    print(f"ollama-tui        {ours:6.0f} ms of CPU   ratio {ratio:.2f} (budget {BUDGET})")
    return {"empty_ms": empty, "program_ms": ours, "ratio": ratio}


def missed(figures: dict[str, Any]) -> list[str]:
    if figures["ratio"] <= BUDGET:
        return []
    return [f"first paint: {figures['ratio']:.2f} times an empty app's, budget {BUDGET}"]


if __name__ == "__main__":
    print(missed(run()))
