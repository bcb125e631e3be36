"""Which compute pool a job should use: the account's pools, ranked, with the reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mljob_codemod.account.rows import Row, is_true
from mljob_codemod.plan import Compute
from mljob_codemod.rules.compute import compute_rules
from mljob_codemod.rules.instance_families import InstanceFamily, instance_families

if TYPE_CHECKING:
    from rich.table import Table

_STATES = {"ACTIVE": 3, "IDLE": 1}
_USING = frozenset({"USAGE", "OWNERSHIP"})
"""Privileges that let a role run jobs on a pool."""


@dataclass(frozen=True)
class Fit:
    """How well a family suits a job: ``order`` sorts the better first, ``reason`` says why."""

    order: tuple[float, ...]
    reason: str
    problem: str | None = None


@dataclass(frozen=True)
class RankedPool:
    """A pool and what speaks for it; a job cannot run on one that has ``problems``."""

    name: str
    family: str
    state: str
    score: int
    fit: Fit
    reasons: tuple[str, ...]
    problems: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        return not self.problems


def rank_pools(
    rows: Iterable[Row], compute: Compute, roles: Sequence[str] = ()
) -> list[RankedPool]:
    """The pools of the kind that ``compute`` needs, the best first, those that cannot be used last.

    The score is ``idle_nodes * 10 + (max_nodes - active_nodes) + (3 if ACTIVE, 1 if IDLE)``; among equals the
    family that suits the job best, then the smaller name. Rows of SHOW GRANTS ON COMPUTE POOL may be among
    ``rows``: a pool that has some, but none for any of ``roles`` (the own one first), cannot be used.
    """
    rows = list(rows)
    grants: dict[str, set[str]] = {}
    for row in rows:
        if "privilege" in row:
            holders = grants.setdefault(str(row["name"]), set())
            if row["privilege"] in _USING:
                holders.add(str(row["grantee_name"]))
    pools = [row for row in rows if "instance_family" in row and _is_gpu(row) == bool(compute.gpu)]
    ranked = [_ranked(row, compute, grants.get(str(row["name"])), roles) for row in pools]
    return sorted(
        ranked, key=lambda pool: (not pool.usable, -pool.score, pool.fit.order, pool.name)
    )


def best_pool(ranked: Sequence[RankedPool], compute: Compute) -> str:
    """The pool to use: the best that can be used, or the system's own."""
    rules = compute_rules()
    system = rules.gpu_pool if compute.gpu else rules.cpu_pool
    return next((pool.name for pool in ranked if pool.usable), system)


def _is_gpu(row: Row) -> bool:
    return str(row["instance_family"]).upper().startswith("GPU_")


def _ranked(
    row: Row, compute: Compute, holders: set[str] | None, roles: Sequence[str]
) -> RankedPool:
    idle, active = _number(row, "idle_nodes"), _number(row, "active_nodes")
    most = _number(row, "max_nodes")
    state, family = str(row.get("state", "")).upper(), str(row["instance_family"]).upper()
    fit = _fit(family, compute)
    problems = [fit.problem] if fit.problem else []
    if most < compute.nodes:
        problems.append(f"too small: {most} nodes at most, {compute.nodes} needed")
    if state in ("SUSPENDED", "STOPPING") and not is_true(row, "auto_resume"):
        problems.append("suspended, and does not resume by itself")
    if is_true(row, "is_exclusive"):
        problems.append("belongs to an application")
    if family.startswith("GEN_ARM"):
        problems.append("ARM nodes: the runtime images are for x86")
    if holders is not None and roles and not holders & {*roles, "PUBLIC"}:
        problems.append(f"not usable by {roles[0]}: USAGE is not granted")
    free = most - active
    bonus = _STATES.get(state, 0)
    reasons = [
        f"{idle} idle * 10",
        f"+ {free} of {most} nodes free",
        f"+ {bonus} for {state}",
        *(["(the job waits for nodes)"] if idle + free < compute.nodes <= most else []),
    ]
    return RankedPool(
        str(row["name"]),
        family,
        state,
        idle * 10 + free + bonus,
        fit,
        (" ".join(reasons), fit.reason),
        tuple(problems),
    )


def _fit(name: str, compute: Compute) -> Fit:
    """The family that the plan suggests, then the smallest that is large enough, then what is not known."""
    family = instance_families().get(name)
    if family is None:
        return Fit((2.0,), "size not known")
    shown = _shown(family)
    memory = family.gpus * family.gpu_memory
    need = 0.0 if compute.model is None else compute.model.gib
    if compute.gpu and compute.model is not None and memory < need:
        told = f"too small: {memory} GiB of GPU memory, {compute.model.model} takes {need:g}"
        return Fit((1.0,), shown, told)
    if any(name == each.name for each in compute.families):
        return Fit((0.0,), f"{shown}; the family that the plan suggests")
    # More than is needed costs more: GPU memory first, then memory.
    return Fit((1.0, memory - need, family.memory), shown)


def _shown(family: InstanceFamily) -> str:
    text = f"{family.cpus} cores, {family.memory} GiB"
    if family.gpus:
        text += f", {family.gpus} GPU{'s' * (family.gpus > 1)} of {family.gpu_memory} GiB"
    return text


def _number(row: Row, column: str) -> int:
    return int(row.get(column) or 0)


def pool_table(pools: Sequence[RankedPool]) -> Table:
    """A pool a row, with its score, and what it is made of, or why it cannot be used."""
    from rich.table import Table

    table = Table("compute pool", "family", "score", "why", box=None, pad_edge=False)
    for number, pool in enumerate(pools):
        why = "; ".join(pool.problems or pool.reasons)
        style = "bold" if number == 0 and pool.usable else None if pool.usable else "dim"
        table.add_row(
            pool.name, pool.family, str(pool.score) if pool.usable else "-", why, style=style
        )
    return table
