"""What the tests of the whole screen share: the real application, against a server, and looking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual import events
from textual.pilot import Pilot

from ollama_tui.choice import Choice
from ollama_tui.ui.app import ChatApp


@asynccontextmanager
async def chatting(
    url: str, size: tuple[int, int] = (80, 24), **choice: Any
) -> AsyncIterator[tuple[ChatApp, Pilot[int]]]:
    """The application, connected to the server at `url`; afterwards nothing of it may be left."""
    before = asyncio.all_tasks()
    app = ChatApp(Choice(host=url, **choice))
    async with app.run_test(size=size) as pilot:
        await until(lambda: app.chat.model is not None, "a model")
        yield app, pilot
    assert not app.connections.live
    # a scripted server's tasks are among them: they end with their connections
    await until(lambda: asyncio.all_tasks() <= before, lambda: f"end of {asyncio.all_tasks()}")


async def until(
    condition: Callable[[], Any], what: str | Callable[[], str], seconds: float = 5
) -> None:
    """Poll until `condition` is true; AssertionError, naming `what`, if that takes too long."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not condition():
        assert loop.time() < deadline, f"no {what if isinstance(what, str) else what()}"
        await asyncio.sleep(0.002)


def screen(app: ChatApp) -> str:
    """What a person sees now."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def shows(app: ChatApp, *texts: str) -> str:
    """Wait until all of `texts` are on the screen; return it."""
    await until(lambda: all(text in screen(app) for text in texts), lambda: _missing(app, texts))
    return screen(app)


def _missing(app: ChatApp, texts: tuple[str, ...]) -> str:
    missing = [text for text in texts if text not in screen(app)]
    return f"{missing} on the screen:\n{screen(app)}"


async def ask(app: ChatApp, pilot: Pilot[int], text: str = "go") -> None:
    """Paste `text` into the prompt and send it."""
    app.chat.prompt.paste(text)
    await pilot.press("enter")


def strike(app: ChatApp, key: str) -> None:
    """Hand a key over as the terminal's driver does, and don't wait for what it does."""
    event = events.Key(key, key if len(key) == 1 else None)
    event.set_sender(app)
    assert app._driver is not None
    app._driver.send_message(event)


async def ended(app: ChatApp) -> None:
    await until(lambda: app.chat.answer is None and not app.connections.live, "end")
