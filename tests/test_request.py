"""What goes to the model: what was said, without empty turns or two of one role in a row."""

from __future__ import annotations

from ollama_tui.request import Message, outgoing


def test_a_stopped_answer_goes_back_as_a_plain_assistant_message() -> None:
    sent = outgoing(
        [
            Message("user", "Tell me"),
            Message("assistant", "Once upon a", thinking="a tale, then"),
            Message("user", "Go on"),
        ]
    )
    assert [(m.role, m.content) for m in sent] == [
        ("user", "Tell me"),
        ("assistant", "Once upon a"),
        ("user", "Go on"),
    ]
    assert not any(m.thinking for m in sent)


def test_an_answer_stopped_before_any_content_leaves_no_empty_message() -> None:
    sent = outgoing(
        [
            Message("user", "First"),
            Message("assistant", " \n", thinking="I was only thinking"),
            Message("user", "Second"),
        ]
    )
    assert [(m.role, m.content) for m in sent] == [("user", "First\n\nSecond")]


def test_the_system_prompt_stands_first_and_is_not_repeated() -> None:
    messages = [Message("system", "Be brief."), Message("user", "Hi")]
    sent = outgoing(messages, "You are kind.")
    assert [(m.role, m.content) for m in sent] == [
        ("system", "You are kind.\n\nBe brief."),
        ("user", "Hi"),
    ]
    assert outgoing([Message("user", "Hi")])[0].role == "user"


def test_a_pasted_lone_surrogate_can_be_sent() -> None:
    (sent,) = outgoing([Message("user", "half \ud83d, whole \ud83d\ude00")])
    assert sent.content == "half \ufffd, whole 😀"


def test_text_goes_out_as_it_was_typed() -> None:
    (sent,) = outgoing([Message("user", "  def f():\n\treturn 1\n")])
    assert sent.content == "  def f():\n\treturn 1\n"
