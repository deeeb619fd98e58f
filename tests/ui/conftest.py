"""Fixtures of the tests of the screen."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the program remembers and reads is in a folder of the test's own."""
    for name in ("STATE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"OLLAMA_TUI_{name}", str(tmp_path / name.lower()))
    return tmp_path
