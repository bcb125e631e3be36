"""Commands beside the code that start a script on several processes: torchrun, accelerate, deepspeed, …"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_LAUNCHER: Final = re.compile(
    r"\b(torchrun|python3? -m torch\.distributed\.(?:launch|run)|accelerate launch|deepspeed|horovodrun|mpirun|"
    r"spark-submit|ray job submit)\b"
)
_LARGEST: Final = 200_000
_MOST_FILES: Final = 60
_WIDTH: Final = 90


class Launch(NamedTuple):
    """A line that starts a script by a launcher."""

    file: Path
    line: int
    launcher: str
    command: str


def launches_of(script: Path, root: Path) -> Iterator[Launch]:
    """The commands in shell scripts and Makefiles of the script's folder and the root that name it."""
    folders = dict.fromkeys((script.parent, script.parent / "scripts", root, root / "scripts"))
    files = [file for folder in folders for file in _command_files(folder)]
    for file in files[:_MOST_FILES]:
        try:
            if file.stat().st_size > _LARGEST:
                continue
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if script.name in text:
            yield from _in_text(file, text, script.name)


def _command_files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(folder.glob("*.sh"))
        yield from (path for path in (folder / "Makefile",) if path.is_file())


def _in_text(file: Path, text: str, name: str) -> Iterator[Launch]:
    named = re.compile(rf"(?:^|[\s/\"']){re.escape(name)}\b")
    start, command = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        start = start if command else number
        command += line.rstrip("\\").strip() + " "
        if line.rstrip().endswith("\\"):
            continue
        found = _LAUNCHER.search(command)
        if found is not None and named.search(command):
            yield Launch(file, start, found[1], command.strip()[:_WIDTH])
        command = ""
