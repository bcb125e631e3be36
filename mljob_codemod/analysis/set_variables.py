"""The environment variables that a run sets itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mljob_codemod.analysis.constants import Value
from mljob_codemod.analysis.default_run import DefaultRun
from mljob_codemod.analysis.names import External, Program
from mljob_codemod.edits import Span
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Scope, Site
from mljob_codemod.syntax.walking import last_name


class SetVariable(NamedTuple):
    """What a variable is set to, and where."""

    values: tuple[Value, ...]
    scope: Scope
    span: Span


def set_variables(program: Program, run: DefaultRun) -> dict[str, SetVariable]:
    """The environment variables that the run itself sets, certainly, with their values."""
    return dict(_Search(program, run).variables())


class _Search:
    def __init__(self, program: Program, run: DefaultRun) -> None:
        self._program = program
        self._run = run

    def variables(self) -> Iterator[tuple[str, SetVariable]]:
        for module in self._program.modules.values():
            for assigned in module.items:
                target = assigned.receiver
                if isinstance(target, r.Subscript) and self._is_environ(
                    target.value, assigned.scope
                ):
                    yield from self._variable(
                        target.index, assigned.value, assigned.scope, target.span
                    )
            for name in ("setdefault", "putenv", "update"):
                for site in self._program.sites_named(name):
                    if site.scope.module is module:
                        yield from self._variables_of(site)

    def _variables_of(self, site: Site) -> Iterator[tuple[str, SetVariable]]:
        func, scope = site.call.func, site.scope
        receiver = func.value if isinstance(func, r.Attribute) else None
        if receiver is None or not (
            self._is_environ(receiver, scope) or last_name(func) == "putenv"
        ):
            return
        given = [argument.value for argument in site.call.args]
        if last_name(func) == "update":
            for argument in site.call.args:
                if argument.keyword:
                    key = r.Const(argument.keyword, argument.span)
                    yield from self._variable(key, argument.value, scope, argument.span)
                elif isinstance(argument.value, r.Mapping):
                    for name, value in argument.value.items:
                        if name is not None:
                            yield from self._variable(name, value, scope, name.span)
        elif len(given) == 2:
            yield from self._variable(given[0], given[1], scope, site.call.span)

    def _variable(
        self, key: r.Expr, value: r.Expr, scope: Scope, span: Span
    ) -> Iterator[tuple[str, SetVariable]]:
        name = key.value if isinstance(key, r.Const) else None
        if isinstance(name, str) and self._run.enters(scope.function):
            if self._run.stands(span.start, scope) is True:
                yield name, SetVariable(self._run.values(value, scope), scope, span)

    def _is_environ(self, expr: r.Expr, scope: Scope) -> bool:
        return External("os.environ") in self._program.entities(expr, scope)
