"""How many parameters a model has, by its name (models.toml)."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from mljob_codemod.errors import ConfigError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules.rows import FOLDER, as_texts, parse_toml, read_text
from mljob_codemod.rules.uses import Condition, Use, as_conditions

_SIZE: Final = re.compile(r"(?<![\w.])(?:(\d+)x)?(\d+(?:\.\d+)?)(b|m)(?![a-z0-9])", re.IGNORECASE)
_SHARED_BY_EXPERTS: Final = 0.83
"""Of n experts of one size this part of their sum is the whole: attention is shared (8x7B has 46.7 billion)."""


@dataclass(frozen=True)
class ModelRules:
    """Calls that take a model's name, and the sizes that names do not tell."""

    takes: Use
    not_models: tuple[str, ...]
    parameters: tuple[tuple[str, float], ...]

    @property
    def arguments(self) -> tuple[Condition, ...]:
        return self.takes.when

    def size(self, model: str) -> float | None:
        """The number of parameters of ``model``, or None where its name does not tell."""
        name = model.rstrip("/").rpartition("/")[2].lower()
        found = [*_SIZE.finditer(name)]
        if found:
            experts, number, unit = found[-1].groups()
            size = float(number) * (1e9 if unit == "b" else 1e6)
            return size * int(experts) * _SHARED_BY_EXPERTS if experts else size
        return next((size for one, size in self.parameters if fnmatchcase(name, one)), None)


@lru_cache(maxsize=1)
def model_rules() -> ModelRules:
    """The shipped rules."""
    path = FOLDER / "models.toml"
    table = parse_toml(read_text(path), path)
    try:
        takes = table["takes"]
        return ModelRules(
            Use(
                source=str(path),
                names=as_texts(takes["names"]),
                methods=as_texts(takes["methods"]),
                when=as_conditions([f"{argument}=given" for argument in takes["arguments"]]),
            ),
            as_texts(takes["not-models"]),
            tuple((name, float(size)) for name, size in table["parameters"].items()),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(str(path), f"{error}") from None
