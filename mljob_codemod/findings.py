"""What the codemods report: findings, where they are, and how they can be fixed."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from mljob_codemod.edits import Edit
from mljob_codemod.lazy_dataclass import dataclass


class Safety(Enum):
    """Whether a fix may be applied without asking."""

    SAFE = "safe"
    """Proven not to change what the script does outside a job."""
    UNSAFE = "unsafe"
    """Applied only with ``--unsafe-fixes``."""


class Level(Enum):
    """How much a finding matters; only errors and warnings make the exit status 1."""

    ERROR = "error"
    """The job would fail or lose results, and a person has to act."""
    WARNING = "warning"
    """A safe fix removes it."""
    NOTE = "note"
    """Worth knowing; never makes the exit status 1."""


class Position(NamedTuple):
    """A place in a file; both count from 1, columns in characters."""

    line: int
    column: int


class Location(NamedTuple):
    """A range in a file. ``path`` is relative to the working directory, with ``/`` between its parts."""

    path: str
    start: Position
    end: Position


@dataclass(frozen=True)
class Fix:
    """A change that removes a finding: its title, whether it is safe, and its edits by file."""

    title: str
    safety: Safety
    edits: tuple[tuple[str, Edit], ...]
    """Pairs of the file's path (as in ``Location.path``) and an edit in it."""


@dataclass(frozen=True)
class Finding:
    """One thing that matters to a job, with the job's script and, where there is one, a fix."""

    code: str
    message: str
    location: Location
    level: Level
    job: str
    fix: Fix | None = None


@dataclass(frozen=True)
class Documentation:
    """The text behind ``explain CODE``; ``before`` and ``after`` are run against each other by a test."""

    finds: str
    matters: str
    before: str = ""
    after: str = ""
    unsafe_when: str = ""
    by_hand: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Rule:
    """One code: its name for people, the level of its findings, the title of its fix, its documentation."""

    code: str
    name: str
    level: Level
    documentation: Documentation
    fix_title: str = ""
    safety: Safety | None = None
