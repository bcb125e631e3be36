"""Libraries to preload into a job's processes: compiled from the C files beside this module, once for each version."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path


def cache_folder() -> Path:
    """Where what is made once for all runs is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mljob-codemod"


@cache
def preloaded_library(name: str) -> Path | None:
    """The library made from `name`.c; None where that cannot be (not Linux, or no working C compiler)."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or sys.platform != "linux":
        return None
    source = Path(__file__).with_name(f"{name}.c")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    library = cache_folder() / f"{name}-{os.uname().machine}-{digest}.so"
    library.parent.mkdir(parents=True, exist_ok=True)
    return library if library.exists() or _compile(compiler, source, library) else None


def _compile(compiler: str, source: Path, library: Path) -> bool:
    # Runs that start at the same time must never load half a library.
    handle, partial = tempfile.mkstemp(dir=library.parent, suffix=".so")
    os.close(handle)
    command = [compiler, "-shared", "-fPIC", "-O2", "-o", partial, str(source), "-ldl"]
    if subprocess.run(command, capture_output=True).returncode:
        os.unlink(partial)
        return False  # a compiler without the headers of the C library, for one
    os.replace(partial, library)
    return True
