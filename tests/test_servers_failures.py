"""Whatever goes wrong becomes a named error with the server, the model and what to do next."""

from __future__ import annotations

import asyncio

import pytest

from ollama_tui import errors
from ollama_tui.connection import Connections
from ollama_tui.events import BrokenOff, Failed, Finished, SocketState
from ollama_tui.request import Request
from ollama_tui.servers.ollama import Ollama
from ollama_tui.settings import parse_host
from tests.answering import MODEL, answered, nothing_left_open, server_at
from tests.scripted import (
    ErrorStatus,
    Garbage,
    NotHttp,
    Reset,
    Say,
    Scenario,
    ScriptedServer,
    refused_url,
)

APIS = pytest.mark.parametrize("api", ["ollama", "openai"])

STATUSES = [
    ("401", errors.NotAllowed, 401, "unauthorized"),
    ("402", errors.NotAllowed, 402, "requires a subscription"),
    ("403", errors.NotAllowed, 403, "forbidden"),
    ("429", errors.Busy, 429, "too many requests"),
    ("500", errors.ServerFailed, 500, "runner has unexpectedly stopped"),
    ("503", errors.Busy, 503, "server busy"),
    ("html-502", errors.ServerFailed, 502, "status 502"),
    ("json-string-error", errors.ServerFailed, 500, "something went wrong"),
    ("json-list-error", errors.ServerFailed, 500, "something; went wrong"),
    ("empty-error", errors.ServerFailed, 500, "status 500"),
]


def assert_says(error: Exception, host: str, *words: str) -> None:
    """It is one of ours, names server and model, has a hint, and shows no machinery."""
    assert isinstance(error, errors.ServerError)
    text = str(error)
    for word in (host, MODEL, error.hint, *words):
        assert word in text
    assert error.hint
    for machinery in ("Traceback", "Error(", "object at", "<html", "aiter", "NoneType", "b'"):
        assert machinery not in text


@APIS
@pytest.mark.parametrize(("scenario", "kind", "status", "words"), STATUSES)
async def test_a_refusal(
    api: str, scenario: str, kind: type[errors.ServerError], status: int, words: str
) -> None:
    async with ScriptedServer(scenario) as scripted:
        server = server_at(scripted.url, api)
        async with nothing_left_open(server):
            answer, _ = await answered(server)
        assert isinstance(answer.end, Failed)
        assert type(answer.end.error) is kind
        assert_says(answer.end.error, scripted.host, words)
        assert answer.end.error.status == status
        assert answer.receipt is not None
        assert answer.receipt.detail == str(answer.end.error)
        assert answer.receipt.socket is SocketState.CLOSED


@APIS
async def test_an_unknown_model(api: str) -> None:
    async with ScriptedServer() as scripted:
        answer, _ = await answered(server_at(scripted.url, api), "nothere")
    assert isinstance(answer.end, Failed)
    assert type(answer.end.error) is errors.ModelNotFound
    assert "'nothere' not found" in str(answer.end.error)


@APIS
async def test_a_404_of_some_other_server_is_not_a_missing_model(api: str) -> None:
    refusal = ErrorStatus(404, b"404 page not found", "text/plain")
    async with ScriptedServer(Scenario("other", (refusal,))) as scripted:
        answer, _ = await answered(server_at(scripted.url, api))
        assert isinstance(answer.end, Failed)
        assert type(answer.end.error) is errors.NotThisProtocol
        assert_says(answer.end.error, scripted.host)


async def test_a_model_that_cannot_think() -> None:
    async with ScriptedServer() as scripted:
        server = server_at(scripted.url)
        connection = server.connect("answer")
        request = Request(MODEL, [], think=True)
        with pytest.raises(errors.NotSupported, match="does not support thinking") as refusal:
            _ = [item async for item in server.stream(request, connection)]
        await server.connections.close(connection)
    assert "--think" in refusal.value.hint


@APIS
async def test_a_long_error_page_is_not_shown(api: str) -> None:
    page = b"<!DOCTYPE html><html><body>" + b"<p>nginx is unhappy</p>" * 2000 + b"</body></html>"
    scenario = Scenario("page", (ErrorStatus(502, page, "text/html"),))
    async with ScriptedServer(scenario) as scripted:
        answer, _ = await answered(server_at(scripted.url, api))
        assert isinstance(answer.end, Failed)
        assert_says(answer.end.error, scripted.host, "status 502")
        assert "nginx" not in str(answer.end.error)


@APIS
async def test_a_long_error_message_is_shortened(api: str) -> None:
    message = "out of memory " + "x" * 10_000
    async with ScriptedServer(Scenario("long", (ErrorStatus(500, message),))) as scripted:
        answer, _ = await answered(server_at(scripted.url, api))
        assert isinstance(answer.end, Failed)
        assert_says(answer.end.error, scripted.host, "out of memory")
        assert len(str(answer.end.error)) < 500


@APIS
async def test_an_error_message_can_not_steer_the_terminal(api: str) -> None:
    scenario = Scenario("ansi", (ErrorStatus(500, "bad\x1b[2J\x07 thing"),))
    async with ScriptedServer(scenario) as scripted:
        answer, _ = await answered(server_at(scripted.url, api))
        assert isinstance(answer.end, Failed)
        assert str(answer.end.error).isprintable()


@APIS
async def test_a_redirect_is_not_followed(api: str) -> None:
    scenario = Scenario("moved", (ErrorStatus(307, b"", "text/plain"),))
    async with ScriptedServer(scenario) as scripted:
        answer, _ = await answered(server_at(scripted.url, api))
        assert isinstance(answer.end, Failed)
        assert type(answer.end.error) is errors.NotThisProtocol
        assert_says(answer.end.error, scripted.host, "--host")


@APIS
@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("error-line", "an error was encountered while running the model"),
        ("error-object-line", "the runner process has terminated"),
    ],
)
async def test_an_error_in_mid_stream_is_shown_and_the_partial_kept(
    api: str, scenario: str, words: str
) -> None:
    async with ScriptedServer(scenario) as scripted:
        answer, recorder = await answered(server_at(scripted.url, api))
        assert isinstance(answer.end, Failed)
        assert type(answer.end.error) is errors.ServerFailed
        assert_says(answer.end.error, scripted.host, words)
    assert answer.tokens == 10
    assert recorder.texts["content"] == answer.content != ""


async def test_a_very_long_error_line_is_shown() -> None:
    line = b'{"error":"out of memory ' + b"x" * 9000 + b'"}\n'
    scenario = Scenario("long", (Say("one two"), Garbage(line, b"data: " + line + b"\n")))
    async with ScriptedServer(scenario) as scripted:
        answer, _ = await answered(server_at(scripted.url))
        assert isinstance(answer.end, Failed)
        assert type(answer.end.error) is errors.ServerFailed
        assert_says(answer.end.error, scripted.host, "out of memory")
    assert answer.content == "one two"


@APIS
@pytest.mark.parametrize("scenario", ["garbage", "missing-message", "empty-line", "null-role"])
async def test_what_is_not_the_protocol(api: str, scenario: str) -> None:
    async with ScriptedServer(scenario) as scripted:
        answer, recorder = await answered(server_at(scripted.url, api))
        if api == "openai" and scenario != "garbage":
            assert isinstance(answer.end, Finished)  # harmless in this protocol
        else:
            assert isinstance(answer.end, Failed)
            assert type(answer.end.error) is errors.NotThisProtocol
            assert_says(answer.end.error, scripted.host)
    assert answer.tokens >= 10
    assert recorder.texts["content"] == answer.content != ""


@APIS
@pytest.mark.parametrize(
    "body", [b"<html><body>Welcome</body></html>", b"[1, 2]", b'"words"', b"\x00\xff", b"12"]
)
async def test_a_web_page_with_status_200(api: str, body: bytes) -> None:
    scenario = Scenario("page", (ErrorStatus(200, body, "text/html"),))
    async with ScriptedServer(scenario) as scripted:
        answer, _ = await answered(server_at(scripted.url, api))
        assert isinstance(answer.end, Failed)
        assert type(answer.end.error) is errors.NotThisProtocol
        assert_says(answer.end.error, scripted.host) if b"html" not in body else None
        assert str(answer.end.error).isprintable()


async def test_an_error_with_status_200_that_is_no_event_stream() -> None:
    body = b'{"error":{"message":"context size exceeded"}}'
    scenario = Scenario("json", (ErrorStatus(200, body),))
    async with ScriptedServer(scenario) as scripted:
        answer, _ = await answered(server_at(scripted.url, "openai"))
        assert isinstance(answer.end, Failed)
        assert type(answer.end.error) is errors.ServerFailed
        assert_says(answer.end.error, scripted.host, "context size exceeded")


@APIS
async def test_nothing_listens(api: str) -> None:
    with refused_url() as url:
        server = server_at(url, api)
        answer, recorder = await answered(server)
        assert isinstance(answer.end, Failed)
        assert type(answer.end.error) is errors.Unreachable
        assert_says(answer.end.error, server.host.shown, "refused", "--host")
        assert answer.receipt is not None
        assert answer.receipt.socket is SocketState.NEVER_OPENED
        assert recorder.phases == []


@APIS
async def test_a_name_that_does_not_exist(api: str) -> None:
    server = server_at("http://no-such-host.invalid:1", api)
    answer, _ = await answered(server)
    assert isinstance(answer.end, Failed)
    assert type(answer.end.error) is errors.Unreachable
    assert_says(answer.end.error, "no-such-host.invalid:1")


@APIS
async def test_reset_before_the_headers(api: str) -> None:
    async with ScriptedServer("reset-before-headers") as scripted:
        answer, _ = await answered(server_at(scripted.url, api))
        assert isinstance(answer.end, BrokenOff)
        assert isinstance(answer.end.error, errors.ConnectionLost)
        assert_says(answer.end.error, scripted.host, "without an answer")


@APIS
async def test_what_answers_does_not_speak_http(api: str) -> None:
    scenario = Scenario("redis", (NotHttp(b"-ERR unknown command\r\n\r\n"),))
    async with ScriptedServer(scenario) as scripted:
        answer, _ = await answered(server_at(scripted.url, api))
        assert isinstance(answer.end, Failed)
        assert type(answer.end.error) is errors.NotThisProtocol
        assert_says(answer.end.error, scripted.host, "does not speak HTTP")


@APIS
async def test_a_greeting_and_then_the_end(api: str) -> None:
    async with ScriptedServer("not-http") as scripted:
        answer, _ = await answered(server_at(scripted.url, api))
        assert isinstance(answer.end, BrokenOff)
        assert isinstance(answer.end.error, errors.ConnectionLost)
        assert_says(answer.end.error, scripted.host, "without an answer", "what runs at")


@APIS
async def test_https_to_a_server_of_plain_http(api: str) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        server = server_at(f"https://127.0.0.1:{port}", api)
        answer, _ = await answered(server)
    assert isinstance(answer.end, Failed)
    assert type(answer.end.error) is errors.Unreachable
    assert_says(answer.end.error, server.host.shown, "TLS", "http://")
    assert "nothing answers" not in str(answer.end.error)
    assert answer.receipt is not None
    assert answer.receipt.socket is SocketState.CLOSED


async def test_a_server_that_never_says_which_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer("accept-and-hang") as scripted:
        connections = Connections()
        server = Ollama(parse_host(scripted.url), connections)
        monkeypatch.setattr("ollama_tui.servers.ollama.ASK_WITHIN", 0.1)
        with pytest.raises(errors.Unreachable, match=r"within 0\.1 s"):
            await server.models()
        assert not connections.live
        await scripted.assert_all_closed()


async def test_a_reset_after_the_last_word_does_not_undo_it() -> None:
    last = b'{"choices":[{"index":0,"delta":{"content":"all"},"finish_reason":"stop"}]}'
    scenario = Scenario("late reset", (Garbage(last), Reset()))
    async with ScriptedServer(scenario) as scripted:
        answer, _ = await answered(server_at(scripted.url, "openai"))
    assert isinstance(answer.end, Finished)
    assert answer.content == "all"


async def test_a_cancelled_question_about_models_leaves_nothing() -> None:
    async with ScriptedServer("accept-and-hang") as scripted:
        server = server_at(scripted.url)
        async with nothing_left_open(server):
            asking = asyncio.create_task(server.models())
            await scripted.until(lambda: bool(scripted.connections))
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await scripted.assert_all_closed()
