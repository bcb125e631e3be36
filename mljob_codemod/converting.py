"""The way from findings to changed files: edits and ``submit_job.py``, proven before anything is written.

Nothing here prints, and nothing here writes: ``writing.py`` does.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mljob_codemod.checking import Report, check_shared, is_wanted
from mljob_codemod.codemods.inserted import HELPERS
from mljob_codemod.config import Settings
from mljob_codemod.edits import AddHelper, Edit, InsertStatement, ReplaceExpression
from mljob_codemod.errors import InputError, MljobError, ToolFault
from mljob_codemod.findings import Finding, Location, Safety
from mljob_codemod.plan import JobPlan
from mljob_codemod.project import Project
from mljob_codemod.source import Source
from mljob_codemod.submission import (
    FILE_NAME,
    entry_path,
    kept_notice,
    render_entry,
    render_submission,
    scripts_of,
    submission_name,
    submission_state,
)
from mljob_codemod.syntax.reading import facts_of


@dataclass(frozen=True)
class FileChange:
    """One file's new bytes; ``before`` is None for a file that is new."""

    path: Path
    shown: str
    before: bytes | None
    after: bytes


@dataclass(frozen=True)
class ChangeSet:
    """Changes that are written together or not at all: one job's, or those of jobs that share files."""

    scripts: tuple[str, ...]
    changes: tuple[FileChange, ...]
    applied: tuple[Finding, ...]
    notices: tuple[str, ...] = ()
    kept: tuple[FileChange, ...] = ()
    """What would be written over generated files that a person edited; nothing is."""


def convert(
    report: Report, settings: Settings, faults: list[InputError] | None = None
) -> tuple[ChangeSet, ...]:
    """The files as they should be.

    A job whose rewrite fails its proof, or would not be stable, is left out: its error is added to
    ``faults``, or raised when there is no such list.
    """
    failed = {error.path for error in report.errors}
    plans = [plan for plan in report.jobs if failed.isdisjoint((plan.script, *plan.local_modules))]
    change_sets: list[ChangeSet] = []
    for group in _groups(plans, report):
        change_sets += _converted(group, report, settings, faults)
    return tuple(change_sets)


def _converted(
    group: Sequence[JobPlan], report: Report, settings: Settings, faults: list[InputError] | None
) -> Iterator[ChangeSet]:
    """The changes of jobs that share files, without those jobs that by themselves cannot be converted."""
    try:
        change_set = _change_set(group, report, settings)
    except MljobError as error:
        if faults is None:
            raise
        alone = group if len(group) > 1 else ()
        errors = {plan.script: _error_of(plan, report, settings) for plan in alone}
        failing = {script: each for script, each in errors.items() if each is not None}
        for script, each in (failing or {plan.script: error for plan in group}).items():
            fault = ", and the fault is this tool's" if isinstance(each, ToolFault) else ""
            faults.append(InputError(script, f"not converted{fault}: {each}"))
        if failing:
            others = [plan for plan in group if plan.script not in failing]
            yield from _converted(others, report, settings, faults)
    else:
        if change_set is not None:
            yield change_set


def _error_of(plan: JobPlan, report: Report, settings: Settings) -> MljobError | None:
    """Why a job cannot be converted, even by itself."""
    try:
        _change_set([plan], report, settings)
    except MljobError as error:
        return error
    return None


def _project_after(changes: Sequence[FileChange], report: Report) -> Project | None:
    """What was read, with the new files in the place of the old."""
    if report.project is None or not changes:
        return report.project
    new = {
        change.path: facts_of(replace(report.sources[change.shown], text=_decoded(change, report)))
        for change in changes
    }
    return report.project.with_files(new)


def _plans_after(plans: Sequence[JobPlan], project: Project, settings: Settings) -> list[JobPlan]:
    """The plans as a second run makes them of the new files, so that it writes the same ``submit_job.py``.

    Raises ``ToolFault`` when that run would find something to fix.
    """
    scripts = {facts.shown: facts for facts in project.files.values()}
    sources = {shown: facts.source for shown, facts in scripts.items() if facts.source is not None}
    after = []
    for checked in check_shared(project, [scripts[plan.script] for plan in plans], settings)[0]:
        for finding in checked.findings:
            if is_wanted(finding, settings, sources) and _applicable(finding, settings):
                raise ToolFault(
                    f"{finding.location.path}:{finding.location.start.line}: a second run would "
                    f"still apply {finding.code}, so nothing of {finding.job} was written"
                )
        after.append(checked.plan)
    return after


def _decoded(change: FileChange, report: Report) -> str:
    source = report.sources[change.shown]
    return change.after.removeprefix(codecs.BOM_UTF8 if source.bom else b"").decode(source.encoding)


def _applicable(finding: Finding, settings: Settings) -> bool:
    return finding.fix is not None and (finding.fix.safety is Safety.SAFE or settings.unsafe_fixes)


def _groups(plans: Sequence[JobPlan], report: Report) -> list[list[JobPlan]]:
    """Jobs that change a common file belong together; so do those of one folder."""
    groups: list[tuple[set[str], list[JobPlan]]] = []
    for plan in plans:
        files = {_submission_path(plan)}
        for finding in report.findings:
            if finding.job == plan.script and finding.fix is not None:
                files.update(path for path, _ in finding.fix.edits)
        members = [plan]
        for group in [group for group in groups if group[0] & files]:
            groups.remove(group)
            files |= group[0]
            members = group[1] + members
        groups.append((files, members))
    return [members for _, members in groups]


def _submission_path(plan: JobPlan) -> str:
    folder = plan.script.rpartition("/")[0]
    name = submission_name(plan)
    return f"{folder}/{name}" if folder else name


def _change_set(plans: Sequence[JobPlan], report: Report, settings: Settings) -> ChangeSet | None:
    scripts = tuple(plan.script for plan in plans)
    applied = tuple(
        finding
        for finding in report.findings
        if finding.job in scripts and _applicable(finding, settings)
    )
    beside = [finding for finding in report.beside if _applicable(finding, settings)]
    changes = [
        change
        for path, wanted in _edits_by_file(applied, beside).items()
        if (change := _rewritten(report.sources[path], wanted)) is not None
    ]
    project = _project_after(changes, report)
    if project is not None and changes:
        plans = _plans_after(plans, project, settings)
    notices = [
        f"{use.path}:{use.line}: reads {use.target}, which the job of a function does not get: read it from a stage"
        for plan in plans
        for use in (plan.local_inputs if plan.remote is not None else ())
    ]
    kept: list[FileChange] = []
    by_folder: dict[str, list[JobPlan]] = {}
    for plan in plans:
        by_folder.setdefault(_submission_path(plan), []).append(plan)
    for path, members in by_folder.items():
        if project is not None:
            members += _submitted_too(path, members, project, settings)
            members.sort(key=lambda plan: plan.script)
        texts = {path: render_submission(members, settings, path.rpartition("/")[0] or ".")}
        if any(plan.net.used for plan in members):
            texts[entry_path(path)] = render_entry()
        for file, text in texts.items():
            change, notice = _generated_change(file, text)
            if notice is not None:
                notices.append(notice)
                kept += [] if change is None else [change]
            elif change is not None:
                changes.append(change)
    if not changes and not notices:
        return None
    return ChangeSet(scripts, tuple(changes), applied, tuple(notices), tuple(kept))


def _submitted_too(
    path: str, plans: Sequence[JobPlan], project: Project, settings: Settings
) -> list[JobPlan]:
    """The plans of other scripts that the file at ``path`` submits already: they were not given this time."""
    file = Path(path).absolute()
    try:
        names = scripts_of(file) if file.name == FILE_NAME and file.exists() else []
    except InputError:  # it is no submission of ours
        return []
    known = {Path(plan.script).absolute() for plan in plans}
    others = [other for name in names if (other := file.with_name(name)) not in known]
    scripts = project.files_at(other for other in others if other.is_file())
    return [checked.plan for checked in check_shared(project, scripts, settings)[0]]


def _edits_by_file(findings: Sequence[Finding], beside: Sequence[Finding]) -> dict[str, list[Edit]]:
    """The edits of each file.

    What several jobs find at one place is mended once, for the one that asks for most: be it one of those ``beside``,
    of which nothing else is mended.
    """
    placed: dict[tuple[str, Location, str], tuple[Edit, ...]] = {}
    for number, finding in enumerate((*findings, *beside)):
        for path, wanted in _by_file(finding).items():
            key = (finding.code, finding.location, path)
            if (key not in placed and number < len(findings)) or (
                key in placed and _strictness(wanted) > _strictness(placed[key])
            ):
                placed[key] = wanted
    edits: dict[str, dict[Edit, None]] = {}
    for (_, _, path), wanted in placed.items():
        edits.setdefault(path, {}).update(dict.fromkeys(wanted))
    for each in edits.values():
        if AddHelper("result_path_in_folder") in each:
            each.pop(AddHelper("result_path"), None)  # the same function, with one parameter less
    return {path: list(each) for path, each in edits.items()}


def _strictness(edits: Sequence[Edit]) -> tuple[bool, ...]:
    """What the edits of one place provide for: writes that a stage refuses, a missing folder, other places nearby."""
    helpers = [edit.name for edit in edits if isinstance(edit, AddHelper)]
    makes_folder = any(
        isinstance(edit, ReplaceExpression) and ", folder=" in edit.template for edit in edits
    )
    early = any(isinstance(edit, InsertStatement) for edit in edits)
    return "scratch_path" in helpers, makes_folder, early, bool(helpers)


def _by_file(finding: Finding) -> dict[str, tuple[Edit, ...]]:
    """The edits of a finding's fix by the file that they are in."""
    found: dict[str, list[Edit]] = {}
    for path, edit in () if finding.fix is None else finding.fix.edits:
        found.setdefault(path, []).append(edit)
    return {path: tuple(edits) for path, edits in found.items()}


def _rewritten(source: Source, edits: Sequence[Edit]) -> FileChange | None:
    from mljob_codemod.rewriting.transformer import rewrite  # ``check`` has no use for it

    after = rewrite(source, edits, HELPERS)
    if after == source.text:
        return None
    try:
        data = source.encode(after)
    except UnicodeEncodeError as error:
        raise ToolFault(f"{source.shown}: the rewrite does not fit its encoding") from error
    return FileChange(source.path, source.shown, source.encode(source.text), data)


def _generated_change(path: str, text: str) -> tuple[FileChange | None, str | None]:
    """A generated file when it has to change; with a notice, it is kept as a person left it."""
    file = Path(path)
    after = text.encode("utf-8")
    if not file.exists():
        return FileChange(file.absolute(), path, None, after), None
    try:
        before = file.read_bytes()
        state = submission_state(before.decode("utf-8"))
    except (OSError, UnicodeDecodeError):
        return None, f"{path}: cannot be read and is left alone"
    if before == after:
        return None, None
    change = FileChange(file.absolute(), path, before, after)
    if state == "generated":
        return change, None
    return change if state == "edited" else None, kept_notice(state, path)
