"""What an answer tells: phases, safe text, thinking apart from content, and how it ended."""

from __future__ import annotations

import pytest

from ollama_tui.answer import Answer
from ollama_tui.errors import ConnectionLost
from ollama_tui.events import (
    BrokenOff,
    CauseKind,
    Closed,
    Cut,
    Delta,
    Finished,
    Reclassified,
    Stopped,
)
from ollama_tui.request import Request
from ollama_tui.rules import MustNotStartWith, Rule, must_start_with
from tests.answering import ESCAPE, THINKER, answered, ask, request, server_at, until
from tests.scripted import Done, Say, Scenario, ScriptedServer, SilentEnd, Stall, ThinkSay

APIS = pytest.mark.parametrize("api", ["ollama", "openai"])


def saying(*tokens: str | bytes, end: Done | SilentEnd | Stall = Done()) -> Scenario:  # noqa: B008
    return Scenario("said", (Say(tokens), end))


@APIS
async def test_a_finished_answer(api: str) -> None:
    async with ScriptedServer("thinking") as scripted:
        answer, recorder = await answered(server_at(scripted.url, api), THINKER)
    assert isinstance(answer.end, Finished)
    assert recorder.phases == ["waiting", "thinking", "answering"]
    assert answer.thinking
    assert answer.content
    receipt = answer.receipt
    assert receipt is not None
    assert receipt.done_reason == "stop"
    assert receipt.tokens == 60
    assert receipt.usage is not None
    assert receipt.usage.completion_tokens == 60
    assert receipt.usage.prompt_tokens
    assert receipt.first_token is not None
    assert 0 < receipt.first_token < receipt.elapsed
    assert (receipt.thinking_characters, receipt.content_characters) == (
        len(answer.thinking),
        len(answer.content),
    )
    if api == "ollama":
        assert receipt.usage.completion_seconds is not None
        assert 0.1 < receipt.usage.completion_seconds < 10


@APIS
async def test_an_answer_that_reached_its_length(api: str) -> None:
    async with ScriptedServer("length") as scripted:
        answer, _ = await answered(server_at(scripted.url, api))
    assert answer.receipt is not None
    assert answer.receipt.done_reason == "length"


@APIS
async def test_a_stream_that_ends_without_done_is_broken_off(api: str) -> None:
    async with ScriptedServer("silent-end") as scripted:
        answer, recorder = await answered(server_at(scripted.url, api))
    assert isinstance(answer.end, BrokenOff)
    assert answer.tokens == 10
    assert len(recorder.texts["content"]) > 10
    assert answer.receipt is not None
    assert "without an end" in answer.receipt.detail


@APIS
@pytest.mark.parametrize("scenario", ["reset", "cut"])
async def test_a_lost_connection_is_broken_off_and_keeps_the_partial(
    api: str, scenario: str
) -> None:
    async with ScriptedServer(scenario) as scripted:
        answer, recorder = await answered(server_at(scripted.url, api))
    assert isinstance(answer.end, BrokenOff)
    assert isinstance(answer.end.error, ConnectionLost)
    assert answer.tokens == 10
    assert recorder.texts["content"] == answer.content != ""


async def test_a_recorded_answer_says_what_was_recorded() -> None:
    async with ScriptedServer("replay:chat-thinking") as scripted:
        answer, _ = await answered(server_at(scripted.url), THINKER)
    assert answer.thinking
    assert isinstance(answer.end, Finished)


async def test_iterating_yields_every_event_and_ends() -> None:
    async with ScriptedServer("steady:count=3") as scripted:
        answer = Answer(server_at(scripted.url), request())
        events = [event async for event in answer]
        assert [type(e) for e in events[-2:]] == [Finished, Closed]
        assert "".join(e.text for e in events if isinstance(e, Delta)) == answer.content
        assert [event async for event in answer] == []


@APIS
@pytest.mark.parametrize(
    ("tokens", "thinking", "content"),
    [
        (("<th", "ink", ">", "hm", "</", "think", ">", "\n\n", "yes"), "hm", "yes"),
        (("hm", "</th", "ink>", "yes"), "hm", "yes"),
        (("a ", "<th", "inner"), "", "a <thinner"),
        (("<thi",), "", "<thi"),
    ],
)
async def test_raw_tags_are_split_into_thinking(
    api: str, tokens: tuple[str, ...], thinking: str, content: str
) -> None:
    async with ScriptedServer(saying(*tokens)) as scripted:
        answer, recorder = await answered(server_at(scripted.url, api))
    assert (answer.thinking, answer.content) == (thinking, content)
    assert recorder.texts == {"thinking": thinking, "content": content}


async def test_where_the_template_opened_the_tag_the_screen_is_told_to_move_the_text() -> None:
    async with ScriptedServer("orphan-close") as scripted:
        _, recorder = await answered(server_at(scripted.url))
    assert sum(isinstance(event, Reclassified) for event in recorder.events) == 1
    assert recorder.texts["content"] == "The answer is four."


async def test_what_was_held_back_for_a_tag_is_kept_by_a_stop() -> None:
    async with ScriptedServer(saying("five ", "<", end=Stall())) as scripted:
        answer, recorder = ask(server_at(scripted.url))
        answer.start()
        await until(lambda: answer.tokens == 2)
        answer.stop(ESCAPE)
        await answer.wait()
        recorder.assert_in_order()
    assert answer.content == recorder.texts["content"] == "five <"
    assert answer.receipt is not None
    assert answer.receipt.content_characters == 6


async def test_what_was_held_back_is_kept_when_the_connection_is_lost() -> None:
    async with ScriptedServer(saying("five ", "<", end=SilentEnd())) as scripted:
        answer, _ = await answered(server_at(scripted.url))
    assert answer.content == "five <"


@pytest.mark.parametrize(
    ("steps", "stops"),
    [
        ((Say(("<th", "ink>", "hm</think>", "yes")),), False),
        ((Say((" \n", "<think>hm</think>", "yes")),), False),
        ((ThinkSay(("hm",)), Say(("yes",))), False),
        ((Say(("Hello",)),), True),
        ((Say(("<th", "en")),), True),
        ((Say(("<thi",)),), True),  # the end while undecided
        ((Say((" ", "\n")),), True),
    ],
)
@APIS
async def test_must_start_with_in_its_three_states(
    api: str, steps: tuple[Say, ...], stops: bool
) -> None:
    scenario = Scenario("opening", (*steps, Done()))
    async with ScriptedServer(scenario) as scripted:
        answer, recorder = await answered(
            server_at(scripted.url, api), THINKER, rules=[must_start_with("<think>", "<thinking>")]
        )
    assert isinstance(answer.end, Stopped if stops else Finished)
    assert recorder.texts == {"thinking": answer.thinking, "content": answer.content}
    if stops:
        assert answer.receipt is not None
        assert answer.receipt.cause is not None
        assert answer.receipt.cause.kind is CauseKind.RULE
        assert answer.receipt.cause.verdict is not None
        assert answer.receipt.cause.verdict.kind == "must_start_with"
    else:
        assert (answer.thinking, answer.content) == ("hm", "yes")


async def test_an_undecided_opening_goes_on_until_it_is_decided() -> None:
    scenario = saying("<th", end=Stall())
    async with ScriptedServer(scenario) as scripted:
        answer, _ = ask(server_at(scripted.url), rules=[must_start_with("<think>")])
        answer.start()
        await until(lambda: answer.tokens == 1)
        assert answer.end is None
        answer.stop(ESCAPE)
        receipt = await answer.wait()
        assert receipt.cause == ESCAPE


async def test_a_rule_that_cuts_takes_the_match_back() -> None:
    rule = Rule("no sorry", MustNotStartWith(("sorry",)), action="cut")
    async with ScriptedServer(saying("\n", "So", "rry, ", "I can't")) as scripted:
        answer, recorder = await answered(server_at(scripted.url), rules=[rule])
    assert isinstance(answer.end, Stopped)
    assert any(isinstance(event, Cut) for event in recorder.events)
    assert recorder.texts["content"] == answer.content
    assert "orry" not in answer.content.lower()


async def test_a_rule_that_warns_marks_and_goes_on() -> None:
    rule = Rule("no sorry", MustNotStartWith(("sorry",)), action="warn")
    async with ScriptedServer(saying("Sorry", " no")) as scripted:
        answer, recorder = await answered(server_at(scripted.url), rules=[rule])
    assert isinstance(answer.end, Finished)
    assert [type(event).__name__ for event in recorder.events].count("Warned") == 1
    assert answer.content == "Sorry no"


async def test_a_stop_at_a_warning_is_the_last_word() -> None:
    rules = [
        Rule("one", MustNotStartWith(("sorry",)), action="warn"),
        Rule("two", MustNotStartWith(("sorry",)), action="warn"),
    ]
    async with ScriptedServer(saying("Sorry", " no")) as scripted:
        answer, recorder = ask(server_at(scripted.url), rules=rules)
        answer.listen(lambda e: answer.stop(ESCAPE) and None if "Warned" in repr(e) else None)
        answer.start()
        await answer.wait()
    recorder.assert_in_order()
    assert isinstance(answer.end, Stopped)


@APIS
async def test_an_empty_answer_finishes(api: str) -> None:
    async with ScriptedServer(Scenario("empty", (Done(),))) as scripted:
        answer, _ = await answered(server_at(scripted.url, api))
    assert isinstance(answer.end, Finished)
    assert answer.content == ""
    assert answer.tokens == 0


async def test_the_rate_is_known_while_it_runs_and_stands_still_afterwards() -> None:
    async with ScriptedServer("steady:count=50,rate=200") as scripted:
        answer, _ = ask(server_at(scripted.url))
        assert answer.tokens_per_second is None
        answer.start()
        await answer.wait()
        rate = answer.tokens_per_second
        assert rate is not None
        assert 100 < rate < 300
        assert answer.tokens_per_second == rate


@APIS
async def test_what_is_sent(api: str) -> None:
    async with ScriptedServer("steady:count=1") as scripted:
        server = server_at(scripted.url, api)
        wish = request(
            "Hi", think=False, options={"temperature": 0, "num_predict": 9, "num_ctx": 2048}
        )
        answer = Answer(server, Request(wish.model, wish.messages, wish.think, wish.options))
        answer.start()
        await answer.wait()
        (exchange,) = scripted.chats
    body = exchange.body
    assert body["messages"] == [{"role": "user", "content": "Hi"}]
    assert body["stream"] is True
    assert "x-conversation-id" not in exchange.headers
    if api == "ollama":
        assert exchange.path == "/api/chat"
        assert body["think"] is False
        assert body["options"] == {"temperature": 0, "num_predict": 9, "num_ctx": 2048}
    else:
        assert exchange.path == "/v1/chat/completions"
        assert body["chat_template_kwargs"] == {"enable_thinking": False}
        assert (body["temperature"], body["max_tokens"]) == (0, 9)
        assert "num_ctx" not in body
        assert body["stream_options"] == {"include_usage": True}
