"""Turns whatever goes wrong while talking to a server into one of the named errors."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ollama_tui import errors
from ollama_tui.connection import Connection
from ollama_tui.text import sanitise

ASK_WITHIN = 10.0
"""Seconds for a question that needs no model: which version, which models."""
_NO_SERVER = "Is it running there? Start it (for Ollama: `ollama serve`), or name another: --host."
_NOT_OURS = "Look at what runs at this address, or name another: --host."
_NO_TLS = "If it speaks plain HTTP, write http:// in front of it."
_NO_ANSWER = "Try again; if it stays so, look at what runs at this address."
_AGAIN = "What had come is kept; try again."


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError, with the time in words, if the block takes longer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise TimeoutError(f"within {seconds:g} s") from None


def name_error(error: Exception, connection: Connection, model: str = "") -> errors.ServerError:
    """Return the named error for `error`, raised while `connection` was used.

    What came off the wire says more than the exception does: ollama-python turns several
    bodies into `AttributeError` and `TypeError`.
    """
    import httpx

    if isinstance(error, errors.ServerError):
        return error
    server, status, wire = connection.host.shown, connection.status, connection.wire
    if status is not None and status >= 300:
        return from_status(status, said(wire.body), server, model)
    if isinstance(error, httpx.RemoteProtocolError) and status is None and not _is_eof(error):
        what = "what answers there does not speak HTTP"
        return errors.NotThisProtocol(what, server=server, model=model, hint=_NOT_OURS)
    if isinstance(error, httpx.TransportError | OSError):
        return _name_transport_error(error, connection, model)
    line = wire.last_line
    if _is_error_line(line):
        return errors.ServerFailed(said(line), server=server, model=model, hint=_AGAIN)
    if type(error).__name__ == "ResponseError" and str(error):  # an error line of more than 4 KiB
        return errors.ServerFailed(said(str(error)), server=server, model=model, hint=_AGAIN)
    excerpt = sanitise(line)[:120]
    what = "what came is not what such a server sends" + (f": “{excerpt}”" if excerpt else "")
    return errors.NotThisProtocol(what, server=server, model=model, hint=_NOT_OURS)


def _name_transport_error(
    error: Exception, connection: Connection, model: str
) -> errors.ServerError:
    server, reason = connection.host.shown, _reason(error)
    if isinstance(error, TimeoutError):  # ours: for an answer, limits are timers of their own
        what = f"no answer {reason}"
        return errors.Unreachable(what, server=server, model=model, hint=_NO_SERVER)
    if connection.connected_at is None and connection.local_port is not None:
        what = f"no TLS connection: {reason}"
        return errors.Unreachable(what, server=server, model=model, hint=_NO_TLS)
    if connection.connected_at is None:
        what = f"nothing answers: {reason}"
        return errors.Unreachable(what, server=server, model=model, hint=_NO_SERVER)
    if connection.status is None:
        what, hint = "the server closed the connection without an answer", _NO_ANSWER
    else:
        what, hint = "the connection was lost in mid-answer", _AGAIN
    return errors.ConnectionLost(f"{what}: {reason}", server=server, model=model, hint=hint)


def _is_eof(error: Exception) -> bool:
    return "disconnected" in str(error) or "closed connection" in str(error)


def from_status(status: int, text: str, server: str, model: str) -> errors.ServerError:
    """Return the error for an HTTP status >= 300 and what the server said with it."""
    kind: type[errors.ServerError]
    what = text or f"the server answered with status {status}"
    lower = text.lower()
    hint = ""
    match status:
        case 404 if model and "model" in lower:  # "404 page not found" is some other server's
            kind, hint = errors.ModelNotFound, "Pick an installed one (ctrl+o), or install it."
        case 400 | 422 | 501 if "not support" in lower:
            kind, hint = errors.NotSupported, "Ask without it, or pick another model (ctrl+o)."
            if "think" in lower:
                hint = "Leave --think unset or off, or pick another model (ctrl+o)."
        case 401 | 402 | 403:
            kind, hint = errors.NotAllowed, "Look at the API key for this host in settings.toml."
        case 429 | 503:
            kind, hint = errors.Busy, "Try again in a moment."
        case _ if status >= 500:
            kind, hint = errors.ServerFailed, "Try again; the server's own log says more."
        case _ if status < 400:
            kind, hint = errors.NotThisProtocol, "It redirects: name the address itself, --host."
        case 404:
            kind, hint = errors.NotThisProtocol, _NOT_OURS
        case _:
            kind = errors.BadRequest
    return kind(what, server=server, model=model, hint=hint, status=status)


def said(body: str) -> str:
    """Return the server's own words in an error body, of whatever shape, in one short line."""
    text: Any = body
    try:
        text = json.loads(body)
    except ValueError:
        if "<html" in body.lower() or "<!doctype" in body.lower():
            return ""
    if isinstance(text, dict) and "error" in text:
        text = text["error"]
    if isinstance(text, dict):
        text = text.get("message") or text.get("detail") or json.dumps(text, ensure_ascii=False)
    if text is None:
        return ""
    if isinstance(text, list):
        text = "; ".join(str(item) for item in text)
    return " ".join(sanitise(str(text)).split())[:300]


def _is_error_line(line: str) -> bool:
    try:
        parsed = json.loads(line.removeprefix("data:"))
    except ValueError:
        return False
    return isinstance(parsed, dict) and bool(parsed.get("error"))


def _reason(error: Exception) -> str:
    """The innermost reason that has words: "Connection refused", not "All attempts failed"."""
    text = str(error)
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            # asyncio puts words and addresses of its own there; other errors have numbers of
            # their own
            known = isinstance(seen, ConnectionError) or type(seen) is OSError
            text = os.strerror(seen.errno) if known and seen.errno else seen.strerror
        seen = seen.__cause__ or seen.__context__
    return text or type(error).__name__
