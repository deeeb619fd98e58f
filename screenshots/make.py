"""`make screenshots`: pictures of the running program, as SVG and PNG.

The program is the real one, headless; what it talks to is the tests' scripted server on a real
socket, so that the pictures say the same each time.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.scripted import Done, Say, Scenario, ScriptedServer, Stall, ThinkSay, refused_url

HERE = Path(__file__).parent
FONTS = ["/usr/share/fonts", "/Library/Fonts", "/System/Library/Fonts"]

PACKING = (
    "For a week in **Norway** in March, pack for cold, wet and changing weather:\n\n"
    "1. Layers: a wool base layer, a fleece, a windproof shell\n"
    "2. Hat, gloves, a buff\n"
    "3. Boots that keep water out\n\n"
)
CODE = (
    "A small script that prints the list:\n\n```python\nfor item in pack:\n    print(item)\n```\n\n"
)
THOUGHTS = "The user goes to Norway in March. It is still winter there: wool, layers, rain. "
QUESTION = "What should I pack for a week in Norway in March?"


async def _until(pilot: object, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)
    await pilot.pause(0.1)  # type: ignore[attr-defined]


async def _shoot(
    name: str,
    scenario: Scenario | None,
    size: tuple[int, int],
    act: Callable[[object, object], Awaitable[None]],
    *,
    must_think: bool = False,
) -> None:
    from ollama_tui.choice import Choice
    from ollama_tui.ui.app import ChatApp

    async with ScriptedServer(*([scenario] if scenario else [])) as server:
        with refused_url() as nobody:
            host = server.url if scenario else nobody
            app = ChatApp(Choice(host, "smollm2-think:135m", must_think=must_think))
            async with app.run_test(size=size) as pilot:
                await _until(pilot, lambda: app.chat.server is not None or not scenario)
                await act(app, pilot)
                svg = app.export_screenshot(title="ollama-tui")
                await app.chat.stop_and_wait(_quit())
    (HERE / f"{name}.svg").write_text(svg, encoding="utf-8")
    _png(HERE / f"{name}.svg")


def _quit() -> object:
    from ollama_tui.events import Cause, CauseKind

    return Cause(CauseKind.SHUTDOWN, "quit")


def _png(svg: Path) -> None:
    import resvg_py

    fonts = [folder for folder in FONTS if Path(folder).is_dir()]
    png = resvg_py.svg_to_bytes(svg_path=str(svg), font_dirs=fonts)
    svg.with_suffix(".png").write_bytes(bytes(png))


async def _ask(app: object, pilot: object, until: Callable[[], bool]) -> None:
    app.chat.prompt.draft = QUESTION  # type: ignore[attr-defined]
    await pilot.press("enter")  # type: ignore[attr-defined]
    await _until(pilot, until)


async def idle(app: object, pilot: object) -> None:
    await pilot.pause(0.2)  # type: ignore[attr-defined]


async def streaming(app: object, pilot: object) -> None:
    await _ask(app, pilot, lambda: app.chat.answer and "buff" in app.chat.answer.content)


async def thinking(app: object, pilot: object) -> None:
    await _ask(app, pilot, lambda: app.chat.answer and "layers" in app.chat.answer.thinking)


async def stopped(app: object, pilot: object) -> None:
    await streaming(app, pilot)
    await pilot.press("escape")  # type: ignore[attr-defined]
    await _until(pilot, lambda: not app.chat._unclosed)
    await pilot.press(*"make it short")  # type: ignore[attr-defined]
    await pilot.pause(0.2)  # type: ignore[attr-defined]


async def by_rule(app: object, pilot: object) -> None:
    await _ask(app, pilot, lambda: app.chat.answer is None)
    await _until(pilot, lambda: not app.chat._unclosed)


async def no_server(app: object, pilot: object) -> None:
    await _until(pilot, lambda: "no server" in app.chat.status.text)


async def models(app: object, pilot: object) -> None:
    await pilot.press("ctrl+o")  # type: ignore[attr-defined]
    await pilot.pause(0.5)  # type: ignore[attr-defined]


def _answer(*more: object) -> Scenario:
    return Scenario("packing", (ThinkSay(THOUGHTS, rate=60), Say(PACKING, rate=60), *more))


PICTURES = {
    "idle": (_answer(), idle, (80, 24)),
    "streaming": (_answer(Say(CODE, rate=30), Stall()), streaming, (80, 24)),
    "thinking": (Scenario("t", (ThinkSay(THOUGHTS, rate=30), Stall())), thinking, (80, 24)),
    "stopped": (_answer(Say(CODE, rate=30), Stall()), stopped, (80, 24)),
    "stopped-wide": (_answer(Say(CODE, rate=500), Stall()), stopped, (120, 40)),
    "rule": (Scenario("r", (Say(PACKING, rate=60), Done())), by_rule, (80, 24)),
    "broken-off": (Scenario("b", (Say(PACKING, rate=600),)), by_rule, (80, 24)),
    "no-server": (None, no_server, (80, 24)),
    "models": (_answer(), models, (80, 24)),
}


async def main() -> None:
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    os.environ.pop("NO_COLOR", None)
    for name, (scenario, act, size) in PICTURES.items():
        await _shoot(name, scenario, size, act, must_think=name == "rule")
        print(f"screenshots/{name}.svg", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for variable in ("STATE", "CONFIG", "DATA"):
            os.environ[f"OLLAMA_TUI_{variable}"] = folder
        asyncio.run(main())
