"""What the settings say of one job, put into its plan with what of the source that rests on."""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mljob_codemod.analysis.environment import variable_reads
from mljob_codemod.codemods.base import Job
from mljob_codemod.discovery import shown_path
from mljob_codemod.plan import EnvVar, Evidence, Import, JobPlan
from mljob_codemod.project import Reach


def settle(job: Job, plan: JobPlan, reach: Reach) -> None:
    """Fill in what the settings decide: pool, nodes, warehouse, variables, and modules beside the payload."""
    settled = job.settings.job(job.path)
    plan.compute = replace(
        plan.compute,
        compute_pool=settled.compute_pool or plan.compute.compute_pool,
        nodes=settled.target_instances or plan.compute.nodes,
    )
    plan.min_instances = settled.min_instances if plan.compute.nodes > 1 else None
    plan.query_warehouse = settled.query_warehouse
    if settled.env_vars:
        reads = _reads(job)
        plan.env_vars = [
            EnvVar(name, value, reads.get(name)) for name, value in settled.env_vars.items()
        ]
    if job.settings.remote is None:
        plan.imports = list(_outside(reach, job.root))


def _reads(job: Job) -> dict[str, Evidence]:
    """Where each environment variable is first read."""
    found: dict[str, Evidence] = {}
    for read in variable_reads(job.program, job.paths, job.program.modules.values()):
        found.setdefault(read.name, job.evidence(read.module, read.node.span))
    return found


def _outside(reach: Reach, root: Path) -> Iterator[Import]:
    """The modules and packages that a payload whose root is settled would leave behind."""
    seen: set[str] = set()
    for path in reach.files:
        above = [folder for folder in reach.roots if path.is_relative_to(folder)]
        if path.is_relative_to(root) or not above:
            continue
        folder = max(above, key=lambda one: len(one.parts))
        top = folder / path.relative_to(folder).parts[0]
        name = os.path.splitext(top.name)[0]
        if name not in seen:
            seen.add(name)
            yield Import(shown_path(top), name)
