"""Playing one scenario as the answer to one chat request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from .protocols import Channel, ChatProtocol, Tally, quoted
from .records import Exchange
from .steps import (
    Cut,
    Done,
    ErrorLine,
    ErrorStatus,
    Garbage,
    Hang,
    LateHeaders,
    NotHttp,
    Recorded,
    Reset,
    Say,
    Scenario,
    SilentEnd,
    Stall,
    Step,
    ThinkSay,
)
from .wire import Reply

BATCH = 32
"""Tokens for each write when there is no rate; each is a chunk of its own all the same."""

Pause = Callable[[float | None, str | None], Awaitable[None]]
"""Wait for seconds, for a gate, or for ever."""


class Player:
    """Plays a scenario; afterwards `keep_alive` says whether the connection can go on."""

    def __init__(
        self,
        exchange: Exchange,
        reply: Reply,
        protocol: ChatProtocol,
        pause: Pause,
        progress: Callable[[], None],
    ) -> None:
        self._exchange = exchange
        self._reply = reply
        self._protocol = protocol
        self._pause = pause
        self._progress = progress
        self._tally = Tally(prompt_tokens=prompt_tokens(exchange.body))
        self._said: dict[Channel, list[str]] = {"content": [], "thinking": []}
        self.keep_alive = True

    async def play(self, scenario: Scenario) -> None:
        self._exchange.scenario = scenario.name
        for step in self._steps(scenario):
            if await self._step(step):
                break
        else:
            await self._silent_end()

    def _steps(self, scenario: Scenario) -> tuple[Step, ...]:
        own = scenario.ollama if self._exchange.path == "/api/chat" else scenario.openai
        return own if own is not None and self._protocol.stream else scenario.steps

    async def _step(self, step: Step) -> bool:
        """Play one step; true if it was the last."""
        match step:
            case ThinkSay():
                if wants_thinking(self._exchange.body):
                    await self._say(step, "thinking")
            case Say():
                await self._say(step, "content")
            case LateHeaders(seconds, gate):
                await self._pause(seconds, gate)
            case Stall(seconds, gate):
                self._start()
                await self._pause(seconds, gate)
            case Hang():
                await self._pause(None, None)
            case Garbage():
                await self._garbage(step)
            case Recorded():
                await self._recorded(step)
                return True
            case _:
                await self._end(step)
                return True
        return False

    async def _end(self, step: Step) -> None:
        match step:
            case Done(reason):
                await self._done(reason)
            case SilentEnd():
                await self._silent_end()
            case ErrorLine(error):
                await self._error_line(error)
            case ErrorStatus(status, body, kind):
                await self._error_status(status, body, kind)
            case NotHttp(data):
                self.keep_alive = False
                await self._reply.raw(data)
            case Cut():
                self._start()
                self.keep_alive = False
            case Reset(after):
                await asyncio.sleep(after)
                self._reply.reset()
                self.keep_alive = False

    def _start(self) -> None:
        if self._protocol.stream:
            self._reply.start(self._protocol.stream_type)

    async def _say(self, step: Say, channel: Channel) -> None:
        began = time.monotonic()
        batch: list[bytes] = []
        for index, token in enumerate(step.stream()):
            if step.rate:
                await self._until(began + index / step.rate)
            batch.append(self._delta(token, channel))
            if step.rate or len(batch) >= BATCH:
                await self._send(batch)
                batch = []
        if batch:
            await self._send(batch)

    def _delta(self, token: str | bytes, channel: Channel) -> bytes:
        if self._protocol.stream:
            return self._protocol.delta(token, channel)
        # bytes that no string holds can only be sent in a stream; here they become escapes
        text = token if isinstance(token, str) else token.decode("utf-8", "surrogateescape")
        self._said[channel].append(text)
        return quoted(token)

    async def _send(self, batch: list[bytes]) -> None:
        self._tally.first = self._tally.first or time.monotonic()
        if self._protocol.stream:
            self._start()
            await self._reply.chunks(*batch)
        else:
            await asyncio.sleep(0)
        self._tally.tokens += len(batch)
        self._count(len(batch))

    def _count(self, tokens: int) -> None:
        self._exchange.tokens += tokens
        self._progress()

    async def _until(self, moment: float) -> None:
        if (left := moment - time.monotonic()) > 0:
            await asyncio.sleep(left)

    async def _garbage(self, step: Garbage) -> None:
        if not self._protocol.stream:
            await self._reply.whole(200, self._protocol.json_type, step.ollama)
            return
        data = step.ollama
        if self._exchange.path != "/api/chat":
            data = step.openai or b"data: " + step.ollama.rstrip(b"\n") + b"\n\n"
        self._start()
        await self._reply.chunks(data)

    async def _recorded(self, step: Recorded) -> None:
        began = time.monotonic() - step.chunks[0][0] / (step.speed or 1)
        *chunks, (end, last) = step.chunks
        for index, (at, data) in enumerate(chunks):
            if step.speed:
                await self._until(began + at / step.speed)
            self._start()
            await self._reply.chunks(data)
            self._count(1 if index < step.tokens else 0)
        if step.speed:
            await self._until(began + end / step.speed)
        await self._reply.end(last)

    async def _done(self, reason: str) -> None:
        if not self._protocol.stream:
            await self._whole(reason)
            return
        self._start()
        await self._reply.end(self._protocol.done(reason, self._tally))

    async def _silent_end(self) -> None:
        if self._protocol.stream:
            self._start()
            await self._reply.end()
        else:
            await self._whole(None)

    async def _whole(self, reason: str | None) -> None:
        if self._reply.begun:  # garbage was sent in its place
            return
        content, thinking = ("".join(self._said[c]) for c in ("content", "thinking"))
        body = self._protocol.whole(content, thinking, reason, self._tally)
        await self._reply.whole(200, self._protocol.json_type, body)

    async def _error_line(self, error: str | dict[str, Any]) -> None:
        line = self._protocol.error_line(error)
        if self._protocol.stream:
            self._start()
            await self._reply.end(line)
        else:
            body = line.removeprefix(b"data: ").strip()
            await self._reply.whole(500, self._protocol.json_type, body)

    async def _error_status(self, status: int, body: str | bytes, kind: str) -> None:
        if isinstance(body, str):
            kind = self._protocol.json_type
            body = self._protocol.error_body(status, body)
        await self._reply.whole(status, kind, body)


def wants_thinking(body: dict[str, Any]) -> bool:
    """False if the request switches thinking off, in any of the three ways that are in use."""
    template = body.get("chat_template_kwargs") or {}
    return not (
        body.get("think") is False
        or body.get("reasoning_effort") == "none"
        or template.get("enable_thinking") is False
    )


def prompt_tokens(body: dict[str, Any]) -> int:
    """A count that grows with the prompt: one for each word, as no tokenizer is at hand."""
    return sum(len(str(m.get("content", "")).split()) + 4 for m in body.get("messages", []))
