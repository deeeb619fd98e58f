"""Everything but the chat itself: models, versions, loading and unloading, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from .protocols import dumps, timestamp
from .traces import trace

JSON = "application/json; charset=utf-8"
_LEVELS = {"low", "medium", "high", "max"}
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_FOREVER = timedelta(days=365 * 100)


class Answer(NamedTuple):
    status: int
    content_type: str
    body: bytes
    chunked: bool = False


class Models:
    """Which models are there, and which are loaded."""

    def __init__(self, names: Sequence[str] | None = None) -> None:
        recorded = trace("tags").json()["models"]
        if names is None:
            self.entries = recorded
        else:
            by_name = {entry["name"]: entry for entry in recorded}
            like = by_name["smollm2:135m"]
            self.entries = [by_name.get(n, like) | {"name": n, "model": n} for n in names]
        self._until: dict[str, datetime] = {}

    def find(self, name: Any) -> dict[str, Any] | None:
        full = name if ":" in str(name) else f"{name}:latest"
        return next((entry for entry in self.entries if entry["name"] == full), None)

    def can(self, name: Any, capability: str) -> bool:
        entry = self.find(name)
        return entry is not None and capability in entry["capabilities"]

    def use(self, name: str, keep_alive: Any = None) -> bool:
        """Note at a request's begin and end that the model is loaded; false if it is unloaded."""
        entry = self.find(name)
        kept = _duration(keep_alive)
        if entry is None:
            return False
        if not kept:
            self._until.pop(entry["name"], None)
            return False
        self._until[entry["name"]] = datetime.now(UTC) + kept
        return True

    def load(self, name: str, keep_alive: Any) -> Answer:
        """Answer a chat request without messages."""
        shape = trace("load" if self.use(name, keep_alive) else "unload").json()
        return Answer(200, JSON, dumps(shape | {"model": name, "created_at": timestamp()}))

    def tags(self) -> Answer:
        return Answer(200, JSON, dumps({"models": self.entries}), chunked=True)

    def ps(self) -> Answer:
        (shape,) = trace("ps").json()["models"]
        now = datetime.now(UTC)
        models = []
        for name, until in self._until.items():
            if until > now and (entry := self.find(name)):
                own = {"name": name, "model": name, "digest": entry["digest"]}
                models.append(shape | own | {"expires_at": timestamp(until)})
        return Answer(200, JSON, dumps({"models": models}))

    def show(self, body: Any) -> Answer:
        name = (body or {}).get("model") or (body or {}).get("name")
        entry = self.find(name)
        if entry is None:
            full = name if ":" in str(name) else f"{name}:latest"
            return error(404, f"model '{full}' not found")
        own = {"capabilities": entry["capabilities"], "modified_at": entry["modified_at"]}
        return Answer(200, JSON, dumps(trace("show").json() | own), chunked=True)

    def v1_models(self) -> Answer:
        data = []
        for entry in self.entries:
            created = int(datetime.fromisoformat(entry["modified_at"][:19] + "+00:00").timestamp())
            own = {"id": entry["name"], "object": "model", "created": created}
            data.append(own | {"owned_by": "library"})
        return Answer(200, "application/json", dumps({"object": "list", "data": data}) + b"\n")


def error(status: int, message: str) -> Answer:
    return Answer(status, JSON, dumps({"error": message}))


def recorded(name: str) -> Answer:
    recording = trace(name)
    chunked = "Transfer-Encoding" in recording.headers
    kind = recording.headers.get("Content-Type", "")
    return Answer(recording.status, kind, recording.text.encode(), chunked)


def refusal(models: Models, path: str, body: Any) -> tuple[int, str] | None:
    """Why a chat request is not answered at all (status, message), or None if it is."""
    name = body.get("model") if isinstance(body, dict) else None
    if not isinstance(name, str):
        return 400, "model is required"
    if models.find(name) is None:
        return 404, f"model '{name}' not found"
    if not isinstance(body.get("messages", []), list):
        return 400, trace("chat-bad-json-400").json()["error"]
    if path != "/api/chat":
        return None
    think = body.get("think")
    if isinstance(think, str) and think not in _LEVELS:
        message = trace("chat-bad-think-400").json()["error"]
        return 400, message.replace('"enormous"', f'"{think}"')
    if think and not models.can(name, "thinking"):
        return 400, f'"{name}" does not support thinking'
    if body.get("tools") and not models.can(name, "tools"):
        message = trace("chat-tools-400").json()["error"]
        return 400, message.replace("smollm2:135m", name)
    return None


def route(models: Models, method: str, path: str, body: Any) -> Answer:
    """Answer everything but a chat."""
    answers: dict[tuple[str, str], Callable[[], Answer]] = {
        ("GET", "/"): lambda: recorded("root"),
        ("GET", "/api/version"): lambda: recorded("version"),
        ("GET", "/api/tags"): models.tags,
        ("GET", "/api/ps"): models.ps,
        ("POST", "/api/show"): lambda: models.show(body),
        ("POST", "/api/pull"): lambda: recorded("pull-fails"),
        ("POST", "/api/create"): lambda: recorded("create-bad"),
        ("GET", "/v1/models"): models.v1_models,
        ("GET", "/health"): lambda: Answer(200, JSON, b'{"status":"ok"}'),
    }
    asked = ("GET" if method == "HEAD" else method, path.partition("?")[0])
    answer = answers.get(asked)
    return answer() if answer else Answer(404, "text/plain", b"404 page not found")


def _duration(keep_alive: Any) -> timedelta:
    """Ollama's keep_alive: seconds, or "5m"; negative is for ever, None its default."""
    if keep_alive is None:
        return timedelta(minutes=5)
    if isinstance(keep_alive, int | float):
        seconds = float(keep_alive)
    else:
        parts = re.findall(r"([\d.]+)(ms|s|m|h)", keep_alive)
        seconds = sum(float(figure) * _UNITS[unit] for figure, unit in parts)
        if keep_alive.startswith("-"):
            seconds = -seconds
    return _FOREVER if seconds < 0 else timedelta(seconds=seconds)
