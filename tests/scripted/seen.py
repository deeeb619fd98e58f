"""What a test asks the scripted server: what it saw so far, and to wait until it has seen more."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from .records import Connection, Exchange


class Seen:
    """Everything that came. What waits raises TimeoutError after `timeout` seconds."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        """In the order in which they were opened."""
        self.requests: list[Exchange] = []
        """Every request, in order."""
        self.most_open = 0
        """The most connections that were open at one time."""
        self._waiting: set[asyncio.Event] = set()

    @property
    def chats(self) -> list[Exchange]:
        """The requests for an answer (loading and unloading included)."""
        return [exchange for exchange in self.requests if exchange.is_chat]

    @property
    def open_connections(self) -> list[Connection]:
        return [connection for connection in self.connections if connection.is_open]

    @property
    def closed_connections(self) -> list[Connection]:
        """In the order in which they were opened."""
        return [connection for connection in self.connections if not connection.is_open]

    @property
    def idle_since_close(self) -> float | None:
        """Seconds since the last connection closed; None while one is open or before the first."""
        closed = [c.closed_at for c in self.connections if c.closed_at is not None]
        if not closed or len(closed) < len(self.connections):
            return None
        return time.monotonic() - max(closed)

    async def closed(self, count: int = 1, timeout: float = 5.0) -> list[Connection]:
        """Wait until `count` connections are closed; return all that are."""
        await self.until(lambda: len(self.closed_connections) >= count, timeout)
        return self.closed_connections

    async def wait_for_request(
        self, number: int = 1, path: str | None = None, timeout: float = 5.0
    ) -> Exchange:
        """Wait for the request with that number, from 1: of all, or of those to `path`."""

        def found() -> list[Exchange]:
            return [e for e in self.requests if path is None or e.path == path]

        await self.until(lambda: len(found()) >= number, timeout)
        return found()[number - 1]

    async def wait_for_chat(self, number: int = 1, timeout: float = 5.0) -> Exchange:
        """The same for requests to either chat path."""
        await self.until(lambda: len(self.chats) >= number, timeout)
        return self.chats[number - 1]

    async def wait_for_tokens(self, tokens: int, number: int = 1, timeout: float = 5.0) -> Exchange:
        """Wait until the chat request with that number was sent at least so many tokens."""
        exchange = await self.wait_for_chat(number, timeout)
        await self.until(lambda: exchange.tokens >= tokens, timeout)
        return exchange

    async def assert_all_closed(self, timeout: float = 1.0) -> None:
        """Raise AssertionError, naming them, if connections are open after `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            await self.until(lambda: not self.open_connections, timeout)
        assert not self.open_connections, f"still open: {self.open_connections}"

    async def until(self, condition: Callable[[], bool], timeout: float = 5.0) -> None:
        """Wait until what was seen fulfils `condition`."""
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    changed.clear()
                    await changed.wait()
        finally:
            self._waiting.discard(changed)

    def _changed(self) -> None:
        for event in self._waiting:
            event.set()
