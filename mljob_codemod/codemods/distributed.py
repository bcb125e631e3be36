"""Distribution: how the script spreads its work over processes, GPUs and nodes."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.environment import Missing, variable_reads
from mljob_codemod.analysis.launches import launches_of
from mljob_codemod.analysis.names import Definition, External, argument_at
from mljob_codemod.analysis.uses import Place, condition_holds, is_given
from mljob_codemod.codemods.base import Job, ModuleEdit
from mljob_codemod.codemods.distributed_rules import (
    APART_NODES,
    IDLE_NODES,
    NEEDS_LAUNCHER,
    RAY_INIT,
    RULES,
)
from mljob_codemod.codemods.gpu import search_of
from mljob_codemod.codemods.inserted import IN_JOB
from mljob_codemod.discovery import shown_path
from mljob_codemod.edits import AddImport, InsertArgument, Span
from mljob_codemod.findings import Finding
from mljob_codemod.plan import Distribution, Evidence, JobPlan
from mljob_codemod.rules.distributed import Kind, KindUse, distributed_rules
from mljob_codemod.rules.uses import Use
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Site

__all__ = ["RULES", "TRIGGER_WORDS", "describe", "find"]

TRIGGER_WORDS = frozenset(
    """pmap shard_map MirroredStrategy MultiWorkerMirroredStrategy TPUStrategy fully_shard spawn
    init_process_group""".split()
)
_LAUNCHED = frozenset(
    "RANK LOCAL_RANK WORLD_SIZE LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT GROUP_RANK".split()
)
_NODES_VARIABLES = frozenset({"MLRS_HEAD_IP", "MLRS_NODE_IPS"})
_RAY_INIT = Use(source="docs.ray.io, ray.init", names=("ray.init",))
_INIT_GROUP = Use(
    source="pytorch.org/docs, torch.distributed", names=("torch.distributed.init_process_group",)
)
_SHOWN = 3


def find(job: Job) -> Iterator[Finding]:
    """What keeps a distributed script from running as a job, or a job's nodes from being used."""
    yield from _ray_inits(job)
    found = kind_of(job)
    kind = None if found is None else found[0]
    if kind is not None and kind.launcher is not None:
        yield from _needs_launcher(job, kind)
    nodes = job.settings.job(job.path).target_instances or 1
    if kind is not None and kind.every_node:
        if found is not None and nodes > 1 and not _meets(job):
            yield job.finding(
                APART_NODES,
                found[1][0].module,
                found[1][0].span,
                f"{nodes} nodes start the script at once, and nothing tells them of each other: set MASTER_ADDR "
                "from MLRS_HEAD_IP, RANK and WORLD_SIZE before this, or set target_instances to 1",
            )
    elif nodes > 1 and not (kind is not None and kind.own_nodes):
        place = Span(0, 0) if found is None else found[1][0].span
        module = job.script if found is None else found[1][0].module
        more = "distribute the work with Ray" if kind is None else kind.more_nodes
        yield job.finding(
            IDLE_NODES,
            module,
            place,
            f"the settings ask for {nodes} nodes, but the script runs on the first only: set "
            f"target_instances to 1, or {more}",
        )


def describe(job: Job, plan: JobPlan) -> None:
    """Name the most specific kind that the script is written to use, and what it means for a job."""
    found = kind_of(job)
    launches = tuple(
        Evidence(shown_path(launch.file), launch.line, launch.command)
        for launch in launches_of(job.path, job.root)
    )
    if found is not None:
        kind, places = found
        plan.distributed = kind.name
        plan.distribution = Distribution(
            kind.one_node,
            kind.more_nodes,
            kind.own_nodes,
            kind.every_node,
            kind.launcher,
            tuple(_shown(job, place) for place in places[:_SHOWN]),
            launches[:_SHOWN],
        )
    elif launches:
        plan.distribution = Distribution(
            "started as it is, it is one process",
            "give its processes an address to meet at, or use PyTorchDistributor",
            launches=launches[:_SHOWN],
        )


def _shown(job: Job, place: Place) -> Evidence:
    func = job.evidence(place.module, place.call.func.span).what
    return job.evidence(place.module, place.span, func if place.site is None else f"{func}(…)")


# MLJ801


def _ray_inits(job: Job) -> Iterator[Finding]:
    finder, runs = search_of(job)
    places = [
        place
        for place in finder.find(_RAY_INIT)
        if place.site is not None and runs.any_options.comes_to(place.site)
    ]
    for place in places:
        site, call = place.site, place.call
        assert site is not None
        if _is_provided_for(job, site) or any(
            argument.star == "**" or argument.keyword == "ignore_reinit_error"
            for argument in call.args
        ):
            continue
        once = len(places) == 1 and not site.loops and not _is_called_again(job, site)
        value = "True" if once else IN_JOB
        edits = [
            ModuleEdit(place.module, InsertArgument(call.span, f"ignore_reinit_error={value}"))
        ]
        if not once:
            edits.append(ModuleEdit(place.module, AddImport("os")))
        yield job.finding(
            RAY_INIT,
            place.module,
            call.span,
            "a job is connected to its Ray cluster already, and a second `ray.init` fails: take the "
            "connection there is; address and resources given here are then ignored in a job",
            edits=tuple(edits),
        )


def _is_provided_for(job: Job, site: Site) -> bool:
    """Whether the call is made only where Ray is not initialised."""
    for guard in site.guards:
        test, holds = guard.test, guard.holds
        if isinstance(test, r.Not):
            test, holds = test.value, not holds
        if not holds and isinstance(test, r.Call):
            entities = job.program.entities(test.func, site.scope)
            if External("ray.is_initialized") in entities:
                return True
    return False


def _is_called_again(job: Job, site: Site) -> bool:
    """Whether the function that the call stands in is called from several places or in a loop."""
    function = site.scope.function
    if function is None or not isinstance(function.node, r.FunctionDef) or function.parent is None:
        return False
    callers = job.program.callers(Definition(function.node, function.parent))
    return len(callers) > 1 or any(caller.loops for caller in callers)


def _meets(job: Job) -> bool:
    """Whether the source reads where the other nodes of a job are."""
    modules = search_of(job)[0].modules
    return any(
        read.name in _NODES_VARIABLES for read in variable_reads(job.program, job.paths, modules)
    )


# MLJ802


def _needs_launcher(job: Job, kind: Kind) -> Iterator[Finding]:
    """The first place that fails where no launcher has set its variables."""
    finder, runs = search_of(job)
    run = runs.with_gpu
    set_here = {
        item.receiver.index.value
        for module in finder.modules
        for item in module.items
        if isinstance(item.receiver, r.Subscript) and isinstance(item.receiver.index, r.Const)
    }
    for read in variable_reads(job.program, job.paths, finder.modules):
        if (
            read.name in _LAUNCHED
            and read.name not in set_here
            and read.missing is Missing.FAILS
            and run.enters(read.scope.function)
            and run.stands(read.node.span.start, read.scope)
        ):
            yield job.finding(
                NEEDS_LAUNCHER,
                read.module,
                read.node.span,
                f"`{read.name}` is set by {kind.launcher}, not in a job: {_remedy(kind)}",
            )
            return
    if "MASTER_ADDR" in set_here:
        return
    for place in finder.find(_INIT_GROUP):
        method = argument_at(place.call, 1, "init_method")
        if (
            place.site is not None
            and run.comes_to(place.site)
            and run.must_come_to(place.site)
            and argument_at(place.call, None, "rank") is None
            and argument_at(place.call, None, "store") is None
            and (method is None or run.values(method.value, place.scope) in (("env://",), (None,)))
        ):
            yield job.finding(
                NEEDS_LAUNCHER,
                place.module,
                place.span,
                f"the process group is told by {kind.launcher} who takes part, in a job by nobody: "
                f"{_remedy(kind)}",
            )
            return


def _remedy(kind: Kind) -> str:
    return f"provide for one process, or start it by {kind.launcher} ({kind.one_node})"


# The kind


def kind_of(job: Job) -> tuple[Kind, tuple[Place, ...]] | None:
    """The most specific kind found, with the first place of each call that tells of it."""
    if "distributed" not in job.notes:
        job.notes["distributed"] = _find_kind(job)
    found = job.notes["distributed"]
    assert found is None or isinstance(found, tuple)
    return found


def _find_kind(job: Job) -> tuple[Kind, tuple[Place, ...]] | None:
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
