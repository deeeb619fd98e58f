"""Themes beside Textual's own, and what is remembered of the looks."""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

HIGH_CONTRAST: Final = Theme(
    name="high-contrast",
    primary="#5fd7ff",
    secondary="#ffffff",
    accent="#ffd700",
    warning="#ffff00",
    error="#ff5f5f",
    success="#5fff5f",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1c1c1c",
    boost="#1c1c1c",
    dark=True,
    variables={"text-muted": "#d0d0d0", "text-disabled": "#b0b0b0"},
)

THEMES: Final = {
    "dark": "textual-dark",
    "light": "textual-light",
    "high-contrast": HIGH_CONTRAST.name,
}
"""The names on the command line, and Textual's."""
