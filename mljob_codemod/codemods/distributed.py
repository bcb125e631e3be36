"""Distribution: how the script spreads its work over processes, GPUs and nodes."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.uses import Place, condition_holds, is_given
from mljob_codemod.codemods.base import Job
from mljob_codemod.codemods.gpu import search_of
from mljob_codemod.findings import Finding, Rule
from mljob_codemod.plan import JobPlan
from mljob_codemod.rules.distributed import Kind, KindUse, distributed_rules

RULES: tuple[Rule, ...] = ()
TRIGGER_WORDS = frozenset(
    """pmap shard_map MirroredStrategy MultiWorkerMirroredStrategy TPUStrategy fully_shard spawn
    init_process_group""".split()
)


def find(job: Job) -> Iterator[Finding]:
    yield from ()


def describe(job: Job, plan: JobPlan) -> None:
    """Name the most specific kind that the script is written to use."""
    found = kind_of(job)
    if found is not None:
        plan.distributed = found[0].name


def kind_of(job: Job) -> tuple[Kind, tuple[Place, ...]] | None:
    """The most specific kind found, with the first place of each call that tells of it."""
    rules = distributed_rules()
    uses = [*rules.uses.rows(search_of(job)[0].libraries)]
    for kind in rules.kinds if uses else ():
        places = [
            place for use in uses if use.kind == kind.name for place in _first_place(job, use)
        ]
        if places:
            return kind, tuple(places)
    return None


def _first_place(job: Job, use: KindUse) -> Iterator[Place]:
    """Where the script makes such a call by default, or when an option asks for it."""
    finder, runs = search_of(job)
    run = runs.any_options
    for place in finder.find(use):
        reached = (
            run.comes_to(place.site) if place.site is not None else run.enters(place.scope.function)
        )
        if not reached or any(condition_holds(one, place, run) for one in use.unless):
            continue
        if use.when and not any(
            is_given(one, place.call) and condition_holds(one, place, run) is not False
            for one in use.when
        ):
            continue
        yield place
        return
