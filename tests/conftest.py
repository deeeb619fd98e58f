"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.scripted import ScriptedServer, ThreadedScriptedServer


@pytest.fixture
async def scripted_server() -> AsyncIterator[ScriptedServer]:
    """A server in the test's own event loop, for `scenario:NAME` in the message or `add()`."""
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
def threaded_server() -> Iterator[ThreadedScriptedServer]:
    """The same in a thread, for tests that run the program elsewhere."""
    with ThreadedScriptedServer() as server:
        yield server
