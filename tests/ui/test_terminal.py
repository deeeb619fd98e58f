"""What depends on the terminal: Esc and other keys in a real pseudo-terminal, signals, locale."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual import events
from textual._parser import Parser
from textual.message import Message

if sys.platform == "win32":
    pytest.skip("the mended driver is that of Linux and macOS", allow_module_level=True)

from benchmarks.escape import Session, measure
from ollama_tui.ui import clipboard, escape, terminal
from ollama_tui.ui.escape import FastEscapeDriver, Input


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    session = Session(fast=True)
    yield session
    session.close()


def notes(session: Session, count: int) -> list[str]:
    return [session.note()[1] for _ in range(count)]


def seen(messages: list[Message]) -> list[str]:
    """Keys by name, a paste by its text, the rest by class."""
    what = []
    for message in messages:
        if isinstance(message, events.Key):
            what.append(message.key)
        elif isinstance(message, events.Paste):
            what.append(f"paste {message.text}")
        else:
            what.append(type(message).__name__)
    return what


class TestEsc:
    def test_textuals_private_parts_are_the_known_ones(self) -> None:
        # If this fails, Textual has changed what ui/escape.py relies on: the program still
        # works, but Esc waits 100 ms again. Mend ui/escape.py.
        assert escape.textual_is_known()
        assert terminal.escape_is_fast()
        assert terminal.driver_class() is FastEscapeDriver

    def test_it_takes_less_than_60_ms(self) -> None:
        figures = [measure(fast=True, presses=5)["p50_ms"]]
        while figures[-1] >= 60 and len(figures) < 3:
            figures.append(measure(fast=True, presses=5)["p50_ms"])
        assert figures[-1] < 60, f"ms per press, in {len(figures)} rounds: {figures}"

    def test_it_can_be_left_to_textual(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert terminal.driver_class(fast_escape=False) is None
        monkeypatch.setenv("TEXTUAL_DRIVER", "textual.drivers.web_driver:WebDriver")
        terminal.escape_is_fast.cache_clear()
        assert terminal.driver_class() is None
        terminal.escape_is_fast.cache_clear()

    def test_an_unknown_textual_gets_its_own_driver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(Parser, "tick")
        terminal.escape_is_fast.cache_clear()
        assert terminal.driver_class() is None
        terminal.escape_is_fast.cache_clear()


class TestKeysInAPseudoTerminal:
    @pytest.mark.parametrize(
        ("data", "keys"),
        [
            (b"\x1b", ["escape"]),
            (b"a\x1b", ["a", "escape"]),
            (b"\x1b\x1b\x1b", ["escape"] * 3),
            (b"\x1b[A\x1b[B\x1bOC", ["up", "down", "right"]),
            (b"\x1b[5~\x1b[1;5H", ["pageup", "ctrl+home"]),
            (b"\x1b[27u", ["escape"]),
            (b"\r", ["enter"]),
            (b"\n", ["ctrl+j"]),
            (b"\x1b\r", ["alt+enter"]),
            (b"\x1b[13;2u", ["shift+enter"]),
            (b"\x1b[27;2;13~", ["shift+\r"]),
            ("é漢".encode(), ["é", "漢"]),
            (b"\xe9x", ["replacement_character", "x"]),
        ],
    )
    def test_keys(self, session: Session, data: bytes, keys: list[str]) -> None:
        session.send(data)
        assert notes(session, len(keys)) == keys

    def test_the_mouse(self, session: Session) -> None:
        session.send(b"\x1b[<0;5;3M\x1b[<0;5;3m\x1b")
        assert notes(session, 2) == ["mouse 4 2", "escape"]

    def test_a_paste_of_a_megabyte_is_one_event(self, session: Session) -> None:
        text = b"line\r" * 200_000
        session.send_all(b"\x1b[200~" + text + b"\x1b[201~x")
        assert notes(session, 2) == [f"paste {len(text)} {text[:20].decode()!r}", "x"]


class TestInput:
    @pytest.mark.parametrize("cut", range(1, 17))
    def test_a_paste_cut_anywhere_is_whole(self, cut: int) -> None:
        data = "\x1b[200~ab\x1bc\x1b[201~"
        keys = Input()
        got = [*keys.feed(data[:cut]), *keys.feed(data[cut:]), *keys.tick()]
        assert seen(got) == ["paste ab\x1bc"]

    @pytest.mark.parametrize("cut", range(1, 9))
    def test_a_paste_waits_for_its_end(self, cut: int) -> None:
        keys = Input()
        assert not [*keys.feed("\x1b[200~x"), *keys.feed("\x1b[201~"[:cut][:5]), *keys.tick()]
        assert not keys.lone_escape
        assert seen([*keys.feed("\x1b[201~")])[0].startswith("paste x")

    @pytest.mark.parametrize(
        "data", ["\x1b[A", "\x1b[1;5C", "\x1bOP", "\x1b[13;2u", "\x1b[<0;1;1M"]
    )
    def test_a_sequence_cut_anywhere_is_read_whole_if_the_rest_comes_in_time(
        self, data: str
    ) -> None:
        whole = seen(list(Input().feed(data)))
        assert len(whole) == 1
        for cut in range(1, len(data)):
            keys = Input()
            assert seen([*keys.feed(data[:cut]), *keys.feed(data[cut:])]) == whole

    def test_the_price_a_sequence_whose_rest_comes_late(self) -> None:
        keys = Input()
        got = [*keys.feed("\x1b"), *keys.tick(), *keys.feed("[A")]
        assert seen(got) == ["escape", "left_square_bracket", "A"]

    def test_only_a_lone_esc_is_hurried(self) -> None:
        keys = Input()
        list(keys.feed("\x1b"))
        assert keys.lone_escape
        list(keys.feed("["))
        assert not keys.lone_escape


class TestSignals:
    @pytest.mark.parametrize("number", terminal.SIGNALS)
    async def test_they_reach_the_callback_and_are_given_back(self, number: signal.Signals) -> None:
        before = signal.getsignal(number)
        came: asyncio.Queue[signal.Signals] = asyncio.Queue()
        restore = terminal.install_signal_handlers(asyncio.get_running_loop(), came.put_nowait)
        try:
            os.kill(os.getpid(), number)
            assert await asyncio.wait_for(came.get(), 5) is number
        finally:
            restore()
        assert signal.getsignal(number) == before


def executable(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


class TestTmux:
    @pytest.fixture
    def fake_tmux(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("TMUX", "/somewhere,1,0")
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        return tmp_path / "tmux"

    async def test_a_long_escape_time_is_told(self, fake_tmux: Path) -> None:
        executable(fake_tmux, '[ "$*" = "show-options -sv escape-time" ] && echo 500')
        hint = await terminal.tmux_hint()
        assert hint is not None
        assert "500 ms" in hint
        assert "Ctrl+C" in hint

    async def test_a_short_one_is_not(self, fake_tmux: Path) -> None:
        executable(fake_tmux, "echo 10")
        assert await terminal.tmux_hint() is None

    @pytest.mark.parametrize("script", ["exit 1", "echo what"])
    async def test_a_tmux_that_fails_is_no_news(self, fake_tmux: Path, script: str) -> None:
        executable(fake_tmux, script)
        assert terminal.tmux_escape_time() is None
        assert await terminal.tmux_hint() is None

    async def test_outside_tmux_nothing_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("TMUX", raising=False)
        assert not terminal.in_tmux()
        assert await terminal.tmux_hint() is None


LOCALE_PROBE = """
import sys
from ollama_tui.ui import terminal
terminal.force_utf8_output()
print(terminal.utf8_locale(), file=sys.__stdout__)
print("\\u2500\\u6f22", file=sys.__stderr__)
"""


@pytest.mark.parametrize(
    ("variables", "is_utf8"),
    [
        ({"LC_ALL": "C.UTF-8"}, True),
        ({"LC_ALL": "C"}, False),
        ({"LC_ALL": "POSIX", "PYTHONUTF8": "0"}, False),
        ({"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"}, True),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="macOS has UTF-8 in every locale")
def test_lines_and_letters_are_written_as_utf8_in_any_locale(
    variables: dict[str, str], is_utf8: bool
) -> None:
    environ = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run(
        [sys.executable, "-c", LOCALE_PROBE], env=environ, capture_output=True, check=True
    )
    assert done.stdout.decode().split() == [str(is_utf8)]
    assert done.stderr.decode().strip() == "─漢"


class FakeApp:
    """Takes what is copied; stands for a Textual app in which OSC 52 goes nowhere."""

    def __init__(self) -> None:
        self.copied = ""

    def copy_to_clipboard(self, text: str) -> None:
        self.copied = text


class TestClipboard:
    @pytest.fixture
    def tool(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        monkeypatch.setenv("DISPLAY", ":0")
        clipboard.system_tool.cache_clear()
        yield tmp_path / ("pbcopy" if sys.platform == "darwin" else "xclip")
        clipboard.system_tool.cache_clear()

    def test_terminal_and_tool_both_get_the_text(self, tool: Path, tmp_path: Path) -> None:
        got = tmp_path / "got"
        os.mkfifo(got)
        executable(tool, f"exec cat > {got}")
        app = FakeApp()
        text = "漢字 é\n" * 200
        assert clipboard.copy(app, text) == "copied 1,000 characters"  # type: ignore[arg-type]
        assert app.copied == text
        assert got.read_text(encoding="utf-8") == text

    def test_a_tool_that_hangs_or_is_missing_holds_nothing_up(
        self, tool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started = tmp_path / "started"
        os.mkfifo(started)
        monkeypatch.setattr(clipboard, "_PATIENCE", 0.1)
        executable(tool, f"echo yes > {started}; exec sleep 60")
        assert clipboard.copy(FakeApp(), "x" * 1_000_000).startswith("copied 1,000,000")  # type: ignore[arg-type]
        assert started.read_text() == "yes\n"
        tool.unlink()
        assert clipboard.copy(FakeApp(), "x") == "copied 1 character"  # type: ignore[arg-type]
