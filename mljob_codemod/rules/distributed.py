"""How scripts distribute their work, and what that means for a job (distributed.toml)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.extensions import added_rows, extensible
from mljob_codemod.rules.rows import FOLDER, Keys, as_flag, as_text, build, split_rows
from mljob_codemod.rules.uses import Use, UseTable


@dataclass(frozen=True, eq=False)
class Kind:
    """One way to distribute work. ``distributed.toml`` documents the fields."""

    name: str
    one_node: str
    more_nodes: str
    launcher: str | None = None
    own_nodes: bool = False
    every_node: bool = False


@dataclass(frozen=True, eq=False)
class KindUse(Use):
    """A call that tells of a kind."""

    kind: str = ""


@dataclass(frozen=True, eq=False)
class DistributedRules:
    """The kinds, the most specific first, and the calls that tell of them."""

    kinds: tuple[Kind, ...]
    uses: UseTable[KindUse]


_KIND_KEYS: Final[Keys] = {
    "name": as_text,
    "one_node": as_text,
    "more_nodes": as_text,
    "launcher": as_text,
    "own_nodes": as_flag,
    "every_node": as_flag,
}


def load_distributed(path: Path) -> DistributedRules:
    """The rules in a file of the form of ``distributed.toml``."""
    kinds: list[Kind] = []
    uses = UseTable(KindUse, {"kind": as_text}, ("kind",))
    added = added_rows("distributed-use")
    for block in [*split_rows(path)[1], *added]:
        if block.table == "kind":
            required = ("name", "one_node", "more_nodes")
            kinds.append(build(Kind, block.parse(), _KIND_KEYS, required, block.fail))
        elif block.table in ("use", "distributed-use"):
            uses.add(block)
        else:
            raise ConfigError(str(path), f"unknown table [[{block.table}]]", line=block.line)
    for block in added:  # the shipped rows are parsed when they are needed
        if uses.row_of(block).kind not in {kind.name for kind in kinds}:
            raise block.fail("kind", f"must be one of {', '.join(kind.name for kind in kinds)}")
    return DistributedRules(tuple(kinds), uses)


@extensible
def distributed_rules() -> DistributedRules:
    """The shipped rules, and the calls that a company adds."""
    return load_distributed(FOLDER / "distributed.toml")
