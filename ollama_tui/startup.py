"""Which server answers: the one named, the Ollama of this machine, or the built-in engine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ollama_tui.choice import Choice
from ollama_tui.connection import Connections
from ollama_tui.engine import Engine, check
from ollama_tui.engine_model import installed
from ollama_tui.errors import EngineError, ServerError, Unreachable
from ollama_tui.request import Model
from ollama_tui.servers import Server, open_server
from ollama_tui.servers.openai import OpenAICompatible
from ollama_tui.settings import configured_host, parse_host

DEFAULT_SYSTEM = "You are a helpful assistant."
"""SmolLM2 falls into a loop on simple questions where it has no system prompt."""


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answers."""

    server: Server
    models: Sequence[Model]
    engine: Engine | None = None
    """The built-in engine, if it is what answers; whoever gets this stops it at the end."""
    notice: str = ""
    """What the user should know about the choice."""
    system: str | None = None


class NeedsEngineModel(ServerError):
    """No Ollama answers, and the built-in engine could if its model were fetched."""


async def find_server(choice: Choice, connections: Connections) -> Found:
    """Return the server to use.

    Raises:
        SettingsError: the address or settings.toml can't be used.
        NeedsEngineModel: ask the user whether to fetch the built-in model.
        ServerError: a server that was named does not answer.
        EngineError: the built-in engine can't be started.
    """
    named = choice.host is not None
    host = configured_host(choice.host or os.environ.get("OLLAMA_HOST", ""))
    try:
        server = await open_server(host, connections)
        models = await server.models()
    except Unreachable as error:
        if named:
            raise
        return await start_engine(connections, f"No Ollama answers at {host.shown}", error)
    except ServerError as error:
        if named:
            raise
        return await start_engine(connections, f"No Ollama at {host.shown}", error)
    if not models and not named:
        return await start_engine(connections, f"The Ollama at {host.shown} has no model", None)
    return Found(server, models, system=choice.system)


async def start_engine(connections: Connections, why: str, error: ServerError | None) -> Found:
    """Start the built-in engine because of `why`."""
    if missing := check():
        raise EngineError(f"{why}, and the built-in engine can't run here: {' '.join(missing)}")
    if installed() is None:
        where = error.server if error is not None else "built-in engine"
        raise NeedsEngineModel(f"{why}, and the built-in model is not here yet", server=where)
    engine = Engine()
    url = await engine.start()
    server = OpenAICompatible(parse_host(url, "openai"), connections, "built-in engine")
    notice = (
        f"{why}, so the built-in engine answers, with the small model {engine.model_name}. "
        "For an Ollama: `ollama-tui --host URL`, or set OLLAMA_HOST."
    )
    return Found(server, [Model(engine.model_name)], engine, notice, DEFAULT_SYSTEM)


def pick_model(wanted: str | None, last: str | None, models: Sequence[Model]) -> str | None:
    """The model to begin with: the one asked for, the one last used, the first. None: no such."""
    names = [model.name for model in models]
    if wanted is not None:
        return next((name for name in (wanted, f"{wanted}:latest") if name in names), None)
    return last if last in names else (names[0] if names else None)
