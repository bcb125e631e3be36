"""The folders and the environment that a script runs in, and what it changed there."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mljob_codemod.errors import MljobError
from mljob_codemod.runtime.preload import cache_folder

Files = Mapping[str, bytes | None]
"""Contents by POSIX path; folders end in a slash and have None."""

_KEPT_VARIABLES = ("PATH", "TZ", "LD_LIBRARY_PATH")
_NEVER_COPIED = shutil.ignore_patterns(".git", ".venv", "__pycache__", "*.pyc")
_CACHES_BELOW_HOME = (".cache/", ".config/", ".matplotlib/", ".fontconfig/", ".snowflake/")


class SandboxError(MljobError):
    """A run could not be set up; says nothing about the script."""


_SETTINGS = {
    "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    # One thread makes sums of floating-point numbers come out the same each time.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
}
REPEATABLE = frozenset({*_SETTINGS, "PATH", "HOME", "TMPDIR", "MPLCONFIGDIR", "XDG_CACHE_HOME"})
"""Variables that are the same for each run, whatever its user has set."""


def environment(home: Path, temporary: Path, python: Path) -> dict[str, str]:
    """Variables that make two runs of one script equal, and free of this process's settings."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {
        **kept,
        **_SETTINGS,
        "PATH": os.pathsep.join([str(python.parent), kept.get("PATH", os.defpath)]),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        # Building the font cache takes seconds, so runs share it.
        "MPLCONFIGDIR": str(cache_folder() / "matplotlib"),
    }


def copy_project(project: Path, target: Path) -> None:
    """Copy all that can be read: pipes and files of other users stay behind."""
    if not project.is_dir():
        raise SandboxError(f"{project} is not a folder")
    with contextlib.suppress(shutil.Error):  # raised when all else is copied
        shutil.copytree(project, target, symlinks=True, ignore=_NEVER_COPIED)


def read_tree(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder below a folder, without Python's own caches."""
    return dict(_walk(folder, folder, Path.read_bytes))


State = tuple[int, int, int]
_Read = TypeVar("_Read", bytes, State)


def tree_states(folder: Path) -> dict[str, State | bytes | None]:
    """What tells for each entry whether it was written to since."""
    return dict(_walk(folder, folder, _state))


def _state(path: Path) -> State:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _walk(
    folder: Path, root: Path, read: Callable[[Path], _Read]
) -> Iterator[tuple[str, _Read | bytes | None]]:
    for path in sorted(folder.iterdir()):
        name = path.relative_to(root).as_posix()
        if path.name == "__pycache__" or path.suffix == ".pyc":
            continue
        if path.is_symlink():
            yield name, b"-> " + os.fsencode(os.readlink(path))
        elif path.is_dir():
            yield name + "/", None
            yield from _walk(path, root, read)
        elif path.is_file():
            yield name, read(path)


def without_caches(home: Files) -> dict[str, bytes | None]:
    """A home folder's files apart from what libraries put there by themselves."""
    return {name: data for name, data in home.items() if not name.startswith(_CACHES_BELOW_HOME)}


@dataclass(frozen=True)
class Changes:
    """What a run did to a folder: new or different entries, and those that are gone."""

    written: Files
    deleted: frozenset[str]


def changes(before: Files, after: Files) -> Changes:
    written = {
        name: data for name, data in after.items() if name not in before or before[name] != data
    }
    return Changes(written, frozenset(before) - frozenset(after))


def changes_since(
    before: Mapping[str, State | bytes | None], folder: Path, original: Path
) -> Changes:
    """What was changed below a copy of ``original``; reads no more than what was written to."""
    after = tree_states(folder)
    written: dict[str, bytes | None] = {}
    for name, state in after.items():
        if name in before and before[name] == state:
            continue
        data = (folder / name).read_bytes() if isinstance(state, tuple) else state
        if name in before and isinstance(state, tuple) and (original / name).is_file():
            if (original / name).read_bytes() == data:
                continue
        written[name] = data
    return Changes(written, frozenset(before) - frozenset(after))


@dataclass(frozen=True)
class Outcome:
    """What one run outside a job printed, how it ended and what it left behind.

    Paths of files are relative to the project, or begin with `~/` or `$TMPDIR/`.
    """

    stdout: str
    stderr: str
    status: int
    files: Changes


@dataclass(frozen=True)
class Finished:
    stdout: str
    stderr: str
    status: int


def run_process(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: str | None,
    timeout: float,
) -> Finished:
    """Run a command to its end; on a timeout end it and its children and raise TimeoutError."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
        raise TimeoutError(
            f"{command[-1]} ran longer than {timeout} s\n{stdout[-2000:]}{stderr[-2000:]}"
        ) from None
    return Finished(stdout, stderr, process.returncode)
