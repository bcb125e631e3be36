"""Calls that no row is about and that are given the very path of a result, which they would not find once it moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mljob_codemod.analysis.path_uses import PathUse, Role
from mljob_codemod.analysis.path_values import PathValue, Root
from mljob_codemod.analysis.results import is_cache, normal
from mljob_codemod.rules import Argument, Reader
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex, Site, kept_with_module

_GIVEN_A_RESULT = Reader(
    names=("read",),
    arguments=(Argument(position=0),),
    source="the argument is the path of a result",
)
_NAMES_ONLY = frozenset(
    "print debug info warning error exception critical log echo format join joinpath with_name Path PurePath startswith "
    "endswith replace split strip get pop setdefault index count match search sub fullmatch input add_argument option "
    "TarInfo ZipInfo writestr getinfo getmember read extract extractfile".split()
)
"""Calls that tell of a path, make another of it or take a name inside an archive: nothing is opened by the text alone."""
_NAMING_KEYWORDS = frozenset("arcname name title label help desc description key tag".split())


def mentions_of_results(
    modules: Sequence[ModuleIndex], uses: Sequence[PathUse], exists: Callable[[str], bool]
) -> Iterator[PathUse]:
    """A use for each literal that is the path of a file written by one of ``uses``, in a call that is none of them."""
    written = {
        normal(value.text)
        for use in uses
        if use.role is Role.WRITE and not use.makes_folder and not is_cache(use)
        for value in use.values
        if value.root is Root.LITERAL and _is_telling(value.text) and not exists(value.text)
    }
    known = {use.site.call for use in uses}
    for module in modules if written else ():
        for text, places in _literals(module).items():
            for site, literal in places if text in written else ():
                if site.call not in known:
                    value = PathValue(Root.LITERAL, text, site.scope, literal)
                    name = site.name or "a call"
                    yield PathUse(Role.READ, _GIVEN_A_RESULT, site, name, literal, (value,))


def _is_telling(text: str) -> bool:
    """Whether a text is a file's whole path, and would hardly be written for anything else."""
    return "<" not in text and "*" not in text and "." in text.rpartition("/")[2].strip(".")


@kept_with_module
def _literals(module: ModuleIndex) -> dict[str, list[tuple[Site, r.Const]]]:
    """The strings that calls are given, in lists too, by the path that they would be; the same for all jobs."""
    found: dict[str, list[tuple[Site, r.Const]]] = {}
    for site in module.sites:
        if site.name in _NAMES_ONLY:
            continue
        for argument in site.call.args:
            if argument.keyword in _NAMING_KEYWORDS:
                continue
            given = argument.value
            for part in given.elements if isinstance(given, r.Sequence) else (given,):
                if isinstance(part, r.Const) and isinstance(part.value, str) and part.value:
                    found.setdefault(normal(part.value), []).append((site, part))
    return found
