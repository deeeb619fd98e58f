"""The part of the widget that knows rows: what is in view, following the end, painting."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import ClassVar, Literal

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.message import Message as TextualMessage
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollDown, ScrollTo, ScrollUp
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from ollama_tui.ui.transcript.anchors import Anchor, anchor_of, place_of
from ollama_tui.ui.transcript.blocks import Block, Kind
from ollama_tui.ui.transcript.find import Finder
from ollama_tui.ui.transcript.layout import Layout, Place
from ollama_tui.ui.transcript.lazily import markdown_rows
from ollama_tui.ui.transcript.message import Message
from ollama_tui.ui.transcript.painter import (
    Overlay,
    found_in,
    overlay_text,
    paint,
    paint_over,
    with_offsets,
)
from ollama_tui.ui.transcript.plain import fold_rows, header_rows, note_rows, plain_rows
from ollama_tui.ui.transcript.rows import Row
from ollama_tui.ui.transcript.selection import Range, key_of
from ollama_tui.ui.transcript.styles import COMPONENT_CLASSES, Look, Styles

SLICE_SECONDS = 0.006
"""Time for laying out what is near the view but not in it, before keys are looked at again."""
NEAR_DELAY = 0.02

Density = Literal["comfortable", "compact"]


Shown = tuple[Message, Block, Row]
"""A row in view, and what it is part of."""


class View(ScrollView):
    """Draws a `Layout`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENT_CLASSES

    density: var[Density] = var[Density]("comfortable")

    @dataclass
    class FollowChanged(TextualMessage):
        """The view has let go of the end or returned to it, or more has come below it."""

        transcript: View
        at_end: bool
        new_lines: int

        @property
        def control(self) -> View:
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
        self._finder = Finder()
        self._near: Timer | None = None
        self._follow = True
        self._moving = False
        self._unseen = 0
        self._told: tuple[bool, int] = (True, 0)
        self._window: list[Shown] = []
        self._painting = False
        self._thumb = (0, 0)
        self._fence_at: tuple[int, int] | None = None

    # --- what is in view ------------------------------------------------------------------

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

    @property
    def _columns(self) -> int:
        """Cells of a row; the scrollbar is always there."""
        return max(self.size.width - self.scrollbar_size_vertical, 0)

    def _anchor(self) -> Anchor | None:
        """Describe the first row of the view."""
        place = self._layout.locate(round(self.scroll_y))
        return anchor_of(self._layout, place) if place else None

    def _settle(self, anchor: Anchor | None = None) -> None:
        """Make what is in view exact, keep the line that is being read, and paint."""
        layout, height = self._layout, self.size.height
        if not layout.width or not height:
            return
        if self._follow:
            top = self._settle_end(height)
        else:
            top = self._settle_at(anchor or self._anchor(), height)
        self._moving, moved = True, False
        total = layout.height
        # without laying out the screen: the scrollbar is always there
        self.set_reactive(Widget.virtual_size, Size(self._columns, total))
        if round(self.scroll_y) != top:
            self.scroll_y = self.scroll_target_y = top
            moved = True
        self._moving = False
        before = self._window
        self._move_thumb(top, total)
        self._fill_window(top, height)
        self._tell()
        self._look_near()
        if moved or self._overlaid():
            self.refresh()
        else:
            self._refresh_changed(before)

    def _settle_end(self, height: int) -> int:
        layout = self._layout
        self._unseen = 0
        if layout.messages:
            layout.settle_up(Place(len(layout.messages) - 1, 1 << 40, 0), height)
        return max(layout.height - height, 0)

    def _settle_at(self, anchor: Anchor | None, height: int) -> int:
        layout = self._layout
        place = place_of(layout, anchor) if anchor else None
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

    def _move_thumb(self, top: int, total: int) -> None:
        """Move the thumb of the scrollbar where that can be seen: an eighth of a cell."""
        height = self.size.height
        thumb = (top * height * 8 // max(total, 1), height * height * 8 // max(total, height, 1))
        if thumb != self._thumb:
            self._thumb = thumb
            bar = self.vertical_scrollbar
            bar.window_virtual_size, bar.window_size, bar.position = total, height, top

    def _fill_window(self, top: int, height: int) -> None:
        layout = self._layout
        window: list[Shown] = []
        self._window = window
        place = layout.locate(top)
        if place is None:
            return
        skip = place.row
        for index, piece in layout.down(place):
            message = layout.messages[index]
            block = message.pieces[piece]
            rows = layout.rows(message, block)[skip : skip + height - len(window)]
            window.extend((message, block, row) for row in rows)
            skip = 0
            if len(window) >= height:
                return

    def _overlaid(self) -> bool:
        """Say whether something lies over the rows that the rows don't know of."""
        return bool(self.text_selection or self._finder.active)

    def _refresh_changed(self, before: list[Shown]) -> None:
        """Paint only rows that differ from what was there: most frames change only the last."""
        window = self._window
        width = self._layout.width
        for y in range(max(len(before), len(window))):
            old = before[y] if y < len(before) else None
            new = window[y] if y < len(window) else None
            hint = y == len(window) - 1 and not self._follow
            if old is None or new is None or hint or not _alike(old, new):
                self.refresh(Region(0, y, width, 1))

    def _look_near(self) -> None:
        """Lay out a page above and below the view, in slices, when nothing else is to do."""
        if self._near is None and self.is_attached:
            self._near = self.set_timer(NEAR_DELAY, self._settle_near)

    def _settle_near(self) -> None:
        self._near = None
        layout, height = self._layout, self.size.height
        place = layout.locate(round(self.scroll_y))
        if place is None:
            return
        anchor, before = anchor_of(layout, place), layout.height
        deadline = perf_counter() + SLICE_SECONDS
        done = layout.settle_up(place, 2 * height, deadline)
        done = layout.settle_down(place, 3 * height, deadline) and done
        layout.close_far({message.id for message, _, _ in self._window})
        if layout.height != before or layout.top_of(place) != round(self.scroll_y):
            self._settle(anchor)
        elif not done:
            self._look_near()

    def _tell(self) -> None:
        state = (self._follow, self.new_lines)
        if state != self._told:
            self._told = state
            self.post_message(self.FollowChanged(self, *state))

    # --- what Textual says ----------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        if not self._moving and round(old_value) != round(new_value):
            self._follow = round(new_value) >= self.max_scroll_y
            self._settle()

    def on_resize(self) -> None:
        anchor = self._anchor()
        if self._columns != self._layout.width:
            self._layout.resize(self._columns)
        self._settle(anchor)

    def watch_density(self) -> None:
        anchor = self._anchor()
        self._layout.restyle()
        self._settle(anchor)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._looks.clear()
        self.refresh()

    def on_scroll_to(self, event: ScrollTo) -> None:
        event.prevent_default().stop()
        self.scroll_to(event.x, event.y, animate=False)

    def on_scroll_up(self, event: ScrollUp) -> None:
        event.prevent_default().stop()
        self.action_page_up()

    def on_scroll_down(self, event: ScrollDown) -> None:
        event.prevent_default().stop()
        self.action_page_down()

    # --- moving ---------------------------------------------------------------------------

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
        self._settle(anchor_of(self._layout, place) if place else None)

    def _go_to(self, place: Place, above: int = 0) -> None:
        """Show a place, which is exact, with `above` rows above it."""
        if above:
            self._layout.settle_up(place, above)
        self._go(max(self._layout.top_of(place) - above, 0))

    def _page(self) -> int:
        return max(self.size.height - 2, 1)

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

    def render_lines(self, crop: Region) -> list[Strip]:
        """Paint rows without Textual's cache by screen line, which a scroll makes useless.

        The strips of rows are complete and stay the same objects, with what Textual has worked
        out for them, while they move up the screen.
        """
        gutter = self.styles.gutter
        self._painting = True
        try:
            if self.opacity < 1 or gutter.width:
                return super().render_lines(crop)
            bottom = gutter.top + self.size.height
            content = [y for y in crop.line_range if gutter.top <= y < bottom]
            strips = [self.render_line(y - gutter.top) for y in content]
            background = self.background_colors[1]
            for line_filter in self.get_line_filters():
                strips = [strip.apply_filter(line_filter, background) for strip in strips]
            if crop.column_span != (0, self._layout.width):
                strips = [strip.crop(*crop.column_span) for strip in strips]
            above = Region(
                crop.x, crop.y, crop.width, max(min(gutter.top, crop.bottom) - crop.y, 0)
            )
            below = Region(crop.x, bottom, crop.width, max(crop.bottom - bottom, 0))
            head = super().render_lines(above) if above else []
            foot = super().render_lines(below) if below else []
            return [*head, *strips, *foot]
        finally:
            self._painting = False

    def render_line(self, y: int) -> Strip:
        width = self._layout.width
        if y >= len(self._window):
            return Strip.blank(width, self.rich_style)
        message, block, row = self._window[y]
        if not self._painting:  # somebody asks what is under the mouse
            return with_offsets(row, width, key_of(message, block))
        overlays = self._overlays(message, block)
        if overlays:
            strip = paint_over(row, self._looks, width, block.thinking, overlays)
        else:
            strip = paint(row, self._looks, width, block.thinking)
        if block.fence is not None and self._fence_at == (message.id, block.fence.start):
            bar = Strip([Segment("▎", self._looks[Look.CURSOR, False])], 1)
            strip = Strip.join([bar, strip.crop(1, width)])
        if y == len(self._window) - 1 and (new := self.new_lines):
            text = f" ↓ {new:,} new line{'s' if new > 1 else ''} below "
            strip = overlay_text(strip, text, self._looks[Look.OVERLAY, False], width)
        return strip

    def _overlays(self, message: Message, block: Block) -> list[Overlay]:
        """Return what lies over the text of a block: marks, hits, the selection."""
        selection = self.text_selection
        if not (message.marks or message.hits or selection) or not block.lines:
            return []
        overlays = found_in(message, block, self._looks, self._finder.current)
        span = Range.of(selection).within(key_of(message, block)) if selection else None
        if span is not None:
            selected = self.screen.get_component_rich_style("screen--selection")
            overlays.append(Overlay(*span, Style(bgcolor=selected.bgcolor)))
        return overlays


def _alike(old: Shown, new: Shown) -> bool:
    """Say whether two rows look the same."""
    return old[2] is new[2] or (
        old[2].runs == new[2].runs
        and old[2].fill == new[2].fill
        and old[1].thinking == new[1].thinking
        and not new[0].marks
    )
