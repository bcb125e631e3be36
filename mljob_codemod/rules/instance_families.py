"""What a node of an instance family gives a job (instance_families.toml)."""

from __future__ import annotations

import difflib
from typing import Final

from mljob_codemod.errors import MljobError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.extensions import added_rows, extensible
from mljob_codemod.rules.rows import FOLDER, Keys, as_flag, as_text, build, parse_toml, read_text


@dataclass(frozen=True)
class InstanceFamily:
    """``memory`` is in GiB, ``gpu_memory`` too, for each GPU; ``credits`` are those of an hour."""

    name: str
    cpus: int
    memory: int
    gpus: int = 0
    gpu_memory: int = 0
    cloud: str = ""
    credits: float | None = None
    on_request: bool = False


def _as_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise ValueError("must be a number")
    return value


_KEYS: Final[Keys] = {
    "name": as_text, "cpus": _as_number, "memory": _as_number, "gpus": _as_number, "gpu_memory": _as_number,
    "cloud": as_text, "credits": _as_number, "on_request": as_flag,
}  # fmt: skip


@extensible
def instance_families() -> dict[str, InstanceFamily]:
    """By name; those of a company come last, and replace shipped ones of their names."""
    path = FOLDER / "instance_families.toml"
    rows = parse_toml(read_text(path), path)
    families = {name: InstanceFamily(name, **row) for name, row in rows.items()}
    for block in added_rows("instance-family"):
        required = ("name", "cpus", "memory")
        family = build(InstanceFamily, block.parse(), _KEYS, required, block.fail)
        families[family.name] = family
    return families


def instance_family(name: str) -> InstanceFamily:
    """The family of that name, in whatever case; ``MljobError`` with the nearest ones where there is none."""
    families = instance_families()
    found = families.get(name.upper())
    if found is None:
        near = difflib.get_close_matches(name.upper(), families, n=3, cutoff=0.4)
        hint = f": is it {' or '.join(near)}?" if near else ""
        raise MljobError(f"there is no instance family {name}{hint}")
    return found
