"""Packages: which third-party imports the script reaches, and what the job must install for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from mljob_codemod.codemods.base import Job
from mljob_codemod.findings import Finding, Rule
from mljob_codemod.plan import JobPlan, Package
from mljob_codemod.rules.packages import distributions, runtime_packages

RULES: tuple[Rule, ...] = ()

_NAMESPACES = frozenset({"azure", "google", "snowflake"})
"""Top-level names that many distributions share."""
_NOT_PACKAGES = frozenset(sys.stdlib_module_names) | {"__main__"}


def find(job: Job) -> Iterator[Finding]:
    """Nothing yet: missing packages are installed, not reported."""
    yield from ()


def describe(job: Job, plan: JobPlan) -> None:
    """Fill in the imports of the reach and what of them the images lack."""
    found: dict[str, Package] = {}
    for facts in job.files:
        for imported in facts.imports:
            name = imported.module.partition(".")[0]
            if imported.level or not name or name in _NOT_PACKAGES or imported.module[-1] == "*":
                continue
            if job.program.is_local(str(facts.path), imported.module):
                continue
            module = imported.module
            if module in _NAMESPACES and imported.names:
                module = f"{module}.{imported.names[0]}"  # from snowflake import snowpark
            package = _package(module, facts.shown, imported.line, imported.optional)
            known = found.get(package.import_name)
            if known is None or (known.optional and not package.optional):
                found[package.import_name] = package
    plan.packages = list(found.values())
    plan.pip_requirements = sorted(
        {
            package.distribution
            for package in plan.packages
            if package.status == "custom" and not package.optional and package.distribution
        }
    )


def _package(module: str, path: str, line: int, optional: bool) -> Package:
    """The package behind an import; ``status`` is that of the newest known runtime."""
    name = module.partition(".")[0]
    provided = runtime_packages().providing(module)
    if provided is not None:
        if name in _NAMESPACES:
            name = next(known for known in provided.imports if f"{module}.".startswith(f"{known}."))
        return Package(name, provided.distribution, "preinstalled", path, line, optional)
    if name in _NAMESPACES:
        name = ".".join(module.split(".")[:3])
    distribution = distributions().providing(module)
    return Package(name, distribution, "custom", path, line, optional)
