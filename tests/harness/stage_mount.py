"""The guard that makes a job's stage folders refuse what a stage mount refuses: that of `mljob-codemod run`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mljob_codemod.runtime.isolation import PYTHON_GUARDS, Isolation
from mljob_codemod.runtime.preload import preloaded_library


@dataclass(frozen=True)
class Guard:
    """What stands between a job and its stage folders."""

    library: Path | None
    python_guards: Path = PYTHON_GUARDS
    """Loaded into the job where there is no library."""
    description: str = "audit hooks"


@cache
def stage_mount_guard() -> Guard:
    """The best guard this machine allows."""
    isolation = Isolation((Path("/"),), network=True, memory=None, cpus=None, scratch=Path("/"))
    return Guard(preloaded_library("stage_mount"), description=isolation.description()[0])
