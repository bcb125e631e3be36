"""The way from paths to findings and plans: source -> findings -> plan. Nothing here prints or writes."""

from __future__ import annotations

import os
import os.path
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import field
from functools import cache
from pathlib import Path

from mljob_codemod.analysis.names import Program
from mljob_codemod.analysis.option_frameworks import find_options
from mljob_codemod.analysis.values import PathEvaluator
from mljob_codemod.codemods import all_rules, codemods
from mljob_codemod.codemods.base import Job
from mljob_codemod.codemods.output_paths import unmoved_reads
from mljob_codemod.config import Settings
from mljob_codemod.discovery import discover, shown_path
from mljob_codemod.errors import InputError
from mljob_codemod.findings import Finding, Location
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.net import net_of
from mljob_codemod.plan import Evidence, JobPlan
from mljob_codemod.processes import CAN_FORK, in_processes, worker_count
from mljob_codemod.project import Project, Reach, ReachModules
from mljob_codemod.rules.extensions import use_extensions
from mljob_codemod.settling import settle
from mljob_codemod.sharing import scripts_beside
from mljob_codemod.source import Source
from mljob_codemod.syntax.reading import FileFacts, read_files
from mljob_codemod.syntax.scopes import ModuleIndex

Progress = Callable[[int, int], None]
PARALLEL_FROM = 8
"""Fewer scripts than these are looked at in this process."""


@dataclass(frozen=True)
class Report:
    """What ``check`` found. ``errors`` are files that could not be read; the rest went on."""

    findings: tuple[Finding, ...]
    jobs: tuple[JobPlan, ...]
    errors: tuple[InputError, ...]
    files: int
    sources: dict[str, Source] = field(default_factory=dict)
    """The files that findings are in, by their shown path."""
    project: Project | None = field(default=None, repr=False)
    """What was read, for the proof that a second run has nothing to do."""
    beside: tuple[Finding, ...] = ()
    """What is found for scripts that were not given and share modules with those that were."""


def check(paths: Sequence[Path], settings: Settings, progress: Progress | None = None) -> Report:
    """Findings and plans of every script among ``paths``."""
    use_extensions(settings.rule_files)
    discovery = discover(paths, settings)
    errors = list(discovery.errors)
    read = read_files([(file.path, file.shown) for file in discovery.files], progress)
    project = Project(read, shown_path)
    given = {file.path for file in discovery.files if file.given}
    findings: dict[tuple[object, ...], Finding] = {}
    plans: list[JobPlan] = []
    sources: dict[str, Source] = {}
    scripts = project.scripts(given, any_given=settings.remote is not None)
    jobs, beside = check_shared(project, scripts, settings, paths)
    for checked in jobs:
        for finding in checked.findings:
            key = (finding.code, finding.location, finding.message, finding.job)
            findings.setdefault(key, finding)
        plans.append(checked.plan)
        for path in checked.files:
            facts = project.files[path]
            facts.error = facts.error or checked.errors.get(path)
            if facts.source is not None:
                sources[facts.shown] = facts.source
        for shown, source in checked.documents.items():
            sources.setdefault(shown, source)
    own = {file.path for file in discovery.files}.union(*(job.files for job in jobs))
    errors += [
        facts.error
        for path, facts in project.files.items()
        if path in own and facts.error is not None
    ]
    kept = [finding for finding in findings.values() if is_wanted(finding, settings, sources)]
    kept.sort(key=lambda found: (found.location, found.code))
    return Report(
        tuple(kept),
        tuple(plans),
        tuple(errors),
        len(discovery.files),
        sources,
        project,
        tuple(
            found for job in beside for found in job.findings if is_wanted(found, settings, sources)
        ),
    )


@dataclass(frozen=True)
class CheckedJob:
    """What came of one script, as far as it leaves the process that looked at it."""

    plan: JobPlan
    findings: list[Finding]
    files: list[Path]
    documents: dict[str, Source]
    errors: dict[Path, InputError]
    """Those of files that were read for the sake of this script."""
    script: Path
    inputs: dict[Location, Evidence]
    """The expressions through which the script reads what it does not move, with the first such call."""


_forked: list[tuple[Project, Settings]] = []
"""What a process that is forked for some scripts looks at: it shares with its parent what was read."""


def check_jobs(
    project: Project, scripts: Sequence[FileFacts], settings: Settings
) -> Iterator[CheckedJob]:
    """Look at each script, in several processes where there are many and processes can be forked."""
    if len(scripts) < PARALLEL_FROM or worker_count() < 2 or not CAN_FORK:
        yield from (_checked(project, script, settings) for script in scripts)
        return
    for script in scripts:
        project.reach(script)  # reads what is imported from elsewhere, for all processes
    # What is learned of modules while the widest script is looked at is shared by the processes forked then.
    widest = max(scripts, key=lambda script: len(project.reach(script).files))
    first = _checked(project, widest, settings)
    others = [script.path for script in scripts if script is not widest]
    _forked.append((project, settings))
    try:
        with closing(in_processes(_check_forked, others)) as checked:
            yield from (first if script is widest else next(checked) for script in scripts)
    finally:
        _forked.pop()


def _check_forked(path: Path) -> CheckedJob:
    project, settings = _forked[-1]
    return _checked(project, project.files[path], settings)


def _checked(
    project: Project,
    script: FileFacts,
    settings: Settings,
    inputs_of_others: Mapping[Location, Evidence] = {},
) -> CheckedJob:
    job, plan, found = _check_job(project, script, settings, inputs_of_others)
    errors = {facts.path: facts.error for facts in job.files if facts.error is not None}
    files = [facts.path for facts in job.files]
    return CheckedJob(plan, found, files, job.documents, errors, script.path, unmoved_reads(job))


def check_shared(
    project: Project, scripts: Sequence[FileFacts], settings: Settings, paths: Sequence[Path] = ()
) -> tuple[list[CheckedJob], list[CheckedJob]]:
    """``scripts``, and others that share with them what is to be changed, as far as they are not below ``paths``.

    The first are without those changes after which another of them all would not find its inputs.
    """
    jobs = list(check_jobs(project, scripts, settings))
    beside = list(check_jobs(project, scripts_beside(project, paths, jobs, settings), settings))
    settled = []
    for job in jobs:
        edited = {finding.location for finding in job.findings if finding.fix is not None}
        others = [other for other in (*jobs, *beside) if other.script != job.script]
        if not all(edited.isdisjoint(other.inputs) for other in others):
            inputs = {at: call for other in others for at, call in other.inputs.items()}
            job = _checked(project, project.files[job.script], settings, inputs)
        settled.append(job)
    return settled, beside


def _check_job(
    project: Project,
    script: FileFacts,
    settings: Settings,
    inputs_of_others: Mapping[Location, Evidence],
) -> tuple[Job, JobPlan, list[Finding]]:
    """A script's program, its plan and all that the codemods find in it."""
    job, plan = open_job(project, script, settings, inputs_of_others)
    found = list(job_findings(job))
    if plan.method in ("submit_file", "submit_directory"):
        plan.net = net_of(found, settings.net_of(script.path))
    return job, plan, found


def open_job(
    project: Project,
    script: FileFacts,
    settings: Settings,
    inputs_of_others: Mapping[Location, Evidence] = {},
) -> tuple[Job, JobPlan]:
    """A script's program, and its plan as the codemods fill it."""
    reach = project.reach(script)
    modules = ReachModules(project, reach)
    program = Program(str(script.path), modules, reach.locate, modules.called_elsewhere)
    options = find_options(program, _read_beside)
    root = _payload_root(script, reach, settings)
    job = Job(
        shown=script.shown,
        path=script.path,
        root=root,
        program=program,
        options=options,
        paths=PathEvaluator(program, options),
        settings=settings,
        sources=lambda module: _source_of(reach, module),
        exists=lambda text: _exists(script.path, root, text),
        import_roots=tuple(reach.roots),
        find_import=lambda module: _import_root(project, script, module),
        files=tuple(reach.files.values()),
        declarations=lambda: project.declared.of_script(script.path, _text_of(script)),
        payload_tree=project.payload_tree,
        requirements_in=lambda folder: project.declared.requirements_in(folder.absolute()),
        inputs_of_others=inputs_of_others,
        environments=project.declared.environment,
    )
    local = [facts.shown for path, facts in reach.files.items() if path != script.path]
    plan = JobPlan(
        script=script.shown,
        root=shown_path(root),
        entrypoint=script.path.relative_to(root).as_posix(),
        method="submit_directory" if local else "submit_file",
        local_modules=sorted(local),
        local_imports=_local_imports(reach),
    )
    for codemod in codemods():
        codemod.describe(job, plan)
    _take_inputs_along(job, plan, reach)
    for codemod in codemods():
        if hasattr(codemod, "settle"):
            codemod.settle(job, plan)
    job.plan = plan
    settle(job, plan, reach)
    if settings.remote is not None and script.source is not None:
        from mljob_codemod.remote import remote_function  # of no use to other runs

        others = [path for path in reach.files if path != script.path]
        plan.remote = remote_function(settings.remote, script.source, others, tuple(reach.roots))
        plan.method = "remote"
    elif (source := settings.job(script.path).source) is not None:
        plan.method, plan.source = "submit_from_stage", source
    return job, plan


def _local_imports(reach: Reach) -> list[Evidence]:
    places = [
        Evidence(importer.shown, line, reach.files[path].shown)
        for path, (importer, line) in reach.imported_at.items()
    ]
    return sorted(places, key=lambda place: place.what)


def _import_root(project: Project, script: FileFacts, module: str) -> Path | None:
    """The folder from which ``import module`` in ``script`` finds a file of the project."""
    found = project.find_module(script.path, 0, module, project.search_path(script.path))
    return None if found is None else found[1]


def _take_inputs_along(job: Job, plan: JobPlan, reach: Reach) -> None:
    """Send the folder when the script reads files of it, and the one that they are relative to."""
    targets = {_without_pattern(use.target, job.exists) for use in plan.local_inputs}
    targets.update(plan.present)
    present = {target for target in targets if job.exists(target) and not target.startswith("/")}
    if not present:
        return
    plan.method = "submit_directory"
    folder = job.path.parent
    beside = {target for target in present if (folder / target).exists()}
    # The highest folder that a path passes through must be in the payload, not the file alone.
    needed = [
        Path(
            os.path.normpath(folder / Path(*(part for part in Path(target).parts if part == "..")))
        )
        for target in beside
        if target.startswith("..")
    ]
    from_top = present - beside
    # A folder above can be the root only when no import needs the script's own folder on the path.
    if not (needed or from_top) or folder in reach.roots:
        return
    top = _project_top(job.path, job.settings)
    for root in (job.root, *job.root.parents):
        found = all((root / target).exists() for target in from_top)
        if found and all(path.is_relative_to(root) for path in needed):
            plan.root = shown_path(root)
            plan.entrypoint = job.path.relative_to(root).as_posix()
            return
        if root == top:
            return


def _project_top(script: Path, settings: Settings) -> Path:
    """The folder that a payload never reaches beyond: the repository's, else that of the settings or of the run."""
    for folder in script.parents:
        if (folder / ".git").exists():
            return folder
    return Path(os.path.commonpath([settings.folder.resolve(), Path.cwd(), script.parent]))


def _without_pattern(target: str, exists: Callable[[str], bool]) -> str:
    """A path without what follows it: a pattern of names, or a format that a loader takes (``a.txt?format=libsvm``)."""
    path = os.path.normpath(target)
    head = re.split(r"[*?\[]", path)[0]
    return head if head == path or exists(head) else os.path.dirname(head)


def _payload_root(script: FileFacts, reach: Reach, settings: Settings) -> Path:
    """The smallest folder that holds the script and from which its local imports resolve."""
    settled = settings.job(script.path).root
    if settled is not None:
        return (settings.folder / settled).resolve()
    folders = [script.path.parent, *reach.roots]
    above = [root for root in folders if script.path.is_relative_to(root)]
    root = min(above, key=lambda folder: len(folder.parts))
    while not all(path.is_relative_to(root) for path in reach.files):
        root = root.parent
    return root


def _exists(script: Path, root: Path, text: str) -> bool:
    """Whether a path that the script names is there, seen from where scripts are started."""
    if not text or "<" in text:
        return False
    if any(character in text for character in "*?["):
        text = re.split(r"[*?\[]", text)[0].rpartition("/")[0]
        if not text:
            return False
    folders = dict.fromkeys((script.parent, root, Path.cwd()))
    return any((folder / os.path.normpath(text)).exists() for folder in folders)


def _read_beside(module: str, path: str) -> str | None:
    """The text of a file named relative to a module's folder."""
    try:
        return (Path(module).parent / path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _text_of(script: FileFacts) -> str:
    return "" if script.source is None else script.source.text


def _source_of(reach: Reach, module: ModuleIndex) -> Source:
    source = reach.files[Path(module.key)].source
    assert source is not None  # a module is made of a file that was read
    return source


def job_findings(job: Job) -> Iterable[Finding]:
    for codemod in codemods():
        yield from codemod.find(job)


@cache
def _rule_names() -> dict[str, str]:
    return {rule.code: rule.name for rule in all_rules()}


def is_wanted(finding: Finding, settings: Settings, sources: dict[str, Source]) -> bool:
    if not settings.is_selected(finding.code, _rule_names()[finding.code]):
        return False
    source = sources.get(finding.location.path)
    return source is None or not any(
        source.silences(line, finding.code)
        for line in {finding.location.start.line, finding.location.end.line}
    )
