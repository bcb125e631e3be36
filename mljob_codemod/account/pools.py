"""Which compute pool a job should use: the account's pools, ranked, with the reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mljob_codemod.account.rows import Row
from mljob_codemod.plan import Compute

SYSTEM_POOLS = {False: "SYSTEM_COMPUTE_POOL_CPU", True: "SYSTEM_COMPUTE_POOL_GPU"}
_STATES = {"ACTIVE": 3, "IDLE": 1}


@dataclass(frozen=True)
class RankedPool:
    """A pool and what speaks for and against it; ``usable`` is False where a job cannot run on it."""

    name: str
    family: str
    state: str
    score: int
    fits: bool
    """Whether its instance family is the one that the plan suggests."""
    usable: bool
    reasons: tuple[str, ...]


def rank_pools(rows: Iterable[Row], compute: Compute) -> list[RankedPool]:
    """The pools of the kind that ``compute`` needs, the best first, those that cannot be used last.

    The score is ``idle_nodes * 10 + (max_nodes - active_nodes) + (3 if ACTIVE, 1 if IDLE)``; among equals the
    family that the plan suggests, then the smaller name.
    """
    ranked = [_ranked(row, compute) for row in rows if _is_gpu(row) == bool(compute.gpu)]
    return sorted(ranked, key=lambda pool: (not pool.usable, -pool.score, not pool.fits, pool.name))


def best_pool(rows: Sequence[Row], compute: Compute) -> str:
    """The pool to use: the best that can be used, or the system's own."""
    usable = [pool.name for pool in rank_pools(rows, compute) if pool.usable]
    return usable[0] if usable else SYSTEM_POOLS[bool(compute.gpu)]


def _is_gpu(row: Row) -> bool:
    return str(row.get("instance_family", "")).upper().startswith("GPU_")


def _ranked(row: Row, compute: Compute) -> RankedPool:
    idle, active = _number(row, "idle_nodes"), _number(row, "active_nodes")
    most = _number(row, "max_nodes")
    state = str(row.get("state", "")).upper()
    family = str(row.get("instance_family", ""))
    score = idle * 10 + (most - active) + _STATES.get(state, 0)
    fits = compute.instance_family is not None and family.upper() == compute.instance_family.upper()
    problems = []
    if most < compute.nodes:
        problems.append(f"too small: {most} nodes at most, {compute.nodes} needed")
    if state in ("SUSPENDED", "STOPPING") and not _is_true(row, "auto_resume"):
        problems.append("suspended, and does not resume by itself")
    if _is_true(row, "is_exclusive"):
        problems.append("belongs to an application")
    if family.upper().startswith("GEN_ARM"):
        problems.append("ARM nodes: the runtime images are for x86")
    reasons = [f"{idle} idle", f"{most - active} of {most} nodes free", state.lower()]
    if fits:
        reasons.append("the family that the plan suggests")
    return RankedPool(
        str(row["name"]), family, state, score, fits, not problems, (*problems, *reasons)
    )


def _number(row: Row, column: str) -> int:
    return int(row.get(column) or 0)


def _is_true(row: Row, column: str) -> bool:
    return str(row.get(column, "")).lower() in ("true", "y", "yes")


def render_pools(pools: Sequence[RankedPool]) -> str:
    """A table, a pool a line, with the score and why."""
    if not pools:
        return "no pool of this kind is visible to the role: the system's own is used\n"
    width = max(len(pool.name) for pool in pools)
    families = max(len(pool.family) for pool in pools)
    return "".join(
        f"{pool.name:{width}}  {pool.family:{families}}  "
        f"{pool.score if pool.usable else '-':>4}  {', '.join(pool.reasons)}\n"
        for pool in pools
    )
