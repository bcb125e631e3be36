"""Distributions that a library needs for one call, though nothing imports them (backends.toml)."""

from __future__ import annotations

import re
from functools import cached_property

from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.extensions import added_rows, extensible
from mljob_codemod.rules.rows import FOLDER, Keys, as_text, as_texts, build, split_rows


@dataclass(frozen=True, eq=False)
class Backend:
    """What the calls ``names`` need installed; backends.toml has the fields."""

    names: tuple[str, ...]
    distribution: str
    source: str
    any_of: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    pattern: str | None = None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(re.escape(name).replace(r"\*", r"\w+") for name in self.names))

    def matches(self, qualified_name: str) -> bool:
        return self._pattern.fullmatch(qualified_name) is not None

    @cached_property
    def packages(self) -> frozenset[str]:
        """The top-level modules that the calls are in."""
        return frozenset(name.partition(".")[0] for name in self.names)

    @cached_property
    def last_names(self) -> frozenset[str]:
        """What the calls are called in the end."""
        return frozenset(name.rpartition(".")[2] for name in self.names)


_KEYS: Keys = {
    "names": as_texts,
    "distribution": as_text,
    "source": as_text,
    "any-of": as_texts,
    "keywords": as_texts,
    "unless": as_texts,
    "pattern": as_text,
}


@extensible
def backends() -> tuple[Backend, ...]:
    """The shipped rules, and those of extensions."""
    _, blocks = split_rows(FOLDER / "backends.toml")
    return tuple(
        build(Backend, block.parse(), _KEYS, ("names", "distribution", "source"), block.fail)
        for block in [*blocks, *added_rows("backend")]
    )
