"""Hosts, folders, and what is remembered between runs."""

from __future__ import annotations

import base64
import json
import os
import re
import tempfile
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from ollama_tui.errors import SettingsError

Api: TypeAlias = Literal["auto", "ollama", "openai"]
OLLAMA_PORT = 11434
_DEFAULT_PORTS = {"http": 80, "https": 443}
_CLOUD = "ollama.com"


@dataclass(frozen=True, slots=True)
class Host:
    """One server's address, and what may be sent to it."""

    url: str
    """scheme://host:port, with a path where there is one; without user info or a final slash."""
    api: Api = "auto"
    authorization: str | None = field(default=None, repr=False)
    """The whole Authorization header, sent to this host alone."""

    @property
    def shown(self) -> str:
        """The address as people write it: without http:// and never with secrets."""
        return self.url.removeprefix("http://")

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine: then no proxy is asked."""
        name = urlsplit(self.url).hostname or ""
        if name == "localhost":
            return True
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return False


def parse_host(text: str, api: Api = "auto", key: str | None = None) -> Host:
    """Read an address as OLLAMA_HOST is read.

    Without a scheme the port is 11434, with http:// 80, with https:// 443. The unspecified
    address (0.0.0.0, [::]), which a server listens on, becomes loopback. User info becomes a
    Basic header. `key` is sent as a bearer token; without it, https://ollama.com gets
    OLLAMA_API_KEY.

    Raises:
        SettingsError: it is no address.
    """
    text = text.strip()
    full = text if "://" in text else f"//{text or '127.0.0.1'}"
    try:
        parts = urlsplit(full)
        port = parts.port
    except ValueError as error:
        what = str(error) if "@" not in text else "wrong port or brackets"
        raise SettingsError(f"“{_masked(text)}” is no address: {what}. {_ADDRESS_HELP}") from None
    scheme = parts.scheme or "http"
    if scheme not in _DEFAULT_PORTS or not parts.hostname or " " in parts.netloc:
        raise SettingsError(f"“{_masked(text)}” is no address. {_ADDRESS_HELP}")
    if port is None:
        port = _DEFAULT_PORTS[scheme] if parts.scheme else OLLAMA_PORT
    listening = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens, not we
    name = listening.get(parts.hostname, parts.hostname)
    shown = f"[{name}]" if ":" in name else name
    path = parts.path.rstrip("/")
    if path.endswith("/v1") and api == "auto":
        api = "openai"
    if key is None and scheme == "https" and (name == _CLOUD or name.endswith(f".{_CLOUD}")):
        key = os.environ.get("OLLAMA_API_KEY")
    return Host(f"{scheme}://{shown}:{port}{path}", api, _authorization(parts, key))


_ADDRESS_HELP = "Write it as host, host:port or http://host:port."


def _masked(text: str) -> str:
    """`text` without what may be user info: everything up to the last @."""
    return re.sub(r"^(\w+://)?.*@", r"\1…@", text, flags=re.DOTALL)


def _authorization(parts: SplitResult, key: str | None) -> str | None:
    if key:
        return f"Bearer {key.strip()}"
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return "Basic " + base64.b64encode(pair.encode()).decode()
    return None


# -- folders


def data_folder() -> Path:
    """Where the built-in model lives (OLLAMA_TUI_DATA wins). Not created here."""
    return _folder("OLLAMA_TUI_DATA", "user_data_path")


def state_folder() -> Path:
    """Where logs and what is remembered live (OLLAMA_TUI_STATE wins). Not created here."""
    return _folder("OLLAMA_TUI_STATE", "user_state_path")


def config_folder() -> Path:
    """Where settings.toml lives (OLLAMA_TUI_CONFIG wins). Not created here."""
    return _folder("OLLAMA_TUI_CONFIG", "user_config_path")


def _folder(variable: str, kind: str) -> Path:
    if chosen := os.environ.get(variable):
        return Path(chosen).expanduser()
    import platformdirs

    path: Path = getattr(platformdirs, kind)("ollama-tui", appauthor=False)
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file (0600, in a folder 0700) so that a reader never sees half of it.

    Raises `OSError`.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:  # Ctrl+C too: no half-written file stays
        Path(name).unlink(missing_ok=True)
        raise


# -- settings.toml


def configured_host(text: str) -> Host:
    """The host that `text` names: an entry of settings.toml by name or address, or an address.

    An entry is `[hosts.NAME]` with `url`, and optionally `api` ("ollama" or "openai") and
    `api_key_env`, the name of an environment variable whose value is sent to that host.

    Raises:
        SettingsError: settings.toml or the address can't be used.
    """
    plain = None if text in (entries := _host_entries()) else parse_host(text)
    for name, entry in entries.items():
        try:
            host = _entry_host(entry)
        except SettingsError as error:
            raise SettingsError(f"{_settings_file()}: [hosts.{name}]: {error}") from None
        if name == text:
            return host
        if plain is not None and host.url == plain.url:
            return replace(host, authorization=host.authorization or plain.authorization)
    return plain or parse_host(text)


def _entry_host(entry: Any) -> Host:
    if not isinstance(entry, dict) or not isinstance(entry.get("url"), str):
        raise SettingsError("it needs a url.")
    api = entry.get("api", "auto")
    if api not in ("auto", "ollama", "openai"):
        raise SettingsError('api is "ollama" or "openai".')
    variable = entry.get("api_key_env", "")
    if not isinstance(variable, str):
        raise SettingsError("api_key_env is the name of an environment variable.")
    return parse_host(entry["url"], api, os.environ.get(variable) if variable else None)


def _settings_file() -> Path:
    return config_folder() / "settings.toml"


def _host_entries() -> dict[str, Any]:
    import tomllib

    try:
        with _settings_file().open("rb") as file:
            hosts = tomllib.load(file).get("hosts", {})
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            f"{_settings_file()} can't be read: {error}. Mend or move it."
        ) from None
    return hosts if isinstance(hosts, dict) else {}


# -- remembered


class Remembered:
    """Words by key in a JSON file of the state folder. A broken file counts as empty."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, key: str) -> str | None:
        word = self._read().get(key)
        return word if isinstance(word, str) else None

    def set(self, key: str, word: str) -> None:
        """Remember it. Raises `OSError` where the folder can't be written."""
        write_private(self._path, json.dumps({**self._read(), key: word}, indent=1))

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def last_models() -> Remembered:
    """The model last chosen, by `Host.url`."""
    return Remembered(state_folder() / "last_models.json")


def looks() -> Remembered:
    """How the screen looked last: theme, density."""
    return Remembered(state_folder() / "looks.json")
