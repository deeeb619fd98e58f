"""How an answer's end is told, in words; the same on the screen and in a shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ollama_tui.events import (
    BrokenOff,
    CauseKind,
    End,
    Failed,
    Finished,
    Receipt,
    SocketState,
    Stopped,
)

Style: TypeAlias = Literal["stop", "warning", "error", "dim"]

_USERS = {CauseKind.SHUTDOWN: "at the end of the program", CauseKind.CLOSED: "with its chat"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a receipt."""

    text: str
    style: Style


def describe(end: End, receipt: Receipt) -> list[Line]:
    """Return the lines for `end`; `receipt` is its newest form (the socket read or not yet)."""
    match end:
        case Stopped():
            return _stopped(receipt)
        case BrokenOff():
            head = f"▲ broken off: {receipt.detail}"
            return [Line(head, "warning"), Line(f"  {kept(receipt)}", "dim")]
        case Failed():
            lines = [Line(f"× {receipt.detail}", "error")]
            if receipt.tokens:
                lines.append(Line(f"  {kept(receipt)}", "dim"))
            return lines
        case Finished():
            return _finished(receipt)


def _stopped(receipt: Receipt) -> list[Line]:
    cause = receipt.cause
    proof = Line(f"  {socket_words(receipt)} · server: unknown", "dim")
    if cause is None or cause.kind not in (CauseKind.RULE, CauseKind.LIMIT):
        who = "by you" if cause is None else _USERS.get(cause.kind, "by you")
        return [Line(f"■ stopped {who} {after(receipt)}", "stop"), proof]
    if cause.kind is CauseKind.LIMIT:
        head = f"■ stopped by the time limit “{cause.by}” {after(receipt)}"
    else:
        reason = f": {cause.verdict.reason}" if cause.verdict and cause.verdict.reason else ""
        head = f"■ stopped by rule “{cause.by}”{reason}"
    return [Line(f"{head} · {kept(receipt)}", "stop"), proof]


def _finished(receipt: Receipt) -> list[Line]:
    if receipt.done_reason == "length":
        what = "▲ cut short by the server: the answer reached its length limit"
        return [Line(f"{what} · {count(receipt.tokens)}", "warning")]
    if receipt.tokens == 0:
        reason = receipt.done_reason or "stop"
        return [Line(f"▲ an empty answer: the server was done at once ({reason})", "warning")]
    return []


def after(receipt: Receipt) -> str:
    """ "after 148 tokens, 3.1 s", or in which phase, where no token had come."""
    if receipt.tokens == 0:
        return f"while {receipt.phase}, {receipt.elapsed:.1f} s"
    return f"after {count(receipt.tokens)}, {receipt.elapsed:.1f} s"


def kept(receipt: Receipt) -> str:
    """ "62 tokens kept"; of an answer that was stopped at its first word nothing may be kept."""
    if receipt.tokens and not receipt.thinking_characters + receipt.content_characters:
        return f"nothing kept of {count(receipt.tokens)}"
    return f"{count(receipt.tokens)} kept" if receipt.tokens else "no token had come"


def count(tokens: int) -> str:
    """ "1 token", "1,480 tokens"."""
    return "1 token" if tokens == 1 else f"{tokens:,} tokens"


def socket_words(receipt: Receipt) -> str:
    """What the socket itself said."""
    match receipt.socket:
        case SocketState.PENDING:
            return "closing the socket"
        case SocketState.NEVER_OPENED:
            return "no connection had been made"
        case SocketState.OPEN:
            return "SOCKET STILL OPEN"
        case SocketState.CLOSED:
            seconds = receipt.close_seconds
            return "socket closed" + ("" if seconds is None else f" in {milliseconds(seconds)}")


def milliseconds(seconds: float) -> str:
    """ "0.7 ms" below 10 ms, else whole ones."""
    ms = seconds * 1000
    return f"{ms:.1f} ms" if ms < 10 else f"{ms:,.0f} ms"
