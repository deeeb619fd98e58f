"""Turns whatever goes wrong while talking to a server into one of the named errors."""

from __future__ import annotations

import json
from typing import Any

from ollama_tui import errors
from ollama_tui.connection import Connection
from ollama_tui.text import sanitise

_NO_SERVER = "Is it running there? Start it (for Ollama: `ollama serve`), or name another: --host."
_NOT_OURS = "Look at what runs at this address, or name another: --host."
_AGAIN = "What had come is kept; try again."


def name_error(error: Exception, connection: Connection, model: str = "") -> errors.ServerError:
    """Return the named error for `error`, raised while `connection` was used.

    What came off the wire says more than the exception does: ollama-python turns several
    bodies into `AttributeError` and `TypeError`.
    """
    import httpx

    if isinstance(error, errors.ServerError):
        return error
    where = {"server": connection.host.shown, "model": model}
    if connection.status is not None and connection.status >= 300:
        body = connection.wire.body
        return from_status(connection.status, said(body), connection.host.shown, model)
    if isinstance(error, httpx.TransportError | ConnectionError | OSError | httpx.InvalidURL):
        if connection.connected_at is None:
            what = f"nothing answers: {_reason(error)}"
            return errors.Unreachable(what, hint=_NO_SERVER, **where)
        if connection.status is None:
            what = "the server closed the connection without an answer"
        else:
            what = "the connection was lost in mid-answer"
        return errors.ConnectionLost(f"{what}: {_reason(error)}", hint=_AGAIN, **where)
    line = connection.wire.last_line
    if (text := said(line)) and _is_error_line(line):
        return errors.ServerFailed(text, hint=_AGAIN, **where)
    excerpt = sanitise(line)[:120]
    what = "what came is not what such a server sends" + (f": {excerpt!r}" if excerpt else "")
    return errors.NotThisProtocol(what, hint=_NOT_OURS, **where)


def from_status(status: int, text: str, server: str, model: str) -> errors.ServerError:
    """Return the error for an HTTP status >= 300 and what the server said with it."""
    kind: type[errors.ServerError]
    what = text or f"the server answered with status {status}"
    lower = text.lower()
    hint = ""
    match status:
        case 404 if model and ("model" in lower or "not found" in lower):
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
            text = seen.strerror
        seen = seen.__cause__ or seen.__context__
    return text or type(error).__name__
