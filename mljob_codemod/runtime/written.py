"""What a job wrote where nobody looks for it: files that are gone with the container, or lie among the payload."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

_CACHES = (
    *("__pycache__", ".cache", ".config", ".matplotlib", ".fontconfig", ".ipynb_checkpoints"),
    *(
        ".pytest_cache",
        ".numba_cache",
        ".triton",
        ".nv",
        ".keras",
        ".theano",
        ".ipython",
        ".snowflake",
    ),
    *("*.pyc", "*.egg-info"),
)
"""What libraries keep by themselves to be faster next time; its loss harms nobody."""


@dataclass(frozen=True)
class WrittenFile:
    path: Path
    """Relative to the folder that was looked at."""
    size: int


@dataclass(frozen=True)
class Snapshot:
    """The files below a folder before a job, by relative path: enough to tell which it wrote."""

    files: dict[Path, tuple[int, int, int]]

    @classmethod
    def of(cls, folder: Path) -> Snapshot:
        return cls({path: _state(status) for path, status in _walk(folder)})


def written_outside(before: Snapshot, folder: Path, result: Path) -> list[WrittenFile]:
    """Files below `folder` that are new or written anew since `before`, those below `result` left out."""
    return [
        WrittenFile(path, status.st_size)
        for path, status in sorted(_walk(folder, result), key=lambda found: found[0])
        if before.files.get(path) != _state(status)
    ]


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _walk(folder: Path, left_out: Path | None = None) -> Iterator[tuple[Path, os.stat_result]]:
    skipped = None if left_out is None else os.path.realpath(left_out)
    for parent, folders, names in os.walk(os.path.realpath(folder)):
        folders[:] = [
            name
            for name in folders
            if not _is_cache(name) and os.path.join(parent, name) != skipped
        ]
        for name in names:
            if not _is_cache(name):
                path = os.path.join(parent, name)
                yield Path(os.path.relpath(path, os.path.realpath(folder))), os.lstat(path)


def _is_cache(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in _CACHES)
