"""Values that come out of a job as something else than the script returns."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mljob_codemod.analysis.names import Definition, External
from mljob_codemod.analysis.returns import Returns
from mljob_codemod.analysis.starts import Start
from mljob_codemod.codemods.base import Job
from mljob_codemod.codemods.entry_rules import CHANGED_KIND
from mljob_codemod.edits import Span
from mljob_codemod.findings import Finding
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Binding, Scope


def changed_kinds(job: Job, returns: Returns, start: Start) -> Iterator[Finding]:
    """Where what a function returns arrives as something else: the launcher stores values as JSON."""
    for function in start.functions:
        node, scope = function.node, function.inner
        if isinstance(node, r.Lambda):
            continue
        for returned in returns.reachable_returns(node.body, scope):
            if returned.value is not None:
                what = f"what `{node.name}` returns"
                yield from _finding(job, returns, returned.value, scope, returned.span, what)


def changed_record(job: Job, returns: Returns, binding: Binding) -> Iterator[Finding]:
    """The same of a value that the script itself binds to ``__return__``."""
    value = binding.value
    if binding.kind != "value" or binding.unpack:
        return
    if not isinstance(value, (r.Param, r.FunctionDef, r.ClassDef, type(None))):
        yield from _finding(job, returns, value, binding.scope, value.span, "`__return__`")


def _finding(
    job: Job, returns: Returns, value: r.Expr, scope: Scope, span: Span, what: str
) -> Iterator[Finding]:
    if changes := dict.fromkeys(_changes(job, returns, value, scope)):
        text = f"`job.result()` differs from {what}: {', '.join(changes)}"
        yield job.finding(CHANGED_KIND, scope.module, span, text)


def _changes(
    job: Job, returns: Returns, expr: r.Expr, scope: Scope, depth: int = 0
) -> Iterator[str]:
    if depth > 3:
        return
    for value, where in returns.values(expr, scope):
        match value:
            case r.Sequence(elements, span):
                if _is_tuple(job, span, where):
                    yield "a tuple becomes a list"
                for element in elements:
                    yield from _changes(job, returns, element, where, depth + 1)
            case r.Mapping(items, _):
                for key, item in items:
                    if isinstance(key, r.Const) and type(key.value) is int:
                        yield "integer keys become strings"
                    yield from _changes(job, returns, item, where, depth + 1)
            case r.Call(func, _, _):
                for entity in job.program.entities(func, where):
                    if entity == External("tuple"):
                        yield "a tuple becomes a list"
                    elif isinstance(entity, Definition) and isinstance(entity.node, r.ClassDef):
                        yield (
                            f"an object of `{entity.node.name}` is pickled and needs the same class "
                            "and Python version where it is read"
                        )


def _is_tuple(job: Job, span: Span, scope: Scope) -> bool:
    """Whether a display is a tuple: records do not tell tuples, lists and sets apart."""
    text = job.sources(scope.module).snippet(span)
    try:
        return isinstance(ast.parse(f"({text}\n)", mode="eval").body, ast.Tuple)
    except SyntaxError:
        return False
