"""The model picker: filter, choose, and what it says while there is nothing to choose."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from ollama_tui.errors import Unreachable
from ollama_tui.request import Model
from ollama_tui.ui.models import ModelPicker, matching, rows

SERVER = "127.0.0.1:11434"
MODELS = (
    Model("deepseek-r1:7b", 4_683_075_271, "7.6B", "Q4_K_M", "qwen2", ("completion", "thinking")),
    Model("smollm2:135m", 270_898_672, "134.52M", "F16", "llama", ("completion",), 8192),
    Model("[/red]evil[link='x", 5),
    Model("模型/漢字:latest", 9_900_000_000, "14B", "Q8_0", "qwen3", ("vision",), 40_960),
    Model("two\nlines\x1b]0;x\x07" + "y" * 90),
)


class Around(App[None]):
    def __init__(
        self, fetch: Callable[[], Awaitable[Sequence[Model]]], current: str | None = None
    ) -> None:
        super().__init__()
        self.fetch = fetch
        self.current = current
        self.chosen: list[str | None] = []

    def compose(self) -> ComposeResult:
        yield Static("below", markup=False)

    def on_mount(self) -> None:
        picker = ModelPicker(self.fetch, server=SERVER, current=self.current)
        self.push_screen(picker, self.chosen.append)


async def installed() -> Sequence[Model]:
    return MODELS


def shown(pilot: Pilot[None]) -> list[str]:
    """The rows of the list, then the note below."""
    options = pilot.app.screen.query_one(OptionList)
    note = pilot.app.screen.query_one(Static)
    prompts = [str(option.prompt) for option in options.options] if options.display else []
    return [*prompts, str(note.content)] if note.display else prompts


def highlighted(pilot: Pilot[None]) -> str:
    option = pilot.app.screen.query_one(OptionList).highlighted_option
    return str(option.prompt) if option else ""


async def settled(pilot: Pilot[None]) -> None:
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def test_the_current_model_is_marked_and_preselected() -> None:
    app = Around(installed, current="smollm2:135m")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert highlighted(pilot).startswith("● smollm2:135m")
        await pilot.press("up", "enter")
        assert app.chosen == ["deepseek-r1:7b"]


async def test_typing_filters_and_arrows_move_while_the_filter_keeps_the_focus() -> None:
    app = Around(installed)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("down", *"QWEN")
        assert [row.split()[0] for row in shown(pilot)] == ["deepseek-r1:7b", "模型/漢字:latest"]
        await pilot.press("down", "space", *"vis")
        assert isinstance(app.focused, Input)
        assert len(shown(pilot)) == 1
        await pilot.press("enter")
        assert app.chosen == ["模型/漢字:latest"]


async def test_an_empty_result_says_so_and_enter_stays() -> None:
    app = Around(installed)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press(*"zz", "enter")
        assert shown(pilot) == ["None of 5 models matches “zz”."]
        assert app.chosen == []
        await pilot.press("backspace", "backspace")
        assert len(shown(pilot)) == 5


@pytest.mark.parametrize("key", ["escape", "ctrl+o"])
async def test_esc_closes(key: str) -> None:
    app = Around(installed)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("x", key)
        assert app.chosen == [None]


async def test_the_mouse_chooses_and_a_click_beside_the_box_closes() -> None:
    app = Around(installed)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.click(OptionList, offset=(5, 2))
        assert app.chosen == [MODELS[2].name]
        app.on_mount()
        await settled(pilot)
        await pilot.click(offset=(0, 0))
        assert app.chosen[1:] == [None]


async def test_while_asking_it_says_whom_and_what_is_typed_counts() -> None:
    answered = asyncio.Event()

    async def slowly() -> Sequence[Model]:
        await answered.wait()
        return MODELS

    app = Around(slowly)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*"smol", "r", "enter")
        assert shown(pilot) == [f"asking {SERVER} ..."]
        await pilot.press("backspace")
        answered.set()
        await settled(pilot)
        await pilot.press("enter")
        assert app.chosen == ["smollm2:135m"]


async def test_an_error_is_shown_and_r_asks_again() -> None:
    calls = 0

    async def second_time_lucky() -> Sequence[Model]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise Unreachable("Nothing [/answers]", server=SERVER, hint="Start it.")
        return MODELS

    app = Around(second_time_lucky)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert shown(pilot) == [f"Nothing [/answers] ({SERVER}). Start it. r asks again."]
        await pilot.press("r")
        await settled(pilot)
        assert len(shown(pilot)) == 5
        await pilot.press("r")
        assert pilot.app.screen.query_one(Input).value == "r"


async def test_a_failed_second_answer_keeps_the_list() -> None:
    calls = 0

    async def once() -> Sequence[Model]:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise Unreachable("Nothing answers", server=SERVER)
        return MODELS

    app = Around(once)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("ctrl+r")
        await settled(pilot)
        assert len(shown(pilot)) == 6
        assert "Ctrl+R asks again" in shown(pilot)[-1]


async def test_a_server_without_models_says_so() -> None:
    async def none() -> Sequence[Model]:
        return ()

    async with Around(none).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("enter")
        assert shown(pilot) == [f"{SERVER} has no model installed."]


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (80, 24), (200, 60)])
async def test_it_works_at_any_size(size: tuple[int, int]) -> None:
    app = Around(installed, current=MODELS[3].name)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        options = pilot.app.screen.query_one(OptionList)
        assert options.size.height >= 3
        drawn = [options.render_line(y).text for y in range(options.size.height)]
        assert any("模型" in line for line in drawn)
        await pilot.resize_terminal(20, 5)
        await pilot.press("down", "enter")
        assert app.chosen == [MODELS[4].name]


def test_columns_are_aligned_by_cells_and_dropped_where_it_is_narrow() -> None:
    wide = rows(MODELS, 110, None)
    columns = {cell_len(line.plain.split(" Q")[0]) for line in wide if " Q" in line.plain}
    assert len(columns) == 1
    assert "thinking" in wide[0].plain
    assert "40k ctx" in wide[3].plain
    narrow = rows(MODELS, 30, None)
    assert "Q4_K_M" not in narrow[0].plain
    for width in (1, 5, 20, 30, 64, 110):
        assert all(cell_len(line.plain) <= max(width, 3) for line in rows(MODELS, width, None))


def test_hostile_names_are_one_line_of_plain_text() -> None:
    line = rows([MODELS[4]], 120, None)[0].plain
    assert "\n" not in line
    assert "\x1b" not in line
    assert line.startswith("  two lines]0;x")


def test_every_word_must_stand_somewhere() -> None:
    assert [model.name for model in matching(MODELS, "Q8 LATEST")] == ["模型/漢字:latest"]
    assert matching(MODELS, "q8 smollm") == []
    assert matching(MODELS, "  ") == list(MODELS)


async def test_names_are_readable_however_late_the_server_answers() -> None:
    """The list is hidden until there are models, and then has no width of its own yet."""
    gate = asyncio.Event()

    async def fetch() -> list[Model]:
        await gate.wait()
        return [Model("tiny:latest"), Model("smollm2:135m")]

    app = App[None]()
    async with app.run_test(size=(80, 24)) as pilot:
        picker = ModelPicker(fetch, server="here")
        await app.push_screen(picker)
        await pilot.pause()
        gate.set()
        await app.workers.wait_for_complete()
        options = picker.query_one(OptionList)
        assert "tiny:latest" in str(options.get_option_at_index(0).prompt)
