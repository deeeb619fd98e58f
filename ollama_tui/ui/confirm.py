"""A question with two answers."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static


class Confirm(ModalScreen[bool | None]):
    """Gives True or False, and None for Esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "dismiss(False)", "No"),
        Binding("escape", "dismiss(None)", "Close"),
        Binding("y", "dismiss(True)", "Yes"),
    ]

    def __init__(self, question: str, yes: str, no: str) -> None:
        super().__init__()
        self._question, self._yes, self._no = question, yes, no

    def compose(self) -> ComposeResult:
        with Vertical(id="confirm"):
            yield Static(self._question, markup=False)
            with Horizontal():
                yield Button(f"{self._yes}  y", id="yes", variant="primary", compact=True)
                yield Button(f"{self._no}  n", id="no", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")
