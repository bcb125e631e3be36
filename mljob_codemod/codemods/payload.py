"""The payload: whether the job finds the modules that the script finds at home."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.codemods.base import Job
from mljob_codemod.findings import Documentation, Finding, Level, Rule
from mljob_codemod.plan import JobPlan
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import walk_statements

_LAUNCHER = "https://docs.snowflake.com/en/developer-guide/snowflake-ml/ml-jobs/overview"

RELATIVE_IMPORT = Rule(
    "MLJ901",
    "script-with-relative-imports",
    Level.ERROR,
    Documentation(
        finds="A script that imports relatively to its package.",
        matters="The launcher (measured with snowflake-ml-python 2.6.0) runs a script by its path, which belongs to no package, so the import "
        "fails; `python -m` is not among the ways it knows.",
        by_hand="Import by the package's full name, or add a small script beside the package that "
        "imports it and calls what runs.",
        reference=_LAUNCHER,
    ),
)
TWO_FOLDERS = Rule(
    "MLJ902",
    "imports-from-two-folders",
    Level.ERROR,
    Documentation(
        finds="Local imports that resolve from different folders: some beside the script, others above "
        "it or in `src`.",
        matters="The launcher puts one folder on the import path, the root of the payload. The script's "
        "own folder is not on it unless it is that root.",
        by_hand="Move the script to the folder that the packages are imported from, or import its "
        "neighbours by that folder's names.",
        reference=_LAUNCHER,
    ),
)
RULES = (RELATIVE_IMPORT, TWO_FOLDERS)


def find(job: Job) -> Iterator[Finding]:
    """Findings about imports that a job cannot resolve."""
    for statement in walk_statements(job.script.body):
        if isinstance(statement, r.ImportFrom) and statement.level:
            dots = "." * statement.level
            message = (
                f"a job runs the script by its path, where `from {dots}{statement.module} import …` "
                "fails: import by the package's full name"
            )
            yield job.finding(RELATIVE_IMPORT, job.script, statement.span, message)
            return
    if len(job.import_roots) > 1:
        yield from _two_folders(job)


def _two_folders(job: Job) -> Iterator[Finding]:
    for statement in walk_statements(job.script.body):
        module = _imported_module(statement)
        found = None if module is None else job.find_import(module)
        if found is not None and found != job.root:
            message = (
                f"`{module}` is imported from {found.name}/, other modules from another folder; a job's "
                "import path has one of them only"
            )
            yield job.finding(TWO_FOLDERS, job.script, statement.span, message)


def _imported_module(statement: r.Statement) -> str | None:
    match statement:
        case r.Import(((module, _), *_), _):
            return module
        case r.ImportFrom(module, 0, _, _):
            return module
    return None


def describe(job: Job, plan: JobPlan) -> None:
    """Root and method are chosen before the codemods look (``project.py``)."""
