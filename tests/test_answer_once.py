"""Any number of stops at the same moment give one stop, one record and no socket left."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from itertools import permutations

import pytest

from ollama_tui.answer import Answer
from ollama_tui.events import (
    Cause,
    CauseKind,
    Closed,
    Delta,
    Event,
    Phase,
    SocketState,
    Stopped,
)
from ollama_tui.limits import Limits
from ollama_tui.rules import must_start_with
from tests.answering import (
    ESCAPE,
    Recorder,
    answered,
    ask,
    nothing_left_open,
    request,
    server_at,
    turns,
)
from tests.scripted import ScriptedServer

ROUNDS = int(os.environ.get("STOP_ROUNDS", "20"))
"""`STOP_ROUNDS=2000 pytest tests/test_answer_once.py` looks for what is rare."""
APIS = pytest.mark.parametrize("api", ["ollama", "openai"])
BUTTON = Cause(CauseKind.USER, "button")
QUIT = Cause(CauseKind.SHUTDOWN, "quit")


async def test_a_stop_before_the_start_opens_nothing() -> None:
    async with ScriptedServer() as scripted:
        server = server_at(scripted.url)
        answer, recorder = ask(server)
        assert answer.stop(ESCAPE)
        answer.start()
        receipt = await answer.wait()
        assert receipt.socket is SocketState.NEVER_OPENED
        assert receipt.cause == ESCAPE
        recorder.assert_in_order()
        assert [event async for event in answer] == []
        assert not scripted.connections
        assert not server.connections.live


async def test_waiting_for_what_was_never_started_is_an_error() -> None:
    async with ScriptedServer() as scripted:
        answer, _ = ask(server_at(scripted.url))
        with pytest.raises(RuntimeError, match="never started"):
            await answer.wait()


async def test_the_first_cause_wins() -> None:
    async with ScriptedServer("stall") as scripted:
        answer, recorder = ask(server_at(scripted.url))
        answer.start()
        await scripted.wait_for_tokens(10)
        assert answer.stop(ESCAPE)
        assert not answer.stop(BUTTON)
        await turns(1)
        assert not answer.stop(QUIT)
        receipt = await answer.wait()
        assert not answer.stop(QUIT)
        assert receipt.cause == ESCAPE
        assert answer.receipt is receipt
        recorder.assert_in_order()


async def test_a_stop_after_the_end_changes_nothing() -> None:
    async with ScriptedServer("steady:count=3") as scripted:
        answer, recorder = await answered(server_at(scripted.url))
        receipt, told = answer.receipt, len(recorder.events)
        assert not answer.stop(ESCAPE)
        assert answer.receipt is receipt
        assert receipt is not None
        assert receipt.cause is None
        assert len(recorder.events) == told


async def test_stopped_is_told_before_stop_returns_and_no_text_after_it() -> None:
    async with ScriptedServer("flood") as scripted:
        answer, recorder = ask(server_at(scripted.url))
        answer.start()
        await recorder.saw(lambda event: isinstance(event, Delta))
        answer.stop(ESCAPE)
        assert isinstance(recorder.events[-1], Stopped)
        assert recorder.events[-1].receipt.socket is SocketState.PENDING
        kept = answer.content
        await answer.wait()
        recorder.assert_in_order()
        assert answer.content == kept


@APIS
async def test_a_stop_at_any_turn_of_the_loop_leaves_no_socket(api: str) -> None:
    """Whatever httpx is in the middle of: resolving, connecting, sending, reading the head."""
    async with ScriptedServer(default="steady:count=5,rate=2000") as scripted:
        server = server_at(scripted.url, api)
        await answered(server)  # what is imported at the first request
        async with nothing_left_open(server):
            for turn in range(60):
                answer, recorder = ask(server)
                answer.start()
                await turns(turn)
                answer.stop(ESCAPE)
                receipt = await answer.wait()
                recorder.assert_in_order()
                assert receipt.socket in (SocketState.CLOSED, SocketState.NEVER_OPENED)
        await scripted.assert_all_closed()


@APIS
async def test_five_stops_in_all_orders_and_a_cancelled_wait(api: str) -> None:
    dice = random.Random(7)
    orders = list(permutations(range(5)))
    async with ScriptedServer(default="late-headers:gate=go") as warm_up:
        warm_up.release("go")
        await answered(server_at(warm_up.url, api))
    for round_ in range(ROUNDS):
        order = orders[round_ * 37 % len(orders)]
        scenario = dice.choice(["late-headers:gate=go", "stall", "flood", "think-forever"])
        async with ScriptedServer(scenario, default="steady:count=2") as scripted:
            server = server_at(scripted.url, api)
            async with nothing_left_open(server):
                rule_only_where_text_waits = scenario.startswith("late")
                answer, recorder = ask(
                    server,
                    rules=[must_start_with("<think>")] if rule_only_where_text_waits else (),
                )
                answer.start()
                waiting = asyncio.create_task(answer.wait())
                await scripted.wait_for_chat()
                acts: list[Callable[[], object]] = [
                    lambda a=answer: a.stop(ESCAPE),
                    lambda a=answer: a.stop(BUTTON),
                    lambda a=answer: a.stop(QUIT),
                    lambda s=scripted: s.release("go"),
                    waiting.cancel,
                ]
                for act in (acts[place] for place in order):
                    act()
                    await turns(dice.choice([0, 0, 1, 2, 5]))
                waiting.cancel()
                receipt = await answer.wait()
                await scripted.assert_all_closed()
            recorder.assert_in_order()
            assert isinstance(answer.end, Stopped)
            assert receipt.socket is SocketState.CLOSED
            again, _ = await answered(server)
            assert again.tokens == 2


async def test_cancelling_the_wait_does_not_touch_the_answer() -> None:
    async with ScriptedServer("steady:count=20") as scripted:
        answer, _ = ask(server_at(scripted.url))
        answer.start()
        waiting = asyncio.create_task(answer.wait())
        await scripted.wait_for_chat()
        waiting.cancel()
        await asyncio.wait({waiting})
        await answer.wait()
        assert answer.tokens == 20


async def test_many_answers_at_once_are_stopped_one_by_one() -> None:
    async with ScriptedServer(default="stall") as scripted:
        server = server_at(scripted.url)
        async with nothing_left_open(server):
            answers = [ask(server)[0] for _ in range(8)]
            for answer in answers:
                answer.start()
            await scripted.until(lambda: len(scripted.chats) == 8)
            assert len(server.connections.live) == 8
            for left, answer in zip(range(7, -1, -1), answers, strict=True):
                answer.stop(ESCAPE)
                await answer.wait()
                assert len(server.connections.live) == left
            await scripted.assert_all_closed()


def test_when_the_loop_ends_the_answer_ends_as_a_shutdown_and_is_closed() -> None:
    recorder = Recorder()

    async def program() -> Answer:
        async with ScriptedServer("stall") as scripted:
            answer = Answer(server_at(scripted.url), request(), listeners=[recorder])
            answer.start()
            await recorder.saw(lambda event: isinstance(event, Delta))
            return answer

    answer = asyncio.run(program())
    recorder.assert_in_order()
    assert answer.receipt is not None
    # the server left first, or the loop's end came first: it is one of the two, and it is closed
    assert answer.receipt.socket is SocketState.CLOSED
    assert not answer.server.connections.live


def test_the_loop_ends_while_the_server_is_silent() -> None:
    recorder = Recorder()

    async def program(url: str) -> Answer:
        answer = Answer(server_at(url), request(), listeners=[recorder])
        answer.start()
        await recorder.saw(lambda event: isinstance(event, Delta))
        return answer

    from tests.scripted import ThreadedScriptedServer

    with ThreadedScriptedServer("stall") as scripted:
        answer = asyncio.run(program(scripted.url))
        scripted.assert_all_closed()
    recorder.assert_in_order()
    assert answer.receipt is not None
    assert answer.receipt.cause == Cause(CauseKind.SHUTDOWN, "cancelled")
    assert answer.receipt.socket is SocketState.CLOSED


async def test_cancelled_from_outside_and_stopped_is_cancelled_once() -> None:
    """A second cancel, a turn later, would leave the socket to the force of `close`."""
    async with ScriptedServer(default="stall") as scripted:
        server = server_at(scripted.url)
        async with nothing_left_open(server):
            answer, recorder = ask(server)
            answer.start()
            await scripted.wait_for_tokens(10)
            for task in asyncio.all_tasks():
                if task.get_name() in ("answer pump", "answer closer"):
                    task.cancel()
            await turns(1)
            answer.stop(ESCAPE)
            receipt = await answer.wait()
            await scripted.assert_all_closed()
        recorder.assert_in_order()
        assert receipt.socket is SocketState.CLOSED


async def test_a_listener_that_stops_lets_the_others_hear_everything_in_order() -> None:
    async with ScriptedServer("flood") as scripted:
        answer, before = ask(server_at(scripted.url))
        after = Recorder()

        def impatient(event: Event) -> None:
            if isinstance(event, Delta):
                answer.stop(ESCAPE)

        answer.listen(impatient)
        answer.listen(after)
        answer.start()
        await answer.wait()
        before.assert_in_order()
        assert after.events == before.events
        assert after.texts == before.texts


async def test_a_listener_that_raises_harms_nobody() -> None:
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))

    def broken(event: Event) -> None:
        raise ZeroDivisionError

    async with ScriptedServer("steady:count=3") as scripted:
        server = server_at(scripted.url)
        recorder = Recorder()
        answer = Answer(server, request(), listeners=[broken, recorder])
        answer.start()
        await answer.wait()
        recorder.assert_in_order()
        assert answer.tokens == 3
        assert len(told) == len(recorder.events)
        assert not server.connections.live


async def test_a_listener_may_ask_again_at_the_end() -> None:
    async with ScriptedServer(default="steady:count=2") as scripted:
        server = server_at(scripted.url)
        answer, _ = ask(server)
        followers: list[Answer] = []

        def again(event: Event) -> None:
            if isinstance(event, Closed):
                followers.append(ask(server)[0])
                followers[0].start()

        answer.listen(again)
        answer.start()
        await answer.wait()
        await followers[0].wait()
        assert followers[0].tokens == 2


async def test_a_limit_and_a_stop_in_the_same_turn_give_one_end() -> None:
    async with ScriptedServer("stall") as scripted:
        answer, recorder = ask(server_at(scripted.url), limits=Limits(total=0.05))
        answer.start()
        asyncio.get_running_loop().call_later(0.05, answer.stop, ESCAPE)
        receipt = await answer.wait()
        recorder.assert_in_order()
        assert receipt.cause is not None
        assert receipt.phase is not Phase.ENDED
