"""Copying: by the terminal (OSC 52) and by the system's own tool, as either may be missing.

Many terminals ignore OSC 52 (macOS Terminal among them), tmux passes it on only with
`set-clipboard on`, and the system's tools see nothing of a terminal reached by ssh: both are asked.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import threading
from typing import Final

from textual.app import App

_PATIENCE: Final = 2.0
"""Seconds after which a tool that doesn't take its input is ended."""


def copy(app: App[object], text: str) -> str:
    """Copy `text` and return what to say about it. Doesn't block: the tool runs in a thread.

    It calls `app.copy_to_clipboard`, so that method must not call this function.
    """
    app.copy_to_clipboard(text)
    if command := system_tool():
        threading.Thread(target=_run, args=(command, text), name="clipboard", daemon=True).start()
    return f"copied {len(text):,} character{'s' if len(text) != 1 else ''}"


@functools.cache
def system_tool() -> tuple[str, ...] | None:
    """Return the command that reads text for the clipboard from its input, if there is one."""
    candidates: list[tuple[str, ...]] = []
    if sys.platform == "darwin":
        candidates.append(("pbcopy",))
    if os.environ.get("WAYLAND_DISPLAY"):
        candidates.append(("wl-copy",))
    if os.environ.get("DISPLAY"):
        candidates += [
            ("xclip", "-selection", "clipboard"),
            ("xsel", "--clipboard", "--input"),
        ]
    candidates.append(("clip.exe",))  # Windows, and Windows' Linux
    return next((command for command in candidates if shutil.which(command[0])), None)


def _run(command: tuple[str, ...], text: str) -> None:
    # clip.exe takes UTF-16 with a mark; the others take UTF-8
    data = text.encode("utf-16" if command[0] == "clip.exe" else "utf-8", "replace")
    try:
        subprocess.run(
            command,
            input=data,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired):
        return  # the terminal was asked as well, and there is nobody to tell
