"""One concern a module: how to find it, how to rewrite it, its documentation."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import lru_cache
from types import ModuleType

from mljob_codemod.findings import Rule


@lru_cache(maxsize=1)
def codemods() -> tuple[ModuleType, ...]:
    """Every codemod module, in the order of their names: those with ``RULES``, ``find`` and ``describe``."""
    modules = (
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
    )
    return tuple(module for module in modules if hasattr(module, "describe"))


def all_rules() -> tuple[Rule, ...]:
    """The rules of all codemods, by code."""
    rules = [rule for module in codemods() for rule in module.RULES]
    return tuple(sorted(rules, key=lambda rule: rule.code))


def trigger_words() -> frozenset[str]:
    """Names of calls that some codemod looks for: a file that calls none of them holds no finding."""
    words: set[str] = set()
    for module in codemods():
        words |= set(getattr(module, "TRIGGER_WORDS", ()))
        if hasattr(module, "trigger_words"):
            words |= module.trigger_words()
    return frozenset(words)


def concerns(libraries: Iterable[str], text: str) -> bool:
    """Whether a file with that text matters to some codemod by the libraries that it imports."""
    return any(
        module.concerns(libraries, text) for module in codemods() if hasattr(module, "concerns")
    )
