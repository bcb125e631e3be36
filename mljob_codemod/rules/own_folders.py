"""What libraries write into the working directory of their own accord (own_folders.toml)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.extensions import added_rows, extensible
from mljob_codemod.rules.rows import FOLDER, Keys, as_text, as_texts, build, split_rows


@dataclass(frozen=True, eq=False)
class OwnFolder:
    """What the calls ``names`` write where nothing says otherwise; own_folders.toml has the fields."""

    names: tuple[str, ...]
    writes: str
    source: str
    unless: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return _any_of(self.names)

    @cached_property
    def _ends(self) -> re.Pattern[str]:
        return _any_of(name.rpartition(".")[2] for name in (*self.names, *self.settled))

    def matches(self, qualified_name: str) -> bool:
        return self._pattern.fullmatch(qualified_name) is not None

    def ends_in(self, name: str) -> bool:
        """Whether a call of this last name may be one of ``names`` or ``settled``."""
        return self._ends.fullmatch(name) is not None

    @property
    def packages(self) -> frozenset[str]:
        """The top-level modules that the calls are in."""
        return frozenset(name.partition(".")[0] for name in self.names)


def _any_of(names: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(name).replace(r"\*", r"\w+") for name in names))


_KEYS: Keys = {
    "names": as_texts,
    "writes": as_text,
    "source": as_text,
    "unless": as_texts,
    "off": as_texts,
    "settled": as_texts,
}


@extensible
def own_folders() -> tuple[OwnFolder, ...]:
    """The shipped rules, and those of extensions."""
    _, blocks = split_rows(FOLDER / "own_folders.toml")
    return tuple(
        build(OwnFolder, block.parse(), _KEYS, ("names", "writes", "source"), block.fail)
        for block in [*blocks, *added_rows("library")]
    )
