"""Addresses, keys and what is remembered; a secret goes to its host and nowhere else."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from ollama_tui.errors import SettingsError
from ollama_tui.settings import Host, configured_host, last_models, parse_host, write_private


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for kind in ("DATA", "STATE", "CONFIG"):
        monkeypatch.setenv(f"OLLAMA_TUI_{kind}", str(tmp_path / kind.lower()))
    monkeypatch.delenv("OLLAMA_API_KEY", raising=False)
    return tmp_path


def settings_toml(folder: Path, text: str) -> None:
    (folder / "config").mkdir()
    (folder / "config" / "settings.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("  gpu-box ", "http://gpu-box:11434"),
        ("gpu-box:9", "http://gpu-box:9"),
        ("http://gpu-box", "http://gpu-box:80"),
        ("https://gpu-box", "https://gpu-box:443"),
        ("https://gpu-box:8443/ollama/", "https://gpu-box:8443/ollama"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://[::]:8080", "http://[::1]:8080"),
        ("[::1]", "http://[::1]:11434"),
        ("http://user:secret@gpu-box:1", "http://gpu-box:1"),
        ("HTTP://GPU-Box:1", "http://gpu-box:1"),
    ],
)
def test_an_address_is_read_as_ollama_host_is(text: str, url: str) -> None:
    assert parse_host(text).url == url


@pytest.mark.parametrize("text", ["ftp://x", "http://", "two words", "x:99999", "x:port", "::1"])
def test_what_is_no_address_is_refused_with_help(text: str) -> None:
    with pytest.raises(SettingsError, match="Write it as host"):
        parse_host(text)


@pytest.mark.parametrize(
    "text",
    ["http://user:sesame@x:port", "http://user:sesame@", "ftp://user:se/same@x", "u:sesame@"],
)
def test_a_refusal_shows_no_password(text: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        parse_host(text)
    assert "same" not in str(refusal.value)


def test_a_path_that_ends_in_v1_is_an_openai_server() -> None:
    assert parse_host("http://x:8000/v1/").api == "openai"
    assert parse_host("http://x:8000").api == "auto"


def test_user_info_becomes_a_basic_header_and_is_never_shown() -> None:
    host = parse_host("http://me:p%40ss@gpu-box")
    assert host.authorization == "Basic " + base64.b64encode(b"me:p@ss").decode()
    for text in (repr(host), str(host), host.shown, host.url):
        assert "p@ss" not in text
        assert "p%40ss" not in text
        assert "bWU6" not in text


@pytest.mark.parametrize(
    "text", ["", "localhost", "gpu-box", "https://notollama.com", "ollama.com.x"]
)
def test_the_environments_key_is_not_for_just_any_host(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "sesame")
    assert parse_host(text).authorization is None


def test_the_environments_key_is_for_ollama_com(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "sesame\n")
    assert parse_host("https://ollama.com").authorization == "Bearer sesame"
    assert parse_host("https://api.ollama.com").authorization == "Bearer sesame"


def test_the_environments_key_never_goes_out_unencrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "sesame")
    assert parse_host("http://ollama.com").authorization is None
    assert parse_host("ollama.com").authorization is None


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1:1", True),
        ("127.8.8.8", True),
        ("[::1]:1", True),
        ("0.0.0.0", True),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
    ],
)
def test_loopback(text: str, loopback: bool) -> None:
    assert parse_host(text).is_loopback is loopback


def test_a_host_is_found_by_name_and_by_address(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_toml(
        folders,
        '[hosts.gpu]\nurl = "http://gpu-box:8000"\napi = "openai"\napi_key_env = "GPU_KEY"\n'
        '[hosts.other]\nurl = "other"\n',
    )
    monkeypatch.setenv("GPU_KEY", "sesame")
    by_name, by_address = configured_host("gpu"), configured_host("http://gpu-box:8000/")
    assert by_name == by_address
    assert by_name.api == "openai"
    assert by_name.authorization == "Bearer sesame"
    assert configured_host("other").authorization is None
    assert configured_host("http://gpu-box:8001").authorization is None


def test_user_info_on_the_command_line_wins_over_an_entry_without_a_key(folders: Path) -> None:
    settings_toml(folders, '[hosts.gpu]\nurl = "http://gpu-box:8000"\napi = "openai"\n')
    host = configured_host("http://me:pass@gpu-box:8000")
    assert host.api == "openai"
    assert host.authorization is not None
    assert host.authorization.startswith("Basic ")


def test_without_a_file_an_address_is_just_an_address() -> None:
    assert configured_host("gpu-box") == Host("http://gpu-box:11434")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[hosts", "can't be read"),
        ("[hosts.gpu]\n", "needs a url"),
        ('[hosts.gpu]\nurl = "x"\napi = "soap"\n', "api is"),
        ('[hosts.gpu]\nurl = "ftp://me:sesame@x"\n', "hosts.gpu"),
        ('[hosts.gpu]\nurl = "x"\napi_key_env = 5\n', "api_key_env"),
    ],
)
def test_a_wrong_settings_file_is_named(folders: Path, text: str, says: str) -> None:
    settings_toml(folders, text)
    with pytest.raises(SettingsError, match=says) as refusal:
        configured_host("gpu-box")
    assert "settings.toml" in str(refusal.value)
    assert "sesame" not in str(refusal.value)


def test_the_last_model_of_each_host_is_remembered(folders: Path) -> None:
    here, there = parse_host(""), parse_host("there")
    last_models().set(here.url, "qwen3:8b")
    last_models().set(there.url, "smollm2")
    assert last_models().get(here.url) == "qwen3:8b"
    assert last_models().get(there.url) == "smollm2"
    assert last_models().get(parse_host("elsewhere").url) is None


def test_what_is_remembered_is_private_and_a_broken_file_counts_as_empty(folders: Path) -> None:
    host = parse_host("")
    last_models().set(host.url, "a")
    (file,) = (folders / "state").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    file.write_text('["not", "what", "we write"')
    assert last_models().get(host.url) is None
    last_models().set(host.url, "b")
    assert last_models().get(host.url) == "b"


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "half \ud83d")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
