"""How a job's failure reads in its log (failures.toml)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mljob_codemod.rules.extensions import added_rows, extensible
from mljob_codemod.rules.rows import FOLDER, Keys, as_text, build, split_rows


@dataclass(frozen=True, eq=False)
class Failure:
    """``pattern`` in a log means ``cause``; its named groups may stand in cause and remedy as {group}."""

    name: str
    pattern: re.Pattern[str]
    cause: str
    remedy: str
    example: str
    source: str


def _as_pattern(value: object) -> re.Pattern[str]:
    try:
        return re.compile(as_text(value), re.MULTILINE)
    except re.error as error:
        raise ValueError(f"must be a regular expression: {error}") from None


_KEYS: Keys = {
    "name": as_text,
    "pattern": _as_pattern,
    "cause": as_text,
    "remedy": as_text,
    "example": as_text,
    "source": as_text,
}


@extensible
def failures() -> tuple[Failure, ...]:
    """The rows of extensions, then the shipped ones, each in the order of its file."""
    _, shipped = split_rows(FOLDER / "failures.toml")
    blocks = [*added_rows("failure"), *shipped]
    return tuple(build(Failure, block.parse(), _KEYS, tuple(_KEYS), block.fail) for block in blocks)
