"""Which of the account's external access integrations reach a service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mljob_codemod.account.rows import Row, is_true
from mljob_codemod.errors import MljobError

PYPI_RULE = "snowflake.external_access.pypi_rule"
_BUILT_IN = {
    PYPI_RULE.upper(): ("pypi.org", "pypi.python.org", "pythonhosted.org", "files.pythonhosted.org")
}
"""Rules of every account, which nobody may describe (docs: external-network-access, PyPI)."""
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "huggingface": ("hugging_face", "hf"),
    "pip_install": ("pypi", "pip"),
    "wandb": ("weights_and_biases",),
    "aws": ("s3", "amazon"),
    "gcp": ("google", "gcs"),
    "git": ("github",),
}
"""How people name integrations for a service."""
_ANYTHING = ("allow_all", "all_access", "internet", "egress_all")
_HTTPS, _ANY_PORT = "443", "0"


@dataclass(frozen=True)
class Match:
    """An integration that may reach a service; ``certain`` only where its rules name all hosts."""

    service: str
    integration: str
    certain: bool
    why: str


@dataclass(frozen=True)
class Integration:
    """An integration that is enabled; ``hosts`` are None where not all of its rules can be read."""

    name: str
    hosts: tuple[str, ...] | None = None


def read_integrations(rows: Iterable[Row]) -> list[Integration]:
    """The integrations among rows of SHOW EXTERNAL ACCESS INTEGRATIONS, with the hosts that other rows tell.

    Those are rows of DESCRIBE NETWORK RULE, and of DESCRIBE INTEGRATION with the integration's name in a column
    ``integration``, as the statement itself does not tell it.
    """
    rows = list(rows)
    values: dict[str, tuple[str, ...]] = dict(_BUILT_IN)
    rules: dict[str, list[str]] = {}
    for row in rows:
        if "value_list" in row:
            name = ".".join(str(row[part]) for part in ("database_name", "schema_name", "name"))
            values[name.upper()] = tuple(_listed(row["value_list"]))
        elif str(row.get("property", "")).upper() == "ALLOWED_NETWORK_RULES":
            if "integration" not in row:
                raise MljobError(
                    "rows of DESCRIBE INTEGRATION need the integration's name in a column `integration`: "
                    "DESC INTEGRATION x ->> SELECT 'x' AS \"integration\", * FROM $1"
                )
            rules[str(row["integration"]).upper()] = _listed(row.get("property_value"))
    found = []
    for row in rows:
        kind = str(row.get("type", "EXTERNAL_ACCESS")).upper()
        if "enabled" in row and kind == "EXTERNAL_ACCESS" and is_true(row, "enabled"):
            named = rules.get(str(row["name"]).upper())
            hosts = None
            if named is not None and all(rule.upper() in values for rule in named):
                hosts = tuple(host for rule in named for host in values[rule.upper()])
            found.append(Integration(str(row["name"]), hosts))
    return found


def network_rules(described: Iterable[Row]) -> list[str]:
    """The names of the network rules in the rows of one DESCRIBE INTEGRATION."""
    return [
        rule
        for row in described
        if str(row.get("property", "")).upper() == "ALLOWED_NETWORK_RULES"
        for rule in _listed(row.get("property_value"))
        if rule.upper() not in _BUILT_IN
    ]


def _listed(value: object) -> list[str]:
    """The parts of a list as DESCRIBE shows it: ``[A.B.C, D]``, ``('h','h:80')`` or bare."""
    parts = re.split(r"[,\s]+", str(value or "").strip("[]() "))
    return [bare for part in parts if (bare := part.strip("'\" "))]


def match_integrations(
    services: Mapping[str, Iterable[str]], integrations: Iterable[Integration]
) -> list[Match]:
    """All matches for ``services`` (names to hosts), those that are certain first.

    An integration whose rules cannot be read is matched by its name, which says so: a rule can be described by
    its owner only.
    """
    integrations = list(integrations)
    found = [
        match
        for service, needed in services.items()
        for integration in integrations
        if (match := _match(service, tuple(needed), integration)) is not None
    ]
    return sorted(found, key=lambda match: not match.certain)


def _match(service: str, needed: tuple[str, ...], integration: Integration) -> Match | None:
    name = integration.name
    if integration.hosts is not None and needed:
        missing = [host for host in needed if not _any_allows(integration.hosts, host)]
        if len(missing) == len(needed):
            return None
        if missing:
            return Match(service, name, False, f"its network rules lack {', '.join(missing)}")
        return Match(service, name, True, "its network rules name every host")
    words = "_" + re.sub(r"[^a-z0-9]+", "_", name.lower()) + "_"
    doubt = "its network rules cannot be read" if needed else "the hosts are not known"
    for word in (service, *_ALIASES.get(service, ())):
        if f"_{word}_" in words:
            return Match(service, name, False, f"by its name alone: {doubt}")
    for word in _ANYTHING:
        if word in words:
            return Match(service, name, False, f"its name promises all hosts: {doubt}")
    return None


def _any_allows(entries: Iterable[str], host: str) -> bool:
    return any(_allows(entry, host) for entry in entries)


def _allows(entry: str, host: str) -> bool:
    """Whether a rule's entry (host or host:port, one wildcard) lets ``host`` through."""
    allowed, _, port = entry.lower().partition(":")
    wanted, _, wanted_port = host.lower().partition(":")
    if (port or _HTTPS) not in (wanted_port or _HTTPS, _ANY_PORT):
        return False
    if allowed == "0.0.0.0":
        return True
    pattern = re.escape(allowed).replace(r"\*", r"[^.]+")
    return re.fullmatch(pattern, wanted) is not None
