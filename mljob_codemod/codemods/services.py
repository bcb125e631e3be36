"""Outside services: which of them a run reaches, where they are, and which integration lets a job reach them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from mljob_codemod.analysis.default_run import NO_PROBES, DefaultRun
from mljob_codemod.analysis.service_calls import Contact, ServiceFinder
from mljob_codemod.codemods.base import Job
from mljob_codemod.codemods.output_paths import paths_of
from mljob_codemod.codemods.service_rules import NO_INTEGRATION
from mljob_codemod.codemods.service_rules import RULES as RULES
from mljob_codemod.findings import Finding, Level
from mljob_codemod.plan import JobPlan, Service, suggested_integration
from mljob_codemod.rules import call_rules
from mljob_codemod.rules.services import service_rules

_PACKAGES = "pip_install"


def concerns(libraries: Iterable[str], text: str) -> bool:
    """Whether a file that imports ``libraries`` may reach a service: their calls have names that many things have."""
    return service_rules().concerns(libraries, text)


def describe(job: Job, plan: JobPlan) -> None:
    """Fill in each service once, with all its hosts, and the integrations that the settings have for them."""
    contacts = _contacts(job, plan)
    job.notes[__name__] = contacts
    for name, found in _by_service(contacts).items():
        first = found[0]
        hosts = tuple(dict.fromkeys(host for contact in found for host in contact.hosts))
        where = job.evidence(first.module, first.span)
        plan.services.append(
            Service(
                name,
                hosts,
                where.path,
                where.line,
                what=_shortened(where.what),
                certain=any(contact.certain for contact in found),
                integration=job.settings.integrations.get(name),
            )
        )
    needed = [service.service for service in plan.services]
    if plan.pip_requirements:
        needed.insert(0, _PACKAGES)
    known = [job.settings.integrations.get(name) for name in needed]
    plan.external_access_integrations = list(dict.fromkeys(name for name in known if name))


def find(job: Job) -> Iterator[Finding]:
    """One finding for each service that nothing lets the job reach."""
    contacts = job.notes.get(__name__)
    if not isinstance(contacts, list):
        return
    rules = service_rules()
    for name, found in _by_service(contacts).items():
        if name in job.settings.integrations:
            continue
        service = rules.services[name]
        certain = any(contact.certain for contact in found)
        title = service.title
        if not service.hosts and found[0].hosts:
            title += f" ({found[0].hosts[0]})"
        reaches = f"the run {'reaches' if certain else 'may reach'} {title}"
        name_of = f'`integrations.{name}`, such as "{suggested_integration(name)}"'
        message = f"{reaches}, for which a job needs an integration: set {name_of}"
        if service.offline:
            message += f", or {service.offline}"
        level = Level.ERROR if certain else Level.NOTE
        first = found[0]
        yield job.finding(NO_INTEGRATION, first.module, first.span, message, level=level)


def _contacts(job: Job, plan: JobPlan) -> list[Contact]:
    known = paths_of(job)
    run = DefaultRun(job.program, job.options, job.reach, job.paths, NO_PROBES, gpu=True)
    written = {posixpath.normpath(use.target) for use in plan.hardcoded_outputs}
    written |= {posixpath.dirname(path) for path in written} - {""}

    def is_local(text: str) -> bool:
        return job.exists(text) or posixpath.normpath(text) in written

    optional = frozenset(
        package.import_name
        for package in plan.packages
        if package.optional and package.status == "custom"
    )
    finder = ServiceFinder(
        job.program,
        job.paths,
        run,
        job.reach,
        service_rules(),
        call_rules().canonical,
        is_local,
        optional,
    )
    uses = [use for use in known.uses if not job.program.runs_elsewhere(use.site)]
    return list(finder.contacts(uses))


def _by_service(contacts: list[Contact]) -> dict[str, list[Contact]]:
    """The contacts by service; those that are certain come first."""
    found: dict[str, list[Contact]] = {}
    for contact in sorted(contacts, key=lambda contact: not contact.certain):
        found.setdefault(contact.service, []).append(contact)
    return found


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
