"""What the command line chose for the chat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ollama_tui.request import Think


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line said."""

    host: str | None = None
    model: str | None = None
    think: Think = None
    must_think: bool = False
    system: str | None = None
    theme: str | None = None
    """dark, light, high-contrast; None is the one last used."""
