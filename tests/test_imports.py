"""The core comes without the screen library, and without what only a request needs."""

from __future__ import annotations

import subprocess
import sys

import pytest


def loaded_by(module: str) -> set[str]:
    """Return the top-level modules that importing `module` in a new process loads."""
    code = (
        f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize("module", ["answer", "cli", "startup", "servers.ollama", "servers.openai"])
def test_the_core_needs_no_screen_and_no_ollama(module: str) -> None:
    loaded = loaded_by(f"ollama_tui.{module}")
    assert not loaded & {"textual", "ollama", "pydantic", "rich", "httpx"}


def test_the_package_alone_loads_next_to_nothing() -> None:
    loaded = loaded_by("ollama_tui")
    assert not loaded & {"textual", "ollama", "httpx", "asyncio", "click", "rich", "pydantic"}
