"""Variables by which other platforms tell a script where its results go (cloud.toml)."""

from __future__ import annotations

from functools import lru_cache

from mljob_codemod.errors import ConfigError
from mljob_codemod.rules.rows import FOLDER, as_texts, parse_toml, read_text


@lru_cache(maxsize=1)
def output_variables() -> frozenset[str]:
    """The names of those variables."""
    path = FOLDER / "cloud.toml"
    try:
        return frozenset(as_texts(parse_toml(read_text(path), path)["outputs"]["variables"]))
    except (KeyError, ValueError) as error:
        raise ConfigError(str(path), f"[outputs] variables: {error}") from None
