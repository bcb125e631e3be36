"""From a job's log to the cause of its failure and the remedy, in plain words.

The table is rules/failures.toml; its rows stand in the order in which they explain a log: a row that comes
first names a cause, one that comes later may be its consequence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mljob_codemod.rules.failures import Failure, failures
from mljob_codemod.rules.services import service_rules


@dataclass(frozen=True)
class Diagnosis:
    """One cause; ``line`` is where the log shows it, counted from 1, and ``evidence`` what it says there."""

    name: str
    cause: str
    remedy: str
    line: int
    evidence: str


def diagnose(log: str, integrations: Mapping[str, str] | None = None) -> list[Diagnosis]:
    """The causes that ``log`` shows, the likeliest first; empty where no row of the table fits.

    What an earlier row says of a line goes before what later ones do.
    ``integrations`` are those of the settings, by service: a host that cannot be reached leads to its own.
    """
    found: dict[str, Diagnosis] = {}
    explained: dict[int, str] = {}
    for failure in failures():
        for diagnosis in _occurrences(failure, log, integrations or {}):
            if explained.setdefault(diagnosis.line, failure.name) == failure.name:
                found.setdefault(diagnosis.cause, diagnosis)
    return list(found.values())


def _occurrences(
    failure: Failure, log: str, integrations: Mapping[str, str]
) -> Iterator[Diagnosis]:
    for match in failure.pattern.finditer(log):
        words = {name: text or "?" for name, text in match.groupdict().items()}
        if "host" in words:
            words["access"] = _access(words["host"], integrations)
        line = log.count("\n", 0, match.start()) + 1
        evidence = log[match.start() :].splitlines()[0] if match[0] else ""
        yield Diagnosis(
            failure.name,
            _filled(failure.cause, words),
            _filled(failure.remedy, words),
            line,
            " ".join(evidence.split()),
        )


def _access(host: str, integrations: Mapping[str, str]) -> str:
    """What lets a job reach ``host``, as far as the settings tell."""
    services = service_rules().services.values()
    service = next((each.name for each in services if host in each.hosts), None)
    if service is None:
        return "pass its integration (setting `integrations`)"
    if service in integrations:
        name = integrations[service]
        return f"let {name} have it, which the settings name for {service}: its network rules lack the host"
    return f"pass its integration (setting `integrations.{service}`)"


def _filled(text: str, words: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: words.get(match[1], match[0]), text)


def render_diagnosis(diagnoses: list[Diagnosis]) -> str:
    """The first cause with its remedy, then what else the log shows."""
    if not diagnoses:
        return (
            "No known cause in this log. `mljob-codemod job logs --verbose` shows what pip and the start of the "
            "job print; SHOW SERVICE CONTAINERS IN SERVICE tells how the container ended.\n"
        )
    lines = []
    for number, each in enumerate(diagnoses[:3]):
        lines += [
            f"{'Cause' if number == 0 else 'Also'}: {each.cause}",
            f"  line {each.line}: {each.evidence[:160]}",
            f"  Remedy: {each.remedy}",
        ]
    return "\n".join(lines) + "\n"
