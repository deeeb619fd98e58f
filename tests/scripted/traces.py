"""The recorded answers of a real server (tests/data/traces), and how to play them again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .steps import (
    Done,
    ErrorLine,
    ErrorStatus,
    LateHeaders,
    Recorded,
    Say,
    Scenario,
    Step,
    ThinkSay,
)

FOLDER = Path(__file__).parents[1] / "data" / "traces"


@dataclass(frozen=True, slots=True)
class Trace:
    """One recorded exchange."""

    name: str
    method: str
    path: str
    request: Any
    """The request's body."""
    status: int
    headers: dict[str, str]
    headers_after: float
    """Seconds since sending."""
    chunks: tuple[tuple[float, str], ...]

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.chunks)

    def json(self) -> Any:
        """The body as one JSON document."""
        return json.loads(self.text)

    def lines(self) -> list[dict[str, Any]]:
        """The JSON of every line, or of every event (without the closing `[DONE]`)."""
        lines = (line.removeprefix("data: ") for line in self.text.split("\n"))
        return [json.loads(line) for line in lines if line and line != "[DONE]"]


@cache
def trace(name: str) -> Trace:
    """Load a recording by its file's name without `.json`. Raises FileNotFoundError."""
    data = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return Trace(
        name=name,
        method=data["request"]["method"],
        path=data["request"]["path"],
        request=data["request"]["body"],
        status=data["status"],
        headers=data["headers"],
        headers_after=data["headers_after_ms"] / 1000,
        chunks=tuple((ms / 1000, text) for ms, text in data["chunks"]),
    )


def replay(name: str, speed: float | None = None) -> Scenario:
    """Play a recorded answer: byte for byte on its own path, translated on the other.

    `speed` is a factor on the recorded pace (2 is twice as fast); None doesn't wait at all.
    """
    recording = trace(name)
    if recording.status >= 400:
        body = recording.text.encode()
        kind = recording.headers["Content-Type"]
        return Scenario(name, (ErrorStatus(recording.status, body, kind),))
    late = (LateHeaders(recording.headers_after / speed),) if speed else ()
    streamed = "chunked" in recording.headers.get("Transfer-Encoding", "")
    steps = (*late, *_translated(recording, speed))
    if not streamed:
        return Scenario(name, steps)
    chunks = tuple((at, text.encode()) for at, text in recording.chunks)
    tokens = len(chunks) - 1  # the last one says that it is done
    verbatim = (*late, Recorded(chunks, tokens, speed))
    if recording.path.startswith("/v1/"):
        return Scenario(name, steps, openai=verbatim)
    return Scenario(name, steps, ollama=verbatim)


def _translated(recording: Trace, speed: float | None) -> tuple[Step, ...]:
    """The recording as steps, at its mean rate."""
    steps: list[Step] = []
    rate = _mean_rate(recording) * speed if speed else None
    for line in recording.lines():
        if "error" in line:
            return (*steps, ErrorLine(line["error"]))
        choice = (line.get("choices") or [{}])[0]
        message = line.get("message") or choice.get("delta", {})
        if thinking := message.get("thinking") or message.get("reasoning"):
            steps.append(ThinkSay((thinking,), rate))
        if content := message.get("content"):
            steps.append(Say((content,), rate))
        if reason := line.get("done_reason") or choice.get("finish_reason"):
            steps.append(Done(reason))
    return tuple(steps)


def _mean_rate(recording: Trace) -> float:
    seconds = recording.chunks[-1][0] - recording.headers_after
    return len(recording.chunks) / seconds if seconds > 0 else 1000.0
