"""What travels to a job and what must not (payload.toml)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.rows import FOLDER, as_text, as_texts, parse_toml, read_text


@dataclass(frozen=True, eq=False)
class Token:
    """What a key looks like."""

    begins: tuple[str, ...]
    pattern: re.Pattern[str]

    def find(self, text: str) -> int | None:
        """The offset of the first key in ``text``."""
        # A plain word is found a hundred times faster than a pattern that begins with a boundary.
        if not any(start in text for start in self.begins):
            return None
        found = self.pattern.search(text)
        return None if found is None else found.start()


@dataclass(frozen=True, eq=False)
class PayloadRules:
    """The rows of payload.toml, which documents them."""

    not_sent: tuple[str, ...]
    not_sent_from_root: tuple[str, ...]
    text_files: tuple[str, ...]
    text_bytes: int
    launcher_imports: frozenset[str]
    large_files: int
    tokens: Mapping[str, Token]

    def stays_behind(self, name: str, *, in_root: bool) -> bool:
        """Whether a file or folder of that name is not sent."""
        patterns = self.not_sent + (self.not_sent_from_root if in_root else ())
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    def may_hold_keys(self, name: str, size: int) -> bool:
        return size <= self.text_bytes and any(fnmatchcase(name, each) for each in self.text_files)


def load_payload_rules(path: Path) -> PayloadRules:
    """The rules in a file of the form of ``payload.toml``."""
    tables = parse_toml(read_text(path), path)
    numbers: dict[str, int] = {}
    texts: dict[str, tuple[str, ...]] = {}
    tokens: dict[str, Token] = {}
    key = ""
    try:
        for key in ("not-sent", "not-sent-from-root", "text-files", "launcher-imports"):
            texts[key] = as_texts(tables.get(key))
        for key in ("text-bytes", "large-files"):
            numbers[key] = _as_count(tables.get(key))
        for key, row in tables.get("tokens", {}).items():
            tokens[key] = _as_token(row)
    except (ValueError, re.error) as error:
        raise ConfigError(str(path), f"{key}: {error}") from None
    return PayloadRules(
        texts["not-sent"],
        texts["not-sent-from-root"],
        texts["text-files"],
        numbers["text-bytes"],
        frozenset(texts["launcher-imports"]),
        numbers["large-files"],
        tokens,
    )


def _as_token(row: object) -> Token:
    if not isinstance(row, dict) or row.keys() != {"begins", "then"}:
        raise ValueError('must be { begins = ["start", …], then = "pattern" }')
    begins = as_texts(row["begins"])
    # "\n-----BEGIN" in a JSON file has a letter before the hyphens.
    starts = "|".join((r"\b" if start[0].isalnum() else "") + re.escape(start) for start in begins)
    return Token(begins, re.compile(f"(?:{starts}){as_text(row['then'])}"))


def _as_count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("must be a whole number above 0")
    return value


@lru_cache(maxsize=1)
def payload_rules() -> PayloadRules:
    """The shipped rules."""
    return load_payload_rules(FOLDER / "payload.toml")
