"""What imports say about the compute a job needs (compute.toml)."""

from __future__ import annotations

from functools import lru_cache

from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.rows import FOLDER, as_text, as_texts, parse_toml, read_text


@dataclass(frozen=True)
class ComputeRules:
    """Libraries that use a GPU, and the compute pools that every account has."""

    gpu_imports: frozenset[str]
    cpu_pool: str
    gpu_pool: str


@lru_cache(maxsize=1)
def compute_rules() -> ComputeRules:
    """The shipped rules."""
    path = FOLDER / "compute.toml"
    table = parse_toml(read_text(path), path)
    try:
        return ComputeRules(
            frozenset(as_texts(table["imports"]["gpu"])),
            as_text(table["pools"]["cpu"]),
            as_text(table["pools"]["gpu"]),
        )
    except (KeyError, ValueError) as error:
        raise ConfigError(str(path), f"{error}") from None
