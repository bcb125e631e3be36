"""``python -m tests.ecosystem [--diff-dir DIR] [--no-mypy] DIR…``: convert copies of real projects.

Each folder is one project. Verified: nothing crashes; a second run changes nothing and leaves no safe fix;
every file compiles, to the same tree once the inserted code is taken out; lines outside the diff are the
same bytes, with newlines, byte order mark, comments and mode as they were; each ``submit_job.py`` imports
without Snowflake's packages and type-checks. A project that crashes or takes too long does not end the run.
Prints totals and every failure; the exit status is 1 if there is one.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tokenize
import traceback
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from benchmarks.process_tree import MemoryWatcher
from mljob_codemod.checking import check
from mljob_codemod.config import Settings
from mljob_codemod.converting import ChangeSet, FileChange, convert
from mljob_codemod.errors import InputError, MljobError
from mljob_codemod.findings import Safety
from mljob_codemod.reporting.diff import render_diff
from mljob_codemod.submission import FILE_NAME, is_generated
from mljob_codemod.writing import write_change_set
from tests.conversion import working_folder
from tests.ecosystem.undo import same_apart_from_edits

_LARGE = 4 * 2**20


@dataclass
class Outcome:
    """What came of one project."""

    name: str
    files: int = 0
    jobs: int = 0
    unread: int = 0
    changed: int = 0
    edits: int = 0
    submissions: int = 0
    seconds: float = 0
    peak: int = 0
    """Bytes of all processes together, this one included; 0 where the system does not tell."""
    codes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def convert_project(project: Path, work: Path, diff_dir: Path | None, limit: int) -> Outcome:
    """Convert a copy of ``project`` in ``work`` and verify it, all within ``limit`` seconds."""
    outcome = Outcome(project.name)
    copy = work / project.name
    shutil.copytree(project, copy, symlinks=True, ignore=_left_out)
    watcher = MemoryWatcher(os.getpid())
    watcher.start()
    with working_folder(copy):
        try:
            with _time_limit(limit):
                _convert_here(outcome, diff_dir)
        except MljobError as error:
            outcome.failures.append(f"{type(error).__name__}: {error}")
        except Exception:
            last = traceback.format_exc(limit=-4).replace("\n", "\n    ")
            outcome.failures.append(f"crash: {last}")
    watcher.stop()
    outcome.peak = watcher.peak
    return outcome


@contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"not done after {seconds} seconds")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def _left_out(folder: str, names: list[str]) -> set[str]:
    paths = {name: Path(folder, name) for name in names}
    return {
        name
        for name, path in paths.items()
        if name == ".git" or (path.is_file() and path.stat().st_size > _LARGE)
    }


def _convert_here(outcome: Outcome, diff_dir: Path | None) -> None:
    here, settings = [Path(".")], Settings()
    started = time.perf_counter()
    report = check(here, settings)
    faults: list[InputError] = []
    change_sets = convert(report, settings, faults)
    outcome.failures += map(str, faults)
    outcome.seconds = time.perf_counter() - started
    outcome.files, outcome.jobs = report.files, len(report.jobs)
    outcome.unread = len(report.errors)
    outcome.codes.update(finding.code for finding in report.findings)
    if diff_dir is not None:
        own = [_without_submissions(change_set) for change_set in change_sets]
        (diff_dir / f"{outcome.name}.diff").write_bytes(render_diff(own))
    for change_set in change_sets:
        edits = {pair for found in change_set.applied if found.fix for pair in found.fix.edits}
        outcome.edits += len(edits)
        modes = {
            change.path: change.path.stat().st_mode
            for change in change_set.changes
            if change.before is not None
        }
        write_change_set(change_set)
        outcome.failures += [
            f"{path}: its mode is another" for path in modes if path.stat().st_mode != modes[path]
        ]
        for change in change_set.changes:
            _verify(change, outcome)
    again = check(here, settings)
    left = [change.shown for item in convert(again, settings, []) for change in item.changes]
    outcome.failures += [f"{shown}: a second run changes it" for shown in left]
    broken = {error.path for error in report.errors}
    for plan in again.jobs:
        if broken.isdisjoint({plan.script, *plan.local_modules}):
            outcome.failures += [
                f"{finding.location.path}:{finding.location.start.line}: {finding.code} is left"
                for finding in again.findings
                if finding.job == plan.script
                and finding.fix is not None
                and finding.fix.safety is Safety.SAFE
            ]


def _without_submissions(change_set: ChangeSet) -> ChangeSet:
    kept = tuple(c for c in change_set.changes if Path(c.shown).name != FILE_NAME)
    return ChangeSet(
        change_set.scripts, kept, change_set.applied, change_set.notices, change_set.kept
    )


def _verify(change: FileChange, outcome: Outcome) -> None:
    if change.before is None:
        outcome.submissions += 1
        ast.parse(change.after)
        return
    outcome.changed += 1
    try:
        if not same_apart_from_edits(change.before, change.after):
            outcome.failures.append(f"{change.shown}: more than the edits has changed")
    except SyntaxError as error:
        outcome.failures.append(f"{change.shown}: does not compile: {error}")
    if change.path.read_bytes() != change.after:
        outcome.failures.append(f"{change.shown}: is not what was to be written")
    if _form(change.before) != _form(change.after):
        outcome.failures.append(f"{change.shown}: other line endings or byte order mark")
    if lost := _comments(change.before) - _comments(change.after):
        outcome.failures.append(f"{change.shown}: comments are gone: {', '.join(lost)}")
    old, new = (text.splitlines(keepends=True) for text in (change.before, change.after))
    kept = sum(
        block.size for block in difflib.SequenceMatcher(None, old, new, False).get_matching_blocks()
    )
    if len(old) - kept > 60:
        outcome.failures.append(f"{change.shown}: {len(old) - kept} lines differ")


def _form(data: bytes) -> tuple[bool, bool, bool, bool]:
    """Byte order mark, and which line endings a file has."""
    windows = data.count(b"\r\n")
    feeds, returns = data.count(b"\n") - windows, data.count(b"\r") - windows
    return data.startswith(BOM_UTF8), windows > 0, feeds > 0, returns > 0


def _comments(data: bytes) -> Counter[str]:
    tokens = tokenize.tokenize(io.BytesIO(data).readline)
    return Counter(token.string.rstrip() for token in tokens if token.type == tokenize.COMMENT)


def check_submissions(work: Path, *, types: bool) -> list[str]:
    """Import every generated submission in a clean process, and type-check all of them."""
    files = [
        path for path in sorted(work.rglob(FILE_NAME)) if is_generated(path.read_text("utf-8"))
    ]
    failures = []
    program = (
        "import importlib.util, sys\n"
        "for path in sys.stdin.read().splitlines():\n"
        "    spec = importlib.util.spec_from_file_location('submit_job', path)\n"
        "    spec.loader.exec_module(importlib.util.module_from_spec(spec))\n"
    )
    listed = "\n".join(map(str, files))
    run = [sys.executable, "-I", "-c", program]
    done = subprocess.run(run, input=listed, capture_output=True, text=True, check=False)
    if done.returncode or done.stdout:
        failures.append(f"importing submissions: {done.stderr[-500:]}{done.stdout[:200]}")
    if types and files:
        with tempfile.TemporaryDirectory() as folder:
            for number, file in enumerate(files):
                shutil.copy(file, Path(folder, f"submission_{number}.py"))
            command = [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            failures.append(f"types of submissions: {done.stdout[-1500:]}")
    return failures


def main() -> int:
    """Convert, verify, print; 1 if anything failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("projects", nargs="+", type=Path)
    parser.add_argument("--diff-dir", type=Path, help="write each project's diff there")
    parser.add_argument("--no-mypy", action="store_true", help="do not type-check submissions")
    parser.add_argument("--limit", type=int, default=600, help="seconds for one project")
    options = parser.parse_args()
    if options.diff_dir is not None:
        options.diff_dir.mkdir(parents=True, exist_ok=True)
    outcomes, failures = [], []
    with tempfile.TemporaryDirectory() as folder:
        for project in options.projects:
            diff_dir = None if options.diff_dir is None else options.diff_dir.resolve()
            outcome = convert_project(project.resolve(), Path(folder), diff_dir, options.limit)
            outcomes.append(outcome)
            print(_line(outcome), flush=True)
            for failure in outcome.failures:
                print(f"  {failure}")
        failures = check_submissions(Path(folder), types=not options.no_mypy)
        for failure in failures:
            print(failure)
    total = Outcome("all")
    for outcome in outcomes:
        for name in ("files", "jobs", "unread", "changed", "edits", "submissions", "seconds"):
            setattr(total, name, getattr(total, name) + getattr(outcome, name))
        total.codes += outcome.codes
        total.peak = max(total.peak, outcome.peak)
        failures += outcome.failures
    print(_line(total))
    print("  " + ", ".join(f"{code} {count}" for code, count in sorted(total.codes.items())))
    print(f"{len(failures)} failures")
    return 1 if failures else 0


def _line(outcome: Outcome) -> str:
    return (
        f"{outcome.name}: {outcome.files} files ({outcome.unread} not read), {outcome.jobs} jobs, "
        f"{sum(outcome.codes.values())} findings, {outcome.changed} files changed by "
        f"{outcome.edits} edits, {outcome.submissions} submissions, {outcome.seconds:.1f} s, "
        f"{outcome.peak / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    sys.exit(main())
