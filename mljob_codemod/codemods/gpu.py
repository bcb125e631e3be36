"""Compute: what a default run does about GPUs, and what it should run on."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.gpu import (
    GpuSigns,
    GpuUseKind,
    Runs,
    Sign,
    canonical_name,
    find_gpu_signs,
    imagine_runs,
)
from mljob_codemod.analysis.reachability import Reachability
from mljob_codemod.analysis.uses import UseFinder
from mljob_codemod.codemods.base import Job
from mljob_codemod.findings import Finding, Rule
from mljob_codemod.plan import Compute, Evidence, JobPlan
from mljob_codemod.rules.compute import compute_rules
from mljob_codemod.syntax import records as r

RULES: tuple[Rule, ...] = ()
TRIGGER_WORDS = frozenset(
    """cuda DataParallel DistributedDataParallel FullyShardedDataParallel init_process_group Accelerator
    set_device""".split()
)
_SHOWN = 3
_WIDTH = 60


def find(job: Job) -> Iterator[Finding]:
    """Nothing: a compute pool is a choice for the plan, not a fault of the source."""
    yield from ()


def describe(job: Job, plan: JobPlan) -> None:
    """Choose between the CPU and the GPU pool; the settings may name another."""
    rules = compute_rules()
    signs = gpu_signs(job)
    uses = signs.kind in (GpuUseKind.REQUIRED, GpuUseKind.OPTIONAL)
    reasons = dict.fromkeys(shown(job, sign) for sign in signs.reasons[:20])
    plan.compute = Compute(
        gpu=uses,
        gpu_use=signs.kind.value,
        compute_pool=rules.gpu_pool if uses else rules.cpu_pool,
        reasons=tuple(reasons)[:_SHOWN],
    )


def shown(job: Job, sign: Sign) -> Evidence:
    """The code at a place, without what says nothing about GPUs and what a rewrite may change."""
    module, span, call, by_itself = sign
    if call is None or span == call.func.span:
        return job.evidence(module, span)
    func = job.evidence(module, call.func.span).what
    if isinstance(call.func, r.Attribute) and not isinstance(
        call.func.value, (r.Name, r.Attribute)
    ):
        func = f"….{call.func.attr}"
    given = ", ".join(job.evidence(module, argument.span).what for argument in call.args)
    if given and (by_itself or len(given) > _WIDTH):
        given = "…"
    return job.evidence(module, span, f"{func}({given})")


def gpu_signs(job: Job) -> GpuSigns:
    """The signs of a GPU in the job's reach, found once."""
    found = job.notes.get("gpu")
    if not isinstance(found, GpuSigns):
        finder, runs = search_of(job)
        found = job.notes["gpu"] = find_gpu_signs(job.program, finder, runs, compute_rules())
    return found


def search_of(job: Job) -> tuple[UseFinder, Runs]:
    """What finds calls, and the imagined runs, made once for a job."""
    if "uses" not in job.notes:
        reach = Reachability(job.program, job.options)
        rules = compute_rules()
        runs = imagine_runs(job.program, job.options, job.paths, reach, rules)
        job.notes["uses"] = (UseFinder(job.program, canonical_name, rules.libraries), runs)
    made = job.notes["uses"]
    assert isinstance(made, tuple)
    return made
