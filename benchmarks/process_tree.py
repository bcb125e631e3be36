"""Runs a command and measures it together with every process that it starts."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PAUSE = 0.02
_PROC = Path("/proc")


@dataclass(frozen=True)
class Measured:
    """One run of a command. ``peak`` is in bytes, and None where the system does not tell."""

    status: int
    output: str
    wall: float
    cpu: float
    peak: int | None


def measure(command: Sequence[str], folder: Path, *, memory: bool = True) -> Measured:
    """Run ``command`` in ``folder``. Reading the memory costs a few percent of the time."""
    watch = memory and (_PROC / "self" / "smaps_rollup").exists()
    before = os.times()
    started = time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        watcher = MemoryWatcher(process.pid)
        if watch:
            watcher.start()
        output, _ = process.communicate()
    wall = time.perf_counter() - started
    after = os.times()
    watcher.stop()
    cpu = sum(after[2:4]) - sum(before[2:4])
    return Measured(process.returncode, output, wall, cpu, watcher.peak if watch else None)


class MemoryWatcher(threading.Thread):
    """Keeps the largest sum of the tree's memory, pages that processes share counted once."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._done = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self._done.wait(_PAUSE):
            self.peak = max(self.peak, sum(map(_memory, _tree(self._root))))

    def stop(self) -> None:
        self._done.set()
        if self.is_alive():
            self.join()


def _tree(root: int) -> list[int]:
    found = [root]
    for process in found:  # grows while it is gone through
        for children in _PROC.glob(f"{process}/task/*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue  # ended in the meantime
    return found


def _memory(process: int) -> int:
    try:
        text = (_PROC / str(process) / "smaps_rollup").read_text()
    except OSError:
        return 0
    lines = [line.split() for line in text.splitlines()]
    return sum(int(line[1]) * 1024 for line in lines if line[0] == "Pss:")
