"""A stop closes the connection, in every phase and whoever asks for it: the server sees it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from ollama_tui.answer import Answer
from ollama_tui.events import (
    Cause,
    CauseKind,
    Channel,
    Delta,
    Event,
    Phase,
    PhaseChanged,
    SocketState,
    Stopped,
)
from ollama_tui.limits import Limits
from ollama_tui.rules import must_start_with
from tests.answering import (
    ESCAPE,
    MODEL,
    THINKER,
    answered,
    ask,
    nothing_left_open,
    request,
    server_at,
)
from tests.scripted import ScriptedServer

SEEN_WITHIN = 0.1
APIS = pytest.mark.parametrize("api", ["ollama", "openai"])

IN_EVERY_PHASE = [
    # scenario, model, tokens to wait for, phase
    ("accept-and-hang", MODEL, 0, Phase.WAITING),
    ("late-headers", MODEL, 0, Phase.WAITING),
    ("think-forever", THINKER, 5, Phase.THINKING),
    ("steady:count=100000", MODEL, 5, Phase.ANSWERING),
    ("stall", MODEL, 10, Phase.ANSWERING),
    ("stall-thinking", THINKER, 10, Phase.THINKING),
    ("flood", MODEL, 500, Phase.ANSWERING),
]


@APIS
@pytest.mark.parametrize(("scenario", "model", "tokens", "phase"), IN_EVERY_PHASE)
async def test_the_server_sees_the_close_at_once(
    api: str, scenario: str, model: str, tokens: int, phase: Phase
) -> None:
    async with ScriptedServer(scenario) as scripted:
        server = server_at(scripted.url, api)
        async with nothing_left_open(server):
            answer, recorder = ask(server, model)
            answer.start()
            await recorder.saw(lambda e: answer.phase is phase and answer.tokens >= tokens)
            if scenario != "accept-and-hang":
                await scripted.wait_for_chat()
            pressed = time.monotonic()
            assert answer.stop(ESCAPE)
            receipt = await answer.wait()
            (connection,) = await scripted.closed()
        assert connection.closed_at is not None
        assert connection.closed_at - pressed < SEEN_WITHIN
        assert connection.closed_by in ("FIN", "RST")
        assert connection.writing or scenario == "accept-and-hang"
        recorder.assert_in_order()
        assert receipt.cause == ESCAPE
        assert receipt.phase is phase
        assert receipt.tokens == answer.tokens >= tokens
        assert receipt.socket is SocketState.CLOSED
        assert receipt.close_seconds is not None
        assert 0 <= receipt.close_seconds < SEEN_WITHIN
        assert receipt.content_characters == len(answer.content)
        assert receipt.thinking_characters == len(answer.thinking)
        assert recorder.texts == {
            Channel.THINKING: answer.thinking,
            Channel.CONTENT: answer.content,
        }


@pytest.fixture
def full_queue() -> Iterator[str]:
    """The URL of a port whose queue of connections is full: connecting takes for ever."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting: list[socket.socket] = []
        try:
            for _ in range(256):
                client = socket.socket()
                waiting.append(client)
                client.settimeout(0.2)
                client.connect(("127.0.0.1", port))
        except TimeoutError:
            yield f"http://127.0.0.1:{port}"
        else:
            pytest.skip("this system queues any number of connections")
        finally:
            for client in waiting:
                client.close()


@APIS
async def test_a_stop_while_connecting(api: str, full_queue: str) -> None:
    server = server_at(full_queue, api)
    async with nothing_left_open(server):
        answer, recorder = ask(server)
        answer.start()
        asyncio.get_running_loop().call_later(0.05, answer.stop, ESCAPE)
        receipt = await answer.wait()
    recorder.assert_in_order()
    assert receipt.phase is Phase.CONNECTING
    assert receipt.cause == ESCAPE
    assert receipt.socket is SocketState.NEVER_OPENED
    assert receipt.close_seconds is None
    assert receipt.elapsed < 0.5


@APIS
async def test_the_limit_for_connecting(api: str, full_queue: str) -> None:
    answer, _ = await answered(server_at(full_queue, api), limits=Limits(connect=0.05))
    assert answer.receipt is not None
    assert answer.receipt.cause == Cause(CauseKind.LIMIT, "connect 0.05 s")
    assert answer.receipt.phase is Phase.CONNECTING


@pytest.mark.parametrize(
    ("scenario", "limits", "name", "phase"),
    [
        ("late-headers", Limits(first_token=0.1), "first token 0.1 s", Phase.WAITING),
        ("stall", Limits(between_tokens=0.1), "between tokens 0.1 s", Phase.ANSWERING),
        ("think-forever", Limits(thinking=0.1), "thinking 0.1 s", Phase.THINKING),
        ("steady:count=100000", Limits(total=0.1), "total 0.1 s", Phase.ANSWERING),
    ],
)
async def test_a_limit_stops_and_keeps(
    scenario: str, limits: Limits, name: str, phase: Phase
) -> None:
    async with ScriptedServer(scenario) as scripted:
        server = server_at(scripted.url)
        async with nothing_left_open(server):
            answer, _ = await answered(server, THINKER, limits=limits)
            (connection,) = await scripted.closed()
        assert answer.receipt is not None
        assert answer.receipt.cause == Cause(CauseKind.LIMIT, name)
        assert answer.receipt.phase is phase
        assert answer.receipt.elapsed >= 0.1
        assert connection.closed_by in ("FIN", "RST")
        assert bool(answer.thinking + answer.content) is (phase is not Phase.WAITING)


async def test_a_stop_from_a_timer() -> None:
    async with ScriptedServer("stall") as scripted:
        answer, recorder = ask(server_at(scripted.url))
        answer.start()
        await scripted.wait_for_tokens(10)
        asyncio.get_running_loop().call_later(0.01, answer.stop, ESCAPE)
        receipt = await answer.wait()
        (connection,) = await scripted.closed()
        assert receipt.socket is SocketState.CLOSED
        assert connection.closed_by == "FIN"
        recorder.assert_in_order()


async def test_a_stop_from_a_rule_in_the_pump() -> None:
    async with ScriptedServer("flood") as scripted:
        server = server_at(scripted.url)
        async with nothing_left_open(server):
            answer, _ = await answered(server, rules=[must_start_with("<think>")])
            (connection,) = await scripted.closed()
        assert isinstance(answer.end, Stopped)
        assert answer.receipt is not None
        assert answer.receipt.socket is SocketState.CLOSED
        assert answer.receipt.cause is not None
        assert answer.receipt.cause.kind is CauseKind.RULE
        assert answer.receipt.cause.by == "reasoning first"
        assert connection.closed_by in ("FIN", "RST")


def stop_at(answer: Answer, event: Event, kind: type[Event]) -> None:
    if isinstance(event, kind):
        answer.stop(ESCAPE)


@APIS
@pytest.mark.parametrize(
    ("kind", "scenario"),
    [
        (PhaseChanged, "late-headers"),  # the pump itself is in the middle of connecting
        (PhaseChanged, "flood"),
        (Delta, "steady:count=100000"),
        (Delta, "flood"),
    ],
)
async def test_a_stop_from_a_listener_inside_the_pump(
    api: str, kind: type[Event], scenario: str
) -> None:
    async with ScriptedServer(scenario) as scripted:
        server = server_at(scripted.url, api)
        async with nothing_left_open(server):
            answer, recorder = ask(server)
            answer.listen(lambda event: stop_at(answer, event, kind))
            answer.start()
            async with asyncio.timeout(2):
                receipt = await answer.wait()
            await scripted.closed(len(scripted.connections))
        recorder.assert_in_order()
        assert receipt.cause == ESCAPE
        assert receipt.socket is SocketState.CLOSED
        assert receipt.close_seconds is not None
        assert receipt.close_seconds < SEEN_WITHIN


async def test_leaving_the_context_stops() -> None:
    async with ScriptedServer("stall") as scripted:
        async with Answer(server_at(scripted.url), request()) as answer:
            await scripted.wait_for_tokens(10)
        assert answer.receipt is not None
        assert answer.receipt.socket is SocketState.CLOSED
        assert answer.receipt.cause is not None
        assert answer.receipt.cause.kind is CauseKind.CLOSED
        await scripted.closed()


async def test_an_exception_in_the_context_closes_too() -> None:
    async with ScriptedServer("stall") as scripted:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the context is what is tested
            async with Answer(server_at(scripted.url), request()):
                await scripted.wait_for_tokens(10)
                raise ZeroDivisionError
        await scripted.closed()


@APIS
async def test_the_next_prompt_is_answered_after_every_kind_of_stop(api: str) -> None:
    stopped = ["late-headers", "stall", "flood", "accept-and-hang"]
    async with ScriptedServer(*stopped, default="steady:count=3") as scripted:
        server = server_at(scripted.url, api)
        for number, scenario in enumerate(stopped, 1):
            answer, recorder = ask(server)
            answer.start()
            await recorder.saw(lambda e, a=answer: a.phase is not Phase.CONNECTING)
            if scenario != "accept-and-hang":
                await scripted.wait_for_chat(number)
            answer.stop(ESCAPE)
            await answer.wait()
        answer, recorder = await answered(server)
        assert answer.tokens == 3
        assert answer.receipt is not None
        assert answer.receipt.done_reason == "stop"
        assert answer.receipt.socket is SocketState.CLOSED
        await scripted.assert_all_closed()
