"""One answer in flight: a pump task, one abort, timers, a receipt.

The pump alone iterates the server's stream. `stop` is synchronous and idempotent: the first cause
wins and the pump is cancelled exactly once, because a second cancel, one turn of the loop later,
leaks the socket (encode/httpx#3782). A second task waits for the pump, closes the connection
and reads the socket; no caller's cancellation reaches either of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Self

from ollama_tui.connection import Connection
from ollama_tui.errors import ConnectionLost
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
    Phase,
    PhaseChanged,
    Receipt,
    Reclassified,
    SocketState,
    Stopped,
    Verdict,
    Warned,
)
from ollama_tui.limits import Limits, LimitTimers
from ollama_tui.request import Done, Piece, Request
from ollama_tui.rules import Rule, Watcher
from ollama_tui.servers import Server
from ollama_tui.text import Sanitiser
from ollama_tui.thinking import ThinkTags

Listener = Callable[[Event], None]

_LOOP_ENDED = Cause(CauseKind.SHUTDOWN, "cancelled")
_SILENT_END = "the server closed the stream without an end"


class Answer:
    """Asks `server` for one answer and tells `listeners` what happens, synchronously and in order.

    Must be made inside a running event loop. `start` sends; `stop` ends it at any moment;
    `wait` returns the final receipt. As an async context manager it starts on entry and stops
    on exit; iterated, it yields its events.
    """

    def __init__(
        self,
        server: Server,
        request: Request,
        *,
        rules: Sequence[Rule] = (),
        limits: Limits | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.server = server
        self.request = request
        self.phase = Phase.CONNECTING
        self.tokens = 0
        """Deltas with text that have come so far, thinking included."""
        self.end: End | None = None
        """How it ended; None while it is in flight."""
        self.receipt: Receipt | None = None
        """Set at the end, made complete when the connection is closed."""
        self.connection: Connection | None = None
        self._loop = asyncio.get_running_loop()
        self._listeners = list(listeners)
        self._telling: deque[tuple[Event, Iterator[Listener]]] = deque()
        """What is being told, each with the listeners that have not heard it yet."""
        self._texts: dict[Channel, list[str]] = {Channel.THINKING: [], Channel.CONTENT: []}
        self._sanitise_thinking, self._sanitise_content = Sanitiser(), Sanitiser()
        self._tags = ThinkTags()
        self._watcher = Watcher(rules, model=request.model)
        self._limits = LimitTimers(limits or Limits(), self._limit_reached)
        self._started_at = self._loop.time()
        self._first_token_at: float | None = None
        self._ended_at: float | None = None
        self._stopping = False
        self._pump: asyncio.Task[None] | None = None
        self._closer: asyncio.Task[None] | None = None

    # -- what one asks of it

    def start(self) -> None:
        """Send the request. Does nothing if it was started or stopped before."""
        if self._pump is not None or self.end is not None:
            return
        self._started_at = self._loop.time()
        self.connection = self.server.connect("answer")
        self.connection.on_connected = self._on_connected
        self._limits.start()
        self._pump = self._loop.create_task(self._run_pump(self.connection), name="answer pump")
        self._closer = self._loop.create_task(
            self._close(self._pump, self.connection), name="answer closer"
        )

    def stop(self, cause: Cause) -> bool:
        """End it now. Returns False if it had ended already; then nothing changes.

        When this returns, `Stopped` has been told to all listeners and no `Delta` will follow.
        The socket closes within milliseconds; `wait` for the receipt that proves it.
        """
        if self.end is not None or self._stopping:
            return False
        self._stopping = True
        # the pump must not cancel itself: it sees the end and returns, which closes the stream
        if self._pump is not None and asyncio.current_task(self._loop) is not self._pump:
            self._cancel_pump()
            self._flush()  # inside the pump something is half handed on, and a rule may forbid it
        self._finish(Stopped(self._make_receipt(cause=cause)))
        return True

    async def wait(self) -> Receipt:
        """Wait until the connection is closed. Cancelling the wait does not touch the answer."""
        if self._closer is not None:
            await asyncio.wait({self._closer})
        if self.receipt is None:
            raise RuntimeError("this answer was never started")
        return self.receipt

    def listen(self, listener: Listener) -> None:
        """Add a listener for what happens from now on."""
        self._listeners.append(listener)

    @property
    def thinking(self) -> str:
        """The reasoning so far."""
        return self._text(Channel.THINKING)

    @property
    def content(self) -> str:
        """The answer so far."""
        return self._text(Channel.CONTENT)

    @property
    def elapsed(self) -> float:
        """Seconds since sending, up to the end."""
        return (self._ended_at or self._loop.time()) - self._started_at

    @property
    def tokens_per_second(self) -> float | None:
        """Since the first token; None while there are too few to say."""
        if self._first_token_at is None or self.tokens < 2:
            return None
        seconds = (self._ended_at or self._loop.time()) - self._first_token_at
        return (self.tokens - 1) / seconds if seconds > 0 else None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.stop(Cause(CauseKind.CLOSED, "context left"))
        await self.wait()

    async def __aiter__(self) -> AsyncIterator[Event]:
        if self.receipt is not None and self.receipt.socket is not SocketState.PENDING:
            return  # it is all over
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self.listen(queue.put_nowait)
        self.start()
        while True:
            event = await queue.get()
            yield event
            if isinstance(event, Closed):
                return

    # -- the pump

    async def _run_pump(self, connection: Connection) -> None:
        try:
            stream = self.server.stream(self.request, connection)
            async with aclosing(stream):
                async for item in stream:
                    if isinstance(item, Done):
                        self._take_end(item)
                    else:
                        self._take(item)
                    if self.end is not None:
                        return
            self._take_end(None)
        except asyncio.CancelledError:
            self._flush()
            self._finish(Stopped(self._make_receipt(_LOOP_ENDED)))  # unless it was a stop
            raise
        except ConnectionLost as error:
            self._flush()
            self._finish(BrokenOff(self._make_receipt(detail=str(error)), error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer ends and says so
            self._flush()
            self._finish(Failed(self._make_receipt(detail=str(error)), error))

    def _take(self, piece: Piece) -> None:
        if not piece.content and not piece.thinking:
            return
        if self._first_token_at is None:
            self._first_token_at = self._loop.time()
        self.tokens += 1
        self._limits.token()
        thinking = self._sanitise_thinking.feed(piece.thinking)
        content = self._sanitise_content.feed(piece.content)
        if thinking:
            self._tags.thinking_field_seen()
        raw = self._watcher.feed_raw(content, thinking)
        if thinking:
            self._offer(Channel.THINKING, thinking)
        self._offer_content(content[: raw.passed])
        self._mark(raw.marks)
        if raw.verdict is not None:
            self._stop_by_rule(raw.verdict)

    def _take_end(self, done: Done | None) -> None:
        self._flush()
        if self.end is not None:
            return
        if done is None:
            self._finish(BrokenOff(self._make_receipt(detail=self._silence())))
            return
        ruling = self._watcher.end()
        self._mark(ruling.marks)
        if ruling.verdict is not None:
            self._stop_by_rule(ruling.verdict)
        counted = done.usage.completion_tokens
        tokens = self.tokens if counted is None else counted
        receipt = replace(self._make_receipt(), done_reason=done.reason, usage=done.usage)
        self._finish(Finished(replace(receipt, tokens=tokens)))

    def _flush(self) -> None:
        """Hand on what was held back for a second half that won't come."""
        if self.end is None:
            self._offer(Channel.THINKING, self._sanitise_thinking.end())
            self._offer_content(self._sanitise_content.end())
            for delta in self._tags.end():
                self._offer(delta.channel, delta.text)

    def _mark(self, verdicts: Sequence[Verdict]) -> None:
        for verdict in verdicts:
            if self.end is None:
                self._emit(Warned(verdict))

    def _offer_content(self, text: str) -> None:
        for part in self._tags.feed(text):
            if self.end is not None:
                return
            if isinstance(part, Reclassified):
                self._reclassify()
            else:
                self._offer(part.channel, part.text)

    def _offer(self, channel: Channel, text: str) -> None:
        """Ask the rules, then hand on what they let pass."""
        if not text or self.end is not None:
            return
        ruling = self._watcher.feed(channel, text, self._loop.time())
        passed = text[: ruling.passed]
        if passed:
            phase = Phase.THINKING if channel is Channel.THINKING else Phase.ANSWERING
            if phase is not self.phase:
                self._enter(phase)
                if self._has_ended():  # a listener has stopped it
                    return
            self._texts[channel].append(passed)
            self._emit(Delta(channel, passed))
        self._mark(ruling.marks)
        if ruling.verdict is not None:
            self._stop_by_rule(ruling.verdict)

    def _reclassify(self) -> None:
        self._texts[Channel.THINKING].append(self.content)
        self._texts[Channel.CONTENT].clear()
        self._watcher.reclassify()
        self._emit(Reclassified())

    def _stop_by_rule(self, verdict: Verdict) -> None:
        if self.end is not None or self._stopping:
            return
        if verdict.action == "cut":
            self._texts[verdict.channel] = [self._text(verdict.channel)[: verdict.start]]
            self._emit(Cut(verdict.channel, verdict.start))
        self.stop(Cause(CauseKind.RULE, verdict.rule, verdict))

    # -- time, the end, and the close

    def _on_connected(self) -> None:
        if self.end is None and self.phase is Phase.CONNECTING:
            self._limits.connected()
            self._enter(Phase.WAITING)
            if self._has_ended():
                # a listener has stopped it; the pump will not look before the first token
                self._loop.call_soon(self._cancel_pump)

    def _has_ended(self) -> bool:
        return self.end is not None

    def _cancel_pump(self) -> None:
        if self._pump is not None and not self._pump.cancelling():
            self._pump.cancel()

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._limits.phase(phase)
        self._emit(PhaseChanged(phase, self.elapsed))

    def _limit_reached(self, name: str, seconds: float) -> None:
        self.stop(Cause(CauseKind.LIMIT, f"{name.replace('_', ' ')} {seconds:g} s"))

    def _silence(self) -> str:
        return f"{_SILENT_END} ({self.server.host.shown}, {self.request.model})"

    def _make_receipt(self, cause: Cause | None = None, detail: str = "") -> Receipt:
        first = self._first_token_at
        return Receipt(
            phase=self.phase,
            cause=cause,
            tokens=self.tokens,
            thinking_characters=len(self.thinking),
            content_characters=len(self.content),
            elapsed=self.elapsed,
            first_token=None if first is None else first - self._started_at,
            detail=detail,
        )

    def _finish(self, end: End) -> None:
        if self.end is not None:  # the first one counts
            return
        self._ended_at = self._loop.time()
        self.end = end
        self.receipt = end.receipt
        self.phase = Phase.ENDED
        self._limits.cancel()
        self._emit(end)
        if self._pump is None:  # stopped before it was started
            self._tell_closed(replace(end.receipt, socket=SocketState.NEVER_OPENED))

    async def _close(self, pump: asyncio.Task[None], connection: Connection) -> None:
        try:
            await asyncio.wait({pump})
        except asyncio.CancelledError:  # whoever ends the loop cancels each task once
            self.stop(_LOOP_ENDED)
            await asyncio.wait({pump})
        # a task that is cancelled before its first step runs none of its handlers
        self._finish(Stopped(self._make_receipt(_LOOP_ENDED)))
        try:
            state = await self.server.connections.close(connection)
        except asyncio.CancelledError:
            state = await self.server.connections.close(connection)
        receipt, seconds = self.receipt, None
        if receipt is None or self._ended_at is None:
            raise RuntimeError("an answer ended without a receipt")
        if state is SocketState.CLOSED and connection.closed_at is not None:
            # an answer that ended by itself may have been closed by the server before
            seconds = max(0.0, connection.closed_at - self._ended_at)
        self._tell_closed(replace(receipt, socket=state, close_seconds=seconds))

    def _tell_closed(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self._emit(Closed(receipt))

    def _emit(self, event: Event) -> None:
        """Tell all listeners.

        One of them may cause the next event (it calls `stop`): then the others are told this one
        first, so that all hear the same in the same order.
        """
        self._telling.append((event, iter(tuple(self._listeners))))
        while self._telling:
            telling = self._telling[0]
            for listener in telling[1]:
                self._tell(listener, telling[0])
            if self._telling and self._telling[0] is telling:
                self._telling.popleft()

    def _tell(self, listener: Listener, event: Event) -> None:
        try:
            listener(event)
        except Exception as error:  # noqa: BLE001 - one listener's bug mustn't keep a socket open
            self._loop.call_exception_handler(
                {"message": f"a listener failed at {type(event).__name__}", "exception": error}
            )

    def _text(self, channel: Channel) -> str:
        parts = self._texts[channel]
        if len(parts) > 1:
            parts[:] = ["".join(parts)]
        return parts[0] if parts else ""
