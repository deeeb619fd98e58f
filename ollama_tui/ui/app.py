"""The Textual application: finds a server, shows the chat, and ends without leaving anything."""

from __future__ import annotations

import asyncio
import importlib
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from ollama_tui import engine_fetch
from ollama_tui.connection import Connections
from ollama_tui.engine import Engine
from ollama_tui.errors import EngineError, OllamaTuiError
from ollama_tui.events import Cause, CauseKind
from ollama_tui.request import Model
from ollama_tui.rules import must_start_with
from ollama_tui.settings import last_models, looks
from ollama_tui.startup import (
    Choice,
    Found,
    NeedsEngineModel,
    find_server,
    pick_model,
    start_engine,
)
from ollama_tui.text import sanitise
from ollama_tui.ui import terminal
from ollama_tui.ui.chat import ChatScreen
from ollama_tui.ui.confirm import Confirm
from ollama_tui.ui.models import ModelPicker
from ollama_tui.ui.themes import HIGH_CONTRAST, THEMES

_QUIT_SECONDS = 2.0


class ChatApp(App[int]):
    """The program on the screen. Its return value is the exit status."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "ollama-tui"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", priority=True, id="app.quit"),
        Binding("ctrl+o", "pick_model", "Model", id="app.model"),
    ]

    def __init__(self, choice: Choice) -> None:
        super().__init__(driver_class=terminal.driver_class())
        self.choice = choice
        self.connections = Connections()
        self.engine: Engine | None = None
        self._last_models = last_models()
        self._looks = looks()
        self._models: list[Model] = []
        self._quit_pressed_at = -_QUIT_SECONDS
        self._leaving = False
        self._offer: NeedsEngineModel | None = None
        rules = [must_start_with("<think>")] if choice.must_think else []
        self.chat = ChatScreen(think=choice.think, rules=rules, system=choice.system)

    async def on_mount(self) -> None:
        self._restore_looks()
        await self.push_screen(self.chat)
        loop = asyncio.get_running_loop()
        terminal.install_signal_handlers(loop, self._on_signal)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.run_worker(self._warm_up(), group="warm-up")
        self.connect_server()

    async def _warm_up(self) -> None:
        """Load what the first answer needs, after the first paint and off the loop."""
        await asyncio.to_thread(importlib.import_module, "httpx")
        await asyncio.to_thread(importlib.import_module, "ollama")
        if hint := await terminal.tmux_hint():
            self.chat.tell(hint)

    # -- looks

    def _restore_looks(self) -> None:
        self.register_theme(HIGH_CONTRAST)
        wanted = THEMES.get(self.choice.theme or "", self._looks.get("theme"))
        if wanted in self.available_themes:
            self.theme = wanted
        self.chat.transcript.density = (
            "compact" if self._looks.get("density") == "compact" else "comfortable"
        )
        self.theme_changed_signal.subscribe(self, lambda theme: self._remember("theme", theme.name))

    def _remember(self, what: str, word: str) -> None:
        try:
            self._looks.set(what, word)
        except OSError as error:
            self.chat.status.hint(f"{what} {word} is used; it can't be remembered: {error}")

    def action_toggle_density(self) -> None:
        """Comfortable, or compact: without the empty lines between messages."""
        transcript = self.chat.transcript
        transcript.density = "comfortable" if transcript.density == "compact" else "compact"
        self._remember("density", transcript.density)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        yield SystemCommand("Model", "Pick another model (ctrl+o)", self.action_pick_model)
        yield SystemCommand("Density", "Comfortable or compact", self.action_toggle_density)
        chat = self.chat
        yield SystemCommand("Find", "Find in the conversation (ctrl+f)", chat.action_find)
        yield SystemCommand("Copy answer", "The last answer (f6)", chat.action_copy_answer)
        yield SystemCommand("Copy message", "This message (shift+f6)", chat.action_copy_message)
        yield SystemCommand("Copy code", "The code block (f8)", chat.action_copy_code)
        yield SystemCommand("Thinking", "Show or fold it (f9)", chat.action_toggle_thinking)

    # -- the server

    def connect_server(self) -> None:
        """Look for a server, in the background."""
        self._offer = None
        self.chat.waiting_for("○ looking for a server")
        self.run_worker(self._connect(), group="server", exclusive=True)

    async def _connect(self) -> None:
        try:
            found = await find_server(self.choice, self.connections)
        except NeedsEngineModel as error:
            self._offer = error
            self.chat.tell(f"▲ {error.what}.", "warning")
            self.chat.tell(
                "Ctrl+O fetches it (SmolLM2-135M, 93 MB), or looks again for an Ollama. "
                "To name one: `ollama-tui --host URL`."
            )
            self.chat.waiting_for("▲ no server · ctrl+o what to do · ctrl+q quit")
        except OllamaTuiError as error:
            self._no_server(error)
        else:
            self._use(found)

    def _no_server(self, error: OllamaTuiError) -> None:
        self.chat.tell(f"✖ {error}", "error")
        self.chat.waiting_for("✖ no server · ctrl+o tries again · ctrl+q quit")

    def _use(self, found: Found) -> None:
        self.engine = found.engine
        self._models = list(found.models)
        last = self._last_models.get(found.server.host.url)
        model = pick_model(self.choice.model, last, self._models)
        self.chat.use(found.server, model, found.system)
        if found.notice:
            self.chat.tell(found.notice)
        if model is None:
            wanted = self.choice.model
            self.chat.tell(
                f"▲ There is no model “{wanted}” here; pick another (ctrl+o)."
                if wanted and self._models
                else "▲ This server has no model yet; install one (`ollama pull NAME`).",
                "warning",
            )
            if self._models and not self.chat.prompt.draft:
                self.action_pick_model()

    def _answer_offer(self, fetch: bool | None) -> None:
        offer = self._offer
        if fetch and offer is not None:
            self._offer = None
            self.run_worker(self._fetch_engine_model(offer), group="server", exclusive=True)
        elif fetch is not None:
            self.connect_server()

    async def _fetch_engine_model(self, offer: NeedsEngineModel) -> None:
        try:
            await engine_fetch.fetch(self._show_fetched)
            self._use(await start_engine(self.connections, offer.what, offer))
        except EngineError as failure:
            self._no_server(failure)

    def _show_fetched(self, done: int, total: int | None) -> None:
        share = f" of {total / 1e6:.0f}" if total else ""
        text = f"○ fetching the built-in model: {done / 1e6:.0f}{share} MB"
        self.chat.waiting_for(text)

    # -- models

    def on_chat_screen_pick_model(self) -> None:
        self.action_pick_model()

    def action_pick_model(self) -> None:
        """Open the list of models; without a server, look for one again."""
        if self.chat.server is None and self._offer is not None:
            # asked only now: a question that pops up by itself takes the keys one is typing
            question = f"{self._offer.what}. Fetch it now (SmolLM2-135M, 93 MB, Apache-2.0)?"
            self.push_screen(Confirm(question, "Fetch it", "Look again"), self._answer_offer)
        elif self.chat.server is None:
            self.connect_server()
        elif not isinstance(self.screen, ModelPicker):
            server = self.chat.server
            picker = ModelPicker(server.models, current=self.chat.model, server=server.host.shown)
            self.push_screen(picker, self._picked)

    def _picked(self, model: str | None) -> None:
        if model is None or self.chat.server is None:
            return
        self.chat.use(self.chat.server, model, None)
        try:
            self._last_models.set(self.chat.server.host.url, model)
        except OSError as error:
            self.chat.status.hint(f"{sanitise(model)} is used; it can't be remembered: {error}")

    # -- Ctrl+C and the end

    def action_help_quit(self) -> None:
        """Ctrl+C where nothing is selected: stop, else clear the draft, else a hint, then quit."""
        if self.chat.stop(Cause(CauseKind.USER, "ctrl+c")):
            return
        if self.chat.prompt.draft:
            self.chat.prompt.discard_draft()
            self.chat.status.hint("Draft cleared; ctrl+z brings it back.")
            return
        now = asyncio.get_running_loop().time()
        if now - self._quit_pressed_at < _QUIT_SECONDS:
            self.run_worker(self.action_quit(), group="quit")
            return
        self._quit_pressed_at = now
        self.chat.status.hint("Press ctrl+c once more to quit.")

    async def action_quit(self) -> None:
        await self._leave(Cause(CauseKind.SHUTDOWN, "quit"), 0)

    def _on_signal(self, number: signal.Signals) -> None:
        cause = Cause(CauseKind.SHUTDOWN, number.name)
        # a task of the loop's own: workers are cancelled at exit
        self._leaving_task = asyncio.ensure_future(self._leave(cause, 128 + number))

    async def _leave(self, cause: Cause, status: int) -> None:
        if self._leaving:
            return
        self._leaving = True
        await self.chat.stop_and_wait(cause)
        if self.engine is not None:
            await self.engine.stop()
        self.exit(status, return_code=status)


def run(choice: Choice) -> int:
    """Show the program until it ends; return the exit status."""
    terminal.force_utf8_output()
    if not terminal.utf8_locale():
        print(f"ollama-tui: {terminal.NO_UTF8}", file=sys.stderr)
    app = ChatApp(choice)
    result = app.run()
    for connection in app.connections.live.values():
        print(f"ollama-tui: a connection to {connection.host.shown} was left open")
    return app.return_code or (result or 0)
