"""Rows that tell by a call what code uses: its name, and what some of its arguments must be."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from enum import Enum
from typing import Final, Generic, TypeVar

from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.rows import (
    Argument,
    Block,
    Keys,
    as_flag,
    as_names,
    as_text,
    as_texts,
    build,
)

_CONDITION: Final = re.compile(r"(?:(\d+):)?([A-Za-z_]\w*)=(.+)")
KINDS: Final = ("gpu", "count", "given", "true")


class Need(Enum):
    """What a use asks of the machine."""

    REQUIRED = "required"
    OPTIONAL = "optional"


@dataclass(frozen=True)
class Condition:
    """An argument and what its value must be: one of ``KINDS``, or that text."""

    argument: Argument
    value: str


def as_conditions(value: object) -> tuple[Condition, ...]:
    conditions = []
    for text in as_texts(value):
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise ValueError('must be a list of conditions such as "0:device=gpu" or "cpu=true"')
        position = None if found[1] is None else int(found[1])
        conditions.append(Condition(Argument(position, (found[2],)), found[3]))
    return tuple(conditions)


def as_patterns(value: object) -> tuple[str, ...]:
    """Qualified names, each of which may end in ``.*`` for all below it."""
    as_names([name.removesuffix(".*") for name in as_texts(value)])
    return as_texts(value)


@dataclass(frozen=True, eq=False)
class Use:
    """A call that counts. ``compute.toml`` documents the fields."""

    source: str
    names: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    when: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()
    missing: bool = False
    """Whether the call counts where no argument of ``when`` is given."""


USE_KEYS: Final[Keys] = {
    "names": as_patterns,
    "methods": as_names,
    "excluded": as_patterns,
    "when": as_conditions,
    "unless": as_conditions,
    "missing": as_flag,
    "source": as_text,
}


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a qualified name is one of ``patterns``, or below one that ends in ``.*``."""
    return any(
        name.startswith(pattern[:-1]) or name == pattern[:-2]
        if pattern.endswith(".*")
        else name == pattern
        for pattern in patterns
    )


_LIST: Final = re.compile(r"^(names|methods)\s*=\s*\[([^\]]*)\]", re.MULTILINE)
_TEXT: Final = re.compile(r"""["']([^"']*)["']""")
_Row = TypeVar("_Row", bound=Use)


class UseTable(Generic[_Row]):
    """Rows that are parsed when a program imports a library that they name."""

    def __init__(self, record: type[_Row], keys: Keys, required: tuple[str, ...]) -> None:
        self._record = record
        self._keys = {**USE_KEYS, **keys}
        self._required = (*required, "source")
        self._blocks: list[tuple[frozenset[str], Block]] = []
        self._built: dict[int, _Row] = {}

    def add(self, block: Block) -> None:
        """Index a row by the libraries of its names; one by method names is of any library."""
        lists = dict(_LIST.findall(block.text))
        if not lists:
            raise block.fail("names", "'names' or 'methods' is missing, or no list of strings")
        roots = {name.partition(".")[0] for name in _TEXT.findall(lists.get("names", ""))}
        self._blocks.append((frozenset(roots | ({"*"} if "methods" in lists else set())), block))

    def rows(self, libraries: Collection[str]) -> Iterator[_Row]:
        """The rows that may matter to code that imports ``libraries``, in their order."""
        wanted = {"*", *libraries}
        for roots, block in self._blocks:
            if not roots.isdisjoint(wanted):
                yield self.row_of(block)

    def all_rows(self) -> Iterator[_Row]:
        """Every row, parsed and validated."""
        for _, block in self._blocks:
            yield self.row_of(block)

    def row_of(self, block: Block) -> _Row:
        """The row of ``block``; ``ConfigError`` where it is wrong."""
        row = self._built.get(id(block))
        if row is None:
            row = build(self._record, block.parse(), self._keys, self._required, block.fail)
            self._built[id(block)] = row
        return row
