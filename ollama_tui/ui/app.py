"""The Textual application: finds a server, shows the chat, and ends without leaving anything."""

from __future__ import annotations

import asyncio
import importlib
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from ollama_tui.connection import Connections
from ollama_tui.events import Cause, CauseKind
from ollama_tui.settings import looks
from ollama_tui.ui import terminal
from ollama_tui.ui.chat import ChatScreen
from ollama_tui.ui.themes import HIGH_CONTRAST, THEMES

if TYPE_CHECKING:  # loaded after the first paint
    from ollama_tui.choice import Choice
    from ollama_tui.ui.server_choice import ServerChoice

_QUIT_SECONDS = 2.0
_STOP_SECONDS = 0.5
"""A Ctrl+C that comes so soon after an answer's end was meant for the answer."""


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
        self._looks = looks()
        self._servers: ServerChoice | None = None
        self._quit_pressed_at = -_QUIT_SECONDS
        self._leaving = False
        self.chat = ChatScreen(think=choice.think, system=choice.system)

    async def on_mount(self) -> None:
        self._restore_looks()
        await self.push_screen(self.chat)
        loop = asyncio.get_running_loop()
        terminal.install_signal_handlers(loop, self._on_signal)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.chat.waiting_for("○ looking for a server")
        self.run_worker(self._find_server(), group="server")

    async def _find_server(self) -> None:
        """Load what talks to servers, after the first paint and off the loop, and find one."""
        await asyncio.to_thread(importlib.import_module, "ollama_tui.ui.server_choice")
        from ollama_tui.ui.server_choice import ServerChoice

        self._servers = ServerChoice(self, self.choice)
        self._servers.look()
        await asyncio.to_thread(importlib.import_module, "ollama")  # the first answer needs it
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

    def on_chat_screen_pick_model(self) -> None:
        self.action_pick_model()

    def action_pick_model(self) -> None:
        """Open the list of models; without a server, look for one again."""
        if self._servers is not None:
            self._servers.pick()

    # -- Ctrl+C and the end

    def action_help_quit(self) -> None:
        """Ctrl+C where nothing is selected: stop, else clear the draft, else a hint, then quit."""
        if self.chat.stop(Cause(CauseKind.USER, "ctrl+c")):
            return
        if self.chat.seconds_since_end < _STOP_SECONDS:
            self.chat.status.hint("The answer has ended; the draft is kept.")
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
        if self._servers is not None:
            await self._servers.close()
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
