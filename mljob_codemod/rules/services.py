"""Outside services: how they are reached, where they are, what turns them off (services.toml).

Rows are parsed one by one when first found: most scripts need few of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Final

from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.extensions import added_rows, extensible
from mljob_codemod.rules.rows import (
    FOLDER,
    Argument,
    Block,
    Keys,
    as_argument,
    as_flag,
    as_text,
    as_texts,
    build,
    parse_toml,
    split_rows,
)
from mljob_codemod.rules.uses import Condition, as_conditions

_ROWS: Final = {"service", "call", "address", "command", "scheme", "off"}


def as_name_patterns(value: object) -> tuple[str, ...]:
    """Qualified names in which ``*`` stands for any part."""
    names = as_texts(value)
    for name in names:
        if not re.fullmatch(r"[\w*]+(\.[\w*]+)+", name):
            raise ValueError("must be a list of names such as wandb.init or timm.*.create_model")
    return names


def as_pattern(value: object) -> re.Pattern[str]:
    try:
        return re.compile(as_text(value))
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None


def as_places(value: object) -> tuple[tuple[str, str], ...]:
    """Pairs of a variable and a value."""
    pairs = tuple(text.partition("=")[::2] for text in as_texts(value))
    if not all(name and text for name, text in pairs):
        raise ValueError('must be a list such as ["WANDB_MODE=disabled"]')
    return pairs


@dataclass(frozen=True, eq=False)
class Service:
    """An outside service."""

    name: str
    title: str
    source: str
    hosts: tuple[str, ...] = ()
    off: tuple[tuple[str, str], ...] = ()
    settings: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    offline: str = ""


@dataclass(frozen=True, eq=False)
class ServiceCall:
    """Calls that reach a service; services.toml documents the fields."""

    service: str
    names: tuple[str, ...]
    source: str = ""
    hosts: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    when: tuple[Condition, ...] = ()
    missing: bool = False
    unless: tuple[Condition, ...] = ()
    target: Argument | None = None
    builtin: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    url: Argument | None = None
    offered: bool = False
    asked_by: str = ""

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(map(_regex, self.names)))

    def matches(self, name: str) -> bool:
        if self._pattern.fullmatch(name) is None:
            return False
        return not any(re.fullmatch(_regex(other), name) for other in self.excluded)


@dataclass(frozen=True, eq=False)
class Command:
    """Commands that reach a service when a shell call runs them."""

    service: str
    pattern: re.Pattern[str]
    source: str
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Scheme:
    """URLs that a service answers."""

    service: str
    schemes: tuple[str, ...]
    source: str
    hosts: tuple[str, ...] = ()


_SERVICE_KEYS: Final[Keys] = {
    "name": as_text,
    "title": as_text,
    "hosts": as_texts,
    "off": as_places,
    "settings": as_texts,
    "imports": as_texts,
    "offline": as_text,
    "source": as_text,
}
_CALL_KEYS: Final[Keys] = {
    "service": as_text,
    "names": as_name_patterns,
    "hosts": as_texts,
    "excluded": as_name_patterns,
    "when": as_conditions,
    "missing": as_flag,
    "unless": as_conditions,
    "target": as_argument,
    "builtin": as_texts,
    "files": as_texts,
    "url": as_argument,
    "offered": as_flag,
    "asked-by": as_text,
    "source": as_text,
}
_COMMAND_KEYS: Final[Keys] = {
    "service": as_text,
    "pattern": as_pattern,
    "hosts": as_texts,
    "source": as_text,
}
_SCHEME_KEYS: Final[Keys] = {
    "service": as_text,
    "schemes": as_texts,
    "hosts": as_texts,
    "source": as_text,
}


def _regex(name: str) -> str:
    """``*`` stands for any part of a name; behind the beginning of its last part for the rest of that part."""
    start, end = (name[:-1], r"\w*") if re.search(r"\w\*$", name) else (name, "")
    return re.escape(start).replace(r"\*", r"[\w.<>]*") + end


_ORDINARY: Final = frozenset(
    "load list help open get post put head init run read close info main push pull fetch score".split()
)


def _telling_words(name: str) -> tuple[str, ...]:
    """Texts of which a file holds one when it uses ``name``, and that few other files hold."""
    parts = [part for part in name.split(".") if "*" not in part]
    if len(parts) > 2 and parts[-1] in _ORDINARY:
        return (".".join(parts[-2:]), ".".join(parts[:-1]))
    return (parts[-1] if parts else name.partition("*")[0],)


@dataclass
class CallIndex:
    """Rows of calls, found by the last part of a name, or by the library where that part is open."""

    by_last: dict[str, list[Block]] = field(default_factory=dict)
    by_library: dict[str, list[Block]] = field(default_factory=dict)
    _built: dict[int, ServiceCall] = field(default_factory=dict)
    _fitting: dict[str, tuple[ServiceCall, ...]] = field(default_factory=dict)

    def add(self, block: Block) -> None:
        for name in block.names():
            first, _, rest = name.partition(".")
            last = rest.rpartition(".")[2]
            table, key = (self.by_library, first) if "*" in last else (self.by_last, last)
            rows = table.setdefault(key, [])
            if block not in rows:
                rows.append(block)

    def rows_for(self, name: str) -> tuple[ServiceCall, ...]:
        """The rows that ``name`` fits, in their order in the file."""
        if name not in self._fitting:
            self._fitting[name] = tuple(self._find_rows(name))
        return self._fitting[name]

    def _find_rows(self, name: str) -> Iterator[ServiceCall]:
        library, _, rest = name.partition(".")
        found = list(self.by_last.get(rest.rpartition(".")[2], ()))
        for known, blocks in self.by_library.items():
            if known == library or ("*" in known and fnmatchcase(library, known)):
                found += blocks
        # Rows of extensions go before the shipped ones.
        for block in sorted(found, key=lambda block: (block.path == FOLDER / FILE, block.line)):
            row = self.row(block)
            if row.matches(name):
                yield row

    def row(self, block: Block) -> ServiceCall:
        if id(block) not in self._built:
            row = build(ServiceCall, block.parse(), _CALL_KEYS, ("service", "names"), block.fail)
            self._built[id(block)] = row
        return self._built[id(block)]


FILE: Final = "services.toml"


@dataclass
class ServiceRules:
    """All services and the ways to them."""

    services: dict[str, Service]
    calls: CallIndex
    off: CallIndex
    addresses: CallIndex
    commands: tuple[Command, ...]
    schemes: dict[str, Scheme]
    shell: frozenset[str]
    redirects: Mapping[str, tuple[str, ...]]
    aliases: Mapping[str, str]

    def canonical(self, name: str) -> str:
        """``name`` with its longest aliased beginning replaced."""
        end = len(name)
        while end > 0 and name[:end] not in self.aliases:
            end = name.rfind(".", 0, end)
        return self.aliases[name[:end]] + name[end:] if end > 0 else name

    @cached_property
    def libraries(self) -> frozenset[str]:
        """The libraries whose calls are told by the library alone."""
        return frozenset((*self.calls.by_library, *self.off.by_library))

    @cached_property
    def words(self) -> frozenset[str]:
        """The last names of all other calls."""
        shell = {name.rpartition(".")[2] for name in self.shell}
        return frozenset({*self.calls.by_last, *self.off.by_last, *shell})

    def urls_of(self, name: str) -> tuple[Argument, ...]:
        """The arguments of the call ``name`` that are addresses and no paths."""
        rows = (*self.addresses.rows_for(name), *self.calls.rows_for(name))
        return tuple(row.url for row in rows if row.url is not None)

    @cached_property
    def words_of_urls(self) -> frozenset[str]:
        """The last names of the calls that ``urls_of`` knows."""
        found = set(self.addresses.by_last)
        for word, blocks in self.calls.by_last.items():
            if any(self.calls.row(block).url is not None for block in blocks):
                found.add(word)
        return frozenset(found)

    @cached_property
    def words_by_library(self) -> Mapping[str, frozenset[str]]:
        """For each library the words, of which a file that reaches a service by it holds one."""
        words: dict[str, set[str]] = {}
        for index in (self.calls, self.off):
            tables = (*index.by_last.values(), *index.by_library.values())
            for block in {id(each): each for blocks in tables for each in blocks}.values():
                for name in block.names():
                    library = name.partition(".")[0].partition("*")[0]
                    words.setdefault(library, set()).update(_telling_words(name))
        for alias, target in self.aliases.items():
            first = target.partition(".")[0]
            words.setdefault(alias.partition(".")[0], set()).update(words.get(first, ()))
        words["tensorflow"] = words.get("tensorflow", set()) | words.get("keras", set())
        for service in self.services.values():
            for module in service.imports:
                words.setdefault(module.partition(".")[0], set()).add(module)
        words.setdefault("subprocess", set()).add("subprocess")
        words.setdefault("os", set()).update(name for name in self.shell if name[:3] == "os.")
        return {library: frozenset(found) for library, found in words.items()}

    def concerns(self, libraries: Iterable[str], text: str) -> bool:
        """Whether a file that imports ``libraries`` may reach a service by one of them."""
        known = self.words_by_library
        for library in libraries:
            found = known.get(library) or known.get(library.partition("_")[0])
            if found and any(word in text for word in found):
                return True
        return False

    def rows(self) -> Iterator[ServiceCall]:
        """Every row of calls, parsed and validated."""
        for index in (self.calls, self.off, self.addresses):
            tables = (*index.by_last.values(), *index.by_library.values())
            for block in {id(each): each for blocks in tables for each in blocks}.values():
                yield index.row(block)


def _as_table(head: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = head.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError(str(FOLDER / FILE), f"[{name}] must be a table")
    return table


@extensible
def service_rules() -> ServiceRules:
    """The shipped rules, and those of extensions."""
    path = FOLDER / FILE
    text, blocks = split_rows(path)
    head = parse_toml(text, path)
    tables: dict[str, list[Block]] = {name: [] for name in _ROWS}
    for block in blocks:
        if block.table not in tables:
            raise ConfigError(str(path), f"unknown table [[{block.table}]]", line=block.line)
        tables[block.table].append(block)
    for name in ("service", "call", "command", "scheme"):
        tables[name] = [
            *added_rows(name if name == "service" else f"service-{name}"),
            *tables[name],
        ]
    services: dict[str, Service] = {}
    for block in tables["service"]:
        required = ("name", "title", "source")
        row = build(Service, block.parse(), _SERVICE_KEYS, required, block.fail)
        services.setdefault(row.name, row)
    commands = [
        build(Command, block.parse(), _COMMAND_KEYS, ("service", "pattern", "source"), block.fail)
        for block in tables["command"]
    ]
    schemes: dict[str, Scheme] = {}
    for block in tables["scheme"]:
        needed = ("service", "schemes", "source")
        scheme = build(Scheme, block.parse(), _SCHEME_KEYS, needed, block.fail)
        for name in scheme.schemes:
            schemes.setdefault(name, scheme)
    calls, off, addresses = CallIndex(), CallIndex(), CallIndex()
    for block in tables["call"]:
        calls.add(block)
    for block in tables["off"]:
        off.add(block)
    for block in tables["address"]:
        addresses.add(block)
    return ServiceRules(
        services,
        calls,
        off,
        addresses,
        tuple(commands),
        schemes,
        frozenset(_as_table(head, "shell").get("names", ())),
        {host: tuple(more) for host, more in _as_table(head, "redirects").items()},
        _as_table(head, "aliases"),
    )
