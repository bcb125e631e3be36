"""Calls that take paths: ``writers.toml`` and ``readers.toml``.

Their rows are parsed one by one when first found: parsing all of them takes a tenth of the time that
the check of a small script may take.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.extensions import added_rows, extensible
from mljob_codemod.rules.rows import (
    FOLDER,
    Argument,
    Block,
    Ending,
    Keys,
    Mode,
    as_argument,
    as_arguments,
    as_choice,
    as_ending,
    as_flag,
    as_mode,
    as_names,
    as_text,
    as_texts,
    build,
    parse_toml,
    split_rows,
)


class Manner(Enum):
    """How a file is written; a stage mount takes only sequential writing."""

    SEQUENTIAL = "sequential"
    APPEND = "append"
    RANDOM = "random"


class Kind(Enum):
    """What the path names."""

    FILE = "file"
    DIRECTORY = "directory"
    PREFIX = "prefix"
    """Several files whose names begin with the path."""
    PATTERN = "pattern"
    """A glob pattern."""


def mode_writes(mode: str) -> bool:
    """Whether ``mode`` opens for writing; of tarfile's "r:xz" the part before the colon counts."""
    return not set("wxa+").isdisjoint(re.split("[:|]", mode)[0])


def mode_reads(mode: str) -> bool:
    """Whether ``mode`` needs what the file held before ("r+" does, "w+" does not)."""
    return set("wxa").isdisjoint(re.split("[:|]", mode)[0])


def mode_manner(mode: str) -> Manner:
    """The manner of writing that ``mode`` alone asks for."""
    if "a" in mode:
        return Manner.APPEND
    if "+" in mode and set("wx").isdisjoint(mode):
        return Manner.RANDOM
    return Manner.SEQUENTIAL


@dataclass(frozen=True, eq=False)
class PathCall:
    """A call that takes a path. ``writers.toml`` documents the fields."""

    names: tuple[str, ...]
    arguments: tuple[Argument, ...]
    source: str
    kind: Kind = Kind.FILE
    mode: Mode | None = None
    default: str | None = None
    url_prefixes: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    unless_receivers: tuple[str, ...] = ()
    certain: bool = True
    only_with: tuple[Argument, tuple[str, ...]] | None = None


@dataclass(frozen=True, eq=False)
class Writer(PathCall):
    """A call that writes. ``manner`` is that of the call alone; ``manner_for`` knows the exceptions."""

    manner: Manner = Manner.SEQUENTIAL
    random_suffixes: tuple[str, ...] = ()
    append_suffixes: tuple[str, ...] = ()
    makes_folder: bool = False
    parents: Argument | None = None
    creates_parents: bool = False
    cache: bool = False
    ending: Ending | None = None
    needs_ending: str = ""

    def writes(self, mode: str | None = None) -> bool:
        """Whether the call writes when its mode argument is ``mode`` (None: not given)."""
        return self.mode is None or mode_writes(self.mode.default if mode is None else mode)

    def manner_for(self, target: str | None = None, mode: str | None = None) -> Manner:
        """The manner of writing to ``target`` (None: unknown) with ``mode`` (None: not given).

        The worst of what the call, the mode and the file's suffix ask for.
        """
        manners = {self.manner}
        if self.mode is not None:
            manners.add(mode_manner(self.mode.default if mode is None else mode))
        if target is not None:
            if target.lower().endswith(self.random_suffixes):
                manners.add(Manner.RANDOM)
            if target.lower().endswith(self.append_suffixes):
                manners.add(Manner.APPEND)
        for manner in (Manner.RANDOM, Manner.APPEND):
            if manner in manners:
                return manner
        return Manner.SEQUENTIAL


@dataclass(frozen=True, eq=False)
class Reader(PathCall):
    """A call that reads. With ``name_or_path`` the argument may also name something on a hub."""

    name_or_path: bool = False

    def reads(self, mode: str | None = None) -> bool:
        """Whether the call reads when its mode argument is ``mode`` (None: not given)."""
        return self.mode is None or mode_reads(self.mode.default if mode is None else mode)


@dataclass(frozen=True, eq=False)
class Probe(PathCall):
    """A call that asks about a path or removes it: neither an input nor a result."""


def _as_only_with(value: object) -> tuple[Argument, tuple[str, ...]]:
    if isinstance(value, list) and len(value) > 2 and type(value[0]) is int:
        return as_argument(value[:2]), tuple(map(str, value[2:]))
    raise ValueError('must be [position, "keyword", "value", …]')


_CALL_KEYS: Final[Keys] = {
    "names": as_names,
    "argument": as_arguments,
    "source": as_text,
    "kind": as_choice(Kind),
    "mode": as_mode,
    "default": as_text,
    "url-prefixes": as_texts,
    "only-with": _as_only_with,
}
_METHOD_KEYS: Final[Keys] = {
    "receivers": as_texts,
    "unless-receivers": as_texts,
    "certain": as_flag,
}
_WRITER_KEYS: Final[Keys] = {
    "manner": as_choice(Manner),
    "random-suffixes": as_texts,
    "append-suffixes": as_texts,
    "makes-folder": as_flag,
    "parents": as_argument,
    "ending": as_ending,
    "needs-ending": as_text,
    "creates-parents": as_flag,
    "cache": as_flag,
}


_READER_KEYS: Final[Keys] = {"name-or-path": as_flag}


_Call = TypeVar("_Call", bound=PathCall)


@dataclass
class CallTable(Generic[_Call]):
    """The rows of one kind, found by the name of what is called."""

    record: type[_Call]
    keys: Keys
    functions: dict[str, Block] = field(default_factory=dict)
    methods: dict[str, list[Block]] = field(default_factory=dict)
    _built: dict[int, _Call] = field(default_factory=dict)

    def add(self, block: Block, *, method: bool) -> None:
        """Index a row by its names; it stays unparsed."""
        for name in block.names():
            if method:
                self.methods.setdefault(name, []).append(block)
            else:
                self.functions.setdefault(name, block)

    def append(self, other: CallTable[_Call]) -> None:
        """Take the rows of ``other`` after one's own."""
        self.functions = {**other.functions, **self.functions}
        for name, blocks in other.methods.items():
            self.methods[name] = [*self.methods.get(name, []), *blocks]

    def function(self, name: str) -> _Call | None:
        """The row of the function whose qualified name, after the aliases, is ``name``."""
        block = self.functions.get(name)
        return None if block is None else self._row(block, {})

    def method(self, name: str, receiver: str | None) -> _Call | None:
        """The row of the method ``name`` on what ``receiver`` made (None: not known)."""
        fallback = None
        for block in self.methods.get(name, ()):
            row = self._row(block, _METHOD_KEYS)
            if row.receivers:
                if receiver is not None and _is_below(receiver, row.receivers):
                    return row
            elif receiver is None or not _is_below(receiver, row.unless_receivers):
                fallback = row
        return fallback

    @cached_property
    def words(self) -> frozenset[str]:
        """The last names of all that the rows name."""
        return frozenset({name.rpartition(".")[2] for name in self.functions} | self.methods.keys())

    def rows(self) -> Iterator[_Call]:
        """Every row, parsed and validated."""
        for block in {id(block): block for block in self.functions.values()}.values():
            yield self._row(block, {})
        methods = [block for blocks in self.methods.values() for block in blocks]
        for block in {id(block): block for block in methods}.values():
            yield self._row(block, _METHOD_KEYS)

    def _row(self, block: Block, more_keys: Keys) -> _Call:
        row = self._built.get(id(block))
        if row is None:
            keys = {**_CALL_KEYS, **self.keys, **more_keys}
            row = build(
                self.record, block.parse(), keys, ("names", "argument", "source"), block.fail
            )
            self._built[id(block)] = row
        return row


def _is_below(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether ``name`` is one of ``patterns``, or below one that ends in ``.*``."""
    return any(
        name.startswith(pattern[:-1]) or name == pattern[:-2]
        if pattern.endswith(".*")
        else name == pattern
        for pattern in patterns
    )


@dataclass(frozen=True, eq=False)
class CallRules:
    """All calls that take paths: those that write, those that read, those that ask."""

    writers: CallTable[Writer]
    readers: CallTable[Reader]
    probes: CallTable[Probe]
    aliases: Mapping[str, str]

    def canonical(self, name: str) -> str:
        """``name`` with its longest aliased beginning replaced, as the rows spell it."""
        for _ in range(2):  # tensorflow.compat.v1.keras becomes tensorflow.keras, then keras
            end = len(name)
            while end > 0 and name[:end] not in self.aliases:
                end = name.rfind(".", 0, end)
            if end > 0:
                name = self.aliases[name[:end]] + name[end:]
        return name

    def find(
        self,
        table: CallTable[_Call],
        *,
        function: str | None = None,
        method: str | None = None,
        receiver: str | None = None,
    ) -> _Call | None:
        """The row for a call: of a function by its qualified name, or of a method on a receiver.

        A qualified name without a row of its own (``transformers.AutoModel.from_pretrained``) is
        looked up as a method of what stands before its last dot, where a row names such receivers,
        or where it is a class and the method's name alone is certain.
        """
        if function is not None:
            name = self.canonical(function)
            row = table.function(name)
            owner, _, method_name = name.rpartition(".")
            if row is not None or not owner:
                return row
            row = table.method(method_name, owner)
            if row is None or row.arguments[0].receiver:
                return None
            is_class = owner.rpartition(".")[2][:1].isupper()
            return row if row.receivers or (is_class and row.certain) else None
        if method is not None:
            return table.method(method, None if receiver is None else self.canonical(receiver))
        return None

    def trigger_words(self) -> frozenset[str]:
        """A file that holds none of these words calls nothing that is in a table."""
        tables = (self.writers, self.readers, self.probes)
        return frozenset[str]().union(*(table.words for table in tables))


def load_calls(writers: Path, readers: Path) -> CallRules:
    """The rules in two files of the form of ``writers.toml`` and ``readers.toml``."""
    head, writer_blocks = split_rows(writers)
    aliases = parse_toml(head, writers).get("aliases", {})
    for alias, target in aliases.items():
        if not isinstance(target, str):
            raise ConfigError(str(writers), f"[aliases] {alias}: must be a string")
    rules = CallRules(
        CallTable(Writer, _WRITER_KEYS),
        CallTable(Reader, _READER_KEYS),
        CallTable(Probe, {}),
        aliases,
    )
    for block in writer_blocks:
        if block.table not in ("function", "method"):
            raise ConfigError(str(writers), f"unknown table [[{block.table}]]", line=block.line)
        rules.writers.add(block, method=block.table == "method")
    for block in split_rows(readers)[1]:
        match block.table:
            case "function" | "method":
                rules.readers.add(block, method=block.table == "method")
            case "probe" | "probe-method":
                rules.probes.add(block, method=block.table == "probe-method")
            case _:
                raise ConfigError(str(readers), f"unknown table [[{block.table}]]", line=block.line)
    return rules


@extensible
def call_rules() -> CallRules:
    """The rules about calls that take paths; those of extensions come first."""
    added = CallRules(
        CallTable(Writer, _WRITER_KEYS), CallTable(Reader, _READER_KEYS), CallTable(Probe, {}), {}
    )
    rows: tuple[tuple[CallTable[Any], str], ...] = (
        (added.writers, "writer"),
        (added.readers, "reader"),
    )
    for table, name in rows:
        for block in added_rows(name):
            table.add(block, method=False)
        for block in added_rows(f"{name}-method"):
            table.add(block, method=True)
        list(table.rows())  # mistakes in them are told at once
    shipped = load_calls(FOLDER / "writers.toml", FOLDER / "readers.toml")
    added.writers.append(shipped.writers)
    added.readers.append(shipped.readers)
    return CallRules(added.writers, added.readers, shipped.probes, shipped.aliases)
