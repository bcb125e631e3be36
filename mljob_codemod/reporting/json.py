"""The JSON report, version 1: the contract other tools rely on, described by schema.json beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mljob_codemod.errors import InputError
from mljob_codemod.findings import Finding, Position
from mljob_codemod.plan import JobPlan

if TYPE_CHECKING:
    from mljob_codemod.checking import Report
    from mljob_codemod.converting import ChangeSet

VERSION = 1


def schema() -> dict[str, Any]:
    """The JSON Schema of the report."""
    text = files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def render_json(
    report: Report,
    change_sets: Sequence[ChangeSet] | None = None,
    errors: Sequence[InputError] = (),
) -> str:
    """``report`` as JSON; for ``apply`` with its ``change_sets``, ``errors`` being those of writing."""
    document: dict[str, Any] = {
        "version": VERSION,
        "findings": [_finding(finding) for finding in report.findings],
        "jobs": [_job(plan) for plan in report.jobs],
        "errors": [_error(error) for error in (*report.errors, *errors)],
        "files": report.files,
    }
    if change_sets is not None:
        document["changes"] = [_change_set(change_set) for change_set in change_sets]
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _position(position: Position) -> dict[str, int]:
    return {"line": position.line, "column": position.column}


def _finding(finding: Finding) -> dict[str, Any]:
    fix = finding.fix
    return {
        "code": finding.code,
        "level": finding.level.value,
        "message": finding.message,
        "path": finding.location.path,
        "start": _position(finding.location.start),
        "end": _position(finding.location.end),
        "job": finding.job,
        "fix": None if fix is None else {"safety": fix.safety.value, "title": fix.title},
    }


def _job(plan: JobPlan) -> dict[str, Any]:
    """The plan's fields under their own names, apart from the two that the contract calls otherwise."""
    job = asdict(plan)
    for package in job["packages"]:
        package["import"] = package.pop("import_name")
    del job["file_needs_index"], job["present"]
    job["needs_index"] = plan.needs_index
    job["parallel"] = plan.parallel
    for variable in job["cloud_env"]:
        variable["name"] = variable.pop("what")
    return job


def _error(error: InputError) -> dict[str, Any]:
    return {
        "path": error.path,
        "line": error.line,
        "column": error.column,
        "message": error.message,
    }


def _change_set(change_set: ChangeSet) -> dict[str, Any]:
    return {
        "scripts": list(change_set.scripts),
        "files": [
            {"path": change.shown, "created": change.before is None}
            for change in change_set.changes
        ],
        "applied": [_finding(finding) for finding in change_set.applied],
        "notices": list(change_set.notices),
    }
