"""What a node of an instance family gives a job (instance_families.toml)."""

from __future__ import annotations

import difflib
from functools import lru_cache

from mljob_codemod.errors import MljobError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.rows import FOLDER, parse_toml, read_text


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


@lru_cache(maxsize=1)
def instance_families() -> dict[str, InstanceFamily]:
    """By name."""
    path = FOLDER / "instance_families.toml"
    rows = parse_toml(read_text(path), path)
    return {name: InstanceFamily(name, **row) for name, row in rows.items()}


def instance_family(name: str) -> InstanceFamily:
    """The family of that name, in whatever case; ``MljobError`` with the nearest ones where there is none."""
    families = instance_families()
    found = families.get(name.upper())
    if found is None:
        near = difflib.get_close_matches(name.upper(), families, n=3, cutoff=0.4)
        hint = f": is it {' or '.join(near)}?" if near else ""
        raise MljobError(f"there is no instance family {name}{hint}")
    return found
