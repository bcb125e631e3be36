"""Where a script reads environment variables, and whether it fails where one is not set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from mljob_codemod.analysis.names import External, Program, argument_at
from mljob_codemod.analysis.options import RESULT_VARIABLE
from mljob_codemod.analysis.path_values import Root
from mljob_codemod.analysis.values import PathEvaluator
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex, Scope, kept_with_module
from mljob_codemod.syntax.walking import blocks_of, expressions_of, last_name, subexpressions, walk

_READING = {
    "os.environ.get": "get", "os.getenv": "get", "os.environ.pop": "get",
    "os.environ.setdefault": "get", "os.environ.__getitem__": "item",
}  # fmt: skip
_READING_NAMES = frozenset(name.rpartition(".")[2] for name in _READING) | {"environ"}
_ENVVAR_KEYWORDS = frozenset({"envvar", "env_var", "auto_envvar"})
_CATCHING = frozenset({"KeyError", "LookupError", "Exception", "BaseException"})


class Missing(Enum):
    """What a read does where the variable is not set."""

    FAILS = "fails"
    NONE = "gives None"
    COVERED = "is provided for"


@dataclass(frozen=True, eq=False)
class VariableRead:
    """One read of a variable: ``node`` reads it, ``literal`` is where its name is written."""

    name: str
    scope: Scope
    node: r.Expr
    literal: r.Expr
    missing: Missing

    @property
    def module(self) -> ModuleIndex:
        return self.scope.module


@dataclass(frozen=True)
class _Under:
    """What the code being walked stands under."""

    scope: Scope
    covered: bool = False
    """A test of the environment, or a ``try`` that catches the KeyError."""


def variable_reads(
    program: Program, paths: PathEvaluator, modules: Iterable[ModuleIndex]
) -> Iterator[VariableRead]:
    """Every read of an environment variable in ``modules`` whose name is written in the source."""
    for module in modules:
        for expr, under in _candidates(module):
            for index, missing in _read(expr, under, program):
                for value in paths.values(index, under.scope):
                    node, scope = value.node, value.scope
                    if value.root is Root.LITERAL and isinstance(node, r.Const) and scope:
                        # A name that is passed to a function of the project is read where it stands.
                        place = scope if scope.function is not under.scope.function else under.scope
                        yield VariableRead(value.text, place, expr, node, missing)


@kept_with_module
def _candidates(module: ModuleIndex) -> tuple[tuple[r.Expr, _Under], ...]:
    """What may read a variable, by the names it is written with; the same for all jobs that reach the module."""
    names = _READING_NAMES.union(
        *(module.other_names.get(name, frozenset()) for name in _READING_NAMES)
    )
    declares = any(
        argument.keyword in _ENVVAR_KEYWORDS for site in module.sites for argument in site.call.args
    )
    if names.isdisjoint(module.identifiers) and not declares:
        return ()
    return tuple(
        (expr, under)
        for expr, under in _walk(module.body, _Under(module.scope))
        if _may_read(expr, names)
    )


def _may_read(expr: r.Expr, names: frozenset[str]) -> bool:
    match expr:
        case r.Subscript(receiver, _, _) | r.Compare(_, ("In" | "NotIn",), (receiver,), _):
            return last_name(receiver) in names
        case r.Call(func, args, _):
            return last_name(func) in names or any(
                argument.keyword in _ENVVAR_KEYWORDS for argument in args
            )
    return False


def _read(expr: r.Expr, under: _Under, program: Program) -> Iterator[tuple[r.Expr, Missing]]:
    fails = Missing.COVERED if under.covered else Missing.FAILS
    match expr:
        case r.Subscript(receiver, index, _):
            if _is_environ(receiver, under.scope, program):
                yield index, fails
        case r.Compare(left, ("In" | "NotIn",), (right,), _):
            if _is_environ(right, under.scope, program):
                yield left, Missing.COVERED
        case r.Call(func, _, _):
            for entity in program.entities(func, under.scope):
                how = _READING.get(entity.name) if isinstance(entity, External) else None
                first = argument_at(expr, 0, "key")
                if how is None or first is None:
                    continue
                default = argument_at(expr, 1, "default")
                given = default is not None and not (
                    isinstance(default.value, r.Const) and default.value.value is None
                )
                if how == "item":
                    yield first.value, fails
                else:
                    yield (
                        first.value,
                        Missing.COVERED if given or under.covered else Missing.NONE,
                    )
            for argument in expr.args:
                if argument.keyword in _ENVVAR_KEYWORDS:
                    yield argument.value, Missing.COVERED


def _is_environ(expr: r.Expr, scope: Scope, program: Program) -> bool:
    return External("os.environ") in program.entities(expr, scope)


def _tests_environment(test: r.Expr) -> bool:
    return any(
        isinstance(part, (r.Name, r.Attribute)) and last_name(part) in ("environ", "getenv")
        for part in walk(test)
    )


def _catches(handler: r.Handler) -> bool:
    if handler.type is None:
        return True
    return any(
        isinstance(part, (r.Name, r.Attribute)) and last_name(part) in _CATCHING
        for part in walk(handler.type)
    )


def _walk(body: r.Block, under: _Under) -> Iterator[tuple[r.Expr, _Under]]:
    """Every expression of ``body`` that is read rather than assigned to, functions included."""
    for statement in body:
        for expr in expressions_of(statement):
            yield from _parts(expr, under)
        match statement:
            case r.FunctionDef() | r.ClassDef():
                inner = _Under(under.scope.module.scope_of(statement), under.covered)
                yield from _walk(statement.body, inner)
            case r.If(test, inside, orelse, _, _) if _tests_environment(test):
                yield from _walk(inside, _Under(under.scope, True))
                yield from _walk(orelse, _Under(under.scope, True))
            case r.Try(inside, handlers, orelse, final, _):
                caught = under.covered or any(map(_catches, handlers))
                yield from _walk(inside, _Under(under.scope, caught))
                for block in (*(handler.body for handler in handlers), orelse, final):
                    yield from _walk(block, under)
            case _:
                for block in blocks_of(statement):
                    yield from _walk(block, under)


def _parts(expr: r.Expr, under: _Under) -> Iterator[tuple[r.Expr, _Under]]:
    """``expr`` and what is inside it, each with what it stands under."""
    yield expr, under
    covered = _Under(under.scope, True)
    match expr:
        case r.Conditional(test, _, _, _) if _tests_environment(test):
            for part in subexpressions(expr):
                yield from _parts(part, covered)
        case r.Boolean("and", left, right, _) if _tests_environment(left):
            yield from _parts(left, under)
            yield from _parts(right, covered)
        case r.Boolean("or", left, right, _):
            yield from _parts(left, covered if isinstance(left, r.Call) else under)
            yield from _parts(right, covered if _names_result(left) else under)
        case _:
            for part in subexpressions(expr):
                yield from _parts(part, under)


def _names_result(expr: r.Expr) -> bool:
    """Whether a job never comes to what stands behind ``or``: its own variable stands before it."""
    return any(isinstance(part, r.Const) and part.value == RESULT_VARIABLE for part in walk(expr))
