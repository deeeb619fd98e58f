"""The two protocols' shapes, as a recorded Ollama sends them."""

from __future__ import annotations

import json
import random
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from .steps import Token

Channel = Literal["content", "thinking"]
_SURROGATE = re.compile("[\ud800-\udfff]")
_HTML = {ord(c): f"\\u{ord(c):04x}" for c in "<>&"}
"""Go's encoder escapes these; U+2028, which it escapes too, stays raw as other servers send it."""


def dumps(value: Any) -> bytes:
    """Compact JSON as Go writes it: raw UTF-8, lone surrogates and `<`, `>`, `&` as escapes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_HTML)
    return _SURROGATE.sub(lambda m: f"\\u{ord(m[0]):04x}", text).encode()


def quoted(token: Token) -> bytes:
    return b'"' + token + b'"' if isinstance(token, bytes) else dumps(token)


def timestamp(moment: datetime | None = None) -> str:
    """RFC 3339 with nanoseconds, in UTC."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z"


@dataclass(slots=True)
class Tally:
    """What the last chunk tells."""

    prompt_tokens: int = 0
    tokens: int = 0
    started: float = field(default_factory=time.monotonic)
    first: float | None = None
    """When the first token went out."""


class ChatProtocol(Protocol):
    """How one answer is written."""

    stream: bool
    stream_type: str
    """Content-Type of a stream."""
    json_type: str
    """Content-Type of anything else."""

    def delta(self, token: Token, channel: Channel) -> bytes: ...
    def done(self, reason: str, tally: Tally) -> bytes: ...
    def error_line(self, error: str | dict[str, Any]) -> bytes: ...
    def whole(self, content: str, thinking: str, reason: str | None, tally: Tally) -> bytes: ...
    def error_body(self, status: int, message: str) -> bytes: ...


class OllamaChat:
    """POST /api/chat."""

    stream_type = "application/x-ndjson"
    json_type = "application/json; charset=utf-8"

    def __init__(self, body: dict[str, Any]) -> None:
        self.stream = body.get("stream", True) is not False
        self._model = body["model"]
        self._head = b'{"model":' + dumps(self._model) + b',"created_at":"'

    def delta(self, token: Token, channel: Channel) -> bytes:
        thinking = channel == "thinking"
        message = b'"","thinking":' + quoted(token) if thinking else quoted(token)
        return (
            self._head
            + timestamp().encode()
            + b'","message":{"role":"assistant","content":'
            + message
            + b'},"done":false}\n'
        )

    def done(self, reason: str, tally: Tally) -> bytes:
        return dumps(self._last("", "", reason, tally)) + b"\n"

    def whole(self, content: str, thinking: str, reason: str | None, tally: Tally) -> bytes:
        return dumps(self._last(content, thinking, reason, tally))

    def error_line(self, error: str | dict[str, Any]) -> bytes:
        return dumps({"error": error}) + b"\n"

    def error_body(self, status: int, message: str) -> bytes:
        return dumps({"error": message})

    def _last(self, content: str, thinking: str, reason: str | None, tally: Tally) -> Any:
        message = {"role": "assistant", "content": content}
        if thinking:
            message["thinking"] = thinking
        last = {"model": self._model, "created_at": timestamp(), "message": message}
        if reason is None:
            return last | {"done": False}
        last |= {"done": True, "done_reason": reason}
        if reason in {"load", "unload"}:
            return last
        now = time.monotonic()
        first = tally.first or now
        return last | {
            "total_duration": _nanoseconds(now - tally.started),
            "load_duration": 1_761_500,
            "prompt_eval_count": tally.prompt_tokens,
            "prompt_eval_duration": _nanoseconds(first - tally.started),
            "eval_count": tally.tokens,
            "eval_duration": _nanoseconds(now - first),
        }


class OpenAIChat:
    """POST /v1/chat/completions."""

    stream_type = "text/event-stream"
    json_type = "application/json"

    def __init__(self, body: dict[str, Any], reasoning_field: str) -> None:
        self.stream = body.get("stream", False) is True
        self._usage = bool((body.get("stream_options") or {}).get("include_usage"))
        self._field = reasoning_field
        self._began = False
        self._head = {
            "id": f"chatcmpl-{random.randint(1, 999)}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": body["model"],
            "system_fingerprint": "fp_ollama",
        }
        self._prefix = b"data: " + dumps(self._head)[:-1] + b',"choices":[{"index":0,"delta":{'

    def delta(self, token: Token, channel: Channel) -> bytes:
        role = b"" if self._began else b'"role":"assistant",'
        self._began = True
        name = b'"content":' if channel == "content" else b'"content":"",' + self._name()
        return self._prefix + role + name + quoted(token) + b'},"finish_reason":null}]}\n\n'

    def done(self, reason: str, tally: Tally) -> bytes:
        last = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
        events = [self._event(last)]
        if self._usage:
            events.append(self._event({"choices": [], "usage": _usage(tally)}))
        return b"".join(events) + b"data: [DONE]\n\n"

    def whole(self, content: str, thinking: str, reason: str | None, tally: Tally) -> bytes:
        message = {"role": "assistant", "content": content}
        if thinking:
            message[self._field] = thinking
        choice = {"index": 0, "message": message, "finish_reason": reason}
        body = self._head | {"object": "chat.completion", "choices": [choice]}
        return dumps(body | {"usage": _usage(tally)}) + b"\n"

    def error_line(self, error: str | dict[str, Any]) -> bytes:
        return b"data: " + self.error_body(500, error) + b"\n"

    def error_body(self, status: int, message: str | dict[str, Any]) -> bytes:
        kinds = {400: "invalid_request_error", 404: "not_found_error"}
        error = {"message": message, "type": kinds.get(status, "api_error")}
        if isinstance(message, dict):
            error = message
        return dumps({"error": error | {"param": None, "code": None}}) + b"\n"

    def _name(self) -> bytes:
        return dumps(self._field) + b":"

    def _event(self, more: dict[str, Any]) -> bytes:
        return b"data: " + dumps(self._head | more) + b"\n\n"


def _usage(tally: Tally) -> dict[str, int]:
    return {
        "prompt_tokens": tally.prompt_tokens,
        "completion_tokens": tally.tokens,
        "total_tokens": tally.prompt_tokens + tally.tokens,
    }


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
