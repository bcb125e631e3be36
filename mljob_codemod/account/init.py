"""Answers, saved rows and the account to settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mljob_codemod.account.integrations import match_integrations
from mljob_codemod.account.pools import best_pool, rank_pools, render_pools
from mljob_codemod.account.rows import Row, ask_account, open_session, read_rows
from mljob_codemod.account.settings_file import (
    connections,
    settings_file,
    snowflake_folder,
    with_settings,
)
from mljob_codemod.checking import check
from mljob_codemod.config import TABLE, load_settings
from mljob_codemod.errors import InputError, MljobError
from mljob_codemod.plan import Compute, JobPlan

Ask = Callable[[str, str | None], str | None]
DEFAULT_STAGE = "ML_JOBS"


@dataclass(frozen=True)
class Answers:
    """What the command line settles; None leaves it open."""

    connection: str | None = None
    database: str | None = None
    schema: str | None = None
    stage: str | None = None
    pool: str | None = None


def settle(
    folder: Path,
    given: Answers,
    ask: Ask | None,
    offline: bool,
    pools_file: Path | None,
    integrations_file: Path | None,
) -> tuple[dict[str, Any], list[str]]:
    """The settings to write, and what a person should know about the choices.

    Given answers win, then what the settings hold already, then the connection's own; ``ask`` is None where nobody
    can be asked.
    """
    settings = load_settings(folder)
    known = connections(snowflake_folder())
    connection = (
        given.connection or settings.connection or (next(iter(known)) if len(known) == 1 else None)
    )
    if ask is not None:
        connection = ask(f"connection ({', '.join(known) or 'none found'})", connection)
    if connection is not None and known and connection not in known:
        raise MljobError(f"no connection {connection!r}: there are {', '.join(known)}")
    own = known.get(connection or "", {})
    values: dict[str, Any] = {"connection": connection}
    for name, default in (
        ("database", own.get("database")),
        ("schema", own.get("schema")),
        ("stage", DEFAULT_STAGE),
    ):
        value = getattr(given, name) or getattr(settings, name) or default
        values[name] = ask(name, value) if ask is not None else value
    values["query_warehouse"] = settings.query_warehouse or own.get("warehouse")
    plans = list(check([folder], settings).jobs)
    pools, integrations = _rows(connection, offline, pools_file, integrations_file)
    notes = []
    compute = _most_demanding(plans)
    if given.pool or pools is not None:
        values["compute_pool"] = given.pool or best_pool(pools or [], compute)
    if pools is not None:
        notes.append(render_pools(rank_pools(pools, compute)).rstrip("\n"))
    if integrations is not None:
        chosen, told = _integrations(plans, integrations, settings.integrations)
        values["integrations"] = chosen
        notes += told
    return {name: value for name, value in values.items() if value}, notes


def _rows(
    connection: str | None, offline: bool, pools_file: Path | None, integrations_file: Path | None
) -> tuple[list[Row] | None, list[Row] | None]:
    pools = None if pools_file is None else read_rows(pools_file)
    integrations = None if integrations_file is None else read_rows(integrations_file)
    if not offline and (pools is None or integrations is None):
        session = open_session(connection)
        if pools is None:
            pools = ask_account(session, "SHOW COMPUTE POOLS")
        if integrations is None:
            integrations = ask_account(session, "SHOW EXTERNAL ACCESS INTEGRATIONS")
    return pools, integrations


def _most_demanding(plans: list[JobPlan]) -> Compute:
    """What the one pool of the settings must do: a GPU if any job needs one, and the most nodes."""
    if not plans:
        return Compute(gpu=False)
    return max((plan.compute for plan in plans), key=lambda each: (bool(each.gpu), each.nodes))


def _integrations(
    plans: list[JobPlan], rows: list[Row], settled: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    services: dict[str, dict[str, None]] = {}
    for plan in plans:
        for service in plan.services:
            services.setdefault(service.service, {}).update(dict.fromkeys(service.hosts))
        if plan.needs_index:
            services.setdefault("pip_install", {"pypi.org": None, "files.pythonhosted.org": None})
    matches = match_integrations(services, rows)
    chosen: dict[str, str] = {}
    notes = []
    for needed in services:
        names = [match for match in matches if match.service == needed]
        if needed in settled:
            continue
        if len(names) == 1:
            chosen[needed] = names[0].integration
            notes.append(f"{needed}: {names[0].integration} ({names[0].why})")
        elif names:
            listed = ", ".join(match.integration for match in names)
            notes.append(f"{needed}: several may do, set one in `integrations`: {listed}")
        else:
            notes.append(f"{needed}: no integration; mljob-codemod setup writes the SQL for one")
    return chosen, notes


def write_settings(folder: Path, values: Mapping[str, object]) -> Path:
    """Write ``values`` into the settings file of ``folder``, and give its path."""
    file = settings_file(folder)
    table = TABLE if file.name == "pyproject.toml" else ()
    try:
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        text = with_settings(before, values, table=table)
        part = file.with_name(f".{file.name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    except OSError as error:
        raise InputError(str(file), f"cannot be written: {error.strerror}") from error
    return file
