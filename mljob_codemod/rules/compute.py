"""What tells that a script computes on a GPU (compute.toml)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.extensions import added_rows, extensible
from mljob_codemod.rules.rows import (
    FOLDER,
    Block,
    Keys,
    as_choice,
    as_flag,
    as_names,
    as_text,
    as_texts,
    build,
    parse_toml,
    split_rows,
)
from mljob_codemod.rules.uses import USE_KEYS, Need, Use, UseTable


@dataclass(frozen=True, eq=False)
class GpuUse(Use):
    """A call that computes on a GPU."""

    need: Need = Need.OPTIONAL
    weak: bool = False
    libraries: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Keyword:
    """A keyword argument, or a dictionary's key, whose value names a GPU."""

    names: tuple[str, ...]
    value: str
    source: str
    imports: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Off(Use):
    """What makes ``libraries`` compute on the CPU."""

    variable: str = ""
    values: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ComputeRules:
    """The rows by kind, the names of what asks for a GPU, and the pools that every account has."""

    uses: UseTable[GpuUse]
    keywords: dict[str, list[Block]]
    offs: UseTable[Off]
    off_variables: tuple[Block, ...]
    probes: dict[str, frozenset[str]]
    libraries: frozenset[str]
    cpu_pool: str
    gpu_pool: str

    def keyword(self, block: Block) -> Keyword:
        """The row of ``block``, which is among ``keywords``."""
        return _keyword(block)

    def validate(self, block: Block) -> None:
        """Raise ``ConfigError`` for a wrong row."""
        kind = block.table.removeprefix("gpu-")
        if kind == "keyword":
            self.keyword(block)
        elif block in self.off_variables:
            self.off_variable(block)
        else:
            (self.uses if kind == "use" else self.offs).row_of(block)

    def off_variable(self, block: Block) -> Off:
        """The row of ``block``, which is among ``off_variables``."""
        required = ("variable", "values", "libraries", "source")
        return build(Off, block.parse(), {**USE_KEYS, **_OFF_KEYS}, required, block.fail)


def _as_values(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of strings")
    return tuple(value)


_TABLES: Final = ("use", "keyword", "off")
_USE_KEYS: Final[Keys] = {"need": as_choice(Need), "weak": as_flag, "libraries": as_texts}
_OFF_KEYS: Final[Keys] = {"variable": as_text, "values": _as_values, "libraries": as_texts}
_KEYWORD_KEYS: Final[Keys] = {
    "names": as_names,
    "value": as_text,
    "imports": as_names,
    "source": as_text,
}


@cache
def _keyword(block: Block) -> Keyword:
    return build(Keyword, block.parse(), _KEYWORD_KEYS, ("names", "value", "source"), block.fail)


def load_compute(path: Path) -> ComputeRules:
    """The rules in a file of the form of ``compute.toml``."""
    head, blocks = split_rows(path)
    table = parse_toml(head, path)
    added = [block for name in _TABLES for block in added_rows(f"gpu-{name}")]
    uses = UseTable(GpuUse, _USE_KEYS, ("need",))
    offs = UseTable(Off, _OFF_KEYS, ("libraries",))
    off_variables: list[Block] = []
    keywords: dict[str, list[Block]] = {}
    for block in [*added, *blocks]:
        kind = block.table.removeprefix("gpu-")
        if kind == "use":
            uses.add(block)
        elif kind == "keyword":
            for name in block.names():
                keywords.setdefault(name, []).append(block)
        elif kind == "off" and "\nvariable" in block.text:
            off_variables.append(block)
        elif kind == "off":
            offs.add(block)
        else:
            raise ConfigError(str(path), f"unknown table [[{block.table}]]", line=block.line)
    try:
        probes = {
            kind: frozenset(as_texts(table["probes"][kind]))
            for kind in ("available", "counts", "devices", "never")
        }
        libraries = frozenset(as_names(table["libraries"]["known"]))
        pools = [as_text(table["pools"][kind]) for kind in ("cpu", "gpu")]
    except (KeyError, ValueError) as error:
        raise ConfigError(str(path), f"[probes], [libraries] or [pools]: {error}") from None
    rules = ComputeRules(uses, keywords, offs, tuple(off_variables), probes, libraries, *pools)
    for block in added:  # the shipped rows are parsed when they are needed
        rules.validate(block)
    return rules


@extensible
def compute_rules() -> ComputeRules:
    """The shipped rules, and those of a company."""
    return load_compute(FOLDER / "compute.toml")
