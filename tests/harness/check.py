"""The whole promise about one conversion in one call."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from mljob_codemod.runtime.outside import compare_outside
from tests.harness.inside import JobOutcome, run_inside
from tests.harness.interpreter import default_python


def check_job(
    before: Path,
    after: Path,
    script: str,
    args: Sequence[str] = (),
    *,
    result: Any,
    artifacts: Collection[str],
    job_args: Sequence[str] | None = None,
    status: int = 0,
    root: str = ".",
    method: Literal["submit_file", "submit_directory"] = "submit_directory",
    env: Mapping[str, str] | None = None,
    timeout: float = 120,
    python: Path | None = None,
) -> list[str]:
    """What is wrong with a conversion: nothing when it keeps the script and makes a good job.

    Outside, both versions run with `args` and must do the same. Inside, the converted version
    runs with `job_args` (`args` unless given), must record `result`, leave exactly the files
    `artifacts` below the result path, and write nowhere else but to the temporary folder.
    """
    outside = compare_outside(
        before, after, script, args, timeout=timeout, python=python or default_python()
    )
    inside = run_inside(
        after,
        script,
        args if job_args is None else job_args,
        root=root,
        method=method,
        env=env,
        timeout=timeout,
        python=python,
    )
    return [f"outside: {text}" for text in outside.differences] + [
        f"inside: {text}" for text in job_problems(inside, result, artifacts, status)
    ]


def job_problems(
    outcome: JobOutcome,
    result: Any,
    artifacts: Collection[str],
    status: int = 0,
    *,
    elsewhere: Collection[str] = (),
) -> list[str]:
    """How a job's outcome differs from what it should be.

    `artifacts` and `elsewhere` are patterns as in `Path.glob`; a `result` of `...` is any.
    """
    problems = []
    if outcome.status != status:
        problems.append(f"exit status {outcome.status}, not {status}\n{outcome.stderr[-3000:]}")
    value = outcome.recorded.value if outcome.recorded else None
    if status == 0 and result is not ... and value != result:
        problems.append(f"records {value!r}, not {result!r}")
    problems += [
        f"no artifact {pattern}; there are {sorted(outcome.artifacts)}"
        for pattern in artifacts
        if not any(_matches(name, pattern) for name in outcome.artifacts)
    ]
    problems += [
        f"artifact {name}"
        for name in sorted(outcome.artifacts)
        if not any(_matches(name, pattern) for pattern in artifacts)
    ]
    allowed = [f"payload/{pattern}" for pattern in elsewhere]
    problems += [
        f"writes {name} outside the result path"
        for name in sorted(outcome.elsewhere)
        if not any(_matches(name, pattern) or _is_above(name, pattern) for pattern in allowed)
    ]
    return problems


def _is_above(name: str, pattern: str) -> bool:
    """Whether `name` is a folder that a file of `pattern` lies in."""
    return name.endswith("/") and pattern.startswith(name)


def _matches(name: str, pattern: str) -> bool:
    """Whether `name` fits a pattern in which `**` is any number of folders."""
    parts = re.split(r"(\*\*/|\*|\?)", pattern)
    known = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    return bool(re.fullmatch("".join(known.get(part, re.escape(part)) for part in parts), name))
