"""TOML rows: split, parsed one at a time, and turned into records with clear errors."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import field
from enum import Enum
from pathlib import Path
from typing import Any, Final, TypeVar

from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True)
class Argument:
    """Where a call takes a value: by position (without self), by keyword, or as the receiver."""

    position: int | None = None
    keywords: tuple[str, ...] = ()
    receiver: bool = False


@dataclass(frozen=True)
class Mode:
    """The argument that decides, as that of ``open`` does, whether and how a call writes."""

    argument: Argument
    default: str


# --- conversion of TOML values; each raises ValueError saying what is wrong


def as_text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a string that is not empty")
    return value


def as_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def as_texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ValueError("must be a list of strings")
    return tuple(value)


@dataclass(frozen=True)
class Ending:
    """The ending that a call adds to a path: always the same, or chosen by an argument."""

    fixed: str = ""
    argument: Argument | None = None
    choices: Mapping[str, str] = field(default_factory=dict)

    def add_to(self, path: str, choice: str | None) -> str:
        """``path`` with the ending; one that is always the same is added only where it is missing."""
        if self.argument is not None:
            return path + self.choices.get(choice or "", "")
        return path if path.endswith(self.fixed) else path + self.fixed


def as_names(value: object) -> tuple[str, ...]:
    names = as_texts(value)
    if not names or not all(part.isidentifier() for name in names for part in name.split(".")):
        raise ValueError("must be a list of names such as torch.save, not empty")
    return names


def as_argument(value: object) -> Argument:
    if isinstance(value, list) and value:
        position, keywords = (value[0], value[1:]) if type(value[0]) is int else (None, value)
        if (position is None or position >= 0) and all(
            isinstance(word, str) and word.isidentifier() for word in keywords
        ):
            return Argument(position, tuple(keywords))
    raise ValueError('must be [position, "keyword", …], ["keyword", …] or [position]')


def as_arguments(value: object) -> tuple[Argument, ...]:
    if value == "self":
        return (Argument(receiver=True),)
    if isinstance(value, list) and value and all(isinstance(item, list) for item in value):
        return tuple(as_argument(item) for item in value)
    return (as_argument(value),)


def as_ending(value: object) -> Ending:
    if isinstance(value, str) and value.startswith("."):
        return Ending(value)
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], dict):
        return Ending(argument=as_argument(value[0]), choices=value[1])
    raise ValueError('must be ".ending" or [[position, "keyword"], {choice = ".ending", …}]')


def as_mode(value: object) -> Mode:
    if not isinstance(value, list) or len(value) < 2 or not isinstance(value[-1], str):
        raise ValueError('must be [position, "keyword", "default"]')
    return Mode(as_argument(value[:-1]), value[-1])


_Choice = TypeVar("_Choice", bound=Enum)


def as_choice(choices: type[_Choice]) -> Callable[[object], _Choice]:
    def convert(value: object) -> _Choice:
        try:
            return choices(value)
        except ValueError:
            allowed = ", ".join(str(choice.value) for choice in choices)
            raise ValueError(f"must be one of {allowed}") from None

    return convert


Keys = Mapping[str, Callable[[object], Any]]
_Record = TypeVar("_Record")


def build(
    record: type[_Record],
    row: Mapping[str, object],
    keys: Keys,
    required: tuple[str, ...],
    fail: Callable[[str, str], ConfigError],
) -> _Record:
    """``row`` as a ``record``; ``fail(key, problem)`` makes the error for a wrong row."""
    fields: dict[str, Any] = {}
    for key, value in row.items():
        if key not in keys:
            raise fail(key, f"unknown key; known are {', '.join(sorted(keys))}")
        name = "arguments" if key == "argument" else key.replace("-", "_")
        try:
            fields[name] = keys[key](value)
        except ValueError as error:
            raise fail(key, str(error)) from None
    for key in required:
        if key not in row:
            raise fail(key, "is missing")
    return record(**fields)


# --- tables of rows, each parsed when it is first needed

_HEADER: Final = re.compile(r"^\[\[([\w-]+)\]\][ \t]*(?:#.*)?$", re.MULTILINE)
_NAMES_LINE: Final = re.compile(r"^names\s*=\s*\[([^\]]*)\]", re.MULTILINE)
_STRING: Final = re.compile(r"""["']([^"']*)["']""")


@dataclass(frozen=True)
class Block:
    """The text of one ``[[table]]`` row."""

    path: Path
    line: int
    table: str
    text: str

    def fail(self, key: str, problem: str) -> ConfigError:
        found = re.search(rf"^{re.escape(key)}\s*=", self.text, re.MULTILINE)
        line = self.line + (self.text.count("\n", 0, found.start()) if found else 0)
        return ConfigError(str(self.path), f"[[{self.table}]] {key}: {problem}", line=line)

    def names(self) -> list[str]:
        """The names of the row, found without parsing it."""
        found = _NAMES_LINE.search(self.text)
        if found is None:
            raise self.fail("names", "is missing, or no list of strings")
        return _STRING.findall(found.group(1))

    def parse(self) -> Mapping[str, object]:
        row = parse_toml(self.text, self.path, self.line)[self.table][0]
        if not isinstance(row, dict):
            raise ConfigError(str(self.path), f"[[{self.table}]] must be a table", line=self.line)
        return row


def parse_toml(text: str, path: Path, first_line: int = 1) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        line = first_line + int(found.group(1)) - 1 if found else None
        problem = str(error)[: found.start()] if found else str(error)
        raise ConfigError(str(path), problem, line=line) from None


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"cannot be read: {error}") from None


def split_rows(path: Path) -> tuple[str, list[Block]]:
    """What stands before the first row, and the rows."""
    text = read_text(path)
    headers = list(_HEADER.finditer(text))
    if not headers:
        return text, []
    ends = [header.start() for header in headers[1:]] + [len(text)]
    blocks = []
    line, last = 1, 0
    for header, end in zip(headers, ends, strict=True):
        line += text.count("\n", last, header.start())
        last = header.start()
        blocks.append(Block(path, line, header.group(1), text[last:end]))
    return text[: headers[0].start()], blocks
