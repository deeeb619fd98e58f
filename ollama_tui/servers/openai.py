"""OpenAI-compatible servers: llama.cpp's (the built-in engine too), vLLM, SGLang, Ollama's /v1."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from ollama_tui.connection import Connection, Connections
from ollama_tui.errors import ServerFailed
from ollama_tui.events import Usage
from ollama_tui.request import Done, Model, Piece, Request
from ollama_tui.servers.failures import ASK_WITHIN, name_error, said, within
from ollama_tui.settings import Host

if TYPE_CHECKING:
    import httpx
    from httpx_sse import EventSource

_RENAMED = {"num_predict": "max_tokens"}
_OLLAMA_ONLY = frozenset({"num_ctx", "num_gpu", "num_thread", "num_batch", "use_mmap", "num_keep"})


class OpenAICompatible:
    """The `Server` for /v1/chat/completions.

    An `X-Conversation-Id` header is never sent: with it, llama.cpp's server goes on after the
    connection is closed.
    """

    def __init__(
        self, host: Host, connections: Connections, title: str = "OpenAI-compatible"
    ) -> None:
        self.host = host
        self.connections = connections
        self.title = title

    def connect(self, purpose: str) -> Connection:
        return self.connections.open(self.host, purpose)

    async def stream(
        self, request: Request, connection: Connection
    ) -> AsyncGenerator[Piece | Done]:
        import httpx_sse

        try:
            async with httpx_sse.aconnect_sse(
                connection.http(), "POST", self._path("chat/completions"), json=_body(request)
            ) as source:
                await _check(source.response)
                async with aclosing(_read(source, self.host.shown, request.model)) as items:
                    async for item in items:
                        yield item
        except Exception as error:  # noqa: BLE001 - each becomes a named error
            raise name_error(error, connection, request.model) from None

    async def models(self) -> list[Model]:
        """The models that the server lists (/v1/models)."""
        connection = self.connect("models")
        try:
            async with within(ASK_WITHIN):
                response = await connection.http().get(self._path("models"))
            response.raise_for_status()
            return [Model(name=entry["id"]) for entry in response.json()["data"]]
        except Exception as error:  # noqa: BLE001 - each becomes a named error
            raise name_error(error, connection) from None
        finally:
            await self.connections.close(connection)

    def _path(self, tail: str) -> str:
        return tail if self.host.url.rstrip("/").endswith("/v1") else f"v1/{tail}"


async def _check(response: httpx.Response) -> None:
    """Raise for anything but a stream of events, after its body was read (64 KiB of it at most)."""
    if response.status_code < 300 and "event-stream" in response.headers.get("content-type", ""):
        return
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > 65536:
            break
    response.raise_for_status()
    raise ValueError("no event stream")


async def _read(source: EventSource, server: str, model: str) -> AsyncGenerator[Piece | Done]:
    """Yield pieces, then `Done` if a finish_reason has come; a [DONE] alone is no end."""
    reason: str | None = None
    usage = Usage()
    import httpx

    try:
        async with aclosing(source.aiter_sse()) as events:
            async for event in events:
                if event.data.strip() == "[DONE]":
                    break
                if not event.data:
                    continue
                chunk = json.loads(event.data)
                if chunk.get("error"):
                    what = said(event.data)
                    raise ServerFailed(what, server=server, model=model, hint="Try again.")
                if counted := chunk.get("usage"):
                    usage = Usage(counted.get("prompt_tokens"), counted.get("completion_tokens"))
                for choice in chunk.get("choices") or ():
                    yield _piece(choice.get("delta") or {})
                    reason = choice.get("finish_reason") or reason
    except httpx.TransportError:  # after the last word it takes nothing away
        if reason is None:
            raise
    if reason is not None:
        yield Done(reason, usage)


def _piece(delta: dict[str, Any]) -> Piece:
    thinking = delta.get("reasoning_content") or delta.get("reasoning") or ""
    content = delta.get("content") or ""
    if not isinstance(content, str) or not isinstance(thinking, str):
        raise TypeError("a delta that is no text")
    return Piece(content, thinking)


def _body(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    for name, value in request.options.items():
        if name not in _OLLAMA_ONLY:
            body[_RENAMED.get(name, name)] = value
    if isinstance(request.think, bool):
        body["chat_template_kwargs"] = {"enable_thinking": request.think}
    elif request.think is not None:
        body["reasoning_effort"] = request.think
    if request.format == "json":
        body["response_format"] = {"type": "json_object"}
    elif request.format is not None:
        schema = {"name": "answer", "schema": request.format}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body
