"""The input loop of a terminal in which Esc takes 5 ms instead of 100; see ui/terminal.py.

Relied on: `LinuxDriver.run_input_thread` (which Textual runs in a thread), its `fileno`,
`exit_event`, `_debug` and `process_message`; `XTermParser.feed` and `tick`.
"""

from __future__ import annotations

import codecs
import os
import selectors
from collections.abc import Iterator
from typing import Final

from textual import events
from textual._parser import ParseError
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from ollama_tui.ui.terminal import ESCAPE_GRACE

ESC: Final = "\x1b"
_POLL: Final = 0.1
"""Seconds between two looks at `exit_event`, and Textual's wait for the rest of a sequence."""
_READ: Final = 65_536


class Input:
    """Text as it was read, in; keys, mouse events and pastes, out.

    A paste is cut out here, as Textual's parser takes it character by character: 0.7 s per MB.
    An ESC at the very end of what was read is held here too, so the parser never waits for it.
    """

    def __init__(self, *, debug: bool = False) -> None:
        self._parser = XTermParser(debug)
        self._paste: list[str] | None = None
        self._held = ""
        """The end of what was read, if it may be the start of a mark."""

    @property
    def lone_escape(self) -> bool:
        """True while one ESC waits that may be a key, or the start of a sequence."""
        return self._paste is None and self._held == ESC

    def feed(self, text: str) -> Iterator[Message]:
        text, self._held = self._held + text, ""
        while text:
            if self._paste is None:
                keys, mark, text = text.partition(BRACKETED_PASTE_START)
                yield from self._keys(keys, complete=bool(mark))
                if mark:
                    self._paste = []
            else:
                pasted, mark, text = text.partition(BRACKETED_PASTE_END)
                if mark:
                    yield events.Paste("".join([*self._paste, pasted]).replace("\0", ""))
                    self._paste = None
                else:
                    self._paste.append(self._held_back(pasted, BRACKETED_PASTE_END))

    def tick(self) -> Iterator[Message]:
        """Call where nothing came for a while: what is held won't be completed."""
        if self._paste is not None:
            return
        held, self._held = self._held, ""
        if held == ESC:
            yield _escape()
        elif held:
            yield from self._parser.feed(held)
        else:
            yield from self._parser.tick()

    def close(self) -> None:
        try:
            list(self._parser.feed(""))
        except (EOFError, ParseError):
            return  # ended in the middle of a sequence: nobody is left to read it

    def _keys(self, text: str, *, complete: bool) -> Iterator[Message]:
        if not complete:
            text = self._held_back(text, BRACKETED_PASTE_START)
        # Alt+Enter of a legacy terminal: the parser would make a plain Enter of it
        text = text.replace("\x1b\r", "\x1b[13;3u")
        whole = text.rstrip(ESC)
        if whole:
            yield from self._parser.feed(whole)
        for _ in range(len(text) - len(whole)):  # Esc held down, before the one that is held back
            yield _escape()

    def _held_back(self, text: str, mark: str) -> str:
        """Return `text` without its end if that may be the start of `mark`; that end is held."""
        start = text.rfind(ESC, max(0, len(text) - len(mark) + 1))
        if start < 0 or not mark.startswith(text[start:]):
            return text
        self._held = text[start:]
        return text[:start]


class FastEscapeDriver(LinuxDriver):
    """Textual's driver with another input loop: a quick Esc, and no fall over bytes not UTF-8."""

    def run_input_thread(self) -> None:
        """Read until `exit_event` is set or the terminal is gone."""
        keys = Input(debug=self._debug)
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        selector = selectors.SelectSelector()  # kqueue can't wait for a tty on macOS
        selector.register(self.fileno, selectors.EVENT_READ)
        try:
            while not self.exit_event.is_set():
                if selector.select(ESCAPE_GRACE if keys.lone_escape else _POLL):
                    data = os.read(self.fileno, _READ)
                    if not data:
                        break
                    messages = keys.feed(decode(data))
                else:
                    messages = keys.tick()
                for message in messages:
                    self.process_message(message)
        except OSError:
            return  # EIO: the terminal was closed; SIGHUP says the same to the app
        finally:
            selector.close()
            keys.close()


def textual_is_known() -> bool:
    """Try whether Textual's private parts are what is relied on here."""
    try:
        keys = Input()
        up = [getattr(message, "key", "") for message in keys.feed("\x1b[A")]
        waiting = list(keys.feed("\x1b[1;"))
        late = list(keys.tick())
        keys.close()
    except (AttributeError, TypeError, ParseError):
        return False
    parts = ("run_input_thread", "_run_input_thread", "process_message")
    known = all(hasattr(LinuxDriver, part) for part in parts)
    return known and up == ["up"] and waiting == late == []


def _escape() -> events.Key:
    return events.Key("escape", ESC)
