"""Each limit goes off once, by its name, and not before its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from ollama_tui.events import Phase
from ollama_tui.limits import Limits, LimitTimers


class Reached:
    """Collects what went off, and can be waited for."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._event = asyncio.Event()

    def __call__(self, name: str, seconds: float) -> None:
        self.names.append(name)
        self._event.set()

    async def wait(self) -> list[str]:
        async with asyncio.timeout(5):
            await self._event.wait()
        return self.names


NONE = {"connect": None, "first_token": None, "between_tokens": None}


@pytest.mark.parametrize(
    ("limits", "then", "name"),
    [
        ({"connect": 0.01}, lambda t: None, "connect"),
        ({"first_token": 0.01}, lambda t: t.connected(), "first_token"),
        ({"between_tokens": 0.01}, lambda t: t.token(), "between_tokens"),
        ({"total": 0.01}, lambda t: t.token(), "total"),
        ({"thinking": 0.01}, lambda t: t.phase(Phase.THINKING), "thinking"),
    ],
)
async def test_goes_off(
    limits: dict[str, float], then: Callable[[LimitTimers], None], name: str
) -> None:
    reached = Reached()
    timers = LimitTimers(Limits(**{**NONE, **limits}), reached)
    timers.start()
    then(timers)
    assert await reached.wait() == [name]
    timers.cancel()


async def test_a_limit_that_was_met_does_not_go_off() -> None:
    reached = Reached()
    limits = Limits(connect=0.01, first_token=0.01, between_tokens=None, thinking=0.01, total=0.05)
    timers = LimitTimers(limits, reached)
    timers.start()
    timers.connected()
    timers.phase(Phase.THINKING)
    timers.token()
    timers.phase(Phase.ANSWERING)
    assert await reached.wait() == ["total"]
    timers.cancel()


async def test_tokens_put_off_the_limit_of_silence() -> None:
    reached = Reached()
    timers = LimitTimers(Limits(**{**NONE, "between_tokens": 0.1}), reached)
    loop = asyncio.get_running_loop()
    began = loop.time()
    timers.start()
    for delay in (0.0, 0.04, 0.08, 0.12):
        loop.call_later(delay, timers.token)
    timers.token()
    assert await reached.wait() == ["between_tokens"]
    assert loop.time() - began >= 0.2
    timers.cancel()


async def test_nothing_goes_off_after_cancel() -> None:
    reached = Reached()
    timers = LimitTimers(Limits(connect=0.0, first_token=0.0, total=0.0), reached)
    timers.start()
    timers.cancel()
    sentinel = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, sentinel.set)
    await sentinel.wait()
    assert reached.names == []


def test_the_defaults_leave_time_to_load_a_large_model() -> None:
    assert Limits().first_token is not None
    assert Limits().first_token >= 600
    assert Limits().total is None
