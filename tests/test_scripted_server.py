"""The scripted server itself: its shapes are the recorded ones, and it sees every close at once."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import ollama
import pytest

from tests.scripted import (
    NAMES,
    Done,
    ErrorStatus,
    LateHeaders,
    Say,
    Scenario,
    ScriptedServer,
    Stall,
    ThinkSay,
    ThreadedScriptedServer,
    named,
    refused_url,
    trace,
)

MODEL = "smollm2:135m"
OLLAMA, OPENAI = "/api/chat", "/v1/chat/completions"
BOTH = pytest.mark.parametrize("path", [OLLAMA, OPENAI])
ROOT = Path(__file__).parents[1]
AT_ONCE = 0.1
"""Seconds within which a close must have been seen, on a busy machine too."""


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        yield client


def asking(text: str = "Hello", **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], "stream": True} | more


def shape(value: Any) -> Any:
    """Keys and types; of a list, the shapes that occur in it."""
    match value:
        case dict():
            return {key: shape(item) for key, item in value.items()}
        case list():
            return sorted({repr(shape(item)) for item in value})
        case _:
            return type(value).__name__


def lines(response: httpx.Response) -> list[dict[str, Any]]:
    """The JSON of a stream of either protocol, split as bytes (not at U+0085)."""
    split = (line.removeprefix(b"data: ") for line in response.content.split(b"\n"))
    return [json.loads(line) for line in split if line and line != b"[DONE]"]


def said(response: httpx.Response, channel: str = "content") -> str:
    pieces = []
    for line in lines(response):
        message = line.get("message") or (line.get("choices") or [{}])[0].get("delta", {})
        pieces.append(message.get(channel) or "")
    return "".join(pieces)


# shapes

RECORDED_ANSWERS = [
    "root",
    "version",
    "tags",
    "show",
    "show-404",
    "ps-empty",
    "pull-fails",
    "create-bad",
    "v1-models",
    "v1-404",
    "chat-404",
    "chat-think-400",
    "chat-bad-think-400",
    "chat-tools-400",
    "chat-bad-json-400",
    "load",
    "unload",
]


@pytest.mark.parametrize("name", RECORDED_ANSWERS)
async def test_answers_outside_the_chat_have_the_recorded_shape(
    name: str, client: httpx.AsyncClient, scripted_server: ScriptedServer
) -> None:
    recorded = trace(name)
    response = await client.request(
        recorded.method, scripted_server.url + recorded.path, json=recorded.request
    )
    assert response.status_code == recorded.status
    assert response.headers["content-type"] == recorded.headers["Content-Type"]
    assert {"content-length", "transfer-encoding"} & set(response.headers) == {
        header.lower() for header in recorded.headers
    } - {"content-type"}
    if name == "root" or "error" in recorded.text:
        assert response.text == recorded.text
    else:
        assert shape(response.json()) == shape(recorded.json())


async def test_a_model_is_listed_while_it_loads_and_until_it_is_unloaded(
    client: httpx.AsyncClient,
) -> None:
    async with ScriptedServer("late-headers:gate=loaded") as server:

        async def loaded() -> Any:
            return (await client.get(f"{server.url}/api/ps")).json()

        answer = asyncio.create_task(client.post(server.url + OLLAMA, json=asking()))
        await server.wait_for_chat()
        assert shape(await loaded()) == shape(trace("ps").json())
        server.release("loaded")
        assert (await answer).status_code == 200
        unload = {"model": MODEL, "messages": [], "keep_alive": 0}
        response = await client.post(server.url + OLLAMA, json=unload)
        assert response.json()["done_reason"] == "unload"
        assert await loaded() == {"models": []}


@pytest.mark.parametrize(
    ("scenario", "recording"),
    [("length", "chat-length"), ("thinking", "chat-thinking"), ("length", "v1-chat-stream")],
)
async def test_a_streamed_chat_has_the_recorded_shapes_in_the_recorded_order(
    scenario: str, recording: str, client: httpx.AsyncClient
) -> None:
    recorded = trace(recording)
    async with ScriptedServer(scenario) as server:
        asked = asking(stream=True, stream_options={"include_usage": True})
        response = await client.post(server.url + recorded.path, json=asked)
    assert response.headers["content-type"] == recorded.headers["Content-Type"]
    assert response.headers["transfer-encoding"] == "chunked"
    ours, theirs = ([shape(line) for line in both] for both in (lines(response), recorded.lines()))
    last = 2 if recorded.path == OPENAI else 1
    assert ours[:2] == theirs[:2]
    assert ours[-last:] == theirs[-last:]
    assert response.text.endswith("data: [DONE]\n\n") == (recorded.path == OPENAI)


async def test_an_answer_in_one_piece_has_the_recorded_shape(
    client: httpx.AsyncClient, scripted_server: ScriptedServer
) -> None:
    asked = asking(stream=False)
    response = await client.post(scripted_server.url + OLLAMA, json=asked)
    recorded = trace("chat-nostream")
    assert shape(response.json()) == shape(recorded.json())
    assert response.json()["message"]["content"] == named("steady").text
    assert response.headers["content-length"] == str(len(response.content))


async def test_usage_comes_only_when_asked_for(
    client: httpx.AsyncClient, scripted_server: ScriptedServer
) -> None:
    response = await client.post(scripted_server.url + OPENAI, json=asking("scenario:length"))
    assert not any("usage" in line for line in lines(response))


async def test_a_recording_is_played_byte_for_byte_and_translated_for_the_other_protocol(
    client: httpx.AsyncClient,
) -> None:
    async with ScriptedServer("loop", "loop") as server:
        first = await client.post(server.url + OLLAMA, json=asking())
        second = await client.post(server.url + OPENAI, json=asking())
        assert [chat.tokens for chat in server.chats] == [420, 420]
    assert first.text == trace("chat-loop").text
    assert said(second) == said(first)


async def test_a_replay_can_keep_the_recorded_pace(client: httpx.AsyncClient) -> None:
    # 3.8 s were recorded
    async with ScriptedServer("loop:speed=20") as server:
        began = time.monotonic()
        await client.post(server.url + OLLAMA, json=asking())
        assert time.monotonic() - began > 0.18


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_thinking_stands_where_openai_servers_put_it(
    field: str, client: httpx.AsyncClient
) -> None:
    async with ScriptedServer("thinking", reasoning_field=field) as server:
        response = await client.post(server.url + OPENAI, json=asking())
    assert said(response, field) == named("thinking").thinking
    assert said(response) == named("thinking").text


@pytest.mark.parametrize(
    "off",
    [
        {"think": False},
        {"reasoning_effort": "none"},
        {"chat_template_kwargs": {"enable_thinking": False}},
    ],
)
async def test_no_thinking_when_it_is_switched_off(
    off: dict[str, Any], client: httpx.AsyncClient, scripted_server: ScriptedServer
) -> None:
    asked = asking("scenario:thinking", **off)
    response = await client.post(scripted_server.url + OLLAMA, json=asked)
    assert said(response, "thinking") == ""
    assert said(response) == named("thinking").text


async def test_the_clients_own_library_reads_it(scripted_server: ScriptedServer) -> None:
    async with ollama.AsyncClient(scripted_server.url, trust_env=False) as client:
        assert MODEL in {entry.model for entry in (await client.list()).models}
        messages = [{"role": "user", "content": "scenario:thinking"}]
        parts = [
            part async for part in await client.chat(model=MODEL, messages=messages, stream=True)
        ]
    assert "".join(p.message.content or "" for p in parts) == named("thinking").text
    assert "".join(p.message.thinking or "" for p in parts) == named("thinking").thinking
    assert parts[-1].done
    assert parts[-1].eval_count == 60


# scenarios

ENDLESS = {"flood", "think-forever", "late-headers", "stall", "stall-thinking", "wedged"}
UNUSUAL = {"accept-and-hang", "not-http", "reset", "reset-before-headers", "cut", "replay"}


@BOTH
@pytest.mark.parametrize("name", sorted(set(NAMES) - ENDLESS - UNUSUAL))
async def test_every_scenario_that_ends_plays_to_its_end(
    name: str, path: str, client: httpx.AsyncClient, scripted_server: ScriptedServer
) -> None:
    response = await client.post(scripted_server.url + path, json=asking(f"scenario:{name}"))
    refused = isinstance(named(name).steps[0], ErrorStatus)
    assert (response.status_code == 200) != refused
    (chat,) = scripted_server.chats
    assert chat.scenario == name
    assert chat.finished


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("nel", "a NEL\x85inside".encode()),
        ("nel", "\u2028".encode()),
        ("surrogate", rb'"content":"lone \ud83d"'),
        ("surrogate", rb'"content":"\ude00"'),
        ("nul", rb"before\u0000after"),
        ("invalid-utf8", b'"content":" \xff\xfe"'),
        ("empty-line", b'"done":false}\n\n{'),
        ("null-role", b'"role":null'),
        ("ansi", rb"\u001b]52;c;"),
        ("tags", rb'"content":"\u003cth"'),
        ("error-line", b'\n{"error":"an error'),
        ("error-object-line", b'\n{"error":{"message":'),
    ],
)
async def test_the_bytes_that_a_scenario_is_there_for_are_on_the_wire(
    name: str, raw: bytes, client: httpx.AsyncClient, scripted_server: ScriptedServer
) -> None:
    response = await client.post(scripted_server.url + OLLAMA, json=asking(f"scenario:{name}"))
    assert raw in response.content


async def test_the_list_comes_first_then_the_word_then_the_default(
    client: httpx.AsyncClient,
) -> None:
    async with ScriptedServer("nul", default="tags") as server:
        for _ in range(2):
            await client.post(server.url + OLLAMA, json=asking("please scenario:length:count=3."))
        await client.post(server.url + OLLAMA, json=asking("hello"))
        server.add("length")
        await client.post(server.url + OLLAMA, json=asking("hello"))
        await client.post(server.url + OLLAMA, json=asking("scenario:nonsense"))
        names = [chat.scenario for chat in server.chats]
        assert names == ["nul", "length:count=3", "tags", "length", "nonsense"]
        assert server.chats[1].tokens == 3


async def test_steps_can_be_composed(client: httpx.AsyncClient) -> None:
    own = Scenario(
        "own",
        (LateHeaders(0.05), ThinkSay(("hm",)), Stall(gate="go on"), Say("one two"), Done("length")),
    )
    async with ScriptedServer(own) as server:
        answer = asyncio.create_task(client.post(server.url + OLLAMA, json=asking()))
        chat = await server.wait_for_tokens(1)
        assert chat.headers_at is not None
        assert chat.headers_at - chat.at >= 0.05
        server.release("go on")
        assert said(await answer) == "one two"
        assert lines(await answer)[-1]["done_reason"] == "length"


async def test_the_rate_is_kept(client: httpx.AsyncClient) -> None:
    async with ScriptedServer("steady:count=20,rate=100") as server:
        began = time.monotonic()
        await client.post(server.url + OLLAMA, json=asking())
        assert time.monotonic() - began >= 0.19


@BOTH
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("reset", httpx.ReadError),
        ("reset-before-headers", httpx.ReadError),
        ("cut", httpx.RemoteProtocolError),
        ("not-http", httpx.RemoteProtocolError),
    ],
)
async def test_broken_connections(
    name: str, error: type[Exception], path: str, client: httpx.AsyncClient
) -> None:
    async with ScriptedServer(name) as server:
        with pytest.raises(error):
            await client.post(server.url + path, json=asking())
        (connection,) = await server.closed()
        assert connection.closed_by == "server"
        assert not connection.writing


async def test_a_wedged_model_is_cured_by_unloading_it(client: httpx.AsyncClient) -> None:
    async with ScriptedServer("wedged") as server:
        answer = asyncio.create_task(client.post(server.url + OLLAMA, json=asking()))
        await server.wait_for_chat()
        unload = {"model": MODEL, "messages": [], "keep_alive": 0}
        await client.post(server.url + OLLAMA, json=unload)
        assert (await answer).status_code == 500


async def test_nothing_listens_at_the_refused_url(client: httpx.AsyncClient) -> None:
    with refused_url() as url, pytest.raises(httpx.ConnectError):
        await client.get(url)


# what is recorded


async def test_requests_and_connections_are_recorded(
    client: httpx.AsyncClient, scripted_server: ScriptedServer
) -> None:
    server = scripted_server
    assert server.idle_since_close is None
    for _ in range(2):
        await client.post(server.url + OLLAMA, json=asking("scenario:length"), headers={"x-a": "b"})
    await client.get(f"{server.url}/api/tags")
    assert [(r.method, r.path) for r in server.requests] == [
        ("POST", OLLAMA),
        ("POST", OLLAMA),
        ("GET", "/api/tags"),
    ]
    assert server.requests[0].headers["x-a"] == "b"
    assert server.requests[0].body == asking("scenario:length")
    (connection,) = server.connections  # kept alive
    assert (connection.tokens, connection.is_open, server.most_open) == (24, True, 1)
    with pytest.raises(AssertionError, match="still open"):
        await server.assert_all_closed(timeout=0.01)
    await client.aclose()
    await server.assert_all_closed()
    assert (connection.closed_by, connection.writing) == ("FIN", False)
    assert server.idle_since_close is not None


async def test_simultaneous_connections_are_counted(scripted_server: ScriptedServer) -> None:
    async def stalled() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            await client.post(scripted_server.url + OLLAMA, json=asking("scenario:stall"))

    tasks = [asyncio.create_task(stalled()) for _ in range(3)]
    await scripted_server.wait_for_chat(3)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await scripted_server.assert_all_closed()
    assert scripted_server.most_open == 3


# in a thread, and as a program


def test_the_server_runs_in_a_thread(threaded_server: ThreadedScriptedServer) -> None:
    server = threaded_server
    url = server.url + OLLAMA
    with httpx.Client(trust_env=False, timeout=10) as client:
        assert client.post(url, json=asking("scenario:length")).status_code == 200
        asked = asking("scenario:late-headers:gate=go")
        server.release("go")
        assert client.post(url, json=asked).status_code == 200
        with client.stream("POST", url, json=asking("scenario:stall")) as response:
            chunks = response.iter_raw()  # dropping it would close the connection
            next(chunks)
            chat = server.wait_for_tokens(10, number=3)
            closing = time.monotonic()
    (connection,) = server.closed()
    assert connection.closed_at is not None
    assert connection.closed_at - closing < AT_ONCE
    assert connection.writing
    assert not chat.finished
    server.assert_all_closed()
    with pytest.raises(TimeoutError):
        server.wait_for_chat(4, timeout=0.01)


def test_the_server_runs_as_a_program() -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.scripted", "--log", "--default=length"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            url = json.loads(program.stdout.readline())["url"]
            with httpx.Client(trust_env=False, timeout=10) as client:
                answer = client.post(url + OLLAMA, json=asking())
            assert said(answer) == named("length").text
            log = [json.loads(program.stdout.readline()) for _ in range(3)]
            assert [line["event"] for line in log] == ["opened", "request", "closed"]
            assert log[1]["body"] == asking()
            assert (log[2]["closed_by"], log[2]["tokens"]) == ("FIN", 12)
        finally:
            program.send_signal(signal.SIGTERM)
        assert program.wait(10) == 0
