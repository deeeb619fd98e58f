"""The only place that opens, traces, registers and closes connections.

Whoever talks to a server asks `Connections.open` for a `Connection`, makes its client from
`Connection.client_options()` and hands the client back with `adopt`. Each connection has a client
of its own, so closing that client closes its sockets and no one else's.

What the sockets say is read by httpx's public hooks: an event hook sets the request's `trace`
extension, whose `connect_tcp.complete` event carries the network stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ollama_tui.events import SocketState
from ollama_tui.wire import Wire

if TYPE_CHECKING:
    import ssl

    import httpx

    from ollama_tui.settings import Host

FORCE_AFTER = 1.0
"""Seconds after which a socket that is still open is shut down by force."""


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """The one TLS context of the program. It costs some 20 ms, so warm it off the key's path."""
    import httpx

    return httpx.create_ssl_context()


class _Client(Protocol):
    async def aclose(self) -> None: ...


ClientT = TypeVar("ClientT")


class Connection:
    """What is known of one connection, and the one way to close it.

    Times are of `time.monotonic`, in seconds; None is "not yet".
    """

    def __init__(self, number: int, host: Host, purpose: str) -> None:
        self.number = number
        self.host = host
        self.purpose = purpose
        """answer, models, version, ..."""
        self.opened_at = time.monotonic()
        self.connected_at: float | None = None
        self.sent_at: float | None = None
        self.closed_at: float | None = None
        self.status: int | None = None
        """The HTTP status, once headers have come."""
        self.wire = Wire()
        """Counts what comes in."""
        self.local_port: int | None = None
        self.forced = False
        """It had to be shut down by force: a zombie."""
        self.on_connected: Callable[[], None] | None = None
        self._sockets: list[socket.socket] = []
        self._closers: list[Callable[[], Awaitable[None]]] = []

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments for `httpx.AsyncClient`, or for a client that passes them on to one.

        No HTTP time-outs: limits are timers of the answer, and httpx's read time-out can't tell
        a model that is loading from a server that is gone.
        """
        return {
            "verify": tls_context() if self.host.url.startswith("https") else _no_tls(),
            "trust_env": not self.host.is_loopback,
            "timeout": None,
            "follow_redirects": False,
            "headers": {"accept-encoding": "identity"},
            "event_hooks": {"request": [self._on_request], "response": [self._on_response]},
        }

    def adopt(self, client: ClientT, close: Callable[[], Awaitable[None]]) -> ClientT:
        """Close `client` (by `close`) with this connection. Returns it."""
        self._closers.append(close)
        return client

    def http(self) -> httpx.AsyncClient:
        """A plain HTTP client on this connection."""
        import httpx

        client = httpx.AsyncClient(base_url=self.host.url, **self.client_options())
        return self.adopt(client, client.aclose)

    @property
    def socket_state(self) -> SocketState:
        """Read from the sockets now."""
        if not self._sockets:
            return SocketState.NEVER_OPENED
        if any(sock.fileno() != -1 for sock in self._sockets):
            return SocketState.OPEN
        return SocketState.CLOSED

    async def close(self) -> SocketState:
        """Close the client, then look at the sockets until they are closed; force them at last.

        Whoever iterates a stream on this connection must have ended by now. Never raises for a
        connection that is in a bad state already.
        """
        for close in self._closers:
            await _close_client(close)
        self._closers.clear()
        deadline = time.monotonic() + FORCE_AFTER
        turns = itertools.count()
        while self.socket_state is SocketState.OPEN:
            # asyncio closes the descriptor one or two turns of the loop after transport.close()
            await asyncio.sleep(0 if next(turns) < 20 else 0.001)
            if time.monotonic() > deadline:
                self._force()
                break
        if self.closed_at is None and self.socket_state is not SocketState.OPEN:
            self.closed_at = time.monotonic()
        return self.socket_state

    def _force(self) -> None:
        self.forced = True
        for sock in self._sockets:
            if sock.fileno() != -1:
                # a transport's socket can't be closed from here, but shutting it down sends FIN
                with contextlib.suppress(OSError):  # the peer was first
                    sock.shutdown(socket.SHUT_RDWR)

    async def _on_request(self, request: httpx.Request) -> None:
        request.extensions["trace"] = self._trace
        # ollama-python adds OLLAMA_API_KEY for any host: what is sent is decided here alone
        request.headers.pop("authorization", None)
        if self.host.authorization:
            request.headers["authorization"] = self.host.authorization

    async def _on_response(self, response: httpx.Response) -> None:
        self.status = response.status_code
        ndjson = "ndjson" in response.headers.get("content-type", "")
        self.wire.attach(response, escape_line_ends=ndjson)

    async def _trace(self, event: str, info: dict[str, Any]) -> None:
        match event:
            case "connection.connect_tcp.complete":
                sock = info["return_value"].get_extra_info("socket")
                self._sockets.append(sock)
                with contextlib.suppress(OSError):  # macOS: the peer has reset it already
                    self.local_port = sock.getsockname()[1]
                if not self.host.url.startswith("https"):
                    self._connected()
            case "connection.start_tls.complete":
                self._connected()
            case "http11.send_request_body.complete":
                self.sent_at = time.monotonic()
            case "http11.response_closed.complete":
                if self.socket_state is SocketState.CLOSED:
                    self.closed_at = time.monotonic()

    def _connected(self) -> None:
        self.connected_at = time.monotonic()
        if self.on_connected is not None:
            self.on_connected()


async def _close_client(close: Callable[[], Awaitable[None]]) -> None:
    try:
        async with asyncio.timeout(FORCE_AFTER):
            await close()
    except Exception as error:  # noqa: BLE001 - its sockets are what counts, and are looked at next
        asyncio.get_running_loop().call_exception_handler(
            {"message": "an HTTP client could not be closed", "exception": error}
        )


@lru_cache(maxsize=1)
def _no_tls() -> ssl.SSLContext:
    """A context that is never used (plain http), so that none is built from the system's roots."""
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Connections:
    """All connections of this program: those that live, and the most recent that don't."""

    def __init__(self, recent: int = 200) -> None:
        self._numbers = itertools.count(1)
        self.live: dict[int, Connection] = {}
        self.recent: deque[Connection] = deque(maxlen=recent)

    def open(self, host: Host, purpose: str) -> Connection:
        """Register a new connection. Nothing is sent before its client makes a request."""
        connection = Connection(next(self._numbers), host, purpose)
        self.live[connection.number] = connection
        return connection

    async def close(self, connection: Connection) -> SocketState:
        """Close it and move it to the recent ones, unless its socket could not be closed."""
        state = await connection.close()
        if state is not SocketState.OPEN and self.live.pop(connection.number, None) is not None:
            self.recent.append(connection)
        return state
