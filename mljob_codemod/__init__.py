"""A codemod that turns a local Python machine learning script or project into a Snowflake ML Job.

``check`` and ``apply`` do what the commands of the same names do. They import what does it when they are
called: the command line, which imports this package too, has to start at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import os

    from mljob_codemod.checking import Report
    from mljob_codemod.config import Settings
    from mljob_codemod.converting import ChangeSet
    from mljob_codemod.errors import InputError

__all__ = ["Applied", "apply", "check"]
__version__ = "0.1.0"


class Applied(NamedTuple):
    """What ``apply`` did, or would do."""

    report: Report
    """What was found before anything changed."""
    change_sets: tuple[ChangeSet, ...]
    """The changes, those of each job together; with ``write``, the ones that were written."""
    errors: tuple[InputError, ...]
    """Files that could not be read, and change sets that could not be written."""


def check(
    paths: Iterable[str | os.PathLike[str]] = (".",), settings: Settings | None = None
) -> Report:
    """Find what keeps scripts among ``paths`` from running as jobs; nothing is written.

    Without ``settings``, those of the settings file nearest to ``paths`` count. Paths are relative to the
    working directory, as those in the report. Raises ``ConfigError`` for a mistake in the settings file.
    """
    from mljob_codemod import checking

    chosen = [Path(path) for path in paths]
    return checking.check(chosen, _settings(chosen, settings))


def apply(
    paths: Iterable[str | os.PathLike[str]] = (".",),
    settings: Settings | None = None,
    *,
    write: bool = True,
) -> Applied:
    """Rewrite the scripts among ``paths`` and write ``submit_job.py`` beside them.

    All files of a change set are written or none. With ``write=False`` nothing is written at all.
    Raises ``ToolFault``, and writes nothing, when a rewrite fails its proof.
    """
    from mljob_codemod import checking, converting
    from mljob_codemod.writing import write_change_sets

    chosen = [Path(path) for path in paths]
    settings = _settings(chosen, settings)
    report = checking.check(chosen, settings)
    change_sets = converting.convert(report, settings)
    errors: list[InputError] = []
    if write:
        change_sets, errors = write_change_sets(change_sets)
    return Applied(report, change_sets, (*report.errors, *errors))


def _settings(paths: list[Path], settings: Settings | None) -> Settings:
    from mljob_codemod.config import common_folder, load_settings

    return load_settings(common_folder(paths)) if settings is None else settings
