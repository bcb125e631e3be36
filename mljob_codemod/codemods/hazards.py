"""Hazards of a place where nobody watches: no terminal, no display, no browser, no home folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from mljob_codemod.analysis.names import Definition, External, argument_at
from mljob_codemod.analysis.path_uses import Role
from mljob_codemod.analysis.path_values import Root
from mljob_codemod.codemods.base import Job, ModuleEdit
from mljob_codemod.codemods.hazard_rules import (
    ASKS,
    CHANGED_FOLDER,
    MACHINE_PATH,
    OPENS,
    SHOWS,
    STOPS,
)
from mljob_codemod.codemods.hazard_rules import RULES as RULES
from mljob_codemod.codemods.inserted import OUTSIDE_JOB
from mljob_codemod.codemods.output_paths import paths_of
from mljob_codemod.edits import AddImport, ReplaceStatement
from mljob_codemod.findings import Finding, Level, Rule
from mljob_codemod.plan import JobPlan
from mljob_codemod.rules.hazards import Hazard, Kind, hazard_rules
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex, Scope, Site
from mljob_codemod.syntax.walking import (
    expressions_of,
    first_name,
    last_name,
    statements_around,
    walk,
    walk_statements,
)

_CODES: dict[Kind, Rule] = {
    Kind.ASKS: ASKS,
    Kind.STOPS: STOPS,
    Kind.OPENS: OPENS,
    Kind.SHOWS: SHOWS,
}
_HOME_OF_SOMEBODY = re.compile(r"/home/\w|/Users/\w|/root/\w|[A-Za-z]:[\\/]+Users[\\/]")
_ENVIRONMENT_TESTS = ("isatty", "stdin", "DISPLAY", "MLRS_", "get_ipython", "hasattr")
_PROVIDED_FOR = frozenset(
    "EOFError Exception BaseException ImportError RuntimeError TclError OSError Abort error".split()
)


def trigger_words() -> frozenset[str]:
    """The last names of the calls in the rules, but for those of many things."""
    rules = hazard_rules()
    return frozenset(word for word, rows in rules.items() if not all(row.where for row in rows))


def concerns(libraries: Iterable[str], text: str) -> bool:
    """Whether a file that imports ``libraries`` names what rows ask for whose calls have the names of many things."""
    return any(
        row.where is not None and row.where in text and not row.libraries.isdisjoint(libraries)
        for rows in hazard_rules().values()
        for row in rows
    )


def find(job: Job) -> Iterator[Finding]:
    """Findings about calls that need somebody to watch, and about folders of one machine."""
    yield from _watched_calls(job)
    yield from _changes_of_folder(job)
    yield from _machine_paths(job)


def describe(job: Job, plan: JobPlan) -> None:
    """Nothing of a plan depends on these."""


# Terminals, displays, browsers


def _watched_calls(job: Job) -> Iterator[Finding]:
    runs = job.reach.runs_by_default
    shown: set[Hazard] = set()
    for site in _candidates(job):
        found = _hazard(job, site)
        if found is None or not runs(site) or _is_provided_for(job, site):
            continue
        hazard, name = found
        if any(job.program.sites_named(each) for each in hazard.saved_by):
            continue
        if hazard.kind is Kind.SHOWS:
            # One note for all figures.
            if hazard in shown:
                continue
            shown.add(hazard)
        yield _call_finding(job, site, hazard, name)


def _candidates(job: Job) -> Iterator[Site]:
    """The calls that go by the last name of a row's, loops among them where a row asks for the file."""
    rules, words = hazard_rules(), trigger_words()
    wheres = {row.where for rows in hazard_rules().values() for row in rows if row.where}
    for module in job.program.modules.values():
        if any(each in module.identifiers or each in module.other_names for each in wheres):
            yield from job.program.sites_calling(rules.__contains__, (module,))
            yield from module.loops
        else:
            yield from job.program.sites_calling(words.__contains__, (module,))


def _hazard(job: Job, site: Site) -> tuple[Hazard, str] | None:
    """The row that a call falls under, and the name to call it by."""
    entities = job.program.entities(site.call.func, site.scope)
    names = [entity.name for entity in entities if isinstance(entity, External)]
    if not names and (entities or not isinstance(site.call.func, r.Attribute)):
        return None
    for name in names:
        for hazard in hazard_rules().get(name.rpartition(".")[2], ()):
            if hazard.has_name(name) and _counts(job, site, hazard):
                given = _given(job, site, hazard) if hazard.given else None
                return hazard, given or name
    method = site.name or ""
    candidates = [row for row in hazard_rules().get(method, ()) if row.receivers]
    if candidates and isinstance(site.call.func, r.Attribute):
        for made in _makers(job, site.call.func.value, site.scope):
            for hazard in candidates:
                if hazard.has_method(method, made):
                    return hazard, f".{method}"
    return None


def _makers(job: Job, receiver: r.Expr, scope: Scope) -> Iterator[str]:
    """What made ``receiver``; for a class of the project, the classes of libraries that it inherits from."""
    for made in job.program.producers(receiver, scope):
        if isinstance(made, External):
            yield made.name
        elif isinstance(made, Definition):
            yield from job.program.external_bases(made)


def _given(job: Job, site: Site, hazard: Hazard) -> str | None:
    """The argument of a call that the row counts for."""
    for argument in site.call.args:
        if _goes_by_its_own_name(job, argument.value, site.scope):
            for entity in job.program.entities(argument.value, site.scope):
                if isinstance(entity, External) and entity.name in hazard.given:
                    return entity.name
    return None


def _goes_by_its_own_name(job: Job, expr: r.Expr, scope: Scope) -> bool:
    """Whether ``expr`` is a name that is imported, or one inside it, and no variable that may hold other things."""
    first = first_name(expr)
    bindings = job.program.bindings(first, scope) if first is not None else []
    return bool(bindings) and all(binding.kind == "import" for binding in bindings)


def _counts(job: Job, site: Site, hazard: Hazard) -> bool:
    """Whether the call and its arguments are such that the row is meant."""
    if hazard.given:
        return _given(job, site, hazard) is not None
    if hazard.where is not None:
        return _goes_by_its_own_name(job, site.call.func, site.scope)
    if hazard.when is not None:
        given = argument_at(site.call, None, hazard.when)
        return given is not None and not (
            isinstance(given.value, r.Const) and given.value.value in (False, None)
        )
    if hazard.values:
        first = argument_at(site.call, 0, "backend")
        known = job.paths.values(first.value, site.scope) if first is not None else ()
        wanted = {value.lower() for value in hazard.values}
        return any(value.root is Root.LITERAL and value.text.lower() in wanted for value in known)
    return True


def _is_provided_for(job: Job, site: Site) -> bool:
    """Whether the source reckons with nobody being there: it tests for it, is told to ask, or catches the failure."""
    for guard in site.guards:
        for part in walk(guard.test):
            text = part.value if isinstance(part, r.Const) else None
            name = last_name(part) if isinstance(part, (r.Name, r.Attribute)) else text
            if isinstance(name, str) and name.startswith(_ENVIRONMENT_TESTS):
                return True
            if text == "-" and job.reach.truth(guard.test) is None:
                return True
    for around in statements_around(site.scope.module.body, site.call.span.start):
        if isinstance(around, r.Try) and around.body:
            start, end = around.body[0].span.start, around.body[-1].span.end
            if start <= site.call.span.start < end and any(map(_catches, around.handlers)):
                return True
    return False


def _catches(handler: r.Handler) -> bool:
    if handler.type is None:
        return True
    return any(
        isinstance(part, (r.Name, r.Attribute)) and last_name(part) in _PROVIDED_FOR
        for part in walk(handler.type)
    )


def _call_finding(job: Job, site: Site, hazard: Hazard, name: str) -> Finding:
    module, rule = site.scope.module, _CODES[hazard.kind]
    message = f"{name} {hazard.does}; {hazard.remedy}"
    statement = site.statement
    if hazard.kind is Kind.SHOWS or hazard.when is not None:
        return job.finding(rule, module, site.call.span, message, level=Level.NOTE)
    # A loop that only the failing question would have ended.
    endless = hazard.kind is Kind.ASKS and any(
        isinstance(guard.test, r.Const) for guard in site.guards
    )
    if isinstance(statement, r.ExprStatement) and statement.value is site.call and not endless:
        template = f"if {OUTSIDE_JOB}:\n    __original__"
        edits = (AddImport("os"), ReplaceStatement(statement.span, template))
        placed = tuple(ModuleEdit(module, edit) for edit in edits)
        message = f"{name} {hazard.does}"
        return job.finding(rule, module, site.call.span, message, edits=placed)
    return job.finding(rule, module, site.call.span, message, level=Level.ERROR)


# Folders


def _changes_of_folder(job: Job) -> Iterator[Finding]:
    paths = paths_of(job)
    made = {
        value.text
        for use in paths.uses
        if use.role is Role.WRITE
        for value in use.values
        if value.text
    }
    for use in paths.uses:
        if use.name not in ("os.chdir", "contextlib.chdir"):
            continue
        for value in use.values:
            absolute = value.root is Root.HOME or (
                value.root is Root.LITERAL
                and (value.text.startswith(("/", "~")) or _HOME_OF_SOMEBODY.match(value.text))
            )
            if absolute and value.text not in made and not value.text.startswith("/tmp"):
                if job.reach.runs_by_default(use.site) and not _is_provided_for(job, use.site):
                    text = f"{use.name} changes to {value.text}, which a job does not have"
                    yield job.finding(
                        CHANGED_FOLDER, use.site.scope.module, use.site.call.span, text
                    )
                break


def _machine_paths(job: Job) -> Iterator[Finding]:
    known: set[r.Expr] | None = None
    for facts in job.files:
        if facts.source is None or not _names_a_home(facts.source.text):
            continue
        module = job.program.modules.get(str(facts.path))
        if module is None:
            continue
        if known is None:
            known = _known_paths(job)
        for text in _texts(module):
            if text not in known and _HOME_OF_SOMEBODY.match(str(text.value)):
                message = f"{str(text.value)!r} is a path of one machine, which a job does not have"
                yield job.finding(MACHINE_PATH, module, text.span, message)


@lru_cache(maxsize=4096)
def _names_a_home(text: str) -> bool:
    """Whether a source may hold a path of one machine; the same for all jobs that reach it."""
    return any(start in text for start in ("/home/", "/root/", "Users"))


def _known_paths(job: Job) -> set[r.Expr]:
    """The expressions that decide where results, inputs and folders changed to lie."""
    known: set[r.Expr] = set()
    for use in paths_of(job).uses:
        for value in use.values:
            if value.node is not None:
                known.update(walk(value.node))
    for option in job.options.options:
        if option.default is not None:
            known.update(walk(option.default))
    return known


def _texts(module: ModuleIndex) -> Iterator[r.Const]:
    """The strings of a module that are not there to be read by people."""
    for statement in walk_statements(module.body):
        if isinstance(statement, r.ExprStatement) and isinstance(statement.value, r.Const):
            continue
        for expr in expressions_of(statement):
            for part in walk(expr):
                if isinstance(part, r.Const) and isinstance(part.value, str):
                    if not re.search(r"[\n<{ ]|.{2}:", part.value):
                        yield part
