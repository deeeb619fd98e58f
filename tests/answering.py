"""What the tests of answers share: asking, recording what is told, counting what is open."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ollama_tui.answer import Answer
from ollama_tui.connection import Connections
from ollama_tui.events import (
    BrokenOff,
    Cause,
    CauseKind,
    Channel,
    Closed,
    Cut,
    Delta,
    End,
    Event,
    Failed,
    Finished,
    PhaseChanged,
    Reclassified,
    Stopped,
)
from ollama_tui.request import Message, Request
from ollama_tui.servers import Server
from ollama_tui.servers.ollama import Ollama
from ollama_tui.servers.openai import OpenAICompatible
from ollama_tui.settings import parse_host

MODEL = "smollm2:135m"
THINKER = "smollm2-think:135m"
ESCAPE = Cause(CauseKind.USER, "escape")
ENDS = Finished | Stopped | BrokenOff | Failed


class Recorder:
    """A listener that keeps everything, builds the texts as a screen would, and can be awaited."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.texts = {Channel.THINKING: "", Channel.CONTENT: ""}
        self._waiting: list[tuple[Callable[[Event], bool], asyncio.Event]] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        match event:
            case Delta(channel, text):
                self.texts[channel] += text
            case Reclassified():
                self.texts[Channel.THINKING] += self.texts[Channel.CONTENT]
                self.texts[Channel.CONTENT] = ""
            case Cut(channel, length):
                self.texts[channel] = self.texts[channel][:length]
        for condition, seen in self._waiting:
            if condition(event):
                seen.set()

    @property
    def ends(self) -> list[End]:
        return [event for event in self.events if isinstance(event, ENDS)]

    @property
    def phases(self) -> list[str]:
        return [str(event.phase) for event in self.events if isinstance(event, PhaseChanged)]

    async def saw(self, condition: Callable[[Event], bool]) -> None:
        """Wait until an event that fulfils `condition` was told."""
        seen = asyncio.Event()
        self._waiting.append((condition, seen))
        if any(condition(event) for event in self.events):
            seen.set()
        async with asyncio.timeout(5):
            await seen.wait()

    def assert_in_order(self) -> None:
        """Exactly one end, exactly one `Closed`, in this order, and nothing else after the end."""
        assert len(self.ends) == 1, self.ends
        assert [type(event) for event in self.events[-2:]] == [type(self.ends[0]), Closed]
        assert sum(isinstance(event, Closed) for event in self.events) == 1


def server_at(url: str, api: str = "ollama", connections: Connections | None = None) -> Server:
    """Return the server of that protocol, with connections of its own."""
    connections = connections or Connections()
    if api == "ollama":
        return Ollama(parse_host(url, "ollama"), connections)
    return OpenAICompatible(parse_host(url, "openai"), connections)


def request(text: str = "Hello", model: str = MODEL, **more: Any) -> Request:
    return Request(model, [Message("user", text)], **more)


def ask(
    server: Server, model: str = MODEL, listeners: Sequence[Any] = (), **more: Any
) -> tuple[Answer, Recorder]:
    """Make an answer that is not started yet, and a recorder that listens to it."""
    recorder = Recorder()
    answer = Answer(server, request(model=model), listeners=[recorder, *listeners], **more)
    return answer, recorder


async def answered(server: Server, model: str = MODEL, **more: Any) -> tuple[Answer, Recorder]:
    """Ask, and wait until the connection is closed."""
    answer, recorder = ask(server, model, **more)
    answer.start()
    async with asyncio.timeout(10):
        await answer.wait()
    recorder.assert_in_order()
    return answer, recorder


async def until(condition: Callable[[], bool]) -> None:
    """Look once a millisecond until `condition` holds. Raises TimeoutError after 5 seconds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - nobody tells when it does
            await asyncio.sleep(0.001)


async def turns(count: int) -> None:
    """Let the loop go round `count` times."""
    for _ in range(count):
        await asyncio.sleep(0)


def descriptors() -> int:
    """How many file descriptors this process has open."""
    return len(list(Path("/dev/fd" if sys.platform == "darwin" else "/proc/self/fd").iterdir()))


@asynccontextmanager
async def nothing_left_open(server: Server) -> AsyncIterator[None]:
    """Assert that what happens inside leaves no connection and no file descriptor."""
    gc.collect()
    before = descriptors()
    yield
    assert not server.connections.live
    assert not any(connection.forced for connection in server.connections.recent)
    # the scripted server closes its own ends a moment later
    await until(lambda: descriptors() <= before)
