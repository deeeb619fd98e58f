"""As much HTTP/1.1 as a chat needs, by hand, so that every byte and every close is ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
import select
import socket
import struct
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from .records import Connection, Exchange


class Inbox:
    """What the peer sent. Fed by one task that always reads, so that a close is seen at once."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._grown = asyncio.Event()

    def feed(self, data: bytes) -> None:
        self._data += data
        self._grown.set()

    async def request(self, connection: Connection) -> Exchange:
        """Wait for the next request. Raises ValueError if it isn't one that we understand."""
        head = (await self._until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, version = head[0].split(" ")
        if version != "HTTP/1.1":
            raise ValueError(f"not HTTP/1.1: {head[0]}")
        fields = (line.split(":", 1) for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, value in fields}
        if "transfer-encoding" in headers:
            raise ValueError("a chunked request body is not in the script")
        raw = await self._take(int(headers.get("content-length", "0")))
        return Exchange(method, path, headers, raw, _parsed(raw), connection)

    async def _until(self, mark: bytes) -> bytes:
        while mark not in self._data:
            await self._more()
        return await self._take(self._data.index(mark) + len(mark))

    async def _take(self, size: int) -> bytes:
        while len(self._data) < size:
            await self._more()
        taken = bytes(self._data[:size])
        del self._data[:size]
        return taken

    async def _more(self) -> None:
        self._grown.clear()
        await self._grown.wait()


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


async def read(connection: Connection, reader: asyncio.StreamReader, inbox: Inbox) -> None:
    """Read until the peer closes, whatever the script does meanwhile; note the close."""
    try:
        while data := await reader.read(65536):
            inbox.feed(data)
    except ConnectionError:
        connection.note_close("RST")
    else:
        connection.note_close("FIN")


async def hung_up(connection: Connection, writer: asyncio.StreamWriter) -> None:
    """Note the close of a peer from whom nothing is read, by asking once a millisecond."""
    poller = select.poll()
    # Linux says it with POLLRDHUP, macOS with POLLHUP
    events = select.POLLHUP | getattr(select, "POLLRDHUP", 0)
    poller.register(writer.get_extra_info("socket").fileno(), events)
    while not (found := poller.poll(0)):  # noqa: ASYNC110  (a poll object has no event)
        await asyncio.sleep(0.001)
    connection.note_close("RST" if found[0][1] & select.POLLERR else "FIN")


@contextlib.contextmanager
def refused_url() -> Iterator[str]:
    """The URL of a port that is taken, but on which nothing listens: connecting is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


class Reply:
    """The answer to one request, written piece by piece."""

    def __init__(self, writer: asyncio.StreamWriter, exchange: Exchange) -> None:
        self._writer = writer
        self._exchange = exchange

    @property
    def begun(self) -> bool:
        return self._exchange.headers_at is not None

    async def whole(self, status: int, content_type: str, body: bytes) -> None:
        kind = f"Content-Type: {content_type}\r\n" if content_type else ""
        if self._exchange.method == "HEAD":
            self._head(status, f"{kind}Content-Length: {len(body)}")
        else:
            self._head(status, f"{kind}Content-Length: {len(body)}", body)
        await self._writer.drain()

    def start(self, content_type: str, status: int = 200) -> None:
        """Send the headers of a chunked answer, unless they are out."""
        if not self.begun:
            self._head(status, f"Content-Type: {content_type}\r\nTransfer-Encoding: chunked")

    async def chunks(self, *parts: bytes) -> None:
        """Send each part as a chunk, and let other tasks run (a `drain` alone does not)."""
        self._writer.write(b"".join(map(_chunk, parts)))
        await self._writer.drain()
        await asyncio.sleep(0)

    async def end(self, *parts: bytes) -> None:
        """Send the last parts and the end in one piece: no peer can leave between the two."""
        self._writer.write(b"".join(map(_chunk, parts)) + b"0\r\n\r\n")
        await self._writer.drain()

    async def raw(self, data: bytes) -> None:
        self._exchange.headers_at = time.monotonic()
        self._writer.write(data)
        await self._writer.drain()

    def reset(self) -> None:
        """Close with RST."""
        self._exchange.connection.note_close("server")
        linger = struct.pack("ii", 1, 0)
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    def _head(self, status: int, fields: str, body: bytes = b"") -> None:
        self._exchange.headers_at = time.monotonic()
        line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{fields}\r\n\r\n"
        self._writer.write(line.encode("latin-1") + body)
