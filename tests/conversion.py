"""Converting a folder in tests, as the commands do it."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mljob_codemod.checking import Report, check
from mljob_codemod.cli import apply_command
from mljob_codemod.config import common_folder, load_settings
from mljob_codemod.converting import ChangeSet, convert
from mljob_codemod.reporting.diff import render_diff
from mljob_codemod.reporting.text import render_findings
from mljob_codemod.submission import ENTRY_NAME, FILE_NAME
from mljob_codemod.writing import write_change_set
from tests.fixture_case import Case


@dataclass
class Converted:
    """What ``check`` said of a folder, and what ``apply`` made of it."""

    report: Report
    findings: str
    diff: bytes
    again: Report
    left: tuple[ChangeSet, ...]
    """What a second ``apply`` would still change."""


@dataclass
class Submitted:
    """What the generated ``submit_job.py`` would send for one script."""

    payload: Path
    entrypoint: str
    arguments: list[str]


def submit_to(folder: Path, script: str, given: Sequence[str], target: Path) -> Submitted:
    """Lay out in ``target`` what ``submit_job.py`` in ``folder`` sends, and the arguments it passes."""
    file = (folder / script).parent / FILE_NAME
    spec = importlib.util.spec_from_file_location("submit_job", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    jobs = {str(job.root / job.entrypoint): job for job in module.JOBS.values()}
    job = jobs[str(folder / script)]
    net = hasattr(module, "lay_out") and getattr(job, "net", True)
    if net:
        module.lay_out(job, target)
    elif getattr(job, "whole_folder", hasattr(module, "copy_payload")):
        module.copy_payload(job, target)
    else:
        target.mkdir(parents=True)
        shutil.copy(job.root / job.entrypoint, target)
    entrypoint = job.entrypoint
    if not (target / entrypoint).exists():
        entrypoint = Path(entrypoint).name
    arguments = [*job.args, *given]
    if hasattr(module, "add_outputs"):
        arguments = module.add_outputs(job, given)
    if net:
        arguments = [f"--every={module.NET_SECONDS}", job.entrypoint, *arguments]
        entrypoint = ENTRY_NAME
    return Submitted(target, entrypoint, module.protect(arguments))


@contextmanager
def working_folder(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _without(change_set: ChangeSet, names: set[str]) -> ChangeSet:
    """The changes to other files than the generated ones of these names."""
    own = tuple(change for change in change_set.changes if Path(change.shown).name not in names)
    return replace(change_set, changes=own)


def convert_case(case: Case, folder: Path) -> Converted:
    """Copy a case's ``before`` into ``folder`` and convert the copy."""
    shutil.copytree(case.before, folder, dirs_exist_ok=True, symlinks=True)
    with working_folder(folder):
        paths = [Path(path) for path in case.paths]
        settings = replace(
            load_settings(common_folder(paths)),
            unsafe_fixes=case.unsafe,
            return_name=case.return_name,
        )
        report = check(paths, settings)
        command = apply_command(paths, settings)
        findings = render_findings(report, command, unsafe_fixes=case.unsafe)
        errors = "".join(f"error: {error}\n" for error in report.errors)
        sets = convert(report, settings)
        # job_entry.py is the same everywhere, and submit_job.py differs between cases in few lines.
        hidden = {ENTRY_NAME} if case.concern == "submission" else {ENTRY_NAME, FILE_NAME}
        diff = render_diff([_without(change_set, hidden) for change_set in sets])
        for change_set in sets:
            write_change_set(change_set)
        again = check(paths, settings)
        return Converted(report, findings + errors, diff, again, convert(again, settings))
