"""Which server and model the chat talks to: found at the start, changed by Ctrl+O.

Loaded after the first paint, with all that talks to servers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollama_tui import engine_fetch
from ollama_tui.choice import Choice
from ollama_tui.errors import EngineError, OllamaTuiError
from ollama_tui.rules import must_start_with
from ollama_tui.settings import last_models
from ollama_tui.startup import (
    Found,
    NeedsEngineModel,
    find_server,
    pick_model,
    start_engine,
)
from ollama_tui.text import sanitise
from ollama_tui.ui.confirm import Confirm
from ollama_tui.ui.models import ModelPicker

if TYPE_CHECKING:
    from ollama_tui.engine import Engine
    from ollama_tui.ui.app import ChatApp


class ServerChoice:
    """Finds a server for the app's chat, or says why there is none and what can be done."""

    def __init__(self, app: ChatApp, choice: Choice) -> None:
        self._app = app
        self._chat = app.chat
        self._choice = choice
        self._last_models = last_models()
        self._offer: NeedsEngineModel | None = None
        """Set while the built-in model could be fetched."""
        self._engine: Engine | None = None
        if choice.must_think:
            self._chat.rules = [must_start_with("<think>")]

    async def close(self) -> None:
        """End the built-in engine, if it was started."""
        if self._engine is not None:
            await self._engine.stop()

    def look(self) -> None:
        """Look for a server, in the background."""
        self._offer = None
        self._chat.waiting_for("○ looking for a server")
        self._app.run_worker(self._look(), group="look", exclusive=True)

    async def _look(self) -> None:
        try:
            self._use(await find_server(self._choice, self._app.connections))
        except NeedsEngineModel as error:
            self._offer = error
            self._chat.tell(f"▲ {error.what}.", "warning")
            self._chat.tell(
                "Ctrl+O fetches it (SmolLM2-135M, 93 MB), or looks again for an Ollama. "
                "To name one: `ollama-tui --host URL`."
            )
            self._chat.waiting_for("▲ no server · ctrl+o what to do · ctrl+q quit")
        except OllamaTuiError as error:
            self._none(error)

    def _none(self, error: OllamaTuiError) -> None:
        self._chat.tell(f"× {error}", "error")
        self._chat.waiting_for("× no server · ctrl+o tries again · ctrl+q quit")

    def _use(self, found: Found) -> None:
        self._engine = found.engine
        last = self._last_models.get(found.server.host.url)
        model = pick_model(self._choice.model, last, found.models)
        self._chat.use(found.server, model, found.system)
        if found.notice:
            self._chat.tell(found.notice)
        if model is not None:
            return
        if self._choice.model is None or not found.models:
            words = "▲ This server has no model yet; install one (`ollama pull NAME`)."
        else:
            words = f"▲ There is no model “{self._choice.model}” here; pick another (ctrl+o)."
        self._chat.tell(words, "warning")
        if found.models and not self._chat.prompt.draft:
            self.pick()

    # -- the built-in model

    def _answer_offer(self, fetch: bool | None) -> None:
        offer = self._offer
        if fetch and offer is not None:
            self._offer = None
            self._app.run_worker(self._fetch(offer), group="look", exclusive=True)
        elif fetch is not None:
            self.look()

    async def _fetch(self, offer: NeedsEngineModel) -> None:
        try:
            await engine_fetch.fetch(self._show_fetched)
            self._use(await start_engine(self._app.connections, offer.what, offer))
        except EngineError as error:
            self._none(error)

    def _show_fetched(self, done: int, total: int | None) -> None:
        share = f" of {total / 1e6:.0f}" if total else ""
        self._chat.waiting_for(f"○ fetching the built-in model: {done / 1e6:.0f}{share} MB")

    # -- models

    def pick(self) -> None:
        """Open the list of models; without a server, offer what can be done about that."""
        server = self._chat.server
        if server is not None:
            if not isinstance(self._app.screen, ModelPicker):
                shown = server.host.shown
                picker = ModelPicker(server.models, current=self._chat.model, server=shown)
                self._app.push_screen(picker, self._picked)
        elif self._offer is not None:
            # asked only now: a question that pops up by itself takes the keys one is typing
            question = f"{self._offer.what}. Fetch it now (SmolLM2-135M, 93 MB, Apache-2.0)?"
            self._app.push_screen(Confirm(question, "Fetch it", "Look again"), self._answer_offer)
        else:
            self.look()

    def _picked(self, model: str | None) -> None:
        server = self._chat.server
        if model is None or server is None:
            return
        self._chat.use(server, model, None)
        try:
            self._last_models.set(server.host.url, model)
        except OSError as error:
            words = f"{sanitise(model)} is used; it can't be remembered: {error}"
            self._chat.status.hint(words)
