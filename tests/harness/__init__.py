"""Runs scripts as their authors do and as jobs do, and compares what comes of it."""

from tests.harness.check import check_job, job_problems
from tests.harness.comparison import Comparison
from tests.harness.inside import JobOutcome, Recorded, run_inside
from tests.harness.outside import compare_outside, run_outside
from tests.harness.sandbox import Changes, HarnessError, Outcome, default_python
from tests.harness.stage_mount import stage_mount_guard

__all__ = [
    "Changes",
    "Comparison",
    "HarnessError",
    "JobOutcome",
    "Outcome",
    "Recorded",
    "check_job",
    "compare_outside",
    "default_python",
    "job_problems",
    "run_inside",
    "run_outside",
    "stage_mount_guard",
]
