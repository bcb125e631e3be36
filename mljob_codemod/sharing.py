"""Which scripts that were not given use the modules that a conversion would change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mljob_codemod.config import Settings
from mljob_codemod.discovery import discover
from mljob_codemod.project import Project, module_name
from mljob_codemod.syntax.reading import FileFacts

if TYPE_CHECKING:
    from mljob_codemod.checking import CheckedJob

_IMPORTS = re.compile(
    rb"^[ \t]*(?:from\b[^\n(]*\([^)]*\)|(?:from|import)\b[^\n]*)|import_module\([^\n]*",
    re.MULTILINE,
)
"""The statements and calls of a file that import something, as far as its text tells."""


def scripts_beside(
    project: Project, paths: Sequence[Path], jobs: Sequence[CheckedJob], settings: Settings
) -> list[FileFacts]:
    """The other scripts that reach a file in which something is to be fixed.

    They are looked for where such files are shared: below the root of the payload, or beside the script where it
    alone changes. What lies below a folder that was given is known already.
    """
    scripts = {job.script for job in jobs}
    by_shown = {project.files[path].shown: path for job in jobs for path in job.files}
    given = [path.absolute() for path in paths if path.is_dir()]
    edited: set[Path] = set()
    folders: set[Path] = set()
    for job in jobs:
        own = {
            by_shown[path]
            for finding in job.findings
            if finding.fix is not None
            for path, _ in finding.fix.edits
        }
        shared = own - {job.script}
        root = Path(job.plan.root).absolute() if shared else job.script.parent
        if own and not any(root.is_relative_to(folder) for folder in given):
            edited |= own
            folders.add(root if shared else job.script)
    importing = _importing(edited, _candidates(folders, settings)) - scripts
    project.files_at(sorted(importing))
    return [
        facts
        for facts in (project.scripts(set()) if importing else ())
        if facts.path in importing and not edited.isdisjoint(project.reach(facts).files)
    ]


def _importing(modules: set[Path], candidates: Iterable[Path]) -> set[Path]:
    """Those of ``candidates`` whose imports name one of ``modules``, or another that does."""
    imports = {path: b" ".join(_IMPORTS.findall(path.read_bytes())) for path in candidates}
    found: set[Path] = set()
    new = modules
    while new:
        names = b"|".join(re.escape(module_name(path).encode()) for path in new)
        named = re.compile(rb"\b(?:%s)\b" % names)
        new = {path for path, text in imports.items() if path not in found and named.search(text)}
        found |= new
    return found


def _candidates(places: set[Path], settings: Settings) -> Iterator[Path]:
    """The Python files below each folder, and those beside each file."""
    beside = [path for place in places if place.is_file() for path in place.parent.glob("*.py")]
    below = [place for place in places if place.is_dir()]
    for file in discover([*below, *beside], settings).files if beside or below else ():
        yield file.path
