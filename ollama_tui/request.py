"""What is asked of a server, and what a server yields; plain data, the same for every server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ollama_tui.events import Usage

Role: TypeAlias = Literal["system", "user", "assistant"]
Think: TypeAlias = bool | Literal["low", "medium", "high", "max"] | None
"""None leaves it to the server. A level is for models that know levels."""


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str
    thinking: str = ""
    """Kept and shown; not sent back to the server."""


@dataclass(frozen=True, slots=True)
class Request:
    model: str
    messages: Sequence[Message]
    think: Think = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """Ollama's names: temperature, seed, num_predict, num_ctx, ..."""
    format: Literal["json"] | Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """One delta as the server sent it: raw, unsanitised. Both fields may be empty."""

    content: str = ""
    thinking: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """The server said that the answer is complete."""

    reason: str
    usage: Usage = field(default_factory=Usage)


def outgoing(messages: Iterable[Message], system: str | None = None) -> tuple[Message, ...]:
    """The messages as they are sent: no empty assistant message, never two of one role in a row.

    An answer that was stopped before any content leaves two user messages side by side, which
    many templates refuse; they are joined by an empty line.
    """
    kept: list[Message] = [Message("system", system)] if system else []
    for message in messages:
        if not message.content.strip():
            continue
        if kept and kept[-1].role == message.role:
            joined = f"{kept[-1].content}\n\n{message.content}"
            kept[-1] = Message(message.role, joined)
        else:
            kept.append(Message(message.role, message.content))
    return tuple(Message(message.role, _encodable(message.content)) for message in kept)


def _encodable(text: str) -> str:
    """A lone surrogate, which no request can carry, becomes U+FFFD; a pair its character."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@dataclass(frozen=True, slots=True)
class Model:
    """An installed model, as far as its server tells. The texts are the server's, unsanitised."""

    name: str
    size_bytes: int | None = None
    parameters: str | None = None
    """As the server writes it: "7.6B", "134.52M"."""
    quantization: str | None = None
    """"Q4_K_M" and the like."""
    family: str | None = None
    capabilities: tuple[str, ...] = ()
    """Ollama's words: completion, thinking, vision, tools, ..."""
    context_length: int | None = None
    """Tokens that it was trained for."""
