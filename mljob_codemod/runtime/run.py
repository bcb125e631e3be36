"""A script to what its job comes to on this machine: convert a copy if need be, submit, follow, look.

The job is submitted by its own ``submit_job.py`` and the client that is installed (``local_account``), and runs under the
client's launcher (``pool.py``).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mljob_codemod.checking import Report, check
from mljob_codemod.config import Settings
from mljob_codemod.converting import FileChange, convert
from mljob_codemod.errors import InputError, MljobError
from mljob_codemod.plan import JobPlan
from mljob_codemod.rules.instance_families import instance_family
from mljob_codemod.runtime.outcome import Rewritten, RunResult, read_outcome
from mljob_codemod.runtime.outside import compare_outside
from mljob_codemod.runtime.pool import Pool, PoolOptions
from mljob_codemod.runtime.sandbox import REPEATABLE
from mljob_codemod.submission import FILE_NAME, scripts_of

_ACCOUNT = Path(__file__).with_name("local_account")
_NOT_COPIED = shutil.ignore_patterns(
    *(".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", "*.pyc", ".*_cache")
)
_LINKED_FROM = 1 << 20
"""Bytes from which a file of the project is linked into the copy: nothing writes to it there."""
_STAGE = "LOCAL_STAGE"


@dataclass(frozen=True)
class RunOptions:
    """``result_dir`` receives the artifacts; ``keep`` leaves the account's folder behind."""

    pool: PoolOptions
    compare: bool = False
    keep: bool = False
    result_dir: Path | None = None
    instance_family: str | None = None
    """Limits memory and cores to those of its nodes; ``plan`` is the one that the script's plan names."""


def run_job(
    script: Path,
    arguments: Sequence[str],
    settings: Settings,
    options: RunOptions,
    say: Callable[[str], None],
    show: Callable[[str], None],
) -> RunResult:
    """Run ``script`` as a job of this machine.

    ``say`` is told what happens, ``show`` gets the script's output as it comes. Raises ``MljobError`` when
    the job cannot be submitted at all.
    """
    _require_client(options.pool.python)
    # Code that a job takes from a stage of the account is taken from here.
    jobs = {name: replace(job, source=None) for name, job in settings.jobs.items()}
    settings = replace(settings, jobs=jobs)
    report = check([script], settings)
    if report.errors:
        raise report.errors[0]
    shown = _only_script(report, script)
    options = replace(options, pool=_limited(options, shown))
    changes = [change for each in convert(report, settings) for change in each.changes]
    own = Path(os.path.relpath(Path(shown.script).resolve().with_name(FILE_NAME)))
    if own.exists() and own.resolve() not in {change.path.resolve() for change in changes}:
        scripts_of(own)  # says by its name when it is no submission of ours
    with _folder(options.keep) as base:
        project, submission = _project(report, shown, changes, base, options.compare, say)
        rewritten = _rewritten(shown, changes)
        outcome = _submit(
            base, project / submission, shown, arguments, options, rewritten, say, show
        )
        if options.keep:
            outcome.folder = str(base)
        if options.result_dir is not None:
            _keep_artifacts(base, outcome, options.result_dir)
        if options.compare:
            say("comparing the script before and after, outside a job")
            top = _top(report, shown, compared=True)
            _compare(outcome, project, top, script, arguments, options)
    return outcome


def _require_client(python: Path) -> None:
    asked = "import importlib.metadata as m; m.version('snowflake-ml-python')"
    if subprocess.run([python, "-c", asked], capture_output=True).returncode:
        raise MljobError(
            f"{python} has no snowflake-ml-python: run pip install 'mljob-codemod[snowflake]', or name "
            "another interpreter by --python"
        )


def _limited(options: RunOptions, plan: JobPlan) -> PoolOptions:
    """The pool's options with the limits of the instance family, apart from those given one by one."""
    name, pool = options.instance_family, options.pool
    if name is None:
        return pool
    if name == "plan":
        name = plan.compute.instance_family
        if name is None:
            raise InputError(plan.script, "needs no certain instance family: name one")
    family = instance_family(name)
    return replace(
        pool,
        memory=pool.memory if pool.memory is not None else family.memory * 2**30,
        cpus=pool.cpus if pool.cpus is not None else family.cpus,
    )


def _rewritten(plan: JobPlan, changes: Sequence[FileChange]) -> dict[str, tuple[bytes, bytes]]:
    """What a conversion changed, by its place in the payload."""
    root = Path(plan.root).resolve()
    return {
        change.path.resolve().relative_to(root).as_posix(): (change.before or b"", change.after)
        for change in changes
        if change.path.resolve().is_relative_to(root)
    }


def _only_script(report: Report, script: Path) -> JobPlan:
    for plan in report.jobs:
        if Path(plan.script).resolve() == script.resolve():
            return plan
    raise InputError(str(script), "is no script that runs as a job")


@contextlib.contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="mljob-run-")).resolve()
    try:
        yield base
    finally:
        if not keep:
            shutil.rmtree(base, ignore_errors=True)


def _top(report: Report, plan: JobPlan, compared: bool) -> Path:
    """The folder that holds all of the job: payload, script and what was read.

    A comparison runs the script where the user stands, so its folder holds the working directory too,
    unless that is the home folder or above, which is no project.
    """
    places = [Path(plan.root).resolve(), Path(plan.script).resolve().parent]
    places += [Path(path).resolve().parent for path in report.sources]
    top = Path(os.path.commonpath(places))
    here = Path.cwd().resolve()
    stands_inside = top.is_relative_to(here) and not Path.home().is_relative_to(here)
    return here if compared and stands_inside else top


def _project(
    report: Report,
    plan: JobPlan,
    changes: Sequence[FileChange],
    base: Path,
    compared: bool,
    say: Callable[[str], None],
) -> tuple[Path, Path]:
    """The folder to submit from, and where its ``submit_job.py`` lies; a converted copy where changes are pending.

    The copy holds all of the project only where the job gets a folder, or the scripts are ``compared``.
    """
    top = _top(report, plan, compared)
    submission = Path(plan.script).resolve().parent.relative_to(top) / FILE_NAME
    if not changes:
        return top, submission
    say("the script is not converted yet: a copy of the project is, and nothing here is changed")
    copy = base / "project"
    if plan.method == "submit_file" and not compared:
        script = Path(plan.script).resolve()
        alone = copy / script.relative_to(top)
        alone.parent.mkdir(parents=True)
        for file in (script, script.with_name(FILE_NAME)):
            if file.exists():  # a submission that a person edited is kept, and used
                shutil.copy2(file, alone.with_name(file.name))
    else:
        _copy_whole(top, copy, say)
    for change in changes:
        target = copy / change.path.resolve().relative_to(top)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)  # it may be a link to the user's file
        target.write_bytes(change.after)
    return copy, submission


def _copy_whole(top: Path, copy: Path, say: Callable[[str], None]) -> None:
    try:
        shutil.copytree(top, copy, symlinks=True, ignore=_NOT_COPIED, copy_function=_copy_or_link)
    except shutil.Error as error:  # all else is copied
        say(f"left out of the copy: {len(error.args[0])} files that cannot be read")


def _copy_or_link(source: str, target: str) -> None:
    if os.path.getsize(source) >= _LINKED_FROM:
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)


def _submit(
    base: Path,
    submission: Path,
    plan: JobPlan,
    arguments: Sequence[str],
    options: RunOptions,
    rewritten: Rewritten,
    say: Callable[[str], None],
    show: Callable[[str], None],
) -> RunResult:
    account = base / "account"
    (account / "jobs").mkdir(parents=True)
    names = scripts_of(submission)
    name = [Path(plan.script).name] if len(names) > 1 else []
    command = [str(options.pool.python), str(_ACCOUNT), str(account), str(submission), *name]
    say("submitting by the client")
    with Pool(account, options.pool, say, show) as pool:
        submitted = subprocess.run(
            [*command, "--stage", _STAGE, "--", *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "SNOWFLAKE_HOME": str(account)},
        )
    if submitted.returncode or not (account / "report.json").exists():
        last = (submitted.stderr.strip() or "the submission ended without a word").splitlines()
        raise MljobError(f"the job cannot be submitted: {last[-1]}")
    told = json.loads((account / "report.json").read_text("utf-8"))
    return read_outcome(plan, told, pool.ran[told["id"]], account, rewritten)


def _keep_artifacts(base: Path, outcome: RunResult, target: Path) -> None:
    told = json.loads((base / "account" / "report.json").read_text("utf-8"))
    try:
        for artifact in outcome.artifacts:
            place = target / artifact.path
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(Path(told["result_path"]) / artifact.path, place)
    except OSError as error:
        raise InputError(str(target), f"cannot be written: {error}") from error


def _compare(
    outcome: RunResult,
    converted: Path,
    original: Path,
    script: Path,
    arguments: Sequence[str],
    options: RunOptions,
) -> None:
    here = Path.cwd().resolve()
    folder = here if here.is_relative_to(original) else original
    compared = compare_outside(
        original,
        converted,
        os.path.relpath(script.resolve(), folder),
        arguments,
        env=_own_variables(original, folder),
        timeout=options.pool.timeout or 3600,
        python=options.pool.python,
        folder=folder.relative_to(original).as_posix(),
    )
    outcome.differences, outcome.unstable = compared.differences, compared.unstable
    outcome.outside_status = compared.status


def _own_variables(original: Path, folder: Path) -> dict[str, str]:
    """The user's variables, which a script outside a job may need, without those that runs are made equal by."""
    variables = {name: text for name, text in os.environ.items() if name not in REPEATABLE}
    if "PYTHONPATH" in variables:
        # Both versions must import their own modules, never those of the project itself.
        places = [Path(place).resolve() for place in variables["PYTHONPATH"].split(os.pathsep)]
        variables["PYTHONPATH"] = os.pathsep.join(
            os.path.relpath(place, folder) if place.is_relative_to(original) else str(place)
            for place in places
        )
    return variables
