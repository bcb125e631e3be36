"""Inputs: local files and folders that a run reads, and whether a job will have them."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.default_run import Probes
from mljob_codemod.analysis.inputs import Input, InputFinder, RunOnData
from mljob_codemod.analysis.library_reads import library_reads
from mljob_codemod.analysis.path_values import Root
from mljob_codemod.analysis.results import normal
from mljob_codemod.codemods.base import Job
from mljob_codemod.codemods.output_paths import paths_of
from mljob_codemod.findings import Finding, Rule
from mljob_codemod.plan import JobPlan, PathUse

_NO_PROBES = Probes(frozenset(), frozenset(), frozenset(), frozenset())

RULES: tuple[Rule, ...] = ()


def inputs_of(job: Job) -> list[Input]:
    """The inputs of a job; computed once for ``find`` and ``describe``."""
    if __name__ not in job.notes:
        paths = paths_of(job)
        run = RunOnData(job.program, job.options, paths.reach, job.paths, _NO_PROBES, gpu=True)
        known = frozenset(use.site.call for use in paths.uses)
        more = library_reads(job.program, job.paths, run.comes_to, job.exists, known)
        finder = InputFinder(
            job.program,
            [*paths.uses, *more],
            paths.results,
            runs=run.comes_to,
            exists=job.exists,
            defaults=job.paths.default_values,
        )
        job.notes[__name__] = finder.find()
    found = job.notes[__name__]
    assert isinstance(found, list)
    return found


def find(job: Job) -> Iterator[Finding]:
    """Findings about inputs that a job will not have."""
    return iter(())


def describe(job: Job, plan: JobPlan) -> None:
    """List each place that reads an input once."""
    unique: dict[tuple[str, int], PathUse] = {}
    for found in inputs_of(job):
        entry = _path_use(job, found)
        unique.setdefault((entry.path, entry.line), entry)
    plan.local_inputs += unique.values()


def _path_use(job: Job, found: Input) -> PathUse:
    source = job.sources(found.use.site.scope.module)
    # A call that spans lines is named by the line of its function's name.
    line = source.position(found.use.site.call.func.span.end - 1).line
    target = normal(found.target) if found.value.root is Root.SCRIPT_FOLDER else found.target
    return PathUse(source.shown, line, found.use.name, target)
