"""The program where no Ollama is: the built-in engine answers, and never outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ollama_tui.engine import check
from ollama_tui.engine_model import installed
from ollama_tui.settings import data_folder
from tests.pty.program import CTRL_C, CTRL_O, CTRL_Q, ENTER, ESC, Program
from tests.scripted import ThreadedScriptedServer, refused_url

pytestmark = [pytest.mark.engine, pytest.mark.pty]

needs_model = pytest.mark.skipif(
    installed() is None, reason="SmolLM2 is not installed: `ollama-tui engine install` fetches it"
)
STARTS = 60.0
"""Seconds for the engine to load, on a slow disk too."""
LONG_QUESTION = "Write a long story about a fisherman. Describe everything in great detail."


@pytest.fixture(autouse=True, scope="module")
def _engine_can_run() -> None:
    if missing := check():
        pytest.skip(" ".join(missing))


@contextmanager
def without_ollama(folder: Path, *arguments: str, model: bool = True) -> Iterator[Program]:
    with refused_url() as url:
        environment = {"OLLAMA_HOST": url}
        if model:
            environment["OLLAMA_TUI_DATA"] = str(data_folder().absolute())
        with Program(folder, *arguments, environment=environment) as program:
            yield program


def children(pid: int) -> list[int]:
    """The processes that `pid` has started and that live."""
    return [
        child for child, (parent, state) in _processes().items() if parent == pid != 0 and state
    ]


def gone(pids: list[int]) -> bool:
    return not any(state for pid, (_, state) in _processes().items() if pid in pids)


def _processes() -> dict[int, tuple[int, bool]]:
    """Every process: its parent, and whether it lives (one that nobody has reaped does not)."""
    found = {}
    if Path("/proc/self/stat").exists():
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:  # it has just ended
                continue
            found[int(folder.name)] = int(parent), state != "Z"
        return found
    command = ["ps", "-A", "-o", "pid=,ppid=,stat="]
    for line in subprocess.run(command, capture_output=True, check=True, text=True).stdout.split(
        "\n"
    ):
        if fields := line.split():
            found[int(fields[0])] = int(fields[1]), not fields[2].startswith("Z")
    return found


def wait_until_gone(pids: list[int], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not gone(pids):
        assert time.monotonic() < deadline, f"still there: {pids}"
        time.sleep(0.01)


@needs_model
@pytest.mark.model
def test_a_question_is_answered_and_a_long_answer_is_stopped(tmp_path: Path) -> None:
    with without_ollama(tmp_path) as program:
        screen = program.wait_for("ready", "built-in engine answers", timeout=STARTS)
        assert "No Ollama answers at 127.0.0.1" in screen
        assert "OLLAMA_HOST" in screen, "it says how to point it at an Ollama"
        engine = children(program.pid)
        assert len(engine) == 1

        program.type("What is the capital of France?" + ENTER)
        program.wait_for("Paris", timeout=60)
        program.wait_for("○ ready", timeout=60)

        program.type(LONG_QUESTION + ENTER)
        program.wait_for("answering", "tokens", timeout=60)
        program.type("half a draft")
        program.wait_for("half a draft")
        program.type(ESC)
        program.wait_for("stopped by you after", "socket closed in", "half a draft")

        program.type("\x15")  # ctrl+u; a ctrl+c right after the stop would still mean the answer
        program.wait_until_gone("half a draft")
        program.type("And a longer one, please." + ENTER)
        program.wait_for("answering", timeout=60)
        assert children(program.pid) == engine, "the stop ended the answer, not the engine"
        program.type(CTRL_Q)
        assert program.end() == 0
        program.assert_terminal_restored()
        wait_until_gone(engine)


@needs_model
@pytest.mark.model
def test_a_killed_program_leaves_no_engine(tmp_path: Path) -> None:
    with without_ollama(tmp_path) as program:
        program.wait_for("ready", timeout=STARTS)
        program.type(LONG_QUESTION + ENTER)
        program.wait_for("answering", "tokens", timeout=60)
        engine = children(program.pid)
        assert len(engine) == 1
        os.kill(program.pid, signal.SIGKILL)
        assert program.end() == 128 + signal.SIGKILL
        wait_until_gone(engine)


@needs_model
@pytest.mark.model
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_program_that_ends_while_the_engine_loads_leaves_none(
    tmp_path: Path, number: signal.Signals
) -> None:
    with without_ollama(tmp_path) as program:
        program.wait(lambda: bool(children(program.pid)), "engine", STARTS)
        engine = children(program.pid)
        os.kill(program.pid, number)
        assert program.end() == 128 + number
        wait_until_gone(engine)


@needs_model
@pytest.mark.model
def test_an_ollama_without_a_model_is_not_asked(tmp_path: Path) -> None:
    with ThreadedScriptedServer(models=[]) as server:
        environment = {
            "OLLAMA_HOST": server.url,
            "OLLAMA_TUI_DATA": str(data_folder().absolute()),
        }
        with Program(tmp_path, environment=environment) as program:
            program.wait_for("has no model", "built-in engine answers", "ready", timeout=STARTS)
            program.type(CTRL_Q)
            assert program.end() == 0


def test_without_its_model_it_asks_and_no_is_an_answer(tmp_path: Path) -> None:
    with without_ollama(tmp_path, model=False) as program:
        program.wait_for("No Ollama answers", "model is not here", "no server")
        program.type("keep me" + ENTER)
        program.wait_for("Nobody to ask yet", "keep me")
        program.type(CTRL_O)
        program.wait_for("Fetch it now")
        program.type("n")
        program.wait_until_gone("Fetch it now")
        program.wait_for("model is not here", "no server", "keep me")
        assert not children(program.pid)
        program.type(CTRL_C)
        program.wait_until_gone("keep me")
        program.type(CTRL_Q)
        assert program.end() == 0
        program.assert_terminal_restored()


def test_the_question_can_be_left_by_escape_and_the_program_by_ctrl_q(tmp_path: Path) -> None:
    with without_ollama(tmp_path, model=False) as program:
        program.wait_for("no server")
        program.type(CTRL_O)
        program.wait_for("Fetch it now")
        program.type(ESC)
        program.wait_until_gone("Fetch it now")
        program.type(CTRL_O)
        program.wait_for("Fetch it now")
        program.type(CTRL_Q)
        assert program.end() == 0
        program.assert_terminal_restored()
