"""Runs scripts as their authors do and as jobs do, and compares what comes of it."""

from functools import partial

from mljob_codemod.runtime import outside
from mljob_codemod.runtime.comparison import Comparison
from mljob_codemod.runtime.sandbox import Changes, Outcome, SandboxError
from tests.harness.check import check_job, job_problems
from tests.harness.inside import JobOutcome, Recorded, run_inside
from tests.harness.interpreter import default_python
from tests.harness.stage_mount import stage_mount_guard

compare_outside = partial(outside.compare_outside, python=default_python())
run_outside = partial(outside.run_outside, python=default_python())

__all__ = [
    "Changes",
    "Comparison",
    "JobOutcome",
    "Outcome",
    "Recorded",
    "SandboxError",
    "check_job",
    "compare_outside",
    "default_python",
    "job_problems",
    "run_inside",
    "run_outside",
    "stage_mount_guard",
]
