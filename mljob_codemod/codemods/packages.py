"""Packages: which third-party imports the script reaches, and what the job must install for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mljob_codemod.codemods.base import Job
from mljob_codemod.codemods.needed_backends import needed_backends
from mljob_codemod.codemods.package_rules import (
    DIFFERENT_PIN,
    LOCAL_REQUIREMENT,
    OLD_PIN,
    RULES,
    RUNTIME_PIN,
    UNKNOWN_PACKAGE,
    UNREADABLE_REQUIREMENTS,
)
from mljob_codemod.discovery import shown_path
from mljob_codemod.findings import Finding, Level
from mljob_codemod.plan import Evidence, Image, Install, JobPlan, Package
from mljob_codemod.requirements.declared import Declared, RequirementFile, Trouble
from mljob_codemod.requirements.providers import NAMESPACES, PackageResolver
from mljob_codemod.rules.packages import normalize, runtime_packages
from mljob_codemod.syntax.reading import STDLIB, FileFacts, ImportedName

__all__ = ["RULES", "describe", "find", "settle"]

_SHOWN_PINS = 3


def describe(job: Job, plan: JobPlan) -> None:
    """Fill in the imports of the reach, and what of them the job's image lacks."""
    kind = {True: "gpu", False: "cpu", None: None}[plan.compute.gpu]
    runtime = runtime_packages()
    python = job.settings.python if job.settings.python in runtime.pythons else None
    plan.image = Image(runtime.runtime, kind, python)
    resolver = PackageResolver(
        job.declarations(),
        runtime.images(kind, python),
        job.settings,
        job.path.parent,
        job.environments,
    )
    job.notes["packages"] = resolver
    plan.packages = list(_imported(job, resolver))
    installs = {
        normalize(each.distribution): each
        for each in [*_missing(plan.packages, resolver), *_backends(job, resolver)]
    }
    plan.installs = sorted(installs.values(), key=lambda each: each.requirement.lower())
    plan.pip_requirements = [each.requirement for each in plan.installs]


def settle(job: Job, plan: JobPlan) -> None:
    """Leave to the payload's own ``requirements.txt`` what it installs, once the payload is known."""
    own = job.requirements_in(Path(plan.root)) if plan.method == "submit_directory" else None
    if own is None:
        return
    resolver = _resolver(job)
    plan.requirements_file = shown_path(own.path)
    named = [each for each in own.requirements if resolver.applies(each)]
    names = {each.name for each in named}
    plan.installs = [each for each in plan.installs if normalize(each.distribution) not in names]
    plan.pip_requirements = [each.requirement for each in plan.installs]
    plan.file_needs_index = any(
        each.url or each.local or not resolver.versions(each.name or "") or resolver.differs(each)
        for each in named
    )
    integration = job.settings.integrations.get("pip_install")
    if plan.needs_index and integration is not None:
        needed = dict.fromkeys([integration, *plan.external_access_integrations])
        plan.external_access_integrations = list(needed)


def _resolver(job: Job) -> PackageResolver:
    resolver = job.notes["packages"]
    assert isinstance(resolver, PackageResolver)  # describe put it there
    return resolver


# Imports


def _imported(job: Job, resolver: PackageResolver) -> Iterable[Package]:
    found: dict[str, Package] = {}
    for facts in job.files:
        for imported in facts.imports:
            name = imported.module.partition(".")[0]
            if imported.level or not name or name in STDLIB or imported.module[-1] == "*":
                continue
            here = str(facts.path)
            if job.program.is_local(here, imported.module) or any(
                job.program.is_local(here, f"{imported.module}.{name}") for name in imported.names
            ):
                continue  # a folder without an __init__.py is known by what is imported from it
            for module in _modules(imported):
                package = _package(module, facts, imported, resolver)
                known = found.get(package.import_name)
                if known is None or (known.optional and not package.optional):
                    found[package.import_name] = package
    return found.values()


def _modules(imported: ImportedName) -> Iterable[str]:
    """``from google.cloud import storage`` imports ``google.cloud.storage``."""
    if imported.module.partition(".")[0] in NAMESPACES and imported.names:
        return [f"{imported.module}.{name}" for name in imported.names]
    return [imported.module]


def _package(
    module: str, facts: FileFacts, imported: ImportedName, resolver: PackageResolver
) -> Package:
    provider = resolver.provider(module)
    versions = resolver.versions(provider.distribution or "")
    return Package(
        provider.import_name,
        provider.distribution,
        "preinstalled" if versions else "custom",
        facts.shown,
        imported.line,
        imported.optional,
        " or ".join(versions) or None,
        provider.guessed,
    )


# What is installed


def _missing(packages: Iterable[Package], resolver: PackageResolver) -> Iterator[Install]:
    """What the script imports and the image has not, or not in a version that the project allows."""
    for package in packages:
        if package.distribution is None or package.optional or package.guessed:
            continue
        declared = resolver.declared(package.distribution)
        differs = declared is not None and bool(resolver.differs(declared))
        if package.status == "preinstalled" and (
            not differs or resolver.is_own(package.distribution) or resolver.settings.pins == "none"
        ):
            continue
        why = "has in another version" if differs else "does not have"
        what = f"imports {package.import_name}, which the runtime image {why}"
        yield _install(package.distribution, Evidence(package.path, package.line, what), resolver)
    for package in packages:
        # What the index does not have can still be declared by URL.
        if package.distribution is None and not package.optional:
            declared = resolver.declared(package.import_name)
            if declared is not None:
                what = f"imports {package.import_name}"
                evidence = Evidence(package.path, package.line, what)
                yield _install(package.import_name, evidence, resolver)


def _backends(job: Job, resolver: PackageResolver) -> Iterator[Install]:
    for rule, place in needed_backends(job):
        names = (rule.distribution, *rule.any_of)
        declared = next((name for name in names if resolver.declared(name)), None)
        if declared is None and any(map(resolver.versions, names)):
            continue
        distribution = declared or rule.distribution
        if not resolver.versions(distribution):
            evidence = Evidence(place.path, place.line, f"{place.what} needs it")
            yield _install(distribution, evidence, resolver)


def _install(distribution: str, reason: Evidence, resolver: PackageResolver) -> Install:
    requirement, declared, lock = resolver.line(distribution)
    pinned_by = None
    if lock is not None:
        pinned_by = shown_path(lock)
    elif declared is not None and (declared.specifier or declared.url):
        pinned_by = f"{shown_path(declared.path)}:{declared.line}"
    return Install(requirement, distribution, reason, pinned_by)


# Findings


def find(job: Job) -> Iterator[Finding]:
    """Findings about imports without a distribution, and about what the requirement files say."""
    resolver, plan = _resolver(job), job.plan
    yield from _unknown(job, plan, resolver)
    installed = None
    if plan.requirements_file is not None:
        installed = job.requirements_in(Path(plan.root))
    if installed is not None:
        yield from _lines_that_fail(job, installed, Path(plan.root).resolve())
        named = [each for each in installed.requirements if resolver.applies(each)]
        yield from _pins(job, named, resolver, installed=True)
    else:
        used = [resolver.declared(each.distribution) for each in plan.packages if each.distribution]
        used += [resolver.declared(each.distribution) for each in plan.installs]
        named = list(dict.fromkeys(each for each in used if each is not None))
        if job.settings.pins != "none":
            yield from _pins(job, named, resolver, installed=False)
    for error in resolver.declarations.errors:
        is_installed = error.path == plan.requirements_file
        level = Level.ERROR if is_installed else Level.NOTE
        message = f"its requirements are unknown: {error.message}"
        yield job.finding_at(
            UNREADABLE_REQUIREMENTS, Path(error.path), error.line or 1, message, level=level
        )


def _unknown(job: Job, plan: JobPlan, resolver: PackageResolver) -> Iterator[Finding]:
    # A folder that the script itself puts on the import path may hold what is looked for.
    changes_path = any(
        facts.source is not None and "sys.path" in facts.source.text for facts in job.files
    )
    for package in plan.packages:
        if package.optional or package.status == "preinstalled":
            continue
        if package.guessed:
            problem = "no known distribution provides it"
        elif package.distribution is None and resolver.declared(package.import_name) is None:
            problem = "the package index has no distribution for it"
        else:
            continue
        message = f"`{package.import_name}` is neither a file of the project nor in the image, and {problem}"
        yield job.finding_at(
            UNKNOWN_PACKAGE,
            Path(package.path),
            package.line,
            f"{message}: add it to the project, or declare what provides it",
            level=Level.NOTE if changes_path else Level.ERROR,
        )


def _lines_that_fail(job: Job, file: RequirementFile, root: Path) -> Iterator[Finding]:
    missing = set()
    for problem in file.problems:
        if problem.trouble is Trouble.INVALID:
            message = f"pip stops here in the job: {problem.message}"
            yield job.finding_at(UNREADABLE_REQUIREMENTS, problem.path, problem.line, message)
        else:
            missing.add((problem.path, problem.line))
            message = f"pip stops here in the job: {problem.message}"
            yield job.finding_at(LOCAL_REQUIREMENT, problem.path, problem.line, message)
    for path, line, target in file.needed:
        if (path, line) in missing:
            continue
        resolved = (path.parent / target.removeprefix("file://")).resolve()
        if not resolved.is_relative_to(root):
            message = (
                f"pip stops here in the job: `{target}` is not in the payload, {shown_path(root)}"
            )
            yield job.finding_at(LOCAL_REQUIREMENT, path, line, message)


def _pins(
    job: Job, named: Iterable[Declared], resolver: PackageResolver, *, installed: bool
) -> Iterator[Finding]:
    """Findings about pins. ``installed`` is whether the job installs all of them as they stand."""
    others: list[tuple[Declared, str]] = []
    for each in named:
        first, versions = resolver.first_wheel(each), resolver.differs(each)
        text = f"{each.name}{each.specifier}"
        own = each.name is not None and resolver.is_own(each.name)
        if own and versions and not installed:
            message = f"the job runs with the image's {each.name} {' or '.join(versions)}, not {text}, which is left out"
            yield job.finding_at(RUNTIME_PIN, each.path, each.line, message, level=Level.NOTE)
        elif first is not None:
            pythons = f"Python {resolver.pythons[0]}" + (
                " or newer" if resolver.pythons[1:] else ""
            )
            message = (
                f"{text} has no wheel for {pythons}, which jobs run: the first that has is {first}"
            )
            yield job.finding_at(OLD_PIN, each.path, each.line, message)
        elif own and versions:
            breaks = resolver.breaks_runtime(each, versions)
            message = (
                f"{text} replaces the image's {each.name} {' or '.join(versions)}, which the runtime itself "
                f"works with{': loosen the pin' if breaks else ''}"
            )
            level = Level.ERROR if breaks else Level.NOTE
            yield job.finding_at(RUNTIME_PIN, each.path, each.line, message, level=level)
        elif versions:
            others.append((each, " or ".join(versions)))
    if others:
        listed = [f"{each.name}{each.specifier} (image: {versions})" for each, versions in others]
        more = f" and {len(listed) - _SHOWN_PINS} more" if len(listed) > _SHOWN_PINS else ""
        first_pin = others[0][0]
        message = f"installed over the image's packages: {', '.join(listed[:_SHOWN_PINS])}{more}"
        yield job.finding_at(DIFFERENT_PIN, first_pin.path, first_pin.line, message)
