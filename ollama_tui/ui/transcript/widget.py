"""The widget: what can be told to it, following the end, and painting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message as TextualMessage
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from ollama_tui.events import Channel
from ollama_tui.ui.transcript.blocks import Block, Kind, Parser, PlainParser
from ollama_tui.ui.transcript.layout import Anchor, Layout, Place
from ollama_tui.ui.transcript.markdown import MarkdownParser
from ollama_tui.ui.transcript.message import Message, MessageData, Note
from ollama_tui.ui.transcript.painter import overlay_text, paint, with_offsets
from ollama_tui.ui.transcript.plain import fold_rows, header_rows, note_rows, plain_rows
from ollama_tui.ui.transcript.render import markdown_rows
from ollama_tui.ui.transcript.rows import Row
from ollama_tui.ui.transcript.styles import COMPONENT_CLASSES, Look, Styles

FRAME = 1 / 25
"""Seconds between two looks at what has been streamed."""
SLICE_SECONDS = 0.006
"""Time for laying out what is near the view but not in it, before keys are looked at again."""

Density = Literal["comfortable", "compact"]


class Transcript(ScrollView, can_focus=True):
    """All messages of a chat. Texts handed in are sanitised; markup in them means nothing."""

    COMPONENT_CLASSES = COMPONENT_CLASSES
    ALLOW_SELECT = True
    DEFAULT_CSS = """
    Transcript {
        background: $background;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        & > .transcript--user { color: $primary; }
        & > .transcript--assistant { color: $accent; }
        & > .transcript--system { color: $text-muted; }
        & > .transcript--time { color: $text-muted; }
        & > .transcript--thinking { color: $text-muted; text-style: italic; }
        & > .transcript--stop { color: $text; background: $error 25%; text-style: bold; }
        & > .transcript--error { color: $text; background: $error 25%; text-style: bold; }
        & > .transcript--warning { color: $text; background: $warning 25%; }
        & > .transcript--error-bar { color: $error; }
        & > .transcript--warning-bar { color: $warning; }
        & > .transcript--dim { color: $text-muted; }
        & > .transcript--hint { color: $text-muted; }
        & > .transcript--mark { background: $error 30%; text-style: underline; }
        & > .transcript--hit { background: $warning 40%; }
        & > .transcript--current-hit { background: $warning; color: $background; }
        & > .transcript--heading { color: $text-primary; }
        & > .transcript--code { color: $text-accent; }
        & > .transcript--code-block { background: $boost; }
        & > .transcript--language { color: $text-muted; }
        & > .transcript--link { color: $text-primary; text-style: underline; }
        & > .transcript--url { color: $text-muted; }
        & > .transcript--quote { color: $text-muted; }
        & > .transcript--quoted { color: $text-muted; }
        & > .transcript--bullet { color: $text-muted; }
        & > .transcript--rule { color: $text-disabled; }
        & > .transcript--table-header { text-style: bold; }
        & > .transcript--keyword { color: $text-primary; }
        & > .transcript--name { color: $text-accent; }
        & > .transcript--string { color: $text-success; }
        & > .transcript--number { color: $text-warning; }
        & > .transcript--comment { color: $text-muted; text-style: italic; }
        & > .transcript--overlay { background: $primary; color: $background; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+end", "scroll_end", "To the end", show=False),
        Binding("ctrl+home", "scroll_home", "To the beginning", show=False),
        Binding("ctrl+up", "previous_message", "Previous message", show=False),
        Binding("ctrl+down", "next_message", "Next message", show=False),
    ]

    density: var[Density] = var[Density]("comfortable")

    @dataclass
    class FollowChanged(TextualMessage):
        """The view has let go of the end or returned to it, or more has come below it."""

        transcript: Transcript
        at_end: bool
        new_lines: int

        @property
        def control(self) -> Transcript:
            return self.transcript

    def __init__(
        self,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._layout = Layout(self._render_block)
        self._looks = Styles(self)
        self._next_id = 1
        self._growing: dict[int, Message] = {}
        self._timer: Timer | None = None
        self._near: Timer | None = None
        self._follow = True
        self._moving = False
        self._unseen = 0
        self._told: tuple[bool, int] = (True, 0)
        self._window: list[tuple[Message, Block, Row]] = []
        self._painting = False
        self._current: int | None = None

    # --- what is said ---------------------------------------------------------------------

    def add(
        self,
        role: str,
        label: str,
        when: str,
        content: str = "",
        thinking: str = "",
        *,
        streaming: bool = False,
    ) -> int:
        """Append a message and return its id.

        Args:
            role: "user", "assistant" or "system".
            label: Who speaks, at the left of the header.
            when: The time, at its right.
            content: Sanitised text.
            thinking: Sanitised text of the reasoning.
            streaming: Whether more text comes by `append`, until `end`.
        """
        message = self._make(MessageData(role, label, when, content, thinking))
        message.streaming = streaming
        self._layout.append(message)
        self._layout.open(len(self._layout.messages) - 1)
        self._growing[message.id] = message
        self._unseen += message.measure()
        self._settle()
        self._wake()
        return message.id

    def load(self, messages: Iterable[MessageData]) -> list[int]:
        """Append many messages; only what is near the view is laid out. Returns their ids."""
        ids = []
        for data in messages:
            message = self._make(data)
            self._layout.append(message)
            ids.append(message.id)
        self._follow = True
        self._settle()
        return ids

    def append(self, message: int, channel: Channel, text: str) -> None:
        """Take streamed text. It is drawn with the next frame."""
        if text:
            found = self._layout.find(message)
            found.append(channel, text)
            self._growing[message] = found
            self._wake()

    def reclassify(self, message: int) -> None:
        """Turn all content so far into thinking."""
        found = self._layout.find(message)
        content = found.source[Channel.CONTENT].text
        thinking = found.source[Channel.THINKING].text
        found.reset_text(Channel.THINKING, thinking + content)
        found.reset_text(Channel.CONTENT, "")
        self._layout.reparse(found)
        self._settle()

    def cut(self, message: int, channel: Channel, length: int) -> None:
        """Take back the text of a channel beyond `length` characters."""
        found = self._layout.find(message)
        found.reset_text(channel, found.source[channel].text[:length])
        self._layout.reparse(found)
        self._settle()

    def end(self, message: int) -> None:
        """No more text comes: everything is drawn in its final form, thinking is folded."""
        found = self._layout.find(message)
        found.streaming = False
        self._growing[message] = found
        self._flush()

    def thought(self, message: int, seconds: float, tokens: int) -> None:
        """Say how long a message was thought about; 0 tokens are not shown."""
        found = self._layout.find(message)
        found.thought = (seconds, tokens)
        self._redraw(found, Kind.FOLD)

    def note(self, message: int, lines: Sequence[Note]) -> None:
        """Replace the lines that stand under a message."""
        found = self._layout.find(message)
        before = found.measure()
        found.notes = tuple(lines)
        self._redraw(found, Kind.NOTES)
        self._unseen += max(found.measure() - before, 0)
        self._settle()

    def mark(self, message: int, channel: Channel, start: int, end: int) -> None:
        """Mark a span of a channel's text as what a rule has found."""
        self._layout.find(message).marks.append((channel, start, end))
        self._repaint()

    def set_hidden(self, message: int, hidden: bool) -> None:
        """Hide a message or show it again."""
        found = self._layout.find(message)
        anchor = self._anchor()
        found.hidden = hidden
        self._layout.changed(found)
        self._settle(anchor)

    def toggle_thinking(self, message: int) -> None:
        """Unfold the thinking of a message, or fold it."""
        found = self._layout.find(message)
        anchor = self._anchor()
        found.unfolded = not found.unfolded
        self._layout.rebuild(found)
        self._settle(anchor)

    def remove_message(self, message: int) -> None:
        """Take a message out."""
        anchor = self._anchor()
        self._growing.pop(message, None)
        self._layout.remove(message)
        self._settle(anchor)

    def clear(self) -> None:
        """Take all messages out."""
        self._growing.clear()
        self._layout.clear()
        self._follow, self._unseen, self._current = True, 0, None
        self._settle()

    def text_of(self, message: int) -> str:
        """Return the content of a message as it came."""
        return self._layout.find(message).source[Channel.CONTENT].text

    @property
    def message_ids(self) -> list[int]:
        return [message.id for message in self._layout.messages]

    def _make(self, data: MessageData) -> Message:
        message = Message.of(self._next_id, data, self._parser(data.role))
        self._next_id += 1
        return message

    @staticmethod
    def _parser(role: str) -> type[Parser]:
        return MarkdownParser if role == "assistant" else PlainParser

    def _redraw(self, message: Message, kind: Kind) -> None:
        """Lay out one of the program's own pieces of a message again."""
        for number, block in enumerate(message.pieces):
            if block.kind is kind:
                self._layout.redraw(block)
                if self._layout.width:
                    self._layout.rows(message, block)
                message.changed(number)
                self._layout.changed(message)
        self._settle()

    # --- streaming ------------------------------------------------------------------------

    def _wake(self) -> None:
        if self._timer is None and self.is_attached:
            self._timer = self.set_interval(FRAME, self._flush)
        elif self._timer is not None:
            self._timer.resume()

    def _flush(self) -> None:
        """Draw what has come since the last frame."""
        anchor = None if self._follow else self._anchor()
        for message in list(self._growing.values()):
            self._unseen += max(self._layout.grow(message), 0)
            if message.pending or message.streaming:
                continue
            del self._growing[message.id]
            if message.parsed:
                message.finish()
                self._layout.rebuild(message)
        if self._timer is not None and not any(m.pending for m in self._growing.values()):
            self._timer.pause()
        self._settle(anchor)

    # --- the view -------------------------------------------------------------------------

    @property
    def at_end(self) -> bool:
        """Whether the view follows the end."""
        return self._follow

    @property
    def new_lines(self) -> int:
        """Rows below the view that have come since it let go of the end."""
        if self._follow:
            return 0
        below = self._layout.height - round(self.scroll_y) - self.size.height
        return max(min(self._unseen, below), 0)

    def _anchor(self) -> Anchor | None:
        """Describe the first row of the view."""
        place = self._layout.locate(round(self.scroll_y))
        return self._layout.anchor(place) if place else None

    def _settle(self, anchor: Anchor | None = None) -> None:
        """Make what is in view exact, keep the line that is being read, and paint."""
        layout, height = self._layout, self.size.height
        if not layout.width or not height:
            return
        top = self._settle_end(height)
        if not self._follow:
            top = self._settle_at(anchor or self._anchor(), height)
        total = layout.height
        self._moving = True
        if total != self.virtual_size.height:
            self._resize_content(total)
        if round(self.scroll_y) != top:
            self.scroll_y = self.scroll_target_y = top
        self._moving = False
        self._fill_window(top, height)
        self._tell()
        self._look_near()
        self.refresh()

    def _settle_end(self, height: int) -> int:
        layout = self._layout
        if not self._follow or not layout.messages:
            return 0
        layout.settle_up(Place(len(layout.messages) - 1, 1 << 40, 0), height)
        self._unseen = 0
        return max(layout.height - height, 0)

    def _settle_at(self, anchor: Anchor | None, height: int) -> int:
        layout = self._layout
        place = layout.place(anchor) if anchor else None
        if place is None:
            place = layout.locate(max(min(round(self.scroll_y), layout.height - 1), 0))
        if place is None:
            return 0
        layout.settle_down(place, height)
        missing = height - (layout.height - layout.top_of(place))
        if missing > 0:
            layout.settle_up(place, missing)
            return max(layout.height - height, 0)
        return layout.top_of(place)

    def _resize_content(self, total: int) -> None:
        """Take a new height without laying out the screen: the scrollbar is always there."""
        size = Size(self._columns, total)
        self.set_reactive(Widget.virtual_size, size)
        self.vertical_scrollbar.window_virtual_size = total
        self.vertical_scrollbar.window_size = self.size.height

    def _fill_window(self, top: int, height: int) -> None:
        layout = self._layout
        window: list[tuple[Message, Block, Row]] = []
        self._window = window
        place = layout.locate(top)
        if place is None:
            return
        skip = place.row
        for index, piece in layout.down(place):
            message = layout.messages[index]
            block = message.pieces[piece]
            rows = layout.rows(message, block)[skip:]
            window.extend((message, block, row) for row in rows[: height - len(window)])
            skip = 0
            if len(window) >= height:
                return

    def _look_near(self) -> None:
        """Lay out a page above and below the view, in slices, when nothing else is to do."""
        if self._near is not None:
            self._near.stop()
        self._near = self.set_timer(0.02, self._settle_near)

    def _settle_near(self) -> None:
        layout, height = self._layout, self.size.height
        place = layout.locate(round(self.scroll_y))
        if place is None:
            return
        self._near = None
        anchor, before = layout.anchor(place), layout.height
        deadline = perf_counter() + SLICE_SECONDS
        done = layout.settle_up(place, 2 * height, deadline)
        done = layout.settle_down(place, 3 * height, deadline) and done
        for message in layout.messages:
            if message.pending:
                self._growing[message.id] = message
                self._wake()
        if layout.height != before:
            self._settle(anchor)
        elif not done:
            self._look_near()

    def _tell(self) -> None:
        state = (self._follow, self.new_lines)
        if state != self._told:
            self._told = state
            self.post_message(self.FollowChanged(self, *state))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._moving and round(old_value) != round(new_value):
            self._follow = round(new_value) >= self.max_scroll_y
            self._settle()

    def on_resize(self) -> None:
        if self._columns != self._layout.width:
            anchor = self._anchor()
            self._layout.resize(self._columns)
            self._settle(anchor)
        else:
            self._settle()

    def on_mount(self) -> None:
        if self._growing:
            self._wake()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._looks.clear()
        self._repaint()

    def watch_density(self) -> None:
        anchor = self._anchor()
        self._layout.restyle()
        self._settle(anchor)

    # --- moving ---------------------------------------------------------------------------

    @property
    def _columns(self) -> int:
        """Cells of a row; the scrollbar is always there."""
        return self.size.width - self.scrollbar_size_vertical

    def _page(self) -> int:
        return max(self.size.height - 2, 1)

    def move(self, rows: int) -> None:
        """Scroll by rows (negative: up); what comes into view is exact before it moves."""
        layout = self._layout
        place = layout.locate(round(self.scroll_y))
        if place is None:
            return
        if rows < 0:
            layout.settle_up(place, -rows)
        else:
            layout.settle_down(place, rows + self.size.height)
        top = layout.top_of(place) + rows
        last = max(layout.height - self.size.height, 0)
        self._go(max(min(top, last), 0), follow=rows > 0 and top >= last)

    def _go(self, top: int, *, follow: bool = False) -> None:
        """Show row `top` first."""
        self._follow = follow
        place = self._layout.locate(top)
        self._settle(self._layout.anchor(place) if place else None)

    def _go_to(self, place: Place) -> None:
        self._follow = False
        self._settle(self._layout.anchor(place))

    def scroll_to_message(self, message: int) -> None:
        """Show the header of a message in the first row."""
        self._current = message
        index = self._layout.messages.index(self._layout.find(message))
        self._layout.open(index)
        self._layout.exact(index, 0)
        height = self._layout.messages[index].pieces[0].height
        self._go_to(Place(index, 0, max(height - 1, 0)))

    @property
    def current(self) -> int | None:
        """The message that was jumped to last, else the one in the first row of the view."""
        if self._current is None and self._window:
            return self._window[0][0].id
        return self._current

    def action_previous_message(self) -> None:
        self._step(-1)

    def action_next_message(self) -> None:
        self._step(1)

    def _step(self, by: int) -> None:
        """Go to the message before or behind the one whose header is in the first row."""
        if not self._window:
            return
        first, block, _ = self._window[0]
        shown = [message for message in self._layout.messages if not message.hidden]
        index = shown.index(first)
        if by > 0 or block.kind is Kind.HEADER:
            index += by
        if index >= len(shown):
            self.action_scroll_end()
        elif index >= 0:
            self.scroll_to_message(shown[index].id)

    def action_scroll_up(self) -> None:
        self.move(-1)

    def action_scroll_down(self) -> None:
        self.move(1)

    def action_page_up(self) -> None:
        self.move(-self._page())

    def action_page_down(self) -> None:
        self.move(self._page())

    def action_scroll_home(self) -> None:
        self._go(0)

    def action_scroll_end(self) -> None:
        self._follow = True
        self._settle()

    # --- painting -------------------------------------------------------------------------

    def _render_block(self, block: Block, message: Message, width: int) -> list[Row]:
        match block.kind:
            case Kind.HEADER:
                rows = header_rows(message, width)
                first = not self._layout.messages or self._layout.messages[0] is message
                return rows if first else [Row(), *rows]
            case Kind.FOLD:
                return fold_rows(message, width)
            case Kind.NOTES:
                return note_rows(message, width)
            case Kind.PLAIN:
                return plain_rows(block, message, width)
            case _:
                return markdown_rows(block, width, tight=self.density == "compact")

    def _repaint(self) -> None:
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        self._painting = True
        try:
            return super().render_lines(crop)
        finally:
            self._painting = False

    def render_line(self, y: int) -> Strip:
        width = self._columns
        if y >= len(self._window):
            return Strip.blank(width, self.rich_style)
        message, block, row = self._window[y]
        if not self._painting:  # somebody asks what is under the mouse
            return with_offsets(row, width, message.id * 4 + (1 if block.thinking else 2))
        strip = paint(row, self._looks, width, block.thinking)
        if y == self.size.height - 1 and (new := self.new_lines):
            text = f" ↓ {new:,} new line{'s' if new > 1 else ''} below "
            strip = overlay_text(strip, text, self._looks[Look.OVERLAY, False], width)
        return strip
