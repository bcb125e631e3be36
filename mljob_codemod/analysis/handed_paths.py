"""Functions that write to a path that they are given, by what is seen in their own module."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.names import argument_at
from mljob_codemod.rules import call_rules
from mljob_codemod.rules.calls import mode_writes
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.reading import FileFacts, telling_words
from mljob_codemod.syntax.scopes import ModuleIndex, Scope, Site


def names_of_writers(
    module: ModuleIndex | None, facts: FileFacts, known: frozenset[str]
) -> Iterator[str]:
    """The names of functions and classes of ``module``, that of ``facts``, that hand a parameter to a call that writes.

    ``known`` are such names of other modules. Names are compared, nothing is resolved: this only decides which
    modules are worth reading.
    """
    if module is None:
        return
    words = telling_words(call_rules().writers.words, facts) | known
    for name in words & module.sites_by_name.keys():
        for site in module.sites_by_name[name]:
            function = site.scope.function
            if function is not None and _may_write(name, site):
                yield from _names_of(function)


def _may_write(name: str, site: Site) -> bool:
    if name != "open":
        return True
    mode = argument_at(site.call, 1, "mode")
    return (
        mode is not None
        and isinstance(mode.value, r.Const)
        and isinstance(mode.value.value, str)
        and mode_writes(mode.value.value)
    )


def _names_of(function: Scope) -> Iterator[str]:
    node, owner = function.node, function.enclosing_class
    if not isinstance(node, r.FunctionDef):
        return
    given = [param for param in node.params if param.name not in ("self", "cls")]
    if given and not node.name.startswith("__"):
        yield node.name
    if owner is not None and isinstance(owner.node, r.ClassDef):
        yield owner.node.name
