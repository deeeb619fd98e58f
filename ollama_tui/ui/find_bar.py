"""The line in which one types what to find in the conversation."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from ollama_tui.ui.transcript import Transcript


class FindBar(Horizontal):
    """Finds as one types. Enter goes to the next hit, Shift+Enter or Up to the one before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "step(1)", "Next hit", show=False),
        Binding("up,shift+enter", "step(-1)", "Previous hit", show=False),
        Binding("escape", "close", "Close"),
    ]

    class Closed(Message):
        """It has been closed."""

    def __init__(self, transcript: Transcript) -> None:
        super().__init__(id="find")
        self._transcript = transcript
        self._input = Input(placeholder="find", compact=True)
        self._count = Static("", id="find-count", markup=False)
        self._hits = 0
        self.display = False

    def compose(self) -> ComposeResult:
        yield self._input
        yield self._count

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    def open(self) -> None:
        """Show it, with what was looked for last."""
        self.display = True
        self.screen.set_focus(self._input)  # now: `focus()` lets the keys behind it pass first
        self._input.action_select_all()
        self._find()

    def action_close(self) -> None:
        """Hide it and take the marks away."""
        self.display = False
        self._transcript.clear_find()
        self.post_message(self.Closed())

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._find()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_step(1)

    def action_step(self, by: int) -> None:
        """Go to the next hit (1) or to the one before (-1)."""
        step = self._transcript.find_next if by > 0 else self._transcript.find_previous
        self._say(self._hits, step())

    def _find(self) -> None:
        self._hits = self._transcript.find(self._input.value)
        self._say(self._hits, 0)

    def _say(self, hits: int, at: int) -> None:
        words = f"{at} of {hits:,}" if at and hits else f"{hits:,} found" if hits else "nothing"
        text = words if self._input.value.strip() else ""
        self._count.update(Content(f"{text} · enter next · up previous · esc close"))
