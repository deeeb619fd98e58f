"""Servers: one small protocol, and the way to open one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from ollama_tui.connection import Connection, Connections
from ollama_tui.errors import ConnectionLost, NotThisProtocol, ServerError, Unreachable
from ollama_tui.request import Done, Model, Piece, Request
from ollama_tui.settings import Host

__all__ = ["Server", "open_server"]


class Server(Protocol):
    """Something that answers chats. `Answer` and the screens know nothing else of it."""

    host: Host
    connections: Connections
    title: str
    """What the screen calls it: "Ollama", "OpenAI-compatible", "built-in engine"."""

    def connect(self, purpose: str) -> Connection:
        """Register a connection for one purpose. Nothing is sent yet."""
        ...

    def stream(self, request: Request, connection: Connection) -> AsyncGenerator[Piece | Done]:
        """Yield the deltas of one answer, and `Done` last if the server says that it is done.

        Raises a `ServerError`. The caller closes the connection after the generator has ended.
        """
        ...

    async def models(self) -> list[Model]:
        """The models that can be asked. Raises a `ServerError`."""
        ...


async def open_server(host: Host, connections: Connections) -> Server:
    """Return the server at `host`; where the settings don't say what it is, ask it.

    An Ollama answers /api/version; anything else is taken for OpenAI-compatible if it answers
    /v1/models. Raises a `ServerError` where neither answers.
    """
    from ollama_tui.servers.ollama import Ollama
    from ollama_tui.servers.openai import OpenAICompatible

    if host.api == "openai":
        return OpenAICompatible(host, connections)
    ollama = Ollama(host, connections)
    if host.api == "ollama":
        return ollama
    try:
        await ollama.version()
    except (Unreachable, ConnectionLost):
        raise
    except ServerError as not_ollama:
        other = OpenAICompatible(host, connections)
        try:
            await other.models()
        except NotThisProtocol:
            what = "neither an Ollama nor an OpenAI-compatible server answers"
            raise NotThisProtocol(what, server=host.shown, hint=not_ollama.hint) from None
        return other
    return ollama
