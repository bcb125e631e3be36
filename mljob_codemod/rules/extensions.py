"""Rules of a company's own: the files that the setting ``extend-rules`` names, beside the shipped ones.

Such a file holds rows like those of the shipped files, under the names in ``TABLES``; docs/extend.md shows each. Which
files are in force is a matter of one run, so loaders that read them are dropped when it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

from mljob_codemod.errors import ConfigError
from mljob_codemod.rules.rows import Block, parse_toml, split_rows

TABLES: Final = {
    "writer": "[[function]] of writers.toml",
    "writer-method": "[[method]] of writers.toml",
    "reader": "[[function]] of readers.toml",
    "reader-method": "[[method]] of readers.toml",
    "library": "[[library]] of own_folders.toml",
    "failure": "[[failure]] of failures.toml",
    "service": "[[service]] of services.toml",
    "service-call": "[[call]] of services.toml",
    "service-command": "[[command]] of services.toml",
    "service-scheme": "[[scheme]] of services.toml",
    "backend": "[[backend]] of backends.toml",
    "gpu-use": "[[use]] of compute.toml",
    "gpu-keyword": "[[keyword]] of compute.toml",
    "gpu-off": "[[off]] of compute.toml",
    "distributed-use": "[[use]] of distributed.toml",
    "instance-family": "a table of instance_families.toml, with its name as `name`",
    "hazard": "[[function]] of hazards.toml",
    "hazard-method": "[[method]] of hazards.toml",
}
"""The tables of rows that an extension may have, and what their rows are like."""
NAMES: Final = ("distributions",)
"""The tables of names that it may have."""

_Loaded = TypeVar("_Loaded")
_files: tuple[Path, ...] = ()
_loaders: list[Any] = []


def extensible(load: Callable[[], _Loaded]) -> Callable[[], _Loaded]:
    """A loader whose answer is kept until other extensions are in force."""
    cached = lru_cache(maxsize=1)(load)
    _loaders.append(cached)
    return cached


def extensions() -> tuple[Path, ...]:
    """The files in force."""
    return _files


def use_extensions(files: Sequence[Path]) -> None:
    """Put ``files`` in force for what is loaded from now on, and validate them.

    Raises ``ConfigError`` with file and line for a row that no table takes.
    """
    global _files
    if tuple(files) == _files:
        return
    _files = tuple(files)
    for loader in _loaders:
        loader.cache_clear()
    for file in files:
        head, blocks = split_rows(file)
        for block in blocks:
            if block.table not in TABLES:
                known = ", ".join(f"[[{name}]]" for name in TABLES)
                raise ConfigError(
                    str(file),
                    f"unknown table [[{block.table}]]; known are {known}",
                    line=block.line,
                )
        for name in parse_toml(head, file):
            if name not in NAMES:
                known = ", ".join(f"[{each}]" for each in NAMES)
                raise ConfigError(str(file), f"unknown table [{name}]; known are {known}")
    for loader in _loaders:
        loader()


def added_rows(table: str) -> list[Block]:
    """The rows of one table in all extensions."""
    return [block for file in _files for block in split_rows(file)[1] if block.table == table]


def added_names(table: str) -> list[tuple[Path, dict[str, Any]]]:
    """A table of names in each extension that has it; it stands before the first row."""
    found = ((file, parse_toml(split_rows(file)[0], file)) for file in _files)
    return [(file, names[table]) for file, names in found if isinstance(names.get(table), dict)]
