"""The built-in engine: a child process running llama.cpp's own HTTP server.

It answers where there is no Ollama, and is never called so. `servers/openai.py` talks to it.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib.util
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, Self

from ollama_tui import engine_model
from ollama_tui.errors import EngineError
from ollama_tui.text import sanitise

CONTEXT: Final = 4096
"""Tokens of prompt and answer together."""

START_LIMIT: Final = 120.0
"""Seconds in which the engine must be ready; a cold disk is slow."""

_GRACE: Final = 1.0
"""Seconds that the child has to end by itself (it takes some 10 ms), and again after SIGTERM."""

_CHILD: Final = Path(__file__).with_name("engine_child.py")

_CPU_FLAGS: Final = {"AVX2": "avx2", "FMA": "fma", "F16C": "f16c", "BMI2": "bmi2"}
"""What the x86-64 wheels of xllamacpp are compiled for: without one, importing them is SIGILL."""

_LIBRARIES: Final = {
    "libgomp.so.1": ("libgomp1", "libgomp"),
    "libstdc++.so.6": ("libstdc++6", "libstdc++"),
}
"""What the Linux wheels load: name -> package on Debian, package elsewhere."""


class Engine:
    """The child process. `async with Engine() as engine:` starts it and sees to its end.

    It runs in a session of its own, so that Ctrl+C and a closed terminal don't reach it, and ends
    when this process does, however that happens: then its standard input closes.
    """

    def __init__(
        self,
        model: Path | None = None,
        *,
        model_name: str = engine_model.NAME,
        context: int = CONTEXT,
        threads: int | None = None,
        start_limit: float = START_LIMIT,
    ) -> None:
        """Nothing is started yet.

        Args:
            model: a GGUF file; None is the installed SmolLM2.
            model_name: by which the server lists it.
            context: tokens of prompt and answer together.
            threads: None chooses by the processors; one or two are often fastest.
            start_limit: seconds.
        """
        self.model_name = model_name
        self.url: str | None = None
        """Its base URL (http://127.0.0.1:PORT) while it runs."""
        self._model = model
        self._context = context
        self._threads = threads or default_threads()
        self._start_limit = start_limit
        self._process: asyncio.subprocess.Process | None = None
        self._stderr: IO[bytes] | None = None
        self._lock = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._process.pid if self._process and self.running else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> str:
        """Start the engine unless it runs, and return its base URL once it answers.

        Raises:
            EngineError: something that it needs is missing, or it ended; says what to do.
        """
        async with self._lock:
            if self.running and self.url:
                return self.url
            await self._end()
            model = await asyncio.to_thread(self._require)
            try:
                self.url = await self._spawn(model)
            except BaseException:  # a cancel too: no child may be left
                await self._end()
                raise
            return self.url

    async def stop(self) -> None:
        """End the engine, in mid-answer too. Does nothing if it doesn't run."""
        self._hang_up()
        async with self._lock:
            await self._end()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def last_words(self) -> str:
        """What the child has written to standard error, its last 10 lines at most."""
        if self._stderr is None:
            return ""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - 4000))
        lines = sanitise(self._stderr.read().decode(errors="replace")).splitlines()
        return "\n".join([line for line in lines if line.strip()][-10:])

    def _require(self) -> Path:
        missing = check()
        if missing:
            raise EngineError(" ".join(missing))
        if self._model is None:
            return engine_model.require()
        if not self._model.is_file():
            raise EngineError(f"There is no model file {self._model}.", hint="Check its path.")
        return self._model.absolute()

    async def _spawn(self, model: Path) -> str:
        settings = {
            "model": str(model),
            "name": self.model_name,
            "context": self._context,
            "threads": self._threads,
        }
        # An unnamed file: it never fills up as a pipe does, and nothing is left behind.
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in _end
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # a module in the working directory must not stand in for ours
            str(_CHILD),
            json.dumps(settings),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,
        )
        stdout = self._process.stdout
        assert stdout is not None
        try:
            async with asyncio.timeout(self._start_limit):
                line = await stdout.readline()
        except TimeoutError:
            raise EngineError(
                f"The built-in engine was not ready in {self._start_limit:g} s.",
                hint="Is the machine very busy? Try again.",
                log=self.last_words(),
            ) from None
        if not line:
            raise self._died(await self._process.wait(), model)
        return str(json.loads(line)["url"])

    def _died(self, status: int, model: Path) -> EngineError:
        log = self.last_words()
        how = f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
        if status == -signal.SIGILL:
            hint = "The processor lacks an instruction that it needs: use Ollama instead."
        elif status == -signal.SIGKILL or "allocate" in log:
            hint = "The machine may be short of memory: close something, or use Ollama instead."
        elif "load" not in log:
            hint = "Installing it again may help: pip install --force-reinstall xllamacpp"
        elif self._model is None:
            hint = f"Fetch the model again: {engine_model.INSTALL}"
        else:
            hint = f"Is {model} a complete GGUF file?"
        telling = [line for line in log.splitlines() if "error" in line.lower()] or [log]
        said = f": {telling[0]}" if log else ""
        return EngineError(
            f"The built-in engine ended at its start {how}{said}.", hint=hint, log=log
        )

    def _hang_up(self) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.close()

    async def _end(self) -> None:
        process, ready, self.url = self._process, self.url is not None, None
        if process is not None:
            self._hang_up()
            # While it loads it doesn't listen, and has nothing to lose.
            await _end_session(process, [None, signal.SIGTERM] if ready else [])
            self._process = None
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None


async def _end_session(
    process: asyncio.subprocess.Process, gently: list[signal.Signals | None]
) -> None:
    """Wait for the end of the process; if it doesn't come, send what is given, then SIGKILL."""
    for sent in [*gently, signal.SIGKILL]:
        if sent is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, sent)
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await process.wait()
                return


def default_threads() -> int:
    """Half of the processors that this process may use, 1 to 4: the other half draws the screen."""
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    return max(1, min(4, processors // 2))


def _sysctl() -> str:
    command = ["sysctl", "-n", "machdep.cpu.features", "machdep.cpu.leaf7_features"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def check(
    *,
    system: str = platform.system(),
    machine: str = platform.machine(),
    cpuinfo: Path = Path("/proc/cpuinfo"),
    sysctl: Callable[[], str] = _sysctl,
    find_spec: Callable[[str], Any] = importlib.util.find_spec,
    load_library: Callable[[str], Any] = ctypes.CDLL,
) -> list[str]:
    """What the engine needs and this machine lacks: sentences that say what to do; [] if nothing.

    Looks without importing xllamacpp, which would kill the process on a processor without AVX2.
    The model is not looked for. Parameters are for tests.
    """
    if system not in {"Linux", "Darwin"}:
        return [
            f"The built-in engine runs on Linux and macOS, not on {system}: use Ollama instead."
        ]
    missing = []
    if machine.lower() in {"x86_64", "amd64"}:
        flags = _x86_flags(cpuinfo) if system == "Linux" else sysctl().lower().split()
        lacking = [name for name, flag in _CPU_FLAGS.items() if flag not in flags]
        if flags and lacking:
            missing.append(
                f"The built-in engine needs a processor with {', '.join(lacking)}, which this one"
                " lacks: use Ollama instead."
            )
    elif machine.lower() not in {"arm64", "aarch64"}:
        missing.append(f"The built-in engine has no build for {machine}: use Ollama instead.")
    if system == "Linux":
        missing += _missing_libraries(load_library)
    if find_spec("xllamacpp") is None:
        missing.append("The built-in engine is not installed: pip install 'ollama-tui[embedded]'")
    return missing


def _x86_flags(cpuinfo: Path) -> list[str]:
    """The flags of the first processor; [] where the kernel doesn't tell."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "flags":
            return value.split()
    return []


def _missing_libraries(load_library: Callable[[str], Any]) -> list[str]:
    missing = []
    for library, (debian, elsewhere) in _LIBRARIES.items():
        try:
            load_library(library)
        except OSError:
            missing.append(
                f"The built-in engine needs the system library {library}:"
                f" apt-get install {debian} (Debian, Ubuntu), or the package {elsewhere}."
            )
    return missing
