"""A job made of the text of its files, for tests of codemods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from mljob_codemod.analysis.names import Program
from mljob_codemod.analysis.option_frameworks import find_options
from mljob_codemod.analysis.values import PathEvaluator
from mljob_codemod.codemods.base import Job
from mljob_codemod.codemods.inserted import HELPERS
from mljob_codemod.config import Settings
from mljob_codemod.edits import Edit
from mljob_codemod.findings import Finding
from mljob_codemod.plan import JobPlan
from mljob_codemod.project import Project, ReachModules
from mljob_codemod.rewriting.transformer import rewrite
from mljob_codemod.source import Source, read_source
from mljob_codemod.syntax.reading import read_files


def make_job(
    folder: Path,
    files: Mapping[str, str],
    script: str = "train.py",
    settings: Settings | None = None,
) -> Job:
    """Write ``files`` below ``folder`` and analyse ``script`` with everything that it imports."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return open_job(folder, script, settings or Settings(file=folder / "mljob.toml"))


def open_job(folder: Path, script: str, settings: Settings) -> Job:
    """The job of ``script``, a path below ``folder``; paths are shown relative to ``folder``."""
    path = folder / script

    def shown(file: Path) -> str:
        return file.relative_to(folder).as_posix()

    facts = read_files([(path, script)])
    project = Project(facts, shown)
    reach = project.reach(facts[0])
    assert facts[0].error is None, facts[0].error
    for file in reach.files.values():
        project.index(file)
    modules = ReachModules(project, reach)
    program = Program(str(path), modules, reach.locate, modules.called_elsewhere)
    options = find_options(program)

    def source_of(module: object) -> Source:
        source = reach.files[Path(getattr(module, "key"))].source  # noqa: B009
        assert source is not None
        return source

    return Job(
        shown=script,
        path=path,
        root=folder,
        program=program,
        options=options,
        paths=PathEvaluator(program, options),
        settings=settings,
        sources=source_of,
        exists=lambda relative: (folder / relative).exists(),
    )


class Result(NamedTuple):
    """What one codemod says of a job."""

    findings: tuple[Finding, ...]
    plan: JobPlan
    job: Job

    @property
    def codes(self) -> list[str]:
        return [finding.code for finding in self.findings]

    def finding(self, code: str) -> Finding:
        """The one finding with ``code``."""
        (found,) = [finding for finding in self.findings if finding.code == code]
        return found

    def edits(self, *, unsafe: bool = False) -> list[tuple[str, Edit]]:
        """The edits of all fixes, safe ones only unless ``unsafe``."""
        return [
            edit
            for finding in self.findings
            if finding.fix is not None and (unsafe or finding.fix.safety.value == "safe")
            for edit in finding.fix.edits
        ]

    def text(self, path: str = "train.py", *, unsafe: bool = False) -> str:
        """The text of ``path`` with the fixes applied, safe ones only unless ``unsafe``."""
        source = read_source(self.job.root / path, path)
        edits = [edit for where, edit in self.edits(unsafe=unsafe) if where == path]
        return rewrite(source, edits, HELPERS) if edits else source.text


def run_codemod(codemod: ModuleType, job: Job) -> Result:
    """The findings of ``codemod`` and the plan as it describes it."""
    plan = JobPlan(job.shown, ".", job.shown)
    findings: Iterable[Finding] = codemod.find(job)
    codemod.describe(job, plan)
    return Result(tuple(findings), plan, job)
