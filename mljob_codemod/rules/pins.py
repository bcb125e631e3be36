"""What can be wrong with a pin in a job (pins.toml)."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.rows import FOLDER, as_text, as_texts, parse_toml, read_text


@dataclass(frozen=True, eq=False)
class PinRules:
    """``own`` are the distributions that the runtime itself works with, ``oldest`` the oldest versions of some that it
    works with; ``first_wheel`` is by distribution and Python."""

    own: tuple[str, ...]
    oldest: Mapping[str, str]
    first_wheel: Mapping[str, Mapping[str, str]]

    def is_own(self, distribution: str) -> bool:
        return any(fnmatchcase(distribution, pattern) for pattern in self.own)


def load_pin_rules(path: Path) -> PinRules:
    """The rules in a file of the form of ``pins.toml``."""
    tables = parse_toml(read_text(path), path)
    key = "own"
    try:
        own = as_texts(tables.get(key))
        oldest = {}
        for key, version in tables.get("oldest", {}).items():
            oldest[key] = as_text(version)
        first: dict[str, dict[str, str]] = {}
        for key, row in tables.get("first-wheel", {}).items():
            if not isinstance(row, dict):
                raise ValueError("must be a table of a version for each Python")
            first[key] = {python: as_text(version) for python, version in row.items()}
    except ValueError as error:
        raise ConfigError(str(path), f"{key}: {error}") from None
    return PinRules(own, oldest, first)


@lru_cache(maxsize=1)
def pin_rules() -> PinRules:
    """The shipped rules."""
    return load_pin_rules(FOLDER / "pins.toml")
