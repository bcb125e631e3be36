"""Calls that need somebody to watch: a terminal, a display, a browser (hazards.toml)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from fnmatch import fnmatchcase

from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.extensions import added_rows, extensible
from mljob_codemod.rules.rows import (
    FOLDER,
    Block,
    Keys,
    as_choice,
    as_text,
    as_texts,
    build,
    split_rows,
)


class Kind(Enum):
    """What a call needs that a job does not have."""

    ASKS = "asks"
    STOPS = "stops"
    OPENS = "opens"
    SHOWS = "shows"


@dataclass(frozen=True, eq=False)
class Hazard:
    """One row; hazards.toml documents the fields."""

    names: tuple[str, ...]
    kind: Kind
    does: str
    remedy: str
    source: str
    receivers: tuple[str, ...] = ()
    when: str | None = None
    values: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    where: str | None = None
    saved_by: tuple[str, ...] = ()

    @property
    def libraries(self) -> frozenset[str]:
        """The top-level modules of what the row is about."""
        return frozenset(name.partition(".")[0] for name in self.given or self.names)

    def has_name(self, qualified_name: str) -> bool:
        """Whether a function of that name is one of the row's."""
        return not self.receivers and any(fnmatchcase(qualified_name, name) for name in self.names)

    def has_method(self, name: str, receiver: str) -> bool:
        """Whether the method ``name`` of what ``receiver`` made is one of the row's."""
        return name in self.names and any(
            fnmatchcase(receiver, pattern) for pattern in self.receivers
        )


_KEYS: Keys = {
    "names": as_texts,
    "kind": as_choice(Kind),
    "does": as_text,
    "remedy": as_text,
    "source": as_text,
    "receivers": as_texts,
    "when": as_text,
    "values": as_texts,
    "given": as_texts,
    "where": as_text,
    "saved-by": as_texts,
}


def _row(block: Block) -> Hazard:
    required = ["names", "kind", "does", "remedy", "source"]
    if block.table in ("method", "hazard-method"):
        required.append("receivers")
    elif block.table not in ("function", "hazard"):
        raise ConfigError(str(block.path), f"unknown table [[{block.table}]]", line=block.line)
    return build(Hazard, block.parse(), _KEYS, tuple(required), block.fail)


@extensible
def hazard_rules() -> Mapping[str, tuple[Hazard, ...]]:
    """The rules, by the last names of what they call."""
    found: dict[str, tuple[Hazard, ...]] = {}
    added = [*added_rows("hazard"), *added_rows("hazard-method")]
    for block in [*added, *split_rows(FOLDER / "hazards.toml")[1]]:
        row = _row(block)
        for last in dict.fromkeys(name.rpartition(".")[2] for name in row.names):
            found[last] = (*found.get(last, ()), row)
    return found
