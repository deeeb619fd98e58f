"""The widget: what can be told to it and asked from it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.selection import Selection
from textual.timer import Timer

from ollama_tui.events import Channel
from ollama_tui.ui.transcript.anchors import Anchor, place_of
from ollama_tui.ui.transcript.blocks import Block, Kind, PlainParser
from ollama_tui.ui.transcript.fences import code_of, fences, next_fence
from ollama_tui.ui.transcript.find import Hit
from ollama_tui.ui.transcript.layout import Place
from ollama_tui.ui.transcript.lazily import markdown_parser, warm_up
from ollama_tui.ui.transcript.message import Message, MessageData, Note
from ollama_tui.ui.transcript.selection import Range, clicked, selected_parts
from ollama_tui.ui.transcript.styles import CSS
from ollama_tui.ui.transcript.view import View

FRAME = 1 / 25
"""Seconds between two looks at what has been streamed."""

WARM_UP_DELAY = 0.3


class Transcript(View, can_focus=True):
    """All messages of a chat. Texts handed in are sanitised; markup in them means nothing."""

    ALLOW_SELECT = True
    DEFAULT_CSS = CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+end", "scroll_end", "To the end", show=False),
        Binding("ctrl+home", "scroll_home", "To the beginning", show=False),
        Binding("ctrl+up", "previous_message", "Previous message", show=False),
        Binding("ctrl+down", "next_message", "Next message", show=False),
    ]

    def __init__(
        self,
        *,
        name: str | None = None,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._next_id = 1
        self._timer: Timer | None = None
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
        if streaming:
            self._layout.growing[message.id] = message
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
        self._wake()
        return ids

    def append(self, message: int, channel: Channel, text: str) -> None:
        """Take streamed text. It is drawn with the next frame."""
        if text:
            found = self._layout.find(message)
            found.append(channel, text)
            self._layout.growing[message] = found
            self._wake()

    def reclassify(self, message: int) -> None:
        """Turn all content so far into thinking."""
        found = self._layout.find(message)
        content = found.source[Channel.CONTENT].text
        thinking = found.source[Channel.THINKING].text
        found.reset_text(Channel.THINKING, thinking + content)
        found.reset_text(Channel.CONTENT, "")
        self._reparse(found)

    def cut(self, message: int, channel: Channel, length: int) -> None:
        """Take back the text of a channel beyond `length` characters."""
        found = self._layout.find(message)
        found.reset_text(channel, found.source[channel].text[:length])
        self._reparse(found)

    def end(self, message: int) -> None:
        """No more text comes: everything is drawn in its final form, thinking is folded."""
        found = self._layout.find(message)
        found.streaming = False
        self._layout.growing[message] = found
        self._flush()

    def thought(self, message: int, seconds: float, tokens: int) -> None:
        """Say how long a message was thought about; 0 tokens are not shown."""
        found = self._layout.find(message)
        found.thought = (seconds, tokens)
        self._change(found, Kind.FOLD)

    def note(self, message: int, lines: Sequence[Note]) -> None:
        """Replace the lines that stand under a message."""
        found = self._layout.find(message)
        found.notes = tuple(lines)
        self._change(found, Kind.NOTES)

    def mark(self, message: int, channel: Channel, start: int, end: int) -> None:
        """Mark a span of a channel's text as what a rule has found."""
        self._layout.find(message).marks.append((channel, start, end))
        self.refresh()

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
        self._layout.fold(found)
        self._settle(anchor)

    def remove_message(self, message: int) -> None:
        """Take a message out."""
        anchor = self._anchor()
        self._layout.remove(message)
        if self._current == message:
            self._current = None
        self._settle(anchor)

    def clear(self) -> None:
        """Take all messages out."""
        self._layout.clear()
        self._follow, self._unseen, self._current, self._fence_at = True, 0, None, None
        self._finder.again([])
        self._settle()

    def text_of(self, message: int) -> str:
        """Return the content of a message as it came."""
        return self._layout.find(message).source[Channel.CONTENT].text

    def code_blocks(self, message: int) -> list[str]:
        """Return the fenced code of a message, each as the model wrote it."""
        return [code_of(fence) for fence in fences(self._layout.find(message))]

    @property
    def message_ids(self) -> list[int]:
        return [message.id for message in self._layout.messages]

    def _make(self, data: MessageData) -> Message:
        parser = markdown_parser if data.role == "assistant" else PlainParser
        message = Message.of(self._next_id, data, parser)
        self._next_id += 1
        return message

    def _reparse(self, message: Message) -> None:
        anchor = self._anchor()
        self._layout.reparse(message)
        self._settle(anchor)
        self._wake()

    def _change(self, message: Message, kind: Kind) -> None:
        """One of the program's own pieces of a message is another one."""
        anchor, before = self._anchor(), message.measure()
        self._layout.redraw_kind(message, kind)
        self._unseen += max(message.measure() - before, 0)
        self._settle(anchor)

    # --- streaming ------------------------------------------------------------------------

    def on_mount(self) -> None:
        self._wake()
        self.set_timer(WARM_UP_DELAY, self._warm_up)

    async def _warm_up(self) -> None:
        """Import the parsers after the first paint and before the first answer needs them."""
        await asyncio.to_thread(warm_up)

    def _wake(self) -> None:
        if not self._layout.growing or not self.is_attached:
            return
        if self._timer is None:
            self._timer = self.set_interval(FRAME, self._flush)
        else:
            self._timer.resume()

    def _flush(self) -> None:
        """Draw what has come since the last frame."""
        layout = self._layout
        anchor = None if self._follow else self._anchor()
        busy = False
        for message in list(layout.growing.values()):
            self._unseen += max(layout.grow(message), 0)
            if message.pending:
                busy = True
            elif not message.streaming:
                del layout.growing[message.id]
                layout.finish(message)
                if self._finder.active:
                    self._finder.again(layout.messages)
        if self._timer is not None and not busy:
            self._timer.pause()
        self._settle(anchor)

    # --- going somewhere ------------------------------------------------------------------

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
        """The message that was jumped to, while it is in view; else the one that is read.

        That is the last one in view at the end of the conversation, above it the first one.
        """
        inside = [message for message, _, _ in self._window]
        if self._current in {message.id for message in inside} or not inside:
            return self._current
        said = [message for message in inside if message.label] or inside
        return said[-1 if self._follow else 0].id

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

    def action_next_code_block(self) -> None:
        self._step_code(1)

    def action_previous_code_block(self) -> None:
        self._step_code(-1)

    @property
    def current_code(self) -> str | None:
        """The code block that was jumped to last, as the model wrote it."""
        if self._fence_at is None:
            return None
        number, start = self._fence_at
        all_fences = fences(self._layout.find(number))
        return next((code_of(fence) for fence in all_fences if fence.start == start), None)

    def _step_code(self, by: int) -> None:
        """Go to the next code block, from the current one if there is one, else from the view."""
        at = self._fence_at
        if at is None and self._window:
            first, block, _ = self._window[0]
            at = (first.id, block.start - (by > 0))
        found = next_fence(self._layout.messages, at, by)
        if found is not None:
            message, fence = found
            self._fence_at, self._current = (message.id, fence.start), message.id
            self._show(message, Channel.CONTENT, fence.start)

    def _show(self, message: Message, channel: Channel, offset: int) -> None:
        """Bring the row of an offset into view, a third from the top, unless it is there."""
        thinking = channel is Channel.THINKING
        if thinking and not message.shows_thinking:
            message.unfolded = True
            self._layout.fold(message)
        place = place_of(self._layout, Anchor(message, Kind.PARAGRAPH, thinking, offset, 0))
        if place is None:
            return
        row = self._layout.top_of(place) - round(self.scroll_y)
        if 0 <= row < self.size.height - 1:
            self._settle()
        else:
            self._go_to(place, self.size.height // 3)

    # --- find -----------------------------------------------------------------------------

    def find(self, query: str) -> int:
        """Mark all places of a text and return their number; an empty query clears them."""
        found = self._finder.search(query, self._layout.messages)
        self.refresh()
        return found

    def find_next(self) -> int:
        """Go to the next hit; returns its number from 1, or 0 if there is none."""
        return self._find_step(1)

    def find_previous(self) -> int:
        """Go to the hit before; returns its number from 1, or 0 if there is none."""
        return self._find_step(-1)

    def clear_find(self) -> None:
        """Take the marks away."""
        self.find("")

    def _find_step(self, by: int) -> int:
        first = self._window[0][0].id if self._window else 0
        hit: Hit | None = self._finder.step(by, first)
        if hit is None:
            return 0
        self._current = hit.message.id
        self._show(hit.message, hit.channel, hit.start)
        self.refresh()
        return self._finder.at + 1

    # --- selecting ------------------------------------------------------------------------

    @property
    def selected_text(self) -> str:
        """What is selected with the mouse: without frames and without the breaks of wrapping."""
        selection = self.text_selection
        found = self.get_selection(selection) if selection else None
        return found[0] if found else ""

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        anchor, rows = self._anchor(), self._layout.rows
        parts = list(selected_parts(self._layout.messages, Range.of(selection), rows))
        self._settle(anchor)  # heights that were guesses are exact now
        return ("\n\n".join(parts), "\n") if parts else None

    async def on_click(self, event: events.Click) -> None:
        event.prevent_default()  # which would select everything at a double click
        if event.y == self.size.height - 1 and self.new_lines and event.chain == 1:
            self.action_scroll_end()
        under = self._under(event)
        if under is None:
            return
        message, block, key, offset = under
        if block.kind is Kind.FOLD and event.chain == 1:
            self.toggle_thinking(message.id)
        selection = clicked(message, key, offset, event.chain)
        if selection is not None:
            self.screen.selections = {self: selection}

    def _under(self, event: events.Click) -> tuple[Message, Block, int, int] | None:
        """Return what is under the mouse: message, block, and the point of the selection."""
        if not 0 <= event.y < len(self._window):
            return None
        message, block, _ = self._window[event.y]
        _, point = self.screen.get_widget_and_offset_at(event.screen_x, event.screen_y)
        return None if point is None else (message, block, point.y, point.x)
