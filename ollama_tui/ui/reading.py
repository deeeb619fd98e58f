"""A screen with a transcript to read: scrolling, jumping, finding, copying."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from ollama_tui.ui.clipboard import copy
from ollama_tui.ui.find_bar import FindBar
from ollama_tui.ui.prompt import Prompt
from ollama_tui.ui.status import StatusLine
from ollama_tui.ui.transcript import Transcript


class ReadingScreen(Screen[None]):
    """What can be done with the conversation besides adding to it.

    These keys work while the focus is in the prompt, which leaves them alone.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "scroll('page_up')", "Page up", show=False),
        Binding("pagedown", "scroll('page_down')", "Page down", show=False),
        Binding("ctrl+home", "scroll('scroll_home')", "To the beginning", show=False),
        Binding("ctrl+end,end", "scroll('scroll_end')", "To the end", show=False),
        Binding("ctrl+up", "scroll('previous_message')", "Previous message", id="read.previous"),
        Binding("ctrl+down", "scroll('next_message')", "Next message", id="read.next"),
        Binding("f7", "scroll('next_code_block')", "Next code block", id="read.code"),
        # priority: the letters that follow at once are meant for the bar, not for the prompt
        Binding("ctrl+f", "find", "Find", priority=True, id="read.find"),
        Binding("f6", "copy_answer", "Copy the last answer", id="copy.answer"),
        Binding("shift+f6", "copy_message", "Copy this message", id="copy.message"),
        Binding("f8", "copy_code", "Copy the code block", id="copy.code"),
        Binding("f9", "toggle_thinking", "Show or fold the thinking", id="read.thinking"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.transcript = Transcript(id="transcript")
        self.find_bar = FindBar(self.transcript)
        self.prompt = Prompt(placeholder="Ask something", id="prompt")
        self.status = StatusLine()
        self.answers: list[int] = []
        """The transcript's ids of the model's messages."""

    def action_scroll(self, how: str) -> None:
        """Run one of the transcript's own scrolling actions."""
        getattr(self.transcript, f"action_{how}")()

    def action_find(self) -> None:
        if self.find_bar.is_open:
            self.find_bar.action_close()
            return
        self.find_bar.open()
        self.status.escape_stops(False)
        self.refresh_bindings()

    def on_find_bar_closed(self) -> None:
        self.prompt.focus()
        self.status.escape_stops(True)
        self.refresh_bindings()

    # -- copying

    def action_copy_text(self) -> None:
        """Copy what is selected; where nothing is, the key goes on to the app's ladder."""
        text = self.transcript.selected_text or self.get_selected_text()
        if text:
            self._copy(text, "the selection")
        else:
            super().action_copy_text()  # skips

    def action_copy_answer(self) -> None:
        if self.answers:
            self._copy(self.transcript.text_of(self.answers[-1]), "the last answer")
        else:
            self.status.hint("There is no answer to copy yet.")

    def action_copy_message(self) -> None:
        message = self.transcript.current
        if message is None:
            self.status.hint("There is no message to copy yet.")
        else:
            self._copy(self.transcript.text_of(message), "this message")

    def action_copy_code(self) -> None:
        """Copy the code block that was jumped to; where none was, the last one."""
        code = self.transcript.current_code
        if code is None:
            blocks = [
                b for a in reversed(self.answers) for b in self.transcript.code_blocks(a)[-1:]
            ]
            code = blocks[0] if blocks else None
        if code is None:
            self.status.hint("There is no code block to copy.")
        else:
            self._copy(code, "the code block")

    def _copy(self, text: str, what: str) -> None:
        if text:
            self.status.hint(f"{what}: {copy(self.app, text)}")
        else:
            self.status.hint(f"{what} is empty.")

    def action_toggle_thinking(self) -> None:
        """Unfold or fold the thinking of the current message, else of the last answer."""
        current = self.transcript.current
        if self.answers:
            message = current if current in self.answers else self.answers[-1]
            self.transcript.toggle_thinking(message or self.answers[-1])
