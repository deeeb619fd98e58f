"""Which component class draws what, and the Rich styles that come of it."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING

from rich.style import Style

if TYPE_CHECKING:
    from textual.widget import Widget


class Attribute(IntFlag):
    """What Markdown adds to a text, whatever its colour."""

    BOLD = 1
    ITALIC = 2
    STRIKE = 4
    UNDERLINE = 8


class Look(IntEnum):
    """What a text is to the reader; `css` says which component class draws it."""

    TEXT = 0
    USER = 16
    ASSISTANT = 32
    SYSTEM = 48
    TIME = 64
    THINKING = 80
    STOP = 96
    WARNING = 112
    ERROR = 128
    DIM = 144
    HINT = 160
    MARK = 176
    HIT = 192
    CURRENT_HIT = 208
    OVERLAY = 224
    HEADING = 240
    CODE = 256
    CODE_BLOCK = 272
    LINK = 288
    URL = 304
    QUOTE = 320
    BULLET = 336
    RULE = 352
    TABLE_HEADER = 368
    KEYWORD = 384
    NAME = 400
    STRING = 416
    NUMBER = 432
    COMMENT = 448
    CURSOR = 464
    QUOTED = 480
    LANGUAGE = 496
    ERROR_BAR = 512
    WARNING_BAR = 528

    @property
    def css(self) -> str:
        """The component class; several looks share one, as each costs time at every restyle."""
        return f"transcript--{_CLASSES.get(self, self.name.lower().replace('_', '-'))}"


_CLASSES = {
    look: name
    for name, looks in {
        "primary": (Look.USER, Look.HEADING, Look.LINK, Look.KEYWORD),
        "accent": (Look.ASSISTANT, Look.CODE, Look.NAME, Look.CURSOR),
        "error": (Look.STOP,),
        "muted": (
            Look.SYSTEM, Look.TIME, Look.THINKING, Look.DIM, Look.HINT, Look.URL, Look.QUOTE,
            Look.QUOTED, Look.BULLET, Look.COMMENT, Look.LANGUAGE,
        ),
    }.items()
    for look in looks
}  # fmt: skip
_ATTRIBUTES = {
    Look.LINK: Attribute.UNDERLINE,
    Look.COMMENT: Attribute.ITALIC,
    Look.TABLE_HEADER: Attribute.BOLD,
}
COMPONENT_CLASSES = {look.css for look in Look if look not in {Look.TEXT, Look.TABLE_HEADER}}

CSS = """
Transcript {
    background: $background;
    color: $foreground;
    overflow-x: hidden;
    overflow-y: scroll;
    scrollbar-size-vertical: 1;
    & > .transcript--primary { color: $text-primary; }
    & > .transcript--accent { color: $text-accent; }
    & > .transcript--muted { color: $text-muted; }
    & > .transcript--rule { color: $text-disabled; }
    & > .transcript--string { color: $text-success; }
    & > .transcript--number { color: $text-warning; }
    & > .transcript--code-block { background: $foreground 6%; }
    & > .transcript--error { color: $text; background: $error 25%; text-style: bold; }
    & > .transcript--error-bar { color: $error; }
    & > .transcript--warning { color: $text; background: $warning 25%; }
    & > .transcript--warning-bar { color: $warning; }
    & > .transcript--mark { background: $error 30%; text-style: underline; }
    & > .transcript--hit { background: $warning 40%; }
    & > .transcript--current-hit {
        color: $foreground; background: $background; text-style: bold reverse;
    }
    & > .transcript--overlay {
        color: $primary; background: $background; text-style: reverse;
    }
}
"""
"""The default style sheet of the transcript."""

_CODE = {
    Look.CODE_BLOCK,
    Look.KEYWORD,
    Look.NAME,
    Look.STRING,
    Look.NUMBER,
    Look.COMMENT,
    Look.LANGUAGE,
}


class Styles:
    """Rich styles by number: a `Look` plus `Attribute`s. Thrown away when the theme changes."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._looks: dict[int, Style] = {}
        self._styles: dict[tuple[int, bool], Style] = {}
        self.generation = 0
        """Changes when styles that were given out before are no longer right."""

    def clear(self) -> None:
        self._looks.clear()
        self._styles.clear()
        self.generation += 1

    def __getitem__(self, key: tuple[int, bool]) -> Style:
        """Return the style for (number, whether it is drawn among thinking)."""
        style = self._styles.get(key)
        if style is None:
            style = self._styles[key] = self._make(*key)
        return style

    def overlay(self, look: Look) -> Style:
        """Return what `look` alone changes, to be laid over another style."""
        style = self._looks.get(look)
        if style is None:
            rules = self._widget.get_component_styles(look.css)
            full = self._widget.get_component_rich_style(look.css)  # alpha is blended in it
            style = rules.text_style + Style(
                color=full.color if rules.has_rule("color") else None,
                bgcolor=full.bgcolor if rules.has_rule("background") else None,
            )
            self._looks[look] = style
        return style

    def _make(self, number: int, thinking: bool) -> Style:
        look = Look(number & ~15)
        style = self._widget.rich_style
        if thinking:
            style += self.overlay(Look.THINKING)
        if look in _CODE:
            style += self.overlay(Look.CODE_BLOCK)
        if look not in {Look.TEXT, Look.TABLE_HEADER}:
            style += self.overlay(look)
        attributes = (number & 15) | _ATTRIBUTES.get(look, 0)
        if attributes:
            style += Style(
                bold=True if attributes & Attribute.BOLD else None,
                italic=True if attributes & Attribute.ITALIC else None,
                strike=True if attributes & Attribute.STRIKE else None,
                underline=True if attributes & Attribute.UNDERLINE else None,
            )
        return style
