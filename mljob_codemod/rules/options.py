"""What the names of command-line options say, and how frameworks declare options: ``options.toml``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.rows import (
    FOLDER,
    Argument,
    Keys,
    as_argument,
    as_flag,
    as_names,
    as_text,
    as_texts,
    build,
    parse_toml,
    split_rows,
)

Flags = Argument | Literal["positionals", "target"]


@dataclass(frozen=True, eq=False)
class Declaration:
    """A call that declares an option, and where its name, default and ``required`` stand."""

    names: tuple[str, ...]
    framework: str
    flags: Flags
    source: str
    default: Argument | None = None
    required: Argument | None = None
    required_without_default: bool = False
    method: bool = False
    receivers: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class OptionWords:
    """The lists of names and words of ``options.toml``; each field is documented there."""

    output_names: frozenset[str]
    run_together: frozenset[str]
    never_names: frozenset[str]
    never_words: frozenset[str]
    strong: frozenset[str]
    purpose: frozenset[str]
    folder_purpose: frozenset[str]
    folder: frozenset[str]
    place: frozenset[str]
    last: frozenset[str]
    no_result_out: frozenset[str]
    endings: frozenset[str]


@dataclass(frozen=True, eq=False)
class OptionRules:
    """What is known of options without looking at where their values go."""

    words: OptionWords
    declarations: tuple[Declaration, ...]

    def usually_output(self, option: str) -> bool:
        """Whether an option of this name usually says where results go."""
        name = option_name(option)
        known, words = self.words, name.split("_")
        if name in known.output_names or words[-1] in known.run_together:
            return True
        if name in known.never_names or self.never_output(option):
            return False
        *rest, last = words
        if last in known.last:
            return known.no_result_out.isdisjoint(rest)
        before = set(rest)
        if last in known.folder and before & known.folder_purpose:
            return True
        place = last in known.folder or last in known.place
        return place and bool(before & (known.strong | known.purpose))

    def never_output(self, option: str) -> bool:
        """Whether an option of this name says where the run reads from, or is no path."""
        name = option_name(option)
        words = set(name.split("_"))
        if name in self.words.output_names:
            return False
        if name in self.words.never_names:
            return True
        return bool(words & self.words.never_words) and words.isdisjoint(self.words.strong)

    def described_ending(self, text: str) -> str:
        """The ending of a file's name in the help text or metavar of an option; empty for none."""
        found = (match[1] for match in re.finditer(r"\.([A-Za-z][A-Za-z0-9]*)\b", text))
        return next((f".{name}" for name in found if name in self.words.endings), "")

    def declaration(self, name: str, receiver: str | None = None) -> Declaration | None:
        """How the call of the function ``name``, or of the method on ``receiver``, declares an option.

        ``add_argument`` is so telling a name that an unknown receiver (None) is taken for argparse's.
        """
        fallback = None
        for row in self.declarations:
            if name in row.names:
                if not row.method or receiver in row.receivers:
                    return row
                if receiver is None and fallback is None:
                    fallback = row
        return fallback if name == "add_argument" else None


def option_name(option: str) -> str:
    """``--logging.outputDir`` as ``output_dir``: how names are spelled in ``options.toml``."""
    name = option.lstrip("-").rpartition(".")[2]
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _as_flags(value: object) -> Flags:
    if value == "positionals":
        return "positionals"
    if value == "target":
        return "target"
    try:
        return as_argument(value)
    except ValueError as error:
        raise ValueError(f'must be "positionals" or "target", or {error}') from None


_DECLARATION_KEYS: Final[Keys] = {
    "names": as_names,
    "method": as_flag,
    "receivers": as_texts,
    "framework": as_text,
    "flags": _as_flags,
    "default": as_argument,
    "required": as_argument,
    "required-without-default": as_flag,
    "source": as_text,
}
_LISTS: Final[Mapping[tuple[str, str], str]] = {
    ("outputs", "names"): "output_names",
    ("outputs", "run-together"): "run_together",
    ("never", "names"): "never_names",
    ("never", "words"): "never_words",
    ("words", "strong"): "strong",
    ("words", "purpose"): "purpose",
    ("words", "folder-purpose"): "folder_purpose",
    ("words", "folder"): "folder",
    ("words", "place"): "place",
    ("words", "last"): "last",
    ("words", "no-result-out"): "no_result_out",
    ("described", "endings"): "endings",
}


def _read_lists(head: str, path: Path) -> Iterator[tuple[str, frozenset[str]]]:
    tables = parse_toml(head, path)
    for table, content in tables.items():
        if not isinstance(content, dict):
            raise ConfigError(str(path), f"{table}: must be a table")
        for key, value in content.items():
            if (table, key) not in _LISTS:
                raise ConfigError(str(path), f"[{table}] {key}: unknown key")
            try:
                yield _LISTS[table, key], frozenset(as_texts(value))
            except ValueError as error:
                raise ConfigError(str(path), f"[{table}] {key}: {error}") from None


def load_options(path: Path) -> OptionRules:
    """The rules in a file of the form of ``options.toml``."""
    head, blocks = split_rows(path)
    lists = dict(_read_lists(head, path))
    for (table, key), name in _LISTS.items():
        if name not in lists:
            raise ConfigError(str(path), f"[{table}] {key}: is missing")
    declarations = []
    for block in blocks:
        if block.table != "declaration":
            raise ConfigError(str(path), f"unknown table [[{block.table}]]", line=block.line)
        declarations.append(
            build(
                Declaration,
                block.parse(),
                _DECLARATION_KEYS,
                ("names", "framework", "flags", "source"),
                block.fail,
            )
        )
    return OptionRules(OptionWords(**lists), tuple(declarations))


@lru_cache(maxsize=1)
def option_rules() -> OptionRules:
    """The shipped rules about options."""
    return load_options(FOLDER / "options.toml")
