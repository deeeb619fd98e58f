"""Hard text in both protocols: what the model says arrives, made safe, and breaks nothing."""

from __future__ import annotations

import pytest

from ollama_tui.events import Finished
from tests.answering import THINKER, answered, server_at
from tests.scripted import Done, Garbage, Say, Scenario, ScriptedServer, named

APIS = pytest.mark.parametrize("api", ["ollama", "openai"])


@APIS
@pytest.mark.parametrize(
    ("scenario", "text"),
    [
        ("nel", "before\na NEL\ninside, \na line separator after"),
        ("surrogate", "lone  and a pair 😀 after"),
        ("nul", "beforeafter end"),
        ("empty-deltas", "one two"),
        (
            "ansi",
            (
                "clipboard ]52;c;cm0gLXJmIH4=, title ]0;owned, screen [2J[H, split [31mred[0m,"
                " C1 2J 0;owned, markup [/] [/bold] [link='x [bold]not bold \n overwritten"
            ),
        ),
        ("invalid-utf8", "caf\ufffd \ufffd\ufffd\ufffd after"),
    ],
)
async def test_text(api: str, scenario: str, text: str) -> None:
    async with ScriptedServer(scenario) as scripted:
        answer, recorder = await answered(server_at(scripted.url, api))
    assert isinstance(answer.end, Finished)
    assert answer.content == recorder.texts["content"] == text
    answer.content.encode("utf-8")


@APIS
@pytest.mark.parametrize("scenario", ["cjk", "markdown:rate=5000"])
async def test_ordinary_text_arrives_as_it_was_said(api: str, scenario: str) -> None:
    async with ScriptedServer(scenario) as scripted:
        answer, _ = await answered(server_at(scripted.url, api))
    assert isinstance(answer.end, Finished)
    assert answer.content == named(scenario).text != ""


@APIS
async def test_every_line_end_that_python_knows(api: str) -> None:
    raw = ("a\x0bb", "\x0c", "c\x1c\x1d\x1e", "d\x85", "e\u2028f", "\u2029", "g\r\n", "h")
    async with ScriptedServer(Scenario("ends", (Say(raw), Done()))) as scripted:
        answer, _ = await answered(server_at(scripted.url, api))
    assert answer.content == "abcd\ne\nf\ng\nh"


@APIS
async def test_a_token_of_a_megabyte(api: str) -> None:
    async with ScriptedServer(Scenario("big", (Say(("é" * 500_000,)), Done()))) as scripted:
        answer, _ = await answered(server_at(scripted.url, api))
    assert answer.content == "é" * 500_000


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_the_reasoning_fields_of_openai_servers(field: str) -> None:
    async with ScriptedServer("thinking:thoughts=3,count=3", reasoning_field=field) as scripted:
        answer, recorder = await answered(server_at(scripted.url, "openai"), THINKER)
    assert answer.thinking
    assert answer.content
    assert recorder.phases == ["waiting", "thinking", "answering"]


async def test_usage_that_comes_with_the_last_choice_or_alone_or_not_at_all() -> None:
    chunk = b'{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]%b}'
    counted = b'{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":7}}'
    together = chunk % b',"usage":{"prompt_tokens":4,"completion_tokens":7}'
    for pieces, tokens in [((chunk % b"", counted), 7), ((together,), 7), ((chunk % b"",), 1)]:
        garbage = [Garbage(b"", b"data: " + piece + b"\n\n") for piece in pieces]
        scenario = Scenario("usage", (*garbage, Garbage(b"", b"data: [DONE]\n\n")))
        async with ScriptedServer(scenario) as scripted:
            answer, _ = await answered(server_at(scripted.url, "openai"))
        assert isinstance(answer.end, Finished)
        assert answer.receipt is not None
        assert answer.receipt.tokens == tokens


async def test_comments_pings_and_crlf_between_events_are_no_text() -> None:
    stream = (
        b": ping\r\n\r\n"
        b'data: {"choices":[{"delta":{"content":"a"}}]}\r\n\r\n'
        b"event: ping\r\ndata:\r\n\r\n"
        b'data:{"choices":[{"delta":{"content":"b"},"finish_reason":"stop"}]}\r\n\r\n'
    )
    async with ScriptedServer(Scenario("sse", (Garbage(b"", stream),))) as scripted:
        answer, _ = await answered(server_at(scripted.url, "openai"))
    assert isinstance(answer.end, Finished)
    assert answer.content == "ab"
