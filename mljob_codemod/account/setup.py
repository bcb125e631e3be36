"""Job plans to the SQL that an administrator runs once, so that a role can run the jobs.

Every statement may run again: it makes what is missing and brings the rest up to date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mljob_codemod.account.integrations import PYPI_RULE
from mljob_codemod.account.sql import comment, identifier, qualified, string
from mljob_codemod.config import Settings
from mljob_codemod.errors import MljobError
from mljob_codemod.plan import JobPlan, suggested_integration
from mljob_codemod.rules.instance_families import instance_families

ADMINISTRATORS = frozenset({"ACCOUNTADMIN", "ORGADMIN", "SECURITYADMIN"})
"""Roles that may not own services (docs: service-network-communications)."""
PACKAGES = "pip_install"
"""The name in ``integrations`` for the installation of packages."""
MOST_HOSTS = 100
"""Hosts that one integration may have (docs: spcs-guidelines-and-limitations)."""


def render_setup(plans: Sequence[JobPlan], settings: Settings, role: str) -> str:
    """One SQL script for all ``plans``, in the order in which an administrator runs it.

    Raises ``MljobError`` where a name is missing that nothing can stand in for.
    """
    for name in ("database", "schema"):
        if getattr(settings, name) is None:
            raise MljobError(f"no {name}: set `{name}` in [tool.mljob-codemod]")
    if role.strip('"').upper() in ADMINISTRATORS:
        raise MljobError(f"--role {role}: this role may not own jobs; name the role that runs them")
    return "\n".join(_Setup(plans, settings, role).lines()) + "\n"


class _Setup:
    def __init__(self, plans: Sequence[JobPlan], settings: Settings, role: str) -> None:
        self.plans = plans
        self.settings = settings
        self.role = identifier(role)
        self.database = identifier(settings.database or "")
        self.schema = f"{self.database}.{identifier(settings.schema or '')}"

    def lines(self) -> Iterator[str]:
        jobs = ", ".join(plan.script for plan in self.plans) or "jobs"
        yield comment(
            f"What {jobs} need{'s' * (len(self.plans) == 1)} in Snowflake. Run as an administrator; running it again is safe."
        )
        yield "USE ROLE ACCOUNTADMIN;"
        yield from self._place()
        yield from self._stage()
        yield from self._pools()
        yield from self._warehouse()
        yield from self._access()
        yield from self._packages()

    def _place(self) -> Iterator[str]:
        yield from _title("Where jobs live: each is a service in this schema")
        yield f"CREATE ROLE IF NOT EXISTS {self.role};"
        yield f"CREATE DATABASE IF NOT EXISTS {self.database};"
        yield f"CREATE SCHEMA IF NOT EXISTS {self.schema};"
        yield f"GRANT USAGE ON DATABASE {self.database} TO ROLE {self.role};"
        yield f"GRANT USAGE, CREATE SERVICE ON SCHEMA {self.schema} TO ROLE {self.role};"
        if '"' in self.schema:
            yield comment(
                "Names that need quotes are refused by some clients: plain ones are safer."
            )

    def _stage(self) -> Iterator[str]:
        stage = self.settings.stage or "ML_JOBS"
        name = qualified(stage, self.database, identifier(self.settings.schema or ""))
        yield from _title("Where payloads and results go; this encryption is what a job can mount")
        yield f"CREATE STAGE IF NOT EXISTS {name}"
        yield "  ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE');"
        yield f"GRANT READ, WRITE ON STAGE {name} TO ROLE {self.role};"
        sources = {plan.source: plan.script for plan in self.plans if plan.source}
        for source, script in sources.items():
            place = source.partition("/")[0]
            code = qualified(place, self.database, identifier(self.settings.schema or ""))
            yield comment(f"The code of {script}; for a Git repository: READ ON GIT REPOSITORY")
            yield f"GRANT READ ON STAGE {code} TO ROLE {self.role};"

    def _pools(self) -> Iterator[str]:
        yield from _title("Where jobs run")
        pools: dict[str, list[JobPlan]] = {}
        for plan in self.plans:
            pool = plan.compute.compute_pool or self.settings.compute_pool
            pools.setdefault(pool or "SYSTEM_COMPUTE_POOL_CPU", []).append(plan)
        for pool, plans in pools.items():
            name = identifier(pool)
            if not pool.upper().startswith("SYSTEM_COMPUTE_POOL_"):
                nodes = max(plan.compute.nodes for plan in plans)
                family = _largest(plans)
                yield f"CREATE COMPUTE POOL IF NOT EXISTS {name}"
                yield f"  MIN_NODES = 1 MAX_NODES = {nodes} INSTANCE_FAMILY = {identifier(family)}"
                yield "  AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE AUTO_SUSPEND_SECS = 600;"
            yield f"GRANT USAGE, MONITOR ON COMPUTE POOL {name} TO ROLE {self.role};"

    def _warehouse(self) -> Iterator[str]:
        if self.settings.query_warehouse:
            yield from _title("For queries that a job makes")
            warehouse = identifier(self.settings.query_warehouse)
            yield f"GRANT USAGE ON WAREHOUSE {warehouse} TO ROLE {self.role};"

    def _access(self) -> Iterator[str]:
        """Network rules and integrations for the services that the jobs reach."""
        hosts: dict[str, dict[str, None]] = {}
        reasons: dict[str, str] = {}
        for plan in self.plans:
            for service in plan.services:
                if service.service == PACKAGES:
                    continue
                hosts.setdefault(service.service, {}).update(dict.fromkeys(service.hosts))
                reasons.setdefault(service.service, f"{service.path}:{service.line}")
        integrations: dict[str, list[str]] = {}
        for service_name in hosts:
            integration = self.settings.integrations.get(
                service_name, suggested_integration(service_name)
            )
            integrations.setdefault(integration, []).append(service_name)
        for integration, services in integrations.items():
            yield from _title(
                f"Outside services: {', '.join(f'{each} ({reasons[each]})' for each in services)}"
            )
            rules = []
            for service_name in services:
                known = list(hosts[service_name])
                if not known:
                    yield comment(
                        f"The hosts of {service_name} are not known: name them in a rule."
                    )
                    continue
                rules.append(rule := self._rule_name(service_name))
                if len(known) > MOST_HOSTS:
                    left = ", ".join(known[MOST_HOSTS:])
                    yield comment(f"More hosts than an integration may have; left out: {left}")
                yield f"CREATE OR ALTER NETWORK RULE {rule}"
                yield "  TYPE = HOST_PORT MODE = EGRESS"
                yield f"  VALUE_LIST = ({', '.join(string(host) for host in known[:MOST_HOSTS])});"
            if rules:
                yield from self._integration(integration, rules)

    def _rule_name(self, service: str) -> str:
        return f"{self.schema}.{identifier(re.sub('[^A-Za-z0-9_]', '_', service) + '_hosts')}"

    def _integration(self, name: str, rules: Sequence[str]) -> Iterator[str]:
        quoted, listed = identifier(name), ", ".join(rules)
        yield f"CREATE EXTERNAL ACCESS INTEGRATION IF NOT EXISTS {quoted}"
        yield f"  ALLOWED_NETWORK_RULES = ({listed}) ENABLED = TRUE;"
        if name in self.settings.integrations.values():
            # It may be there, and others rely on its rules: they are not for this script to replace.
            yield comment(
                f"An integration {name} that is there keeps its rules. Add these by hand:"
            )
            yield comment(
                f"ALTER EXTERNAL ACCESS INTEGRATION {quoted} SET ALLOWED_NETWORK_RULES = (..., {listed});"
            )
        yield f"GRANT USAGE ON INTEGRATION {quoted} TO ROLE {self.role};"

    def _packages(self) -> Iterator[str]:
        installing = [plan for plan in self.plans if plan.needs_index]
        needed = sorted({line for plan in installing for line in plan.pip_requirements})
        needed += sorted({plan.requirements_file for plan in installing if plan.requirements_file})
        if not needed:
            return
        yield from _title(f"Packages that the runtime image lacks: {', '.join(needed)}")
        integration = self.settings.integrations.get(PACKAGES, "pypi_access")
        yield from self._integration(integration, [PYPI_RULE])
        yield comment(
            "Instead of the integration: Snowflake's own repository of packages, without egress"
        )
        yield comment("(snowflake-ml-python 1.51 or newer, artifact_repositories).")
        yield f"GRANT DATABASE ROLE SNOWFLAKE.PYPI_REPOSITORY_USER TO ROLE {self.role};"


def _largest(plans: Sequence[JobPlan]) -> str:
    """The family with the most GPU memory among those that the plans suggest."""
    known = instance_families()
    suggested = [
        known[plan.compute.instance_family] for plan in plans if plan.compute.instance_family
    ]
    if suggested:
        return max(suggested, key=lambda family: family.gpus * family.gpu_memory).name
    return "GPU_NV_S" if any(plan.compute.gpu for plan in plans) else "CPU_X64_S"


def _title(text: str) -> Iterator[str]:
    yield ""
    yield comment(text)
