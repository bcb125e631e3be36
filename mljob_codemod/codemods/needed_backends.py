"""Calls for which a library needs a distribution that nothing imports (backends.toml)."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.names import External, argument_at
from mljob_codemod.codemods.base import Job
from mljob_codemod.plan import Evidence
from mljob_codemod.rules.backends import Backend, backends
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Site


def needed_backends(job: Job) -> Iterator[tuple[Backend, Evidence]]:
    """The rules that calls of the reach meet, each with the first such call."""
    imported = {name.module.partition(".")[0] for facts in job.files for name in facts.imports}
    wanted = [rule for rule in backends() if not imported.isdisjoint(rule.packages)]
    last_names = frozenset(name for rule in wanted for name in rule.last_names)
    found: set[str] = set()
    if not wanted:
        return
    for site in job.program.sites_calling(last_names.__contains__):
        if job.program.runs_elsewhere(site):
            continue
        names = [
            entity.name
            for entity in job.program.entities(site.call.func, site.scope)
            if isinstance(entity, External)
        ]
        for rule in wanted:
            if rule.distribution not in found and any(map(rule.matches, names)):
                if _meets(rule, site):
                    found.add(rule.distribution)
                    yield rule, _place(job, site, rule)


def _place(job: Job, site: Site, rule: Backend) -> Evidence:
    """The import that the call rests on: it stays where it is when the call is rewritten."""
    call = job.evidence(site.scope.module, site.call.func.span)
    words = set(call.what.split("."))
    imports = [
        imported
        for facts in job.files
        if facts.shown == call.path
        for imported in facts.imports
        if imported.module.partition(".")[0] in rule.packages
        and (not imported.names or words & set(imported.names))
    ]
    # What the call is named after goes before a module that is imported whole.
    for imported in sorted(imports, key=lambda imported: not imported.names):
        return Evidence(call.path, imported.line, call.what)
    return call


def _meets(rule: Backend, site: Site) -> bool:
    if any(argument_at(site.call, None, keyword) is not None for keyword in rule.unless):
        return False
    if rule.keywords and not any(_is_given(site.call, keyword) for keyword in rule.keywords):
        return False
    if rule.pattern is not None:
        import re

        first = argument_at(site.call, 0, None)
        value = first.value if first is not None else None
        return (
            isinstance(value, r.Const)
            and isinstance(value.value, str)
            and re.search(rule.pattern, value.value) is not None
        )
    return True


def _is_given(call: r.Call, keyword: str) -> bool:
    given = argument_at(call, None, keyword)
    if given is None:
        return False
    return not (isinstance(given.value, r.Const) and given.value.value in (False, None))
