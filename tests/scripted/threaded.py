"""The scripted server in a thread of its own, for tests that have no event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from .records import Connection, Exchange
from .server import ScriptedServer
from .steps import Scenario

T = TypeVar("T")


class ThreadedScriptedServer:
    """`ScriptedServer` with blocking methods: same arguments, same names, same timeouts.

    What it saw (`connections`, `requests`, `chats`, ...) may be read from any thread.
    """

    def __init__(self, *scenarios: Scenario | str, **settings: Any) -> None:
        self.server = ScriptedServer(*scenarios, **settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="scripted-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self.server.__aenter__(), 5)
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._do(self.server.__aexit__(*exc), 5)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def host(self) -> str:
        return self.server.host

    @property
    def connections(self) -> list[Connection]:
        return list(self.server.connections)

    @property
    def requests(self) -> list[Exchange]:
        return list(self.server.requests)

    @property
    def chats(self) -> list[Exchange]:
        return self.server.chats

    @property
    def open_connections(self) -> list[Connection]:
        return self.server.open_connections

    @property
    def most_open(self) -> int:
        return self.server.most_open

    @property
    def idle_since_close(self) -> float | None:
        return self.server.idle_since_close

    def closed(self, count: int = 1, timeout: float = 5.0) -> list[Connection]:
        return self._do(self.server.closed(count, timeout), timeout)

    def wait_for_request(
        self, number: int = 1, path: str | None = None, timeout: float = 5.0
    ) -> Exchange:
        return self._do(self.server.wait_for_request(number, path, timeout), timeout)

    def wait_for_chat(self, number: int = 1, timeout: float = 5.0) -> Exchange:
        return self._do(self.server.wait_for_chat(number, timeout), timeout)

    def wait_for_tokens(self, tokens: int, number: int = 1, timeout: float = 5.0) -> Exchange:
        return self._do(self.server.wait_for_tokens(tokens, number, timeout), timeout)

    def assert_all_closed(self, timeout: float = 1.0) -> None:
        self._do(self.server.assert_all_closed(timeout), timeout)

    def until(self, condition: Callable[[], bool], timeout: float = 5.0) -> None:
        """`condition` is called in the server's thread."""
        self._do(self.server.until(condition, timeout), timeout)

    def release(self, gate: str) -> None:
        self._loop.call_soon_threadsafe(self.server.release, gate)

    def add(self, *scenarios: Scenario | str) -> None:
        self.server.add(*scenarios)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T], timeout: float) -> T:
        # the server's own timeout comes first; ours is for a loop that no longer turns
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout + 5)
