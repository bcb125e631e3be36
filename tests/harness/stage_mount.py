"""The guard that makes a job's stage folders refuse what a stage mount refuses.

On Linux with a C compiler it is a preloaded library (stage_mount.c), which child processes
inherit and which sees every library that writes through libc. Anywhere else it is an audit hook
that refuses opening for append in the job's own process and nothing more.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.harness.sandbox import HarnessError, session_cache

_SOURCE = Path(__file__).with_name("stage_mount.c")


@dataclass(frozen=True)
class Guard:
    """What stands between a job and its stage folders."""

    library: Path | None

    @property
    def description(self) -> str:
        if self.library:
            return "preloaded library: append, writes before the end, ftruncate, shared mmap"
        return "audit hook: append in the job's own process only (no C compiler, or not Linux)"


@functools.cache
def stage_mount_guard() -> Guard:
    """The best guard this machine allows; compiled at most once for each version of its source."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        return Guard(None)
    digest = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]
    library = session_cache() / f"stage_mount-{digest}.so"
    if not library.exists():
        _compile(compiler, library)
    return Guard(library)


def _compile(compiler: str, library: Path) -> None:
    # Test processes that start at the same time must never load half a library.
    handle, partial = tempfile.mkstemp(dir=library.parent, suffix=".so")
    os.close(handle)
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", partial, str(_SOURCE), "-ldl"]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode:
        os.unlink(partial)
        raise HarnessError(f"stage_mount.c does not compile:\n{built.stderr}")
    os.replace(partial, library)
