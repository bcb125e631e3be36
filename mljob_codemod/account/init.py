"""Answers, saved rows and the account to settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mljob_codemod.account.integrations import Match, match_integrations
from mljob_codemod.account.inventory import Inventory
from mljob_codemod.account.pools import RankedPool, best_pool, pool_table, rank_pools
from mljob_codemod.account.rows import open_session
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
"""A question and the answer that is taken for none; gives the answer."""
Show = Callable[[object], None]
DEFAULT_STAGE = "ML_JOBS"
PACKAGE_HOSTS = ("pypi.org", "files.pythonhosted.org")


@dataclass(frozen=True)
class Answers:
    """What the command line settles; None leaves it open."""

    connection: str | None = None
    database: str | None = None
    schema: str | None = None
    stage: str | None = None
    pool: str | None = None
    integrations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """Where what the account has is known from: the account itself unless ``offline``, files first."""

    offline: bool = False
    pools_file: Path | None = None
    integrations_file: Path | None = None


@dataclass(frozen=True)
class Settled:
    """The settings to write, and what they were chosen from."""

    values: dict[str, Any]
    pools: list[RankedPool]
    integrations: list[Match]


def settle(folder: Path, given: Answers, ask: Ask | None, source: Source, show: Show) -> Settled:
    """Settle the settings of the project in ``folder``.

    Given answers win, then what the settings hold already, then the connection's own; ``ask`` is None where nobody
    can be asked. ``show`` gets what a person should see before the questions about it.
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
    files = source.pools_file, source.integrations_file
    session = None if source.offline or None not in files else open_session(connection)
    inventory = Inventory(session, *files, own.get("role"))

    def answer(name: str, default: str | None, offered: Sequence[str] = ()) -> str | None:
        value = getattr(given, name, None) or getattr(settings, name) or default
        if ask is None:
            return value
        choices = f" ({', '.join(offered[:20])})" if offered else ""
        return ask(f"{name.replace('_', ' ')}{choices}", value)

    values: dict[str, Any] = {"connection": connection}
    values["database"] = answer("database", own.get("database"))
    values["schema"] = answer("schema", own.get("schema"))
    stages = inventory.stages(values["database"], values["schema"])
    values["stage"] = answer("stage", DEFAULT_STAGE, stages)
    warehouses = inventory.warehouses()
    values["query_warehouse"] = answer("query_warehouse", own.get("warehouse"), warehouses)
    plans = list(check([folder], settings).jobs)
    values["compute_pool"], pools = _pools(
        inventory, plans, given.pool or settings.compute_pool, ask, show
    )
    settled = {**settings.integrations, **given.integrations}
    chosen, matches = _integrations(inventory, plans, settled, ask, show)
    values["integrations"] = {**given.integrations, **chosen}
    return Settled({name: value for name, value in values.items() if value}, pools, matches)


def _pools(
    inventory: Inventory,
    plans: Sequence[JobPlan],
    settled: str | None,
    ask: Ask | None,
    show: Show,
) -> tuple[str | None, list[RankedPool]]:
    """The compute pool, which is left open where nothing is known of the account, and what there is."""
    rows, roles = inventory.pools()
    if rows is None:
        return settled, []
    compute = _most_demanding(plans)
    ranked = rank_pools(rows, compute, roles)
    best = best_pool(ranked, compute)
    if ranked:
        show(pool_table(ranked))
    if not any(pool.usable for pool in ranked):
        show(f"no pool of this kind can be used: the system's own is {best}")
    name = settled or best
    if ask is not None:
        name = ask("compute pool", name) or best
    chosen = next((pool for pool in ranked if pool.name == name), None)
    if chosen is not None and chosen.problems:
        show(f"warning: {chosen.name} is {'; '.join(chosen.problems)}")
    return name, ranked


def _most_demanding(plans: Sequence[JobPlan]) -> Compute:
    """What the one pool of the settings must do: a GPU if any job needs one, and the most nodes."""
    if not plans:
        return Compute(gpu=False)

    def demand(compute: Compute) -> tuple[bool, int, float]:
        return bool(compute.gpu), compute.nodes, compute.model.gib if compute.model else 0.0

    return max((plan.compute for plan in plans), key=demand)


def _integrations(
    inventory: Inventory,
    plans: Sequence[JobPlan],
    settled: Mapping[str, str],
    ask: Ask | None,
    show: Show,
) -> tuple[dict[str, str], list[Match]]:
    """An integration for each service that has none: the only one whose rules name every host, or what a person says.

    All that may do are shown, and given.
    """
    integrations = inventory.integrations()
    if integrations is None:
        return {}, []
    chosen: dict[str, str] = {}
    services = _services(plans)
    matches = match_integrations(services, integrations)
    for service in services:
        if service in settled:
            continue
        offered = [match for match in matches if match.service == service]
        if not offered:
            show(f"{service}: no integration; mljob-codemod setup writes the SQL for one")
            continue
        show("\n".join(f"{service}: {match.integration} ({match.why})" for match in offered))
        certain = [match.integration for match in offered if match.certain]
        only = certain[0] if len(certain) == 1 else None
        name = ask(f"integration for {service}", only) if ask is not None else only
        if name:
            chosen[service] = name
        else:
            show(f"  not set: choose by --integration {service}={offered[0].integration}")
    return chosen, matches


def _services(plans: Sequence[JobPlan]) -> dict[str, dict[str, None]]:
    """The hosts of each service that the jobs reach."""
    services: dict[str, dict[str, None]] = {}
    for plan in plans:
        for service in plan.services:
            services.setdefault(service.service, {}).update(dict.fromkeys(service.hosts))
        if plan.needs_index:
            services.setdefault("pip_install", {}).update(dict.fromkeys(PACKAGE_HOSTS))
    return services


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
