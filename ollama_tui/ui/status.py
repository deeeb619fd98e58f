"""The line at the bottom: what happens now, since when, and the button that ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Button, Static

from ollama_tui.events import Phase

if TYPE_CHECKING:
    from ollama_tui.answer import Answer

_REFRESH = 0.1
_HINT_SECONDS = 4.0

_PHASES = {
    Phase.CONNECTING: ("○", "connecting"),
    Phase.WAITING: ("○", "waiting: loading or reading the prompt"),
    Phase.THINKING: ("●", "thinking"),
    Phase.ANSWERING: ("●", "answering"),
}


class StatusLine(Horizontal):
    """Phase and clock of the answer in flight, else what is ready; passing hints; Stop."""

    DEFAULT_CLASSES: ClassVar[str] = "status"

    class StopPressed(Message):
        """The button was pressed."""

    def __init__(self) -> None:
        super().__init__(id="status")
        self._text = Static("", id="status-text", markup=False)
        self._button = Button("Stop  Esc", id="stop", compact=True, disabled=True)
        self._idle = ""
        self._hint = ""
        self._answer: Answer | None = None
        self._hint_timer: Timer | None = None
        self._shown = ""

    def compose(self) -> ComposeResult:
        yield self._text
        yield self._button

    def on_mount(self) -> None:
        self.set_interval(_REFRESH, self.refresh_text)
        self.refresh_text()

    @property
    def text(self) -> str:
        """What it says."""
        return self._shown

    def set_idle(self, text: str) -> None:
        """What to say while nothing is in flight."""
        self._idle = text
        self.refresh_text()

    def watch_answer(self, answer: Answer | None) -> None:
        """Show `answer` until it has ended; None for none."""
        self._answer = answer
        self._button.disabled = answer is None
        self.refresh_text()

    def escape_stops(self, yes: bool) -> None:
        """Whether Esc would stop now; where it closes something else first, Ctrl+C is named."""
        self._button.label = Content("Stop  Esc" if yes else "Stop  ^C")

    def hint(self, text: str) -> None:
        """Say `text` for a few seconds, instead of the rest."""
        self._hint = text
        if self._hint_timer is not None:
            self._hint_timer.stop()
        self._hint_timer = self.set_timer(_HINT_SECONDS, self._clear_hint)
        self.refresh_text()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(self.StopPressed())

    def refresh_text(self) -> None:
        """Draw the line again where it has changed; the layout stays."""
        text = self._hint or (self._idle if self._answer is None else _progress(self._answer))
        if text != self._shown:
            self._shown = text
            self._text.update(Content(text), layout=False)

    def _clear_hint(self) -> None:
        self._hint = ""
        self.refresh_text()


def _progress(answer: Answer) -> str:
    sign, words = _PHASES.get(answer.phase, ("○", "closing"))
    parts = [f"{sign} {words} {answer.elapsed:.1f} s"]
    if answer.tokens:
        parts.append(f"{answer.tokens:,} tokens" if answer.tokens > 1 else "1 token")
    if rate := answer.tokens_per_second:
        parts.append(f"{rate:.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
    parts.append(answer.request.model)
    parts.append(f"{answer.server.title} {answer.server.host.shown}")
    return " · ".join(parts)
