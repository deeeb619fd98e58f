"""Choosing one of the installed models (Ctrl+O). Names come from a server: never markup."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static

from ollama_tui.errors import OllamaTuiError
from ollama_tui.request import Model
from ollama_tui.text import sanitise

Fetch = Callable[[], Awaitable[Sequence[Model]]]

NAME_CELLS: Final = 20
"""A column is only shown where this much is left for the name, or all of the longest name."""

_UNREMARKABLE: Final = frozenset({"completion"})


class ModelPicker(ModalScreen[str | None]):
    """Gives the name of the model that was chosen, or None.

    The filter keeps the focus all the time; arrows and the mouse move in the list.
    `fetch` is called when it opens and again by Ctrl+R; it raises `OllamaTuiError` with the
    sentence to show.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+o", "close", "Close"),
        Binding("ctrl+r,r", "ask_again", "Ask again"),
        Binding("up,ctrl+p", "move('cursor_up')", "Up", show=False),
        Binding("down,ctrl+n", "move('cursor_down')", "Down", show=False),
        Binding("pageup", "move('page_up')", "Page up", show=False),
        Binding("pagedown", "move('page_down')", "Page down", show=False),
        Binding("ctrl+home", "move('first')", "First", show=False),
        Binding("ctrl+end", "move('last')", "Last", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]

    DEFAULT_CSS = """
    ModelPicker {
        align: center middle;
        & > Vertical {
            width: 90%;
            max-width: 100;
            height: auto;
            max-height: 80%;
            padding: 0 1;
            border: round $primary;
            border-title-color: $text-primary;
            border-subtitle-color: $text-muted;
            background: $surface;
        }
        Input, Input:focus {
            border: none;
            height: 1;
            margin-bottom: 1;
            padding: 0 2;
            background: $surface;
        }
        OptionList {
            border: none;
            padding: 0;
            background: $surface;
            scrollbar-size-vertical: 1;
            & > .option-list--option-highlighted {
                color: $block-cursor-foreground;
                background: $block-cursor-background;
                text-style: $block-cursor-text-style;
            }
        }
        Static { padding: 0 2; color: $text-muted; height: auto; }
        Static.-error { color: $text-error; }
        &.-tiny > Vertical { width: 100%; max-height: 100%; border: none; padding: 0; }
        &.-tiny Input { margin-bottom: 0; padding: 0; }
        &.-tiny Static { padding: 0; }
    }
    """

    def __init__(self, fetch: Fetch, *, server: str, current: str | None = None) -> None:
        super().__init__()
        self._fetch = fetch
        self._server = _one_line(server)
        self._current = current
        self._models: Sequence[Model] = ()
        self._shown: list[Model] = []
        self._failure = ""
        self._asking = False

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(f"Models on {self._server}")
            box.border_subtitle = Content("Enter choose · Esc close · Ctrl+R ask again")
            yield Input(placeholder="type to filter", compact=True)
            choices = OptionList(markup=False)
            choices.can_focus = False
            yield choices
            yield Static(markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self.action_ask_again()

    def on_resize(self) -> None:
        self.set_class(self.size.height < 12 or self.size.width < 40, "-tiny")
        self.call_after_refresh(self._show)

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:  # beside the box
            self.dismiss(None)

    # The server

    @work(exclusive=True)
    async def action_ask_again(self) -> None:
        self._asking, self._failure = True, ""
        self._show()
        try:
            models = await self._fetch()
        except OllamaTuiError as error:
            self._failure = sanitise(str(error))
        else:
            self._models = tuple(models)
        self._asking = False
        self._show()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        del parameters
        return not (action == "ask_again" and self._asking)

    # The list

    @on(Input.Changed)
    def _filter(self) -> None:
        self._show()

    @on(Input.Submitted)
    def action_choose(self) -> None:
        index = self._choices.highlighted
        if index is not None and index < len(self._shown):
            self.dismiss(self._shown[index].name)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._shown[event.option_index].name)

    def action_close(self) -> None:
        self.dismiss(None)

    def action_move(self, how: str) -> None:
        getattr(self._choices, f"action_{how}")()

    @property
    def _choices(self) -> OptionList:
        return self.query_one(OptionList)

    def _show(self) -> None:
        """Draw all anew: what is asked, what is there, what of it fits the filter."""
        words = self.query_one(Input).value
        index = self._choices.highlighted
        kept = self._shown[index].name if index is not None and self._shown else self._current
        self._shown = matching(self._models, words)
        # of the box: the list itself has no size while it is hidden; less padding and scrollbar
        width = self.query_one(Vertical).content_region.width - 3
        self._choices.set_options(rows(self._shown, width, self._current))
        names = [model.name for model in self._shown]
        if names:
            self._choices.highlighted = names.index(kept) if kept in names else 0
        self._choices.display = bool(names)
        note = self.query_one(Static)
        note.set_class(bool(self._failure), "-error")
        note.update(self._note(words))
        note.display = bool(self._note(words))
        self._lend_r_to_binding()
        self.refresh_bindings()

    def _lend_r_to_binding(self) -> None:
        """While there is nothing to filter because asking failed, a plain `r` asks again."""
        field = self.query_one(Input)
        nothing = bool(self._failure) and not self._models
        field.display = not nothing
        if nothing and self.focused is field:
            self.set_focus(None)
        elif not nothing and self.focused is None:
            field.focus()

    def _note(self, words: str) -> str:
        if self._asking:
            return f"asking {self._server} ..."
        if self._failure:
            again = "Ctrl+R asks again." if self._models else "r asks again."
            return f"{self._failure} {again}"
        if not self._models:
            return f"{self._server} has no model installed."
        if not self._shown:
            return f"None of {len(self._models)} models matches “{_one_line(words)}”."
        return ""


def matching(models: Sequence[Model], words: str) -> list[Model]:
    """Return the models in which every word stands somewhere; names that begin with it first."""
    wanted = words.casefold().split()
    if not wanted:
        return list(models)
    found = [model for model in models if all(word in _searched(model) for word in wanted)]
    return sorted(found, key=lambda model: not model.name.casefold().startswith(wanted[0]))


def rows(models: Sequence[Model], width: int, current: str | None) -> list[Content]:
    """Return one line per model, in columns. In less than `width` cells the last columns go."""
    if not models:
        return []
    columns = [[_one_line(cell) for cell in _details(model)] for model in models]
    names = [_one_line(model.name) for model in models]
    longest = max(map(cell_len, names))
    widths = [max(map(cell_len, column)) for column in zip(*columns, strict=True)]
    room = width - 2 - min(longest, max(NAME_CELLS, width // 2))
    shown = []
    for index, needed in enumerate(widths):
        if needed and needed + 2 <= room:
            room -= needed + 2
            shown.append(index)
        elif needed:
            break
    name_width = max(1, min(longest, width - 2 - sum(widths[i] + 2 for i in shown)))
    lines = []
    for model, name, details in zip(models, names, columns, strict=True):
        mark = "● " if model.name == current else "  "
        cells = [f"  {_aligned(details[i], widths[i], right=i in _RIGHT)}" for i in shown]
        lines.append(
            Content(mark + _cut(name, name_width))
            + Content("".join(cells)).stylize("dim" if cells else "")
        )
    return lines


_RIGHT: Final = {0, 2, 3}


def _details(model: Model) -> tuple[str, ...]:
    return (
        model.parameters or "",
        model.quantization or "",
        _size(model.size_bytes),
        _context(model.context_length),
        " ".join(word for word in model.capabilities if word not in _UNREMARKABLE),
    )


def _searched(model: Model) -> str:
    words = [model.name, model.parameters, model.quantization, model.family, *model.capabilities]
    return " ".join(word for word in words if word).casefold()


def _size(count: int | None) -> str:
    if count is None:
        return ""
    if count < 1_000_000:
        return f"{count / 1_000:.0f} kB"
    if count < 1_000_000_000:
        return f"{count / 1_000_000:.0f} MB"
    return f"{count / 1_000_000_000:.1f} GB"


def _context(tokens: int | None) -> str:
    if not tokens:
        return ""
    return f"{tokens // 1024}k ctx" if tokens >= 1024 else f"{tokens} ctx"


def _one_line(text: str) -> str:
    return " ".join(sanitise(text).split())


def _cut(text: str, width: int) -> str:
    if cell_len(text) > width:
        return set_cell_size(text, max(0, width - 1)) + "…"
    return set_cell_size(text, width)


def _aligned(text: str, width: int, *, right: bool) -> str:
    return " " * (width - cell_len(text)) + text if right else set_cell_size(text, width)
