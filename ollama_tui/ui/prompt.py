"""The prompt: a text area of several lines that sends by Enter and never loses what was typed.

A large paste is shown as a *chip*, a short token that stands for text kept aside, because
TextArea takes seconds per key with a line of 1 MB in it. In the document a chip is its label
between two Unicode noncharacters, which nobody can type or paste (they are removed from all that
comes in), so the same words typed by hand are no chip, and undo, cut and history carry chips
along as plain text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.document._document import EditResult, Location, Selection
from textual.document._edit import Edit
from textual.geometry import Size
from textual.message import Message
from textual.widgets import TextArea

from ollama_tui.text import sanitise
from ollama_tui.ui import clipboard

PASTE_LIMIT = 20_000
"""Bytes of UTF-8; a larger paste becomes a chip."""
LINE_LIMIT = 4_000
"""Characters; a key in a line of 4,000 costs about 10 ms, in one of 20,000 three times that."""
DRAFT_LIMIT = 60_000
"""Characters shown at all; what is pasted beyond becomes a chip, however small."""
HISTORY_LIMIT = 200
MAX_ROWS = 8

_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_CHIP = re.compile(f"{_OPEN}pasted #([0-9]+): [^{_OPEN}{_CLOSE}]*{_CLOSE}")
_BRACKETS = str.maketrans({_OPEN: "[", _CLOSE: "]"})
_NO_MARKERS = str.maketrans({_OPEN: None, _CLOSE: None})


class Prompt(TextArea, inherit_bindings=False):
    """Several lines of text to send, with chips for large pastes and a history of what was sent.

    Keys that it doesn't list in `BINDINGS` (PageUp, PageDown, Esc, Ctrl+Home, Ctrl+End, the
    function keys) bubble up; so do Home and End while it is empty, Up and Down where the history
    ends, and Ctrl+C while nothing is selected.

    Use `draft` rather than `text`: in `text` a chip is its token.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Send", id="prompt.send"),
        Binding("ctrl+j,shift+enter,alt+enter", "newline", "New line", id="prompt.newline"),
        Binding("up", "cursor_up", "Line up, or history", show=False),
        Binding("down", "cursor_down", "Line down, or history", show=False),
        Binding("left", "cursor_left", "Left", show=False),
        Binding("right", "cursor_right", "Right", show=False),
        Binding("ctrl+left,alt+left", "cursor_word_left", "Word left", show=False),
        Binding("ctrl+right,alt+right", "cursor_word_right", "Word right", show=False),
        Binding("home,ctrl+a", "cursor_line_start", "Line start", show=False),
        Binding("end,ctrl+e", "cursor_line_end", "Line end", show=False),
        Binding("shift+left", "cursor_left(True)", "Select left", show=False),
        Binding("shift+right", "cursor_right(True)", "Select right", show=False),
        Binding("shift+up", "cursor_up(True)", "Select up", show=False),
        Binding("shift+down", "cursor_down(True)", "Select down", show=False),
        Binding("ctrl+shift+left", "cursor_word_left(True)", "Select word left", show=False),
        Binding("ctrl+shift+right", "cursor_word_right(True)", "Select word right", show=False),
        Binding("shift+home", "cursor_line_start(True)", "Select to line start", show=False),
        Binding("shift+end", "cursor_line_end(True)", "Select to line end", show=False),
        Binding("backspace", "delete_left", "Delete left", show=False),
        Binding("delete,ctrl+d", "delete_right", "Delete right", show=False),
        Binding(
            "ctrl+w,ctrl+backspace,alt+backspace",
            "delete_word_left",
            "Delete word left",
            show=False,
        ),
        Binding("alt+delete", "delete_word_right", "Delete word right", show=False),
        Binding("ctrl+u", "delete_to_start_of_line", "Delete to line start", show=False),
        Binding("ctrl+k", "delete_to_end_of_line_or_delete_line", "Delete to line end", show=False),
        Binding("ctrl+x,super+x", "cut", "Cut", show=False),
        Binding("ctrl+c,super+c", "copy", "Copy", show=False),
        Binding("ctrl+v,super+v", "paste", "Paste", show=False),
        Binding("ctrl+z,super+z", "undo", "Undo", show=False),
        Binding("ctrl+y,ctrl+shift+z,super+y", "redo", "Redo", show=False),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {"prompt--chip"}

    DEFAULT_CSS = """
    Prompt {
        height: auto;
        min-height: 1;
        border: none;
        padding: 0 1;
        background: $background;
        scrollbar-size-vertical: 1;
        &:focus { border: none; }
        & .prompt--chip { color: $text-accent; background: $accent-muted; }
    }
    """

    @dataclass
    class Submitted(Message):
        """Enter was pressed. The draft is still there: call `clear_draft` once it is accepted."""

        text: str

    @dataclass
    class Hint(Message):
        """Something to tell in passing."""

        text: str

    def __init__(
        self,
        *,
        placeholder: str = "",
        name: str | None = None,
        id: str | None = None,  # noqa: A002  (Textual's own name)
        classes: str | None = None,
    ) -> None:
        # TextArea looks at its text while it is being built
        self._chips: dict[int, str] = {}
        self._last_chip = 0
        super().__init__(
            placeholder=placeholder,
            tab_behavior="focus",
            highlight_cursor_line=False,
            name=name,
            id=id,
            classes=classes,
        )
        self.match_cursor_bracket = False
        self._submitted = ""
        """The document as it was at the last Enter."""
        self._sent: list[str] = []
        self._position = 0
        """Where in `_sent` one is; its length is the place of the unsent draft."""
        self._drafts: dict[int, str] = {}
        """What was typed at a position of the history that one has left since."""

    # What others see

    @property
    def draft(self) -> str:
        """All that was typed and pasted, chips expanded."""
        return self._expanded(self.text)

    @draft.setter
    def draft(self, text: str) -> None:
        self._replace_all(self._admitted(text, beside=0, within=0))

    @property
    def text_to_send(self) -> str:
        """The same as `draft`: what `Submitted` carries."""
        return self.draft

    @property
    def selected_text(self) -> str:
        return self._expanded(super().selected_text)

    def clear_draft(self) -> None:
        """Empty the prompt after its text was accepted. Undo doesn't bring it back, Up does.

        What was typed behind it since Enter, by somebody faster than the screen, stays.
        """
        typed_since = self.text.removeprefix(self._submitted)
        self.load_text(typed_since if self._submitted and typed_since != self.text else "")
        self.move_cursor(self.document.end)
        self._submitted = ""
        self._leave_history()
        numbers = {int(number) for number in _CHIP.findall("".join([*self._sent, self.text]))}
        self._chips = {n: text for n, text in self._chips.items() if n in numbers}

    def discard_draft(self) -> None:
        """Empty the prompt so that Ctrl+Z brings the text back."""
        self._replace_all("")
        self._leave_history()

    def remember(self, text: str) -> None:
        """Add what was sent to the history. Call it before `clear_draft`, so that chips stay."""
        same = (raw for raw in (self._submitted, self.text) if self._expanded(raw) == text)
        raw = next(same, None) or self._admitted(text, beside=0, within=0)
        unsent = self._drafts.get(len(self._sent), "")
        if self._position < len(self._sent) and unsent.strip():
            self._sent.append(unsent)  # a recalled entry was sent in its place: keep it near
        if raw.strip() and (not self._sent or self._sent[-1] != raw):
            self._sent.append(raw)
        del self._sent[:-HISTORY_LIMIT]
        self._leave_history()

    def insert(
        self,
        text: str,
        location: Location | None = None,
        *,
        maintain_selection_offset: bool = True,
    ) -> EditResult:
        """Insert at the cursor; text that is too large to show becomes a chip."""
        return super().insert(
            self._admitted(text),
            location,
            maintain_selection_offset=maintain_selection_offset,
        )

    def paste(self, text: str) -> None:
        """Put `text` in place of the selection, as a paste into the terminal does."""
        self.history.checkpoint()
        self.replace(self._admitted(text), *self.selection, maintain_selection_offset=False)

    # Keys

    async def on_key(self, event: events.Key) -> None:
        if event.key in {"shift+\r", "\r"}:  # tmux's Shift+Enter, Alt+Enter: can't be bound
            event.stop()
            event.prevent_default()
            self.action_newline()
        elif await self._run_own_binding(event.key):
            event.stop()
            event.prevent_default()
        elif event.key == "enter":
            event.prevent_default()  # TextArea would break the line; the binding decides

    async def _run_own_binding(self, key: str) -> bool:
        """Run the prompt's own binding for `key` now; False if there is none, or it skips.

        Textual runs bindings after the key has bubbled up to the app, and meanwhile the letters
        behind it are typed: of "one, Ctrl+J, two" sent in one write it makes "onetwo" and a break.
        """
        for binding in self._bindings.key_to_bindings.get(key, ()):
            if not binding.priority and await self.app.run_action(binding.action, self):
                return True
        return False

    async def on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.paste(event.text)

    def action_submit(self) -> None:
        text = self.text_to_send
        if text.strip():
            self._submitted = self.text
            self.post_message(self.Submitted(text))
        else:
            self.post_message(self.Hint("nothing to send: the prompt is empty"))

    def action_newline(self) -> None:
        self.replace("\n", *self.selection, maintain_selection_offset=False)

    def action_cursor_up(self, select: bool = False) -> None:
        if select or not self.navigator.is_first_wrapped_line(self.cursor_location):
            super().action_cursor_up(select)
        else:
            self._recall(self._position - 1)

    def action_cursor_down(self, select: bool = False) -> None:
        if select or not self.navigator.is_last_wrapped_line(self.cursor_location):
            super().action_cursor_down(select)
        else:
            self._recall(self._position + 1)

    def action_cursor_line_start(self, select: bool = False) -> None:
        self._skip_if_empty()
        super().action_cursor_line_start(select)

    def action_cursor_line_end(self, select: bool = False) -> None:
        self._skip_if_empty()
        super().action_cursor_line_end(select)

    def action_copy(self) -> None:
        if not (text := self.selected_text):
            raise SkipAction
        self.post_message(self.Hint(clipboard.copy(self.app, text)))

    def action_cut(self) -> None:
        if self.selection.is_empty:
            self.select_line(self.cursor_location[0])
        self.action_copy()
        self.replace("", *self.selection, maintain_selection_offset=False)

    def action_paste(self) -> None:
        self.paste(self.app.clipboard)

    # Chips stay whole

    def edit(self, edit: Edit) -> EditResult:
        """Every change by key, mouse or program comes through here, undo and redo apart."""
        top, bottom = self._chip_around(edit.top), self._chip_around(edit.bottom)
        if edit.top == edit.bottom:
            start = end = bottom[1]
        else:
            start, end = top[0], bottom[1]
        text = self._without_forged_chips(sanitise(edit.text))
        return super().edit(Edit(text, start, end, edit.maintain_selection_offset))

    def validate_selection(self, selection: Selection) -> Selection:
        """The cursor steps over a chip, in the direction in which it goes."""
        before = self.selection
        return Selection(
            self._beside_chip(selection.start, before.start),
            self._beside_chip(selection.end, before.end),
        )

    def get_line(self, line_index: int) -> Text:
        line = self.document.get_line(line_index)
        text = Text(line.translate(_BRACKETS), end="", no_wrap=True)
        if _OPEN in line:
            style = self.get_component_rich_style("prompt--chip")
            for chip in _CHIP.finditer(line):
                text.stylize(style, *chip.span())
        return text

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        rows = super().get_content_height(container, viewport, width)
        return max(1, min(rows, MAX_ROWS, viewport.height // 3))

    def _chip_around(self, location: Location) -> tuple[Location, Location]:
        """Return the two ends of the chip that `location` is inside of, or twice `location`."""
        row, column = location
        line = self.document.get_line(row) if row < self.document.line_count else ""
        if _OPEN in line:
            for chip in _CHIP.finditer(line):
                if chip.start() < column < chip.end():
                    return (row, chip.start()), (row, chip.end())
        return location, location

    def _beside_chip(self, location: Location, before: Location) -> Location:
        start, end = self._chip_around(location)
        return end if before <= start else start

    def _admitted(self, text: str, beside: int | None = None, within: int | None = None) -> str:
        """Return `text` as it may stand in the document, or the token of a new chip for it.

        `beside` is the length of the line that it goes into, `within` that of the document.
        """
        text = sanitise(text).translate(_NO_MARKERS)
        if beside is None:
            beside = len(self.document.get_line(self.cursor_location[0]))
        if within is None:
            within = len(self.text)
        if (
            len(text) + within <= DRAFT_LIMIT
            and len(text.encode()) <= PASTE_LIMIT
            and max(map(len, text.split("\n"))) + beside <= LINE_LIMIT
        ):
            return text
        self._last_chip += 1
        self._chips[self._last_chip] = text
        lines = text.removesuffix("\n").count("\n") + 1
        size = _size(len(text.encode()))
        count = f"{lines:,} line{'s' if lines > 1 else ''}"
        return f"{_OPEN}pasted #{self._last_chip}: {size}, {count}{_CLOSE}"

    def _without_forged_chips(self, text: str) -> str:
        if _OPEN not in text and _CLOSE not in text:
            return text
        known = [m for m in _CHIP.finditer(text) if int(m[1]) in self._chips]
        parts, end = [], 0
        for chip in known:
            parts += [text[end : chip.start()].translate(_NO_MARKERS), chip[0]]
            end = chip.end()
        return "".join([*parts, text[end:].translate(_NO_MARKERS)])

    def _expanded(self, text: str) -> str:
        return _CHIP.sub(lambda chip: self._chips[int(chip[1])], text) if _OPEN in text else text

    # History

    def _recall(self, position: int) -> None:
        """Show the entry of the history at `position`; what is typed here waits for its return."""
        if not 0 <= position <= len(self._sent):
            raise SkipAction
        if position == self._position:
            return
        self._drafts[self._position] = self.text
        sent = self._sent[position] if position < len(self._sent) else ""
        self._position = position
        self._replace_all(self._drafts.get(position, sent))

    def _leave_history(self) -> None:
        self._position = len(self._sent)
        self._drafts.clear()

    def _replace_all(self, text: str) -> None:
        self.history.checkpoint()
        self.replace(text, (0, 0), self.document.end, maintain_selection_offset=False)

    def _skip_if_empty(self) -> None:
        if not self.text:
            raise SkipAction


def _size(count: int) -> str:
    if count < 1_000:
        return f"{count} bytes"
    if count < 1_000_000:
        return f"{count / 1_000:.0f} kB"
    return f"{count / 1_000_000:.1f} MB"
