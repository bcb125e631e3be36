"""Which of the assignments to a name can still hold where it is read."""

from __future__ import annotations

from collections.abc import Sequence

from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Binding, Scope
from mljob_codemod.syntax.walking import blocks_of, statement_at

_COMPOUND = (r.If, r.For, r.With, r.Try, r.Match, r.FunctionDef, r.ClassDef)


def without_replaced(bindings: Sequence[Binding], read: r.Expr, scope: Scope) -> Sequence[Binding]:
    """``bindings`` but for those that another one has certainly replaced before ``read``, in ``scope``."""
    if len(bindings) < 2:
        return bindings
    places = {
        binding: binding.value.span
        for binding in bindings
        if binding.kind == "value"
        and binding.scope is scope
        and binding.value is not None
        and not isinstance(binding.value, (r.Param, r.FunctionDef, r.ClassDef))
        and binding.value.span.end <= read.span.start
    }
    for last in sorted(places, key=lambda binding: places[binding].start, reverse=True):
        start = places[last].start
        if _always_runs_before(scope.module.body, start, read.span.start):
            return [
                binding
                for binding in bindings
                if binding not in places or places[binding].start >= start
            ]
    return bindings


def _always_runs_before(body: r.Block, first: int, then: int) -> bool:
    """Whether the plain statement around ``first`` stands in a block around ``then``, before it."""
    while True:
        earlier = statement_at(body, first)
        later = statement_at(body, then)
        if earlier is None or later is None:
            return False
        if earlier is not later:
            return not isinstance(earlier, _COMPOUND)
        if not isinstance(earlier, _COMPOUND):
            return False
        body = next((block for block in blocks_of(earlier) if statement_at(block, first)), ())
