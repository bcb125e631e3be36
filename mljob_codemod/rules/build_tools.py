"""How a script that builds or releases a project is told from a job: ``build_tools.toml``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import cached_property, lru_cache
from pathlib import Path

from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.rows import FOLDER, as_texts, parse_toml, read_text

_STDLIB = frozenset(sys.stdlib_module_names) - {"distutils"}


@dataclass(frozen=True)
class BuildTools:
    """The lists of ``build_tools.toml``; each is explained there."""

    packages: frozenset[str]
    neutral: frozenset[str]
    commands: frozenset[str]

    def may_build(self, imported: Iterable[str]) -> bool:
        """Whether nothing that a script imports is for computing."""
        return all(
            name in _STDLIB or name in self.packages or name in self.neutral for name in imported
        )

    def builds(self, imported: Iterable[str], text: str) -> bool:
        """Whether a script of such imports plainly builds, checks or releases something."""
        names = set(imported)
        return self.may_build(names) and (
            not self.packages.isdisjoint(names)
            or ("subprocess" in names and self._command.search(text) is not None)
        )

    @cached_property
    def _command(self) -> re.Pattern[str]:
        """A literal that begins with one of the commands, as ``subprocess`` is given it."""
        names = "|".join(map(re.escape, sorted(self.commands)))
        return re.compile(rf"""["'](?:\./)?(?:{names})(?:["']| [-\w./])""")


def load_build_tools(path: Path) -> BuildTools:
    """The rules in a file of the form of ``build_tools.toml``."""
    lists: dict[str, frozenset[str]] = {}
    for key, value in parse_toml(read_text(path), path).items():
        if key not in ("packages", "neutral", "commands"):
            raise ConfigError(str(path), f"{key}: unknown key")
        try:
            lists[key] = frozenset(as_texts(value))
        except ValueError as error:
            raise ConfigError(str(path), f"{key}: {error}") from None
    for key in ("packages", "neutral", "commands"):
        if key not in lists:
            raise ConfigError(str(path), f"{key}: is missing")
    return BuildTools(**lists)


@lru_cache(maxsize=1)
def build_tools() -> BuildTools:
    """The shipped lists."""
    return load_build_tools(FOLDER / "build_tools.toml")
