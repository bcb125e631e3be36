"""Calls of libraries that no row names, and that are plainly given a file of the project to read.

Only what is certain counts: the argument is a path beside the script, or a file that is there, and neither the call
nor the argument is called after writing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator

from mljob_codemod.analysis.names import Definition, External, Program
from mljob_codemod.analysis.path_uses import PathUse, Role
from mljob_codemod.analysis.path_values import PathValue, Root
from mljob_codemod.analysis.values import PathEvaluator
from mljob_codemod.rules import Argument, Reader
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex, Site, kept_with_module
from mljob_codemod.syntax.walking import last_name

_ANY_READER = Reader(
    names=("read",),
    arguments=(Argument(position=0),),
    source="the argument is a file of the project",
)
_WRITING = re.compile(
    r"save|write|dump|export|^to_|log|add|plot|print|mkdir|makedirs|create|^set|init|register|update|append|insert|"
    r"remove|delete|exists|isfile|isdir|join|format|split|replace|upload|download|snapshot|callback|checkpoint|cache|"
    r"output|dest|report|store|persist|serialize|profile|trace|board|run$",
    re.IGNORECASE,
)
_NAMES_OF_PATHS = re.compile(
    r"path|file|dir|folder|root|data|source|src|input|corpus|vocab|config|cfg|weights|ckpt|model|name",
    re.IGNORECASE,
)
_LOOKS_LIKE_A_FILE = re.compile(r"(?=.*[\w)]\.[A-Za-z][A-Za-z0-9]{0,7}$)[\w./ ()-]+$")
_STDLIB = frozenset(sys.stdlib_module_names)


def library_reads(
    program: Program,
    paths: PathEvaluator,
    runs: Callable[[Site], bool],
    exists: Callable[[str], bool],
    known: frozenset[r.Call],
) -> Iterator[PathUse]:
    """Reads by calls that are not in ``known``, those that some row is about."""
    for module in program.modules.values():
        for site, name, candidates in _candidates(module):
            if site.call in known or not _is_of_library(program, site) or not runs(site):
                continue
            for candidate in candidates:
                values = tuple(
                    value
                    for value in paths.values(candidate, site.scope)
                    if _is_a_file(value, exists)
                )
                if values:
                    shown = _shown(program, site, name)
                    yield PathUse(Role.READ, _ANY_READER, site, shown, candidate, values)
                    break


@kept_with_module
def _candidates(module: ModuleIndex) -> tuple[tuple[Site, str, tuple[r.Expr, ...]], ...]:
    """Calls that may read, their names, and the arguments that may be paths; the same for all jobs."""
    found = []
    for name, sites in module.sites_by_name.items():
        if _WRITING.search(name):
            continue
        for site in sites:
            arguments = tuple(each.value for each in site.call.args if _may_be_path(each))
            if arguments:
                found.append((site, name, arguments))
    return tuple(sorted(found, key=lambda each: each[0].call.span))


def _may_be_path(argument: r.Argument) -> bool:
    """Whether the argument is worth following, by what it is called and how it is written."""
    if argument.keyword is not None and _WRITING.search(argument.keyword):
        return False
    match argument.value:
        case r.Const(str() as text, _):
            return bool(_LOOKS_LIKE_A_FILE.match(text))
        case r.Call(func, _, _):
            return last_name(func) in ("str", "fspath", "join", "Path", "joinpath")
        case r.Binary("Divide", _, _, _):
            return True
        case r.Name(name, _) | r.Attribute(_, name, _):
            called = (argument.keyword or name).lower()
            return bool(_NAMES_OF_PATHS.search(called)) and not _WRITING.search(name)
    return False


def _is_of_library(program: Program, site: Site) -> bool:
    entities = program.entities(site.call.func, site.scope)
    if any(isinstance(entity, Definition) for entity in entities):
        return False
    names = [entity.name for entity in entities if isinstance(entity, External)]
    if not names and isinstance(site.call.func, r.Attribute):
        names = [
            made.name
            for made in program.producers(site.call.func.value, site.scope)
            if isinstance(made, External)
        ]
    return any("." in name and name.partition(".")[0] not in _STDLIB for name in names)


def _is_a_file(value: PathValue, exists: Callable[[str], bool]) -> bool:
    if value.root is Root.SCRIPT_FOLDER:
        return value.text.rpartition("/")[2] not in ("__file__", "..", ".")
    if value.root is not Root.LITERAL:
        return False
    return (
        "/" in value.text.strip("./") or "." in value.text.strip("./")
        if exists(value.text)
        else False
    )


def _shown(program: Program, site: Site, name: str) -> str:
    entities = program.entities(site.call.func, site.scope)
    names = [entity.name for entity in entities if isinstance(entity, External)]
    return names[0] if names else f".{name}"
