"""The scripted server sees every close at once, in every phase, and can itself be stopped."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import Any

import httpx
import pytest

from tests.scripted import Connection, ScriptedServer

BOTH = pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
AT_ONCE = 0.1
"""Seconds within which a close must have been seen, on a busy machine too."""


def asking() -> dict[str, Any]:
    messages = [{"role": "user", "content": "Hello"}]
    return {"model": "smollm2:135m", "messages": messages, "stream": True}


def _port(server: ScriptedServer) -> int:
    return int(server.url.rpartition(":")[2])


async def ask_and_read_nothing(server: ScriptedServer) -> asyncio.StreamWriter:
    """Send a chat request and leave the answer in the socket."""
    _, writer = await asyncio.open_connection("127.0.0.1", _port(server), limit=1024)
    body = json.dumps(asking()).encode()
    writer.write(b"POST /api/chat HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return writer


async def close_and_time(server: ScriptedServer, task: asyncio.Task[Any]) -> Connection:
    """Cancel the client's task; return the connection, closed in time."""
    closing = time.monotonic()
    task.cancel()
    await asyncio.wait({task})
    (connection,) = await server.closed()
    assert connection.closed_at is not None
    assert connection.closed_at - closing < AT_ONCE
    assert connection.writing
    return connection


@BOTH
@pytest.mark.parametrize(
    ("scenario", "tokens"),
    [
        ("late-headers", 0),
        ("steady:count=100000", 5),
        ("think-forever", 5),
        ("stall", 10),
        ("flood:count=1000000000", 1000),
    ],
)
async def test_a_close_is_seen_at_once(scenario: str, tokens: int, path: str) -> None:
    async def talk(url: str) -> None:
        async with (
            httpx.AsyncClient(trust_env=False, timeout=None) as client,
            client.stream("POST", url + path, json=asking()) as response,
        ):
            async for _ in response.aiter_raw():
                pass

    async with ScriptedServer(scenario) as server:
        task = asyncio.create_task(talk(server.url))
        chat = await server.wait_for_tokens(tokens)
        connection = await close_and_time(server, task)
        assert connection.closed_by in {"FIN", "RST"}
        assert not chat.finished
        assert (chat.headers_at is None) == (scenario == "late-headers")


async def test_a_close_under_backpressure_is_seen_at_once() -> None:
    async with ScriptedServer("flood:count=1000000000") as server:
        writer = await ask_and_read_nothing(server)
        chat = await server.wait_for_tokens(1)
        before = 0
        async with asyncio.timeout(10):
            while chat.tokens != before:  # until nothing more fits into the buffers
                before = chat.tokens
                await asyncio.sleep(0.05)
        closing = time.monotonic()
        writer.transport.abort()
        (connection,) = await server.closed()
        assert connection.closed_at is not None
        assert connection.closed_at - closing < AT_ONCE
        assert connection.closed_by == "RST"
        assert connection.writing
        assert chat.tokens == before


@pytest.mark.parametrize("write", [b"", b"GET / HTTP/1.1\r\n\r\n"])
async def test_a_close_is_seen_when_nothing_was_ever_read(write: bytes) -> None:
    async with ScriptedServer("accept-and-hang") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", _port(server))
        writer.write(write)
        await server.until(lambda: bool(server.connections))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        closing = time.monotonic()
        writer.close()
        await writer.wait_closed()
        (connection,) = await server.closed()
        assert connection.closed_at is not None
        assert connection.closed_at - closing < AT_ONCE
        assert server.requests == []


async def test_a_reset_is_told_from_a_close(scripted_server: ScriptedServer) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", _port(scripted_server))
    await scripted_server.until(lambda: bool(scripted_server.connections))
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
    )
    writer.transport.abort()
    (connection,) = await scripted_server.closed()
    assert connection.closed_by == "RST"


@pytest.mark.parametrize("scenario", ["late-headers", "stall", "flood:count=1000000000"])
async def test_stopping_the_server_ends_what_it_plays(scenario: str) -> None:
    async with ScriptedServer(scenario) as server:
        writer = await ask_and_read_nothing(server)
        await server.wait_for_chat()
        before = asyncio.all_tasks()
    assert [c.closed_by for c in server.connections] == ["server"]
    assert len(asyncio.all_tasks()) == 1 < len(before)
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_a_fault_of_the_server_itself_is_raised() -> None:
    server = await ScriptedServer().__aenter__()
    reader, writer = await asyncio.open_connection("127.0.0.1", _port(server))
    writer.write(b"nonsense\r\n\r\n")
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    with pytest.raises(ExceptionGroup, match="scripted server failed"):
        await server.__aexit__()
