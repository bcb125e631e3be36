"""What a script knows of other platforms, their variables and folders, and what a job has instead.

Results that are seen to go to such a place are moved by ``output_paths``; the rest is told here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from functools import lru_cache

from mljob_codemod.analysis.environment import Missing, VariableRead, variable_reads
from mljob_codemod.analysis.options import RESULT_VARIABLE, Option
from mljob_codemod.analysis.path_uses import PathUse, Role
from mljob_codemod.analysis.path_values import Root
from mljob_codemod.analysis.results import Results
from mljob_codemod.codemods.base import Job, ModuleEdit
from mljob_codemod.codemods.cloud_rules import (
    CLUSTER_VARIABLE,
    MISSING_VARIABLE,
    OUTPUT_VARIABLE,
    PLATFORM_FOLDER,
)
from mljob_codemod.codemods.cloud_rules import RULES as RULES
from mljob_codemod.codemods.inserted import IN_JOB, is_free
from mljob_codemod.codemods.output_paths import paths_of
from mljob_codemod.edits import ORIGINAL, AddHelper, AddImport, Edit, ReplaceExpression, Span
from mljob_codemod.findings import Finding, Level
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.plan import JobPlan
from mljob_codemod.rules.cloud import Role as Purpose
from mljob_codemod.rules.cloud import Variable, cloud_rules
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex, Site, kept_with_module
from mljob_codemod.syntax.walking import expressions_of, walk, walk_statements


@dataclass
class Conventions:
    """The reads of platforms' variables in one job; computed once for ``find`` and ``describe``."""

    reads: list[VariableRead] = field(default_factory=list)
    folders: list[tuple[ModuleIndex, Span, str]] = field(default_factory=list)


def _look(job: Job) -> Conventions:
    known = job.notes.get(__name__)
    if not isinstance(known, Conventions):
        rules = cloud_rules()
        known = Conventions()
        for facts in job.files:
            text = facts.source.text if facts.source is not None else ""
            names, folders = _mentions(text)
            module = job.program.modules.get(str(facts.path)) if names or folders else None
            if module is not None and names:
                known.reads += [
                    read
                    for read in variable_reads(job.program, job.paths, [module])
                    if rules.platform_of(read.name) is not None
                ]
            if module is not None and folders:
                known.folders += _named_folders(module)
        job.notes[__name__] = known
    return known


@lru_cache(maxsize=4096)
def _mentions(text: str) -> tuple[bool, bool]:
    """Whether a source mentions a platform's variables, and its folders; the same for all jobs that reach it."""
    rules = cloud_rules()
    return rules.may_name_variables(text), rules.may_name_folders(text)


@kept_with_module
def _named_folders(module: ModuleIndex) -> tuple[tuple[ModuleIndex, Span, str], ...]:
    return tuple(_find_named_folders(module))


def _find_named_folders(module: ModuleIndex) -> Iterator[tuple[ModuleIndex, Span, str]]:
    for statement in walk_statements(module.body):
        for expr in expressions_of(statement):
            parts = list(walk(expr))
            inside = {
                part for joined in parts if isinstance(joined, r.Joined) for part in joined.parts
            }
            for part in parts:
                # What an f-string is made of has no place of its own.
                start = part.parts[0] if isinstance(part, r.Joined) and part.parts else part
                if isinstance(start, r.Const) and isinstance(start.value, str):
                    known = cloud_rules().platform_of_folder(start.value) is not None
                    if known and part not in inside:
                        yield module, part.span, start.value


def describe(job: Job, plan: JobPlan) -> None:
    """List each variable once, where it is first read."""
    names: set[str] = set()
    for read in _look(job).reads:
        if read.name not in names:
            names.add(read.name)
            plan.cloud_env.append(job.evidence(read.module, read.literal.span, read.name))


def find(job: Job) -> Iterator[Finding]:
    """What a job does not have, with what stands in for it where that is known."""
    known = _look(job)
    if not known.reads and not known.folders:
        return
    moved = _Moved(job)
    told: set[str] = set()
    for read in known.reads:
        yield from _read_findings(job, read, moved, told)
    platforms = set()
    for module, span, path in known.folders:
        platform = cloud_rules().platform_of_folder(path)
        if platform is not None and platform.name not in platforms:
            if not moved.covers(module, span):
                platforms.add(platform.name)
                text = f"{path!r} is a path of {platform.name}: {platform.folder_text}"
                yield job.finding(PLATFORM_FOLDER, module, span, text)


class _Moved:
    """What ``output_paths`` does about the results of the same job."""

    def __init__(self, job: Job) -> None:
        found = paths_of(job)
        self.results: Results = found.results
        self.reach = job.reach
        self._uses: list[PathUse] = found.uses
        self._defaults = [
            (option.module.key, option.default.span, option)
            for option in job.options.options
            if option.default is not None
        ]
        outputs = {result.option for result in self.results.options}
        self._spans = [
            (place.module.key, place.node.span) for place in self.results.places if place.moves
        ]
        self._spans += [(key, span) for key, span, option in self._defaults if option in outputs]

    def covers(self, module: ModuleIndex, span: Span) -> bool:
        """Whether the expression at ``span`` is moved below the result path, or is part of one that is."""
        return any(
            key == module.key and outer.start <= span.start and span.end <= outer.end
            for key, outer in self._spans
        )

    def option_of(self, read: VariableRead) -> Option | None:
        """The option whose default ``read`` is part of."""
        span = read.node.span
        for key, outer, option in self._defaults:
            if key == read.module.key and outer.start <= span.start and span.end <= outer.end:
                return option
        return None

    def only_reads(self, read: VariableRead) -> bool:
        """Whether what is seen to be done with the variable's path is reading."""
        option = self.option_of(read)
        roles = {
            use.role
            for use in self._uses
            for value in use.values
            if (value.root is Root.ENVIRONMENT and value.reason == read.name)
            or (option is not None and value.option is option)
        }
        return Role.READ in roles and Role.WRITE not in roles


def _read_findings(
    job: Job, read: VariableRead, moved: _Moved, told: set[str]
) -> Iterator[Finding]:
    variable = cloud_rules().variable(read.name)
    span = read.node.span
    if read.missing is Missing.COVERED or not _runs(read, moved):
        return
    here = read.literal.span.start >= span.start and read.literal.span.end <= span.end
    if variable.role is Purpose.OUTPUT and not moved.only_reads(read):
        if not moved.covers(read.module, span):
            yield _output_finding(job, read, here)
    elif variable.stand_in and here and read.missing is Missing.FAILS:
        yield _cluster_finding(job, read, variable)
    elif read.name not in told:
        told.add(read.name)
        yield from _missing_finding(job, read, variable, moved)


def _runs(read: VariableRead, moved: _Moved) -> bool:
    call = r.Call(read.node, (), read.node.span)
    statement = r.ExprStatement(read.node, read.node.span)
    return moved.reach.runs_by_default(Site(None, call, read.scope, (), False, statement, False))


def _output_finding(job: Job, read: VariableRead, here: bool) -> Finding:
    message = f"a job does not have {read.name}; what it has for results is the result path"
    edits: list[Edit] = []
    if here and is_free("result_path", read.module):
        edits.append(AddImport("os"))
        name = read.name.partition("_")[2].lower()
        if len(_output_names(job)) > 1:
            edits.append(AddHelper("result_path_in_folder"))
            template = f'result_path("{name}", folder="{name}") if {IN_JOB} else {ORIGINAL}'
        else:
            template = f'os.environ.get("{RESULT_VARIABLE}") or {ORIGINAL}'
        edits.append(ReplaceExpression(read.node.span, template))
    placed = tuple(ModuleEdit(read.module, edit) for edit in edits)
    level = None if placed else Level.ERROR
    span = read.node.span if here else read.literal.span
    return job.finding(OUTPUT_VARIABLE, read.module, span, message, edits=placed, level=level)


def _output_names(job: Job) -> set[str]:
    rules = cloud_rules()
    names = {read.name for read in _look(job).reads}
    return {name for name in names if rules.variable(name).role is Purpose.OUTPUT}


def _cluster_finding(job: Job, read: VariableRead, variable: Variable) -> Finding:
    message = f"{read.name}, {variable.means}, is not set in a job: {variable.remedy}"
    template = f'os.environ.get("{read.name}", {variable.stand_in}) if {IN_JOB} else {ORIGINAL}'
    edits = (AddImport("os"), ReplaceExpression(read.node.span, template))
    placed = tuple(ModuleEdit(read.module, edit) for edit in edits)
    return job.finding(CLUSTER_VARIABLE, read.module, read.node.span, message, edits=placed)


def _missing_finding(
    job: Job, read: VariableRead, variable: Variable, moved: _Moved
) -> Iterator[Finding]:
    platform = cloud_rules().platform_of(read.name)
    option = moved.option_of(read)
    level, fails, remedy = Level.ERROR, "reading it ends the run", variable.remedy
    if read.missing is Missing.NONE:
        if variable.role is not Purpose.INPUT or (option is not None and _is_given(job, option)):
            return
        level, fails, remedy = Level.NOTE, "it is None", "give it a default that a job has"
        if option is not None:
            fails = f"{option.spelling} is None"
            remedy = "pass it as an argument of the script (`args` in the settings)"
    elif variable.role is Purpose.CREDENTIAL:
        level = Level.NOTE
    name = f"{read.name} of {platform.name if platform is not None else 'another platform'}"
    message = f"{name}, {variable.means}, is not set in a job, where {fails}: {remedy}"
    yield job.finding(MISSING_VARIABLE, read.module, read.literal.span, message, level=level)


def _is_given(job: Job, option: Option) -> bool:
    """Whether the settings pass the option to the job."""
    given = {argument.partition("=")[0] for argument in job.settings.job(job.path).args}
    return not given.isdisjoint(option.strings)
