"""Folders of libraries: what is written into the working directory though no path in the source says so."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.names import External, argument_at
from mljob_codemod.codemods.base import Job
from mljob_codemod.edits import Span
from mljob_codemod.findings import Documentation, Finding, Level, Rule
from mljob_codemod.plan import JobPlan
from mljob_codemod.rules.own_folders import OwnFolder, own_folders
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex, Scope
from mljob_codemod.syntax.walking import walk_statements

OWN_FOLDER = Rule(
    "MLJ209",
    "folder-of-a-library",
    Level.NOTE,
    Documentation(
        finds="A library that writes into the working directory of its own accord: Lightning's logs, "
        "CatBoost's training folder, MLflow's store, Hydra's outputs.",
        matters="A job's working directory is a stage mount, where appending fails, and which is not kept. No path in "
        "the source can be moved; the job entry (the setting `net`) runs the script on local disk and keeps what the "
        "library wrote.",
        by_hand="Give the library a folder (`default_root_dir`, `train_dir`, a tracking URI), or turn its files off.",
        reference="https://docs.snowflake.com/en/developer-guide/snowpark-container-services/snowflake-stage-volume",
    ),
)
RULES = (OWN_FOLDER,)


def find(job: Job) -> Iterator[Finding]:
    """One finding for each library, at the first call that leads to its folder."""
    imported = {
        imported.module.partition(".")[0] for facts in job.files for imported in facts.imports
    }
    for rule in own_folders():
        if imported.isdisjoint(rule.packages):
            continue
        place = _first_place(job, rule)
        if place is not None:
            module, span, name = place
            if job.settings.net_of(job.path) is False:
                kept, level = "which a job does not keep", Level.ERROR
            else:
                kept, level = "which job_entry.py keeps", Level.NOTE
            message = f"{name} writes {rule.writes} in the working directory, {kept}"
            yield job.finding(OWN_FOLDER, module, span, message, level=level)


def describe(job: Job, plan: JobPlan) -> None:
    """The findings are reasons for the net; ``net.py`` weighs them together with those of others."""


def _first_place(job: Job, rule: OwnFolder) -> tuple[ModuleIndex, Span, str] | None:
    found = None
    for site in job.program.sites_calling(rule.ends_in):
        for name in _names(job, site.call.func, site.scope):
            if name in rule.settled:
                return None
            if found is None and rule.matches(name) and not _told_where(rule, site.call):
                if not job.program.runs_elsewhere(site) and job.reach.runs_by_default(site):
                    found = site.scope.module, site.call.span, name
    return found or _decorated(job, rule)


def _names(job: Job, func: r.Expr, scope: Scope) -> list[str]:
    entities = job.program.entities(func, scope)
    return [entity.name for entity in entities if isinstance(entity, External)]


def _told_where(rule: OwnFolder, call: r.Call) -> bool:
    """Whether an argument names a place, or turns the files off."""
    if any(argument_at(call, None, keyword) is not None for keyword in rule.unless):
        return True
    values = [argument_at(call, None, keyword) for keyword in rule.off]
    return any(
        given is not None
        and isinstance(given.value, r.Const)
        and given.value.value in (False, None)
        for given in values
    )


def _decorated(job: Job, rule: OwnFolder) -> tuple[ModuleIndex, Span, str] | None:
    """A decorator without arguments, which is no call."""
    for statement in walk_statements(job.script.body):
        for decorator in getattr(statement, "decorators", ()):
            for name in _names(job, decorator, job.script.scope):
                if rule.matches(name):
                    return job.script, decorator.span, name
    return None
