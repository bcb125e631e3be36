"""What other platforms tell a script by environment variables and folders (cloud.toml)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache

from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.rows import (
    FOLDER,
    Keys,
    as_choice,
    as_text,
    as_texts,
    build,
    split_rows,
)


class Role(Enum):
    """What a variable is for."""

    OUTPUT = "output"
    INPUT = "input"
    CLUSTER = "cluster"
    CREDENTIAL = "credential"
    OTHER = "other"


@dataclass(frozen=True, eq=False)
class Platform:
    """Another platform, told by its variables and folders."""

    name: str
    prefix: str
    source: str
    folders: tuple[str, ...] = ()
    folder_text: str = ""


@dataclass(frozen=True, eq=False)
class Variable:
    """Variables that mean the same."""

    names: tuple[str, ...]
    role: Role
    means: str
    remedy: str
    stand_in: str = ""

    def has(self, name: str) -> bool:
        return any(
            name.startswith(known[:-1]) if known.endswith("*") else name == known
            for known in self.names
        )


_UNNAMED = Variable(
    (),
    Role.OTHER,
    "a variable of the platform",
    "give it with os.environ.get a value that fits the job, or set it in the job's env_vars",
)


@dataclass(frozen=True, eq=False)
class CloudRules:
    """All platforms and their variables."""

    platforms: tuple[Platform, ...]
    variables: tuple[Variable, ...]

    def may_name_variables(self, text: str) -> bool:
        """Whether a platform's variables may be named in a source."""
        return any(platform.prefix in text for platform in self.platforms)

    def may_name_folders(self, text: str) -> bool:
        """Whether a platform's folders may be named in a source."""
        return any(folder in text for folder, _ in self._folders())

    def platform_of(self, variable: str) -> Platform | None:
        """The platform that sets ``variable``."""
        for platform in self.platforms:
            if re.fullmatch(rf"{re.escape(platform.prefix)}[A-Z0-9][A-Z0-9_]*", variable):
                return platform
        return None

    def variable(self, name: str) -> Variable:
        """What is known of the variable."""
        return next((row for row in self.variables if row.has(name)), _UNNAMED)

    def platform_of_folder(self, path: str) -> Platform | None:
        """The platform that has the folder that ``path`` lies in."""
        for text, platform in self._folders():
            if path.startswith(text) or path == text.rstrip("/"):
                return platform
        return None

    def _folders(self) -> Iterator[tuple[str, Platform]]:
        for platform in self.platforms:
            for text in platform.folders:
                yield text, platform


_PLATFORM_KEYS: Keys = {
    "name": as_text,
    "prefix": as_text,
    "folders": as_texts,
    "folder-text": as_text,
    "source": as_text,
}
_VARIABLE_KEYS: Keys = {
    "names": as_texts,
    "role": as_choice(Role),
    "means": as_text,
    "remedy": as_text,
    "stand-in": as_text,
}


@lru_cache(maxsize=1)
def cloud_rules() -> CloudRules:
    """The shipped rules."""
    path = FOLDER / "cloud.toml"
    platforms: list[Platform] = []
    variables: list[Variable] = []
    for block in split_rows(path)[1]:
        row = block.parse()
        if block.table == "platform":
            required = ("name", "prefix", "source")
            platforms.append(build(Platform, row, _PLATFORM_KEYS, required, block.fail))
        elif block.table == "variable":
            needed = ("names", "role", "means", "remedy")
            variables.append(build(Variable, row, _VARIABLE_KEYS, needed, block.fail))
        else:
            raise ConfigError(str(path), f"unknown table [[{block.table}]]", line=block.line)
    return CloudRules(tuple(platforms), tuple(variables))


@lru_cache(maxsize=1)
def output_variables() -> frozenset[str]:
    """The variables that name a folder for results."""
    return frozenset(
        name for row in cloud_rules().variables if row.role is Role.OUTPUT for name in row.names
    )
