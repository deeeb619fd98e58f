"""Pictures of the screen. `pytest tests/snapshots --snapshot-update` makes them anew.

The server is a fake, so that every token, time and address is the same on every machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from ollama_tui import receipts, startup
from ollama_tui.answer import Answer
from ollama_tui.choice import Choice
from ollama_tui.connection import Connection, Connections
from ollama_tui.errors import ServerFailed
from ollama_tui.events import Receipt, SocketState
from ollama_tui.request import Done, Model, Piece, Request
from ollama_tui.settings import Host
from ollama_tui.ui import chat as chat_module
from ollama_tui.ui.app import ChatApp
from tests.ui.chatting import until

MODEL = "smollm2:135m"
ANSWER = ("The tide ", "comes in ", "twice a day, ", "and so does ", "the mail.")
THOUGHTS = ("The user asks ", "about tides. ", "Short is best.")
QUESTION = "When does the tide come in?"
Item = Piece | Done | Exception | None
"""None waits until the answer is stopped."""


class FakeServer:
    """Yields a script, without any connection."""

    title = "Ollama"

    def __init__(self, host: Host, connections: Connections, *script: Item) -> None:
        self.host = host
        self.connections = connections
        self.script = script
        self.said = asyncio.Event()
        """All of the script was taken."""

    def connect(self, purpose: str) -> Connection:
        return self.connections.open(self.host, purpose)

    async def stream(
        self, request: Request, connection: Connection
    ) -> AsyncGenerator[Piece | Done, None]:
        self._connected(connection)
        for item in self.script:
            if isinstance(item, Exception):
                raise item
            if item is None:
                self.said.set()
                await asyncio.Event().wait()
            else:
                yield item

    def _connected(self, connection: Connection) -> None:
        if connection.on_connected is not None:
            connection.on_connected()

    async def models(self) -> list[Model]:
        return [Model(MODEL)]


def pieces(*content: str) -> list[Item]:
    return [Piece(content=text) for text in content]


def thoughts(*thinking: str) -> list[Item]:
    return [Piece(thinking=text) for text in thinking]


Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def _the_same_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every clock, colour and folder."""
    for name in ("NO_COLOR", "COLORTERM", "TMUX", "COLUMNS", "LINES", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    for name in ("STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"OLLAMA_TUI_{name}", str(tmp_path / name.lower()))
    monkeypatch.setattr(chat_module, "_clock", lambda: "12:34")
    monkeypatch.setattr(Answer, "elapsed", 3.1)
    monkeypatch.setattr(Answer, "tokens_per_second", 48.0)
    monkeypatch.setattr(receipts, "socket_words", _socket_words)


def _socket_words(receipt: Receipt) -> str:
    if receipt.socket is SocketState.PENDING:
        return "closing the socket"
    return "socket closed in 0.7 ms"


@pytest.fixture
def picture(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """Compares the screen after a question was asked and `then` was done."""

    def compare(
        *script: Item,
        ask: bool = True,
        then: Callable[[ChatApp, Pilot[Any]], Any] | None = None,
        size: tuple[int, int] = (80, 24),
        must_think: bool = False,
    ) -> bool:
        app = ChatApp(Choice(host="127.0.0.1:11434", must_think=must_think))
        servers: list[FakeServer] = []

        async def open_server(host: Host, connections: Connections) -> FakeServer:
            servers.append(FakeServer(host, connections, *script))
            return servers[0]

        monkeypatch.setattr(startup, "open_server", open_server)

        async def run_before(pilot: Pilot[Any]) -> None:
            app.chat.prompt.cursor_blink = False
            await until(lambda: app.chat.model == MODEL, "model")
            if ask:
                app.chat.prompt.paste(QUESTION)
                await pilot.press("enter")
                end_of_script = servers[0].said.is_set
                await until(lambda: end_of_script() or app.chat.answer is None, "end of script")
            if then is not None:
                await then(app, pilot)
            await until(lambda: ask is False or _is_settled(app), "receipt")
            await asyncio.sleep(0)
            app.chat.transcript._settle()
            await pilot.pause(0.2)  # the next frame of the transcript: nothing says that it was

        return snap_compare(app, terminal_size=size, run_before=run_before)

    return compare


def _is_settled(app: ChatApp) -> bool:
    return app.chat.answer is not None or not app.chat._unclosed


async def escape(app: ChatApp, pilot: Pilot[Any]) -> None:
    await pilot.press("escape")


def test_idle(picture: Compare) -> None:
    assert picture(ask=False)


def test_idle_wide(picture: Compare) -> None:
    assert picture(ask=False, size=(120, 40))


def test_streaming(picture: Compare) -> None:
    assert picture(*pieces(*ANSWER), None)


def test_streaming_in_a_small_terminal(picture: Compare) -> None:
    assert picture(*pieces(*ANSWER), None, size=(40, 12))


def test_thinking(picture: Compare) -> None:
    assert picture(*thoughts(*THOUGHTS), None)


def test_answered_after_thinking(picture: Compare) -> None:
    assert picture(*thoughts(*THOUGHTS), *pieces(*ANSWER), Done("stop"))


def test_stopped_by_you(picture: Compare) -> None:
    assert picture(*pieces(*ANSWER), None, then=escape)


def test_stopped_by_rule(picture: Compare) -> None:
    assert picture(*pieces(*ANSWER), None, must_think=True)


def test_broken_off(picture: Compare) -> None:
    assert picture(*pieces(*ANSWER))


def test_error(picture: Compare) -> None:
    failure = ServerFailed("out of memory", server="127.0.0.1:11434", hint="Try a smaller model.")
    assert picture(failure)
