"""Inputs: local files and folders that a run reads, and whether a job will have them."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mljob_codemod.analysis.inputs import Input, InputFinder
from mljob_codemod.analysis.library_reads import library_reads
from mljob_codemod.analysis.path_uses import Role
from mljob_codemod.analysis.path_values import Root
from mljob_codemod.analysis.results import is_cache, normal
from mljob_codemod.codemods.base import Job
from mljob_codemod.codemods.input_rules import ABSENT, ABSOLUTE, LARGE, OUTSIDE
from mljob_codemod.codemods.input_rules import RULES as RULES
from mljob_codemod.codemods.output_paths import paths_of
from mljob_codemod.codemods.settled_arguments import provided_paths
from mljob_codemod.discovery import shown_path
from mljob_codemod.findings import Finding, Level, Rule
from mljob_codemod.plan import JobPlan, PathUse
from mljob_codemod.rules.cloud import cloud_rules

_TABLES = (
    ".csv",
    ".csv.gz",
    ".tsv",
    ".parquet",
    ".feather",
    ".json",
    ".jsonl",
    ".xlsx",
    ".xls",
    ".orc",
    ".avro",
)


def inputs_of(job: Job) -> list[Input]:
    """The inputs of a job."""
    return _finder(job).inputs


def _finder(job: Job) -> InputFinder:
    """What tells inputs; made once for ``find`` and ``describe``."""
    if __name__ not in job.notes:
        paths = paths_of(job)
        known = frozenset(use.site.call for use in paths.uses)
        more = library_reads(job.program, job.paths, paths.run.comes_to, job.exists, known)
        job.notes[__name__] = InputFinder(
            job.program,
            [*paths.uses, *more],
            paths.results,
            runs=paths.run.comes_to,
            exists=job.exists,
            defaults=job.paths.default_values,
        )
    found = job.notes[__name__]
    assert isinstance(found, InputFinder)
    return found


def find(job: Job) -> Iterator[Finding]:
    """Findings about inputs that a job will not have; one for each path."""
    yield from _settled_findings(job)
    told: set[str] = set()
    for found in inputs_of(job):
        target = _target(found)
        if target in told or cloud_rules().platform_of_folder(target) is not None:
            continue
        told.add(target)
        if _is_absolute(found, target):
            from_outside = any(
                value.root in (Root.OPTION, Root.ENVIRONMENT) for value in found.use.values
            )
            level = Level.NOTE if from_outside else Level.ERROR
            text = f"{target} is not there in a job; {_remedy(found)}"
            yield _finding(job, ABSOLUTE, found, text, level)
        else:
            yield from _relative_findings(job, found, target)


def _settled_findings(job: Job) -> Iterator[Finding]:
    """Findings about files that the settings' arguments name and that a job does not find by the same path."""
    root = Path(job.plan.root).resolve()
    for target in provided_paths(job):
        if (root / target).exists() and (root / target).resolve().is_relative_to(root):
            continue
        starts = (job.path.parent, job.root, Path.cwd())
        start = next(start for start in starts if (start / target).exists())
        text = (
            f"{target} in the settings' arguments is meant from {shown_path(start)}, but a job works in the folder that is "
            f"sent, {shown_path(root)}"
        )
        # A name alone may be that of anything.
        level = None if "/" in target or "." in target else Level.NOTE
        file = job.settings.file or job.path
        yield job.finding_at(OUTSIDE, file, _line_of(job, target, file), text, level=level)


def _line_of(job: Job, text: str, file: Path) -> int:
    """The first line of the settings file that holds ``text`` below the name of the script."""
    found = 0
    with suppress(OSError):
        lines = file.read_text("utf-8", "replace").splitlines()
        for wanted in (job.path.name, text):
            rest = enumerate(lines[found:], start=found + 1)
            found = next((number for number, line in rest if wanted in line), found)
    return max(found, 1)


def _relative_findings(job: Job, found: Input, target: str) -> Iterator[Finding]:
    fixed = re.split(r"[<*?\[]", target)[0]
    known = fixed if fixed == target or job.exists(fixed) else posixpath.dirname(fixed)
    root = Path(job.plan.root if job.plan is not None else job.root).resolve()
    if not job.exists(known):
        if known and "<" not in target:
            text = f"{target} is not in the project, so it does not travel with the job; {_remedy(found)}"
            yield _finding(job, ABSENT, found, text)
        return
    of_script = found.value.root is Root.SCRIPT_FOLDER
    starts = (job.path.parent,) if of_script else (root, job.path.parent, job.root, Path.cwd())
    path = next((start / known for start in starts if (start / known).exists()), None)
    if path is None:
        return
    if not path.resolve().is_relative_to(root):
        text = f"{target} lies outside {shown_path(root)}, the folder that is sent"
        yield _finding(job, OUTSIDE, found, text)
    elif not of_script and not (root / known).exists():
        text = (
            f"{target} is meant from {shown_path(path.parent)}, but a job works in the folder that is sent, "
            f"{shown_path(root)}"
        )
        yield _finding(job, OUTSIDE, found, text)
    elif _size(path, limit := job.settings.payload_megabytes * 10**5) > limit:
        text = f"{target} holds more than {limit / 10**6:g} MB, sent with each submission; {_remedy(found)}"
        yield _finding(job, LARGE, found, text)


def _finding(
    job: Job, rule: Rule, found: Input, message: str, level: Level | None = None
) -> Finding:
    site = found.use.site
    return job.finding(rule, site.scope.module, site.call.span, message, level=level)


def _target(found: Input) -> str:
    return normal(found.target) if found.value.root is Root.SCRIPT_FOLDER else found.target


def _is_absolute(found: Input, target: str) -> bool:
    if found.value.root is Root.HOME:
        return True
    return target.startswith(("/", "~")) or re.match(r"[A-Za-z]:[\\/]", target) is not None


def _remedy(found: Input) -> str:
    """What to do with an input by its kind, in a few words."""
    if found.target.lower().endswith(_TABLES):
        what = "read a table (session.table), or a file of a stage"
    else:
        what = "put it on a stage and fetch it (session.file.get)"
    if found.option is not None:
        return f"{what}, or pass {found.option.spelling}"
    return what


def _size(path: Path, enough: int) -> int:
    """The bytes of a file or folder; counting ends where there are ``enough``."""
    if path.is_file():
        return path.stat().st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                total += os.stat(os.path.join(folder, name)).st_size
        if total > enough:
            break
    return total


def describe(job: Job, plan: JobPlan) -> None:
    """List each place that reads an input once."""
    unique: dict[tuple[str, int], PathUse] = {}
    for found in inputs_of(job):
        entry = _path_use(job, found)
        unique.setdefault((entry.path, entry.line), entry)
    plan.local_inputs += unique.values()
    present = [*_may_be_there(job), *_finder(job).present(), *provided_paths(job)]
    plan.present += filter(job.exists, dict.fromkeys(present))


def _may_be_there(job: Job) -> Iterator[str]:
    """Paths that a run downloads to, or makes, where they are not there."""
    paths = paths_of(job)
    yield from sorted(paths.results.provided)
    for use in paths.uses:
        if use.role is Role.WRITE and is_cache(use) and paths.run.comes_to(use.site):
            for value in use.values:
                if value.root is Root.LITERAL and normal(value.text) != ".":
                    yield value.text


def _path_use(job: Job, found: Input) -> PathUse:
    source = job.sources(found.use.site.scope.module)
    # A call that spans lines is named by the line of its function's name.
    line = source.position(found.use.site.call.func.span.end - 1).line
    return PathUse(source.shown, line, found.use.name, _target(found))
