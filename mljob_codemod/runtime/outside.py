"""Running a script as its author does, and comparing two versions of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from mljob_codemod.runtime.comparison import Comparison, compare
from mljob_codemod.runtime.sandbox import (
    Changes,
    Outcome,
    changes_since,
    copy_project,
    environment,
    read_tree,
    run_process,
    tree_states,
    without_caches,
)


def run_outside(
    project: Path,
    script: str,
    args: Sequence[str] = (),
    *,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 120,
    python: Path,
) -> Outcome:
    """Run `python script args` in a fresh copy of `project`, which is its working directory."""
    with tempfile.TemporaryDirectory(prefix="mljob-outside-") as base:
        return _run_in(Path(base).resolve(), project, script, args, env, stdin, timeout, python)


def _run_in(
    base: Path,
    project: Path,
    script: str,
    args: Sequence[str],
    env: Mapping[str, str] | None,
    stdin: str | None,
    timeout: float,
    python: Path,
    folder: str = ".",
) -> Outcome:
    work, home, temporary = base / "project", base / "home", base / "tmp"
    home.mkdir()
    temporary.mkdir()
    copy_project(project, work)
    before = tree_states(work)
    finished = run_process(
        [str(python), script, *args],
        cwd=work / folder,
        env={**environment(home, temporary, python), **(env or {})},
        stdin=stdin,
        timeout=timeout,
    )
    made = changes_since(before, work, project)
    others = {f"~/{name}": data for name, data in without_caches(read_tree(home)).items()}
    others |= {f"$TMPDIR/{name}": data for name, data in read_tree(temporary).items()}
    return Outcome(
        stdout=finished.stdout.replace(str(base), "<base>"),
        stderr=finished.stderr.replace(str(base), "<base>"),
        status=finished.status,
        files=Changes({**made.written, **others}, made.deleted),
    )


def compare_outside(
    before: Path,
    after: Path,
    script: str,
    args: Sequence[str] = (),
    *,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float = 120,
    python: Path,
    folder: str = ".",
) -> Comparison:
    """Whether two versions of a project do the same outside a job, started in `folder` of it."""

    with tempfile.TemporaryDirectory(prefix="mljob-outside-") as parent:
        # All runs happen at one path, so that files that mention it come out equal.
        base = Path(parent).resolve() / "run"

        def run(project: Path) -> Outcome:
            base.mkdir()
            try:
                return _run_in(base, project, script, args, env, stdin, timeout, python, folder)
            finally:
                shutil.rmtree(base)

        return compare(run(before), run(after), lambda: run(before))
