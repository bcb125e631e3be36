"""Compute: whether the script is one that uses a GPU, by what it imports."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.codemods.base import Job
from mljob_codemod.findings import Finding, Rule
from mljob_codemod.plan import Compute, Evidence, JobPlan
from mljob_codemod.rules.compute import compute_rules

RULES: tuple[Rule, ...] = ()


def find(job: Job) -> Iterator[Finding]:
    """Nothing: a compute pool is a choice for the plan, not a fault of the source."""
    yield from ()


def describe(job: Job, plan: JobPlan) -> None:
    """Choose between the CPU and the GPU pool; the settings may name another."""
    rules = compute_rules()
    reasons = tuple(
        Evidence(facts.shown, imported.line, f"import {imported.module}")
        for facts in job.files
        for imported in facts.imports
        if imported.module.partition(".")[0] in rules.gpu_imports
        and not imported.optional
        and not job.program.is_local(str(facts.path), imported.module)
    )
    plan.compute = Compute(
        gpu=bool(reasons),
        compute_pool=rules.gpu_pool if reasons else rules.cpu_pool,
        reasons=reasons[:3],
    )
