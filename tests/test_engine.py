"""The built-in engine, by the real engine; the model is hand-made (see gguf_maker)."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from ollama_tui import engine_model
from ollama_tui.engine import Engine, check, default_threads
from ollama_tui.errors import EngineError
from tests.gguf_maker import make

TEXTS = {
    "hello": "Hello there, how are you?",
    "scripts": "Grüße 你好，世界！ Привет ñ 👩‍👩‍👧 ㊗️ 🇨🇭 done",
    "thoughts": "<think>Two and two, so\nfour.</think>Four.",
    "code": "```python\nprint('hi')\n```\n",
    "novel": "".join(f"Line {line} of a long text that goes on.\n" for line in range(200)),
}
LARGE = 65_536
"""Tokens of context: to fill it takes the engine half a minute, to read it more than that."""


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "hand-made.gguf"
    return make(path, TEXTS, {"forever": "I can do this all day. "})


@pytest.fixture
def broken_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts an xllamacpp in front of the real one that runs the given code on being imported."""

    def put(code: str) -> None:
        (tmp_path / "xllamacpp.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return put


async def stream(url: str, prompt: str, **fields: Any) -> AsyncIterator[dict[str, Any]]:
    """The events of one streamed answer. Closing the iterator closes the connection."""
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": prompt},
    ]
    body = {"messages": messages, "stream": True, "temperature": 0, **fields}
    async with (
        httpx.AsyncClient(timeout=60, trust_env=False) as client,
        client.stream("POST", f"{url}/v1/chat/completions", json=body) as response,
    ):
        response.raise_for_status()
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                yield json.loads(line.removeprefix("data: "))


def content(event: dict[str, Any]) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in event["choices"])


async def answer(url: str, prompt: str, **fields: Any) -> str:
    return "".join([content(event) async for event in stream(url, prompt, **fields)])


def alive(pid: int) -> bool:
    """Whether there is such a process; one that nobody has reaped yet is dead."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self/stat").exists()


def wait_until_gone(pid: int, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.005)
    return not alive(pid)


@pytest.mark.engine
class TestAnswers:
    @pytest.mark.parametrize("name", TEXTS)
    async def test_says_every_byte_of_the_text_and_that_it_is_finished(
        self, model: Path, name: str
    ) -> None:
        async with Engine(model) as engine:
            assert engine.url
            events = [event async for event in stream(engine.url, f"say {name} please")]
        assert "".join(content(event) for event in events) == TEXTS[name]
        assert events[-1]["choices"][0]["finish_reason"] == "stop"

    async def test_a_template_that_knows_thinking_sends_it_apart(self, tmp_path: Path) -> None:
        path = make(tmp_path / "thinker.gguf", TEXTS, reasoning=True)
        async with Engine(path) as engine:
            assert engine.url
            deltas = [
                event["choices"][0]["delta"] async for event in stream(engine.url, "thoughts")
            ]
        thinking = "".join(delta.get("reasoning_content") or "" for delta in deltas)
        assert thinking == "Two and two, so\nfour."
        assert "".join(delta.get("content") or "" for delta in deltas) == "Four."

    async def test_an_endless_answer_ends_where_the_context_is_full(self, model: Path) -> None:
        async with Engine(model, context=512) as engine:
            assert engine.url
            events = [event async for event in stream(engine.url, "forever")]
        said = "".join(content(event) for event in events)
        assert said.startswith("I can do this all day. I can do this all day. ")
        assert events[-1]["choices"][0]["finish_reason"] == "length"

    async def test_lists_the_model_by_its_name(self, model: Path) -> None:
        async with Engine(model) as engine, httpx.AsyncClient(trust_env=False) as client:
            listed = (await client.get(f"{engine.url}/v1/models")).json()["data"]
        assert [entry["id"] for entry in listed] == ["SmolLM2-135M-Instruct"]

    async def test_web_pages_may_not_read_it(self, model: Path) -> None:
        async with Engine(model) as engine, httpx.AsyncClient(trust_env=False) as client:
            headers = {"Origin": "https://page.example"}
            response = await client.get(f"{engine.url}/v1/models", headers=headers)
        allowed = response.headers.get("access-control-allow-origin")
        assert allowed not in {"*", "https://page.example"}


@pytest.mark.engine
class TestStopping:
    """One slot: the next request is answered only when the engine has let go of the last one."""

    async def test_closing_the_connection_stops_an_endless_answer(self, model: Path) -> None:
        async with Engine(model, context=LARGE) as engine:
            assert engine.url
            async with aclosing(stream(engine.url, "forever")) as events:
                said = [content(await anext(events)) for _ in range(20)]
            assert "I can do this all day." in "".join(said)
            async with asyncio.timeout(5):
                assert await answer(engine.url, "hello") == TEXTS["hello"]

    async def test_closing_the_connection_stops_the_reading_of_a_prompt(self, model: Path) -> None:
        prompt = "some words " * (LARGE // 12)
        async with Engine(model, context=LARGE) as engine:
            assert engine.url
            async with aclosing(stream(engine.url, prompt, return_progress=True)) as events:
                progress = (await anext(events))["prompt_progress"]
            assert progress["processed"] < progress["total"]
            async with asyncio.timeout(5):
                assert await answer(engine.url, "hello") == TEXTS["hello"]

    async def test_stop_ends_the_process_in_mid_answer(self, model: Path) -> None:
        engine = Engine(model, context=LARGE)
        async with aclosing(stream(await engine.start(), "forever")) as events:
            await anext(events)
            pid = engine.pid
            assert pid
            async with asyncio.timeout(1):
                await engine.stop()
        assert not alive(pid)
        assert not engine.running

    async def test_stop_twice_and_before_the_start_does_nothing(self, model: Path) -> None:
        engine = Engine(model)
        await engine.stop()
        await engine.start()
        await asyncio.gather(engine.stop(), engine.stop())
        assert engine.url is None
        assert engine.pid is None


@pytest.mark.engine
class TestProcess:
    async def test_starting_twice_gives_the_one_engine(self, model: Path) -> None:
        async with Engine(model) as engine:
            pid = engine.pid
            urls = await asyncio.gather(engine.start(), engine.start())
            assert urls == [engine.url, engine.url]
            assert engine.pid == pid

    async def test_starts_again_after_it_was_killed(self, model: Path) -> None:
        async with Engine(model) as engine:
            assert engine.pid
            os.kill(engine.pid, signal.SIGKILL)
            assert wait_until_gone(engine.pid)
            async with asyncio.timeout(5):
                while engine.running:  # noqa: ASYNC110 - the loop hears of the death by itself
                    await asyncio.sleep(0.005)
            assert await answer(await engine.start(), "hello") == TEXTS["hello"]

    async def test_a_start_that_is_cancelled_leaves_no_process(
        self, broken_library: Callable[[str], None], model: Path, tmp_path: Path
    ) -> None:
        note = tmp_path / "pid"
        broken_library(
            "import os, pathlib, time\n"
            f"pathlib.Path({str(note)!r}).write_text(f'{{os.getpid()}}.')\n"
            "time.sleep(60)\n"
        )
        start = asyncio.create_task(Engine(model).start())
        async with asyncio.timeout(5):
            while not (note.exists() and note.read_text().endswith(".")):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        start.cancel()
        await asyncio.wait([start])
        assert not alive(int(note.read_text().rstrip(".")))

    @pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
    def test_the_parent_is_killed_and_the_engine_goes_too(
        self, model: Path, sent: signal.Signals
    ) -> None:
        with parent(model) as process:
            pid = engine_of(process)
            process.send_signal(sent)
            process.wait(5)
            assert wait_until_gone(pid)

    def test_ctrl_c_does_not_reach_the_engine(self, model: Path) -> None:
        with parent(model) as process:
            pid = engine_of(process)
            os.killpg(process.pid, signal.SIGINT)
            assert process.stdout
            # The parent has caught it, and asks its engine something.
            assert process.stdout.readline() == "interrupted; the engine says ok\n"
            assert alive(pid)
            process.kill()
            assert wait_until_gone(pid)

    async def test_a_module_in_the_working_directory_is_not_imported(
        self, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("xllamacpp", "json", "socket"):
            (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')")
        monkeypatch.chdir(tmp_path)
        async with Engine(model) as engine:
            assert engine.running


PARENT = """
import asyncio, os, pathlib, signal, sys, urllib.request
from ollama_tui.engine import Engine

async def main():
    interrupted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
    engine = Engine(pathlib.Path(sys.argv[1]))
    await engine.start()
    print(engine.pid, flush=True)
    await interrupted.wait()
    said = urllib.request.urlopen(engine.url + "/health").read()
    print("interrupted; the engine says", "ok" if b"ok" in said else said, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def parent(model: Path) -> subprocess.Popen[str]:
    """A small program that starts an engine, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", PARENT, str(model)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def engine_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout
    pid = int(process.stdout.readline())
    assert alive(pid)
    return pid


class TestFailures:
    @pytest.mark.engine
    async def test_a_model_file_cut_short_is_named(self, model: Path, tmp_path: Path) -> None:
        short = tmp_path / "short.gguf"
        shutil.copy(model, short)
        os.truncate(short, 1_000_000)
        engine = Engine(short)
        with pytest.raises(EngineError) as raised:
            await engine.start()
        assert "corrupted or incomplete" in str(raised.value)
        assert f"Is {short} a complete GGUF file?" in str(raised.value)
        assert not engine.running

    async def test_a_model_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(EngineError, match=r"There is no model file .*none\.gguf"):
            await Engine(tmp_path / "none.gguf").start()

    async def test_the_default_model_is_not_installed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OLLAMA_TUI_DATA", str(tmp_path))
        with pytest.raises(EngineError, match=r"not installed.*ollama-tui engine install"):
            await Engine().start()

    async def test_an_illegal_instruction_is_explained(
        self, broken_library: Callable[[str], None], model: Path
    ) -> None:
        broken_library("import os, signal; os.kill(os.getpid(), signal.SIGILL)")
        with pytest.raises(EngineError, match=r"by SIGILL.*processor.*use Ollama instead"):
            await Engine(model).start()

    async def test_a_library_that_fails_to_load_is_quoted(
        self, broken_library: Callable[[str], None], model: Path
    ) -> None:
        broken_library("print('chatter'); raise ImportError('GLIBC_2.99 not found')")
        with pytest.raises(EngineError, match=r"GLIBC_2\.99 not found") as raised:
            await Engine(model).start()
        assert "chatter" in raised.value.log

    async def test_an_engine_that_never_gets_ready_is_given_up(
        self, broken_library: Callable[[str], None], model: Path
    ) -> None:
        broken_library("import time; time.sleep(60)")
        engine = Engine(model, start_limit=0.3)
        with pytest.raises(EngineError, match=r"was not ready in 0\.3 s"):
            await engine.start()
        assert not engine.running


def fake_load_library(*missing: str) -> Callable[[str], None]:
    def load(name: str) -> None:
        if name in missing:
            raise OSError(f"{name}: cannot open shared object file")

    return load


class TestCheck:
    """`check` on machines that we don't have."""

    ALL = "flags\t\t: fpu sse2 avx avx2 fma f16c bmi1 bmi2"

    @pytest.fixture
    def machine(self, tmp_path: Path) -> dict[str, Any]:
        (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{self.ALL}\n\nprocessor\t: 1\n")
        return {
            "system": "Linux",
            "machine": "x86_64",
            "cpuinfo": tmp_path / "cpuinfo",
            "find_spec": lambda name: object(),
            "load_library": fake_load_library(),
        }

    def test_nothing_is_missing(self, machine: dict[str, Any]) -> None:
        assert check(**machine) == []

    @pytest.mark.parametrize("flag", ["avx2", "fma", "f16c", "bmi2"])
    def test_a_processor_without_one_instruction_set(
        self, machine: dict[str, Any], flag: str
    ) -> None:
        flags = [word for word in self.ALL.split() if word != flag]
        machine["cpuinfo"].write_text(" ".join(flags))
        (sentence,) = check(**machine)
        assert f"a processor with {flag.upper()}, which this one lacks" in sentence

    def test_an_arm_processor_needs_none(self, machine: dict[str, Any]) -> None:
        machine["cpuinfo"].write_text("Features\t: fp asimd\n")
        assert check(**{**machine, "machine": "aarch64"}) == []

    def test_an_intel_mac(self, machine: dict[str, Any]) -> None:
        machine |= {"system": "Darwin", "cpuinfo": Path("/nowhere")}
        assert check(**machine, sysctl=lambda: "FMA F16C AVX1.0\nBMI1 AVX2 BMI2\n") == []
        (sentence,) = check(**machine, sysctl=lambda: "FMA F16C AVX1.0\nBMI1\n")
        assert "AVX2, BMI2" in sentence

    def test_libgomp_is_missing(self, machine: dict[str, Any]) -> None:
        machine["load_library"] = fake_load_library("libgomp.so.1")
        (sentence,) = check(**machine)
        assert "apt-get install libgomp1" in sentence

    def test_the_package_is_missing(self, machine: dict[str, Any]) -> None:
        machine["find_spec"] = lambda name: None
        (sentence,) = check(**machine)
        assert "pip install 'ollama-tui[embedded]'" in sentence

    def test_all_that_is_missing_is_said_at_once(self, machine: dict[str, Any]) -> None:
        machine["cpuinfo"].write_text("flags : sse2\n")
        machine |= {"find_spec": lambda name: None}
        machine["load_library"] = fake_load_library("libgomp.so.1", "libstdc++.so.6")
        assert len(check(**machine)) == 4

    def test_windows_and_odd_processors_are_turned_away(self, machine: dict[str, Any]) -> None:
        assert "not on Windows" in check(**{**machine, "system": "Windows"})[0]
        assert "no build for riscv64" in check(**{**machine, "machine": "riscv64"})[0]

    async def test_the_engine_does_not_start_then(
        self, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ollama_tui.engine.check", lambda: ["This is missing.", "That too."])
        with pytest.raises(EngineError, match=r"This is missing\. That too\."):
            await Engine(model).start()


def test_half_of_the_processors_one_to_four() -> None:
    assert 1 <= default_threads() <= 4


@pytest.mark.engine
@pytest.mark.model
class TestSmolLM2:
    @pytest.fixture(autouse=True)
    def needs_the_model(self) -> None:
        if what := engine_model.problem():
            pytest.skip(what)

    async def test_answers_a_question(self) -> None:
        async with Engine() as engine:
            assert engine.url
            assert "Paris" in await answer(engine.url, "What is the capital of France?")

    async def test_a_long_answer_is_stopped(self) -> None:
        async with Engine() as engine:
            assert engine.url
            async with aclosing(stream(engine.url, "Write a long story about the sea.")) as events:
                async for event in events:
                    if content(event):
                        break
            async with asyncio.timeout(5):
                assert await answer(engine.url, "Hello", max_tokens=1)
