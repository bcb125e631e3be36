"""Options whose values are addresses (of a server, a bucket, a database) and no paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mljob_codemod.analysis.names import Program
from mljob_codemod.analysis.options import Option
from mljob_codemod.analysis.path_values import PathValue, Root
from mljob_codemod.analysis.service_calls import find_argument
from mljob_codemod.analysis.service_names import CallNames
from mljob_codemod.analysis.values import PathEvaluator
from mljob_codemod.rules.services import ServiceRules
from mljob_codemod.syntax import records as r

_OF_FILES = ("sqlite:", "duckdb:", "file:")
"""How URLs begin that lead to a file."""


def addresses(
    program: Program,
    paths: PathEvaluator,
    rules: ServiceRules,
    canonical: Callable[[str], str],
) -> frozenset[Option]:
    """The options that some call of the program takes as an address, or that stand behind ``https://``."""
    return frozenset(_given(program, paths, rules, canonical)) | frozenset(_in_urls(program, paths))


def _given(
    program: Program, paths: PathEvaluator, rules: ServiceRules, canonical: Callable[[str], str]
) -> Iterator[Option]:
    names = CallNames(
        program,
        paths,
        lambda name: rules.canonical(canonical(name)),
        lambda name: bool(rules.urls_of(name)),
    )
    for site, found in names.sites(rules.words_of_urls, frozenset()):
        for name in found:
            for place in rules.urls_of(name):
                given = find_argument(site.call, place)
                if given is not None:
                    yield from _options(paths.values(given, site.scope))


def _options(values: tuple[PathValue, ...]) -> Iterator[Option]:
    return (value.option for value in values if value.option is not None and not value.text)


def _in_urls(program: Program, paths: PathEvaluator) -> Iterator[Option]:
    """The items of ``sys.argv`` that are assigned as a part of a URL."""
    for module in program.modules.values():
        for item in module.argv:
            made = item.statement
            if isinstance(made, r.Assign) and made.value is not None:
                values = paths.values(made.value, item.scope)
                if values and all(map(_is_elsewhere, values)):
                    yield from _options(paths.values(item.subscript, item.scope))


def _is_elsewhere(value: PathValue) -> bool:
    return value.root is Root.URL and not value.text.startswith(_OF_FILES)
