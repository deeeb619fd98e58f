"""The scripted server itself: its connections, and what is played on them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Self

from . import api
from .play import Player
from .protocols import ChatProtocol, OllamaChat, OpenAIChat
from .records import Connection, Exchange
from .scenarios import named, spoken
from .seen import Seen
from .steps import Scenario
from .wire import Inbox, Reply, hung_up, read

Watcher = Callable[[str, Connection], None]
"""Told "opened", "request" (the connection's newest exchange) and "closed"."""


class ScriptedServer(Seen):
    """Answers like Ollama on 127.0.0.1, as told, and remembers what it saw.

    ```python
    async with ScriptedServer("stall") as server:
        ...  # talk to server.url
        (connection,) = await server.closed()
        assert connection.closed_by == "FIN"
    ```

    A chat request is answered with the next of `scenarios` (names or `Scenario`s); when they are
    used up, with the one that the last user message names (`scenario:flood`,
    `scenario:steady:count=5,rate=10`); else with `default`. A connection that is opened while
    a scenario of `Hang` is next is never read, whatever it was opened for.
    """

    def __init__(
        self,
        *scenarios: Scenario | str,
        default: Scenario | str = "steady",
        models: Sequence[str] | None = None,
        reasoning_field: str = "reasoning_content",
        port: int = 0,
        watcher: Watcher | None = None,
    ) -> None:
        """`models`: names; None is the recorded ones. `reasoning_field`: of the OpenAI side."""
        super().__init__()
        self.models = api.Models(models)
        self._script = deque(_scenario(s) for s in scenarios)
        self._default = _scenario(default)
        self._reasoning_field = reasoning_field
        self._port = port
        self._watcher = watcher
        self._gates: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._faults: list[Exception] = []
        self._server: asyncio.Server | None = None
        self._stopping = False

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def host(self) -> str:
        """As in OLLAMA_HOST."""
        return f"127.0.0.1:{self._port}"

    def add(self, *scenarios: Scenario | str) -> None:
        """Append to the list of scenarios."""
        self._script.extend(_scenario(s) for s in scenarios)

    def release(self, gate: str) -> None:
        """Let scripts go on that wait for `gate`, now and later."""
        self._gates.setdefault(gate, asyncio.Event()).set()

    async def __aenter__(self) -> Self:
        listener = socket.create_server(("127.0.0.1", self._port), backlog=256)
        # a small buffer, so that what was sent stays close to what the peer has read
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        self._port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._accept, sock=listener)
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Stop at once. Raises an ExceptionGroup if a script failed by a fault of its own."""
        assert self._server is not None
        self._stopping = True
        self._server.close()
        for _ in range(5):  # what is just being accepted gets as far as `_accept`
            await asyncio.sleep(0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        if self._faults:
            raise ExceptionGroup("the scripted server failed", self._faults)

    # connections

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._stopping:
            writer.transport.abort()
            return
        connection = Connection()
        self.connections.append(connection)
        self.most_open = max(self.most_open, len(self.open_connections))
        self._tell("opened", connection)
        task = asyncio.create_task(self._serve(connection, reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(
        self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        inbox = Inbox()
        if self._next_hangs():
            if self._script:
                self._script.popleft()
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            watching = asyncio.create_task(hung_up(connection, writer))
        else:
            watching = asyncio.create_task(read(connection, reader, inbox))
        working = asyncio.create_task(self._converse(connection, inbox, writer))
        try:
            await asyncio.wait({watching, working}, return_when=asyncio.FIRST_COMPLETED)
            if not watching.done() and isinstance(working.exception(), ConnectionError):
                # a write failed first; the reader is about to learn the same
                await asyncio.wait({watching}, timeout=1)
            if not watching.done():
                await self._close(connection, watching, writer)
        finally:
            watching.cancel()
            working.cancel()
            writer.transport.abort()
            connection.note_close("server")
            self._tell("closed", connection)
            await self._gone(writer, watching, working)

    async def _close(
        self, connection: Connection, watching: asyncio.Task[None], writer: asyncio.StreamWriter
    ) -> None:
        """Close from our side, after everything that was written has gone out."""
        watching.cancel()  # or it would take our own close for the peer's
        connection.note_close("server")
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _gone(self, writer: asyncio.StreamWriter, *tasks: asyncio.Task[None]) -> None:
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(result, ConnectionError):
                self._faults.append(result)
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _converse(
        self, connection: Connection, inbox: Inbox, writer: asyncio.StreamWriter
    ) -> None:
        """Answer request after request until the connection can't be used any more."""
        going_on = True
        while going_on:
            exchange = await inbox.request(connection)
            connection.exchanges.append(exchange)
            self.requests.append(exchange)
            self._tell("request", connection)
            going_on = await self._answer(exchange, Reply(writer, exchange))
            going_on = going_on and exchange.headers.get("connection") != "close"
            exchange.finished = True
            self._changed()

    def _tell(self, what: str, connection: Connection) -> None:
        if self._watcher is not None:
            self._watcher(what, connection)
        self._changed()

    # answers

    async def _answer(self, exchange: Exchange, reply: Reply) -> bool:
        """Answer one request; true if the connection can go on."""
        body, path = exchange.body, exchange.path
        if not exchange.is_chat:
            await _send(api.route(self.models, exchange.method, path, body), reply)
        elif refused := api.refusal(self.models, path, body):
            status, message = refused
            chat = self._protocol(path, {"model": ""})
            await reply.whole(status, chat.json_type, chat.error_body(status, message))
        elif path == "/api/chat" and not body.get("messages"):
            await _send(self.models.load(body["model"], body.get("keep_alive")), reply)
            if body.get("keep_alive") == 0:
                self.release("unload")
        else:
            return await self._play(exchange, reply)
        return True

    async def _play(self, exchange: Exchange, reply: Reply) -> bool:
        body = exchange.body
        self.models.use(body["model"])  # it is listed while it loads
        chat = self._protocol(exchange.path, body)
        player = Player(exchange, reply, chat, self._pause, self._changed)
        try:
            await player.play(self._pick(body))
        finally:
            self.models.use(body["model"], body.get("keep_alive"))
        return player.keep_alive

    def _protocol(self, path: str, body: dict[str, Any]) -> ChatProtocol:
        return OllamaChat(body) if path == "/api/chat" else OpenAIChat(body, self._reasoning_field)

    def _pick(self, body: dict[str, Any]) -> Scenario:
        if self._script:
            return self._script.popleft()
        return spoken(body.get("messages", [])) or self._default

    def _next_hangs(self) -> bool:
        return (self._script[0] if self._script else self._default).hangs

    async def _pause(self, seconds: float | None, gate: str | None) -> None:
        event = self._gates.setdefault(gate, asyncio.Event()) if gate else asyncio.Event()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()


def _scenario(scenario: Scenario | str) -> Scenario:
    return named(scenario) if isinstance(scenario, str) else scenario


async def _send(answer: api.Answer, reply: Reply) -> None:
    if answer.chunked:
        reply.start(answer.content_type, answer.status)
        await reply.end(answer.body)
    else:
        await reply.whole(answer.status, answer.content_type, answer.body)
