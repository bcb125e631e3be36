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
    fixed_indices,
    imagine_runs,
)
from mljob_codemod.analysis.model_size import ModelNeed, largest_model
from mljob_codemod.analysis.uses import UseFinder
from mljob_codemod.codemods.base import Job
from mljob_codemod.codemods.gpu_rules import GPU_INDEX, LARGE_MODEL, NO_GPU, RULES
from mljob_codemod.findings import Finding
from mljob_codemod.plan import Compute, Evidence, Family, JobPlan, ModelSize
from mljob_codemod.rules.compute import compute_rules
from mljob_codemod.rules.extensions import added_rows
from mljob_codemod.rules.instance_families import InstanceFamily, instance_families
from mljob_codemod.syntax import records as r

__all__ = ["RULES", "describe", "find", "trigger_words"]

_WORDS = frozenset(
    """cuda DataParallel DistributedDataParallel FullyShardedDataParallel init_process_group Accelerator
    set_device""".split()
)
_SHOWN = 3
_WIDTH = 60
_CLOUDS = ("aws", "azure", "gcp")


def trigger_words() -> frozenset[str]:
    """The last names of what usually runs on GPUs, and of what a company adds."""
    rows = map(compute_rules().uses.row_of, added_rows("gpu-use"))
    return _WORDS.union(
        name.rpartition(".")[2] for row in rows for name in (*row.names, *row.methods)
    )


def find(job: Job) -> Iterator[Finding]:
    """What makes a GPU job fail on the nodes that it gets."""
    signs = gpu_signs(job)
    if signs.kind not in (GpuUseKind.REQUIRED, GpuUseKind.OPTIONAL):
        return
    rules = compute_rules()
    pool = job.settings.job(job.path).compute_pool or job.settings.compute_pool
    if signs.kind is GpuUseKind.REQUIRED and pool is not None and pool.upper() == rules.cpu_pool:
        sign = signs.required[0]
        yield job.finding(
            NO_GPU,
            sign.module,
            sign.span,
            f"this needs a GPU, but the settings choose {rules.cpu_pool}, whose nodes have none",
        )
    if pool is None or pool.upper() == rules.gpu_pool:
        yield from _too_large(job)
        for sign, index in fixed_indices(job.program, *search_of(job)):
            yield job.finding(
                GPU_INDEX,
                sign.module,
                sign.span,
                f"this chooses GPU {index}, but a node of {rules.gpu_pool} has GPU 0 only: name no index, "
                "or set a compute pool with more GPUs",
            )


def _too_large(job: Job) -> Iterator[Finding]:
    need = model_need(job)
    if need is None:
        return
    families = _families(need)
    smallest = _families(None)
    if families == smallest:
        return
    names = ", ".join(f"{one.name} on {_cloud_name(one.cloud)}" for one in families)
    advice = f"create a pool of {names}" if names else "no node has as much: shard it over nodes"
    yield job.finding(
        LARGE_MODEL,
        need.place.module,
        need.place.span,
        f"{need.arithmetic}, more than the system pool's GPU has (24 GiB): {advice}",
    )


def describe(job: Job, plan: JobPlan) -> None:
    """Choose between the CPU and the GPU pool, and the family; the settings may name another pool."""
    rules = compute_rules()
    signs = gpu_signs(job)
    uses = signs.kind in (GpuUseKind.REQUIRED, GpuUseKind.OPTIONAL)
    reasons = dict.fromkeys(shown(job, sign) for sign in signs.reasons[:20])
    need = model_need(job) if uses else None
    families = _families(need) if uses else ()
    plan.compute = Compute(
        gpu=uses,
        gpu_use=signs.kind.value,
        instance_family=next((one.name for one in families if one.cloud == "aws"), None),
        compute_pool=rules.gpu_pool if uses else rules.cpu_pool,
        reasons=tuple(reasons)[:_SHOWN],
        model=None if need is None else _model_size(job, need),
        families=families,
    )


def _model_size(job: Job, need: ModelNeed) -> ModelSize:
    place = job.evidence(need.place.module, need.place.span)
    return ModelSize(need.model, need.parameters, need.gib, need.arithmetic, place.path, place.line)


def _families(need: ModelNeed | None) -> tuple[Family, ...]:
    """The cheapest family on each cloud that holds the model, or any model where none is named."""
    gib = 0.0 if need is None else need.gib
    found = []
    for cloud in _CLOUDS:
        fitting = [
            family
            for family in instance_families().values()
            if family.cloud == cloud and family.gpu_memory >= max(gib, 20)
        ]
        if not fitting:
            # Over several GPUs of a node, which most libraries for such models can do.
            fitting = [
                family
                for family in instance_families().values()
                if family.cloud == cloud and family.gpus * family.gpu_memory >= gib
            ]
        if fitting:
            best = min(fitting, key=_cost)
            found.append(
                Family(
                    cloud,
                    best.name,
                    best.gpus,
                    best.gpu_memory,
                    best.credits,
                    best.on_request,
                )
            )
    return tuple(found)


def _cost(family: InstanceFamily) -> tuple[bool, int, float]:
    """Families that need no request first, then by GPUs and price; unknown prices last."""
    return (family.on_request, family.gpus, family.credits or 1000.0 + family.cpus)


def _cloud_name(cloud: str) -> str:
    return {"aws": "AWS", "azure": "Azure", "gcp": "Google Cloud"}[cloud]


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


def model_need(job: Job) -> ModelNeed | None:
    """The largest model that the source names, looked for once."""
    if "model" not in job.notes:
        finder, runs = search_of(job)
        job.notes["model"] = largest_model(job.program, finder, runs.with_gpu)
    found = job.notes["model"]
    assert found is None or isinstance(found, ModelNeed)
    return found


def search_of(job: Job) -> tuple[UseFinder, Runs]:
    """What finds calls, and the imagined runs, made once for a job."""
    if "uses" not in job.notes:
        rules = compute_rules()
        runs = imagine_runs(job.program, job.options, job.paths, job.reach, rules)
        job.notes["uses"] = (UseFinder(job.program, canonical_name, rules.libraries), runs)
    made = job.notes["uses"]
    assert isinstance(made, tuple)
    return made
