"""All that depends on the terminal, and the only place that touches Textual's private parts.

Esc. In a legacy terminal (no kitty keyboard protocol) the key Esc is the byte that also begins
every other key's sequence. Textual waits 100 ms for the rest, whatever ESCDELAY says. Here the
wait is `ESCAPE_GRACE`, and only where nothing at all followed the ESC. The cost: a sequence of
which only the ESC arrives, and the rest more than that later (a bad line over ssh), is read as
Esc and letters. A sequence split anywhere else is waited for as before.

Colour: Textual itself honours NO_COLOR (monochrome), so no colour may carry a meaning alone.
"""

from __future__ import annotations

import asyncio
import functools
import locale
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from textual.driver import Driver

ESCAPE_GRACE: Final = 0.005
"""Seconds for which a lone ESC may still become a sequence. What one write sent comes at once."""

SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name)
)

NO_UTF8: Final = (
    "This locale is not UTF-8: if lines or letters look wrong, start with LC_ALL=C.UTF-8 "
    "(on macOS: LC_ALL=en_US.UTF-8)."
)


def driver_class(*, fast_escape: bool = True) -> type[Driver] | None:
    """Return what `App(driver_class=...)` takes; None is Textual's own choice.

    None where `fast_escape` is off, on Windows (its driver needs none of this), where
    TEXTUAL_DRIVER names another (textual-serve does), and where Textual's private parts are not
    those that we know.
    """
    if not (fast_escape and escape_is_fast()):
        return None
    from ollama_tui.ui.escape import FastEscapeDriver

    return FastEscapeDriver


@functools.cache
def escape_is_fast() -> bool:
    """Whether `driver_class()` mends Esc here: it does on Linux and macOS with a known Textual."""
    if sys.platform == "win32" or os.environ.get("TEXTUAL_DRIVER"):
        return False
    from ollama_tui.ui.escape import textual_is_known

    return textual_is_known()


def in_tmux() -> bool:
    return bool(os.environ.get("TMUX"))


def tmux_escape_time() -> int | None:
    """Milliseconds for which tmux holds back an Esc; None without tmux or without its answer.

    Asks tmux and waits for it up to a second: call it in a thread, or await `tmux_hint`.
    """
    if not in_tmux():
        return None
    try:
        answer = subprocess.run(
            ["tmux", "show-options", "-sv", "escape-time"],
            capture_output=True,
            timeout=1,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return int(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


async def tmux_hint() -> str | None:
    """Return the sentence to say once where tmux makes Esc feel slow (over 50 ms)."""
    if not in_tmux():
        return None
    held = await asyncio.to_thread(tmux_escape_time)
    if held is None or held <= 50:
        return None
    return (
        f"tmux holds back Esc for {held} ms; Ctrl+C stops at once. "
        "To mend it, put `set -s escape-time 10` in ~/.tmux.conf."
    )


def install_signal_handlers(
    loop: asyncio.AbstractEventLoop, callback: Callable[[signal.Signals], None]
) -> Callable[[], None]:
    """Have `callback` called on `loop` for SIGTERM, SIGHUP and SIGINT instead of dying of them.

    Ctrl+C in the terminal is a key, not a SIGINT, while the screen is up. Returns a function that
    brings back what was there before.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        if sys.platform == "win32":  # loops have no add_signal_handler there
            signal.signal(
                number, lambda n, _frame: loop.call_soon_threadsafe(callback, signal.Signals(n))
            )
        else:
            loop.add_signal_handler(number, callback, signal.Signals(number))

    def restore() -> None:
        for number, handler in before.items():
            if sys.platform != "win32":
                loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    return restore


def utf8_locale() -> bool:
    """Whether the locale says that the terminal shows UTF-8; `NO_UTF8` is what to say if not.

    Python makes C.UTF-8 out of LANG=C, as nearly every terminal is UTF-8 whatever that says;
    LC_ALL=C, said on purpose, is left alone and reported.
    """
    return locale.getencoding().replace("-", "").lower() == "utf8"


def force_utf8_output() -> None:
    """Write UTF-8 whatever the locale. Call it before the screen starts.

    Textual draws to standard error. With PYTHONUTF8=0 or PYTHONIOENCODING=ascii Python would
    write each line and each letter beyond ASCII as an escape such as \\u2500, six cells for one.
    """
    import io

    streams: tuple[TextIO | None, ...] = (sys.__stdout__, sys.__stderr__)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
