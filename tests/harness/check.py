"""The whole promise about one conversion in one call."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tests.harness.inside import JobOutcome, run_inside
from tests.harness.outside import compare_outside


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
    outside = compare_outside(before, after, script, args, timeout=timeout, python=python)
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
    outcome: JobOutcome, result: Any, artifacts: Collection[str], status: int = 0
) -> list[str]:
    """How a job's outcome differs from what it should be."""
    problems = []
    if outcome.status != status:
        problems.append(f"exit status {outcome.status}, not {status}\n{outcome.stderr[-3000:]}")
    value = outcome.recorded.value if outcome.recorded else None
    if status == 0 and value != result:
        problems.append(f"records {value!r}, not {result!r}")
    problems += [f"no artifact {name}" for name in sorted(set(artifacts) - set(outcome.artifacts))]
    problems += [f"artifact {name}" for name in sorted(set(outcome.artifacts) - set(artifacts))]
    problems += [f"writes {name} outside the result path" for name in sorted(outcome.elsewhere)]
    return problems
