"""Ollama, spoken by its own Python client."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

from ollama_tui.connection import Connection, Connections
from ollama_tui.events import Usage
from ollama_tui.request import Done, Model, Piece, Request
from ollama_tui.servers.failures import ASK_WITHIN, name_error, within
from ollama_tui.settings import Host

if TYPE_CHECKING:
    from ollama import ChatResponse

T = TypeVar("T")
_NANO = 1e9


class Ollama:
    """The `Server` for Ollama's own API."""

    title = "Ollama"

    def __init__(self, host: Host, connections: Connections) -> None:
        self.host = host
        self.connections = connections

    def connect(self, purpose: str) -> Connection:
        return self.connections.open(self.host, purpose)

    async def stream(
        self, request: Request, connection: Connection
    ) -> AsyncGenerator[Piece | Done]:
        try:
            client = await _client(connection)
            chunks = await client.chat(
                model=request.model,
                messages=[{"role": m.role, "content": m.content} for m in request.messages],
                stream=True,
                think=request.think,
                options=dict(request.options),
                format=request.format,
            )
            async with aclosing(chunks):
                async for chunk in chunks:
                    yield Piece(chunk.message.content or "", chunk.message.thinking or "")
                    if chunk.done:
                        yield Done(chunk.done_reason or "stop", _usage(chunk))
        except Exception as error:  # noqa: BLE001 - each becomes a named error
            raise name_error(error, connection, request.model) from None

    async def models(self) -> list[Model]:
        """The installed models (/api/tags), in the server's order: the newest first."""
        return await self._get("api/tags", "models", _models)

    async def version(self) -> str:
        """The server's version. Raises `NotThisProtocol` if it isn't an Ollama."""
        return await self._get("api/version", "version", lambda body: str(body["version"]))

    async def _get(self, path: str, purpose: str, parse: Callable[[Any], T]) -> T:
        connection = self.connect(purpose)
        try:
            async with within(ASK_WITHIN):
                response = await connection.http().get(path)
            response.raise_for_status()
            return parse(response.json())
        except Exception as error:  # noqa: BLE001 - each becomes a named error
            raise name_error(error, connection) from None
        finally:
            await self.connections.close(connection)


async def _client(connection: Connection) -> Any:
    """An `ollama.AsyncClient`; its types lag behind what it passes on (think, format)."""
    # 255 ms of CPU at the first time: in a thread, so that keys (a stop among them) get through
    ollama = await asyncio.to_thread(importlib.import_module, "ollama")
    client = ollama.AsyncClient(host=connection.host.url, **connection.client_options())
    return connection.adopt(client, client.close)


def _usage(chunk: ChatResponse) -> Usage:
    def seconds(nanoseconds: int | None) -> float | None:
        return None if nanoseconds is None else nanoseconds / _NANO

    return Usage(
        prompt_tokens=chunk.prompt_eval_count,
        completion_tokens=chunk.eval_count,
        load_seconds=seconds(chunk.load_duration),
        prompt_seconds=seconds(chunk.prompt_eval_duration),
        completion_seconds=seconds(chunk.eval_duration),
        total_seconds=seconds(chunk.total_duration),
    )


def _models(body: Any) -> list[Model]:
    return [_model(entry) for entry in body["models"] or () if entry.get("model")]


def _model(entry: dict[str, Any]) -> Model:
    details = entry.get("details") or {}
    return Model(
        name=entry["model"],
        size_bytes=entry.get("size"),
        parameters=details.get("parameter_size"),
        quantization=details.get("quantization_level"),
        family=details.get("family"),
        capabilities=tuple(entry.get("capabilities") or ()),
        context_length=details.get("context_length"),
    )
