"""What the functions of a program return: a value or nothing, a status, and of what kind."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple, Union

from mljob_codemod.analysis.names import Definition, External, Program
from mljob_codemod.edits import Span
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Scope
from mljob_codemod.syntax.walking import blocks_of

_DEPTH = 4
"""How many functions that hand on each other's value are followed."""
EXITS = frozenset(
    {"sys.exit", "os._exit", "exit", "quit", "SystemExit", "builtins.exit", "builtins.SystemExit"}
)
_NOTHING = frozenset(
    {"print", "setattr", "exec", "exit", "quit", "sys.exit", "os._exit", "pprint.pprint", "rich.print"}
)  # fmt: skip
"""Functions of libraries that return None, as last expressions of a ``return``."""
_COLLECTIONS = {"dict": "dict", "list": "list", "tuple": "tuple", "set": "set"}
_STATUS_TYPES = frozenset({"int", "bool", "None", "NoReturn", "Never"})


class Function(NamedTuple):
    """A function of the project, and the scope that it is defined in."""

    node: Union[r.FunctionDef, r.Lambda]
    scope: Scope

    @property
    def name(self) -> str | None:
        return self.node.name if isinstance(self.node, r.FunctionDef) else None

    @property
    def inner(self) -> Scope:
        return self.scope.module.scope_of(self.node)


class Kind(Enum):
    """What a returned value is, as far as it matters to a job."""

    NOTHING = "nothing"
    STATUS = "status"
    DATA = "data"
    UNKNOWN = "unknown"


class Returns:
    """Answers what calls of a program's own functions give; results are kept."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._gives: dict[tuple[str, Span], bool] = {}

    # Which function

    def functions(self, func: r.Expr, scope: Scope, depth: int = 0) -> tuple[Function, ...]:
        """The project's functions that calling ``func`` runs."""
        if depth > _DEPTH:
            return ()
        found = tuple(
            Function(entity.node, entity.scope)
            for entity in self._program.entities(func, scope)
            if isinstance(entity, Definition) and isinstance(entity.node, r.FunctionDef)
        )
        return found or tuple(dict.fromkeys(self._made_functions(func, scope, depth)))

    def _made_functions(self, func: r.Expr, scope: Scope, depth: int) -> Iterator[Function]:
        """Functions behind a lambda, ``partial(f)`` or ``wrap(f)``."""
        match func:
            case r.Lambda():
                yield Function(func, scope)
            case r.Name(name, _):
                for binding in self._program.bindings(name, scope):
                    bindings = [binding]
                    if binding.kind == "import":
                        bindings = self._program.imported_bindings(binding)
                    for bound in bindings:
                        if isinstance(bound.value, (r.Lambda, r.Call)) and not bound.unpack:
                            yield from self.functions(bound.value, bound.scope, depth + 1)
            case r.Call(maker, args, _) if args and not args[0].star:
                # A class that takes a function is called for something else.
                if not any(
                    isinstance(entity, Definition) and isinstance(entity.node, r.ClassDef)
                    for entity in self._program.entities(maker, scope)
                ):
                    yield from self.functions(args[0].value, scope, depth + 1)

    # Whether there is a value

    def gives_value(self, function: Function, depth: int = 0, *, awaited: bool = False) -> bool:
        """Whether some ``return`` of ``function`` that can be reached has a value other than None.

        A generator gives none, nor does a coroutine that nobody awaits.
        """
        node = function.node
        if isinstance(node, r.Lambda):
            return self.has_value(node.body, function.inner, depth + 1)
        if function.inner.yields or node.is_async != awaited:
            return False
        key = (function.scope.module.key, node.span)
        if key not in self._gives:
            self._gives[key] = False  # a recursion adds nothing of its own
            self._gives[key] = any(
                returned.value is not None
                and self.has_value(returned.value, function.inner, depth + 1)
                for returned in self.reachable_returns(node.body, function.inner)
            )
        return self._gives[key]

    def has_value(self, expr: r.Expr, scope: Scope, depth: int = 0) -> bool:
        """Whether ``expr`` may be something other than None."""
        match expr:
            case r.Const(None, _):
                return False
            case r.Call(func, _, _):
                return self._call_has_value(func, scope, depth, awaited=False)
            case r.Await(r.Call(func, _, _), _):
                return self._call_has_value(func, scope, depth, awaited=True)
            case r.Conditional(_, body, orelse, _):
                return self.has_value(body, scope, depth) or self.has_value(orelse, scope, depth)
            case r.Name(name, _):
                bindings = self._program.bindings(name, scope)
                if len(bindings) == 1 and bindings[0].kind == "value" and not bindings[0].unpack:
                    value = bindings[0].value
                    if isinstance(value, r.Const):
                        return value.value is not None
                    if isinstance(value, r.Call) and depth <= _DEPTH:
                        return self.has_value(value, bindings[0].scope, depth + 1)
        return True

    def _call_has_value(self, func: r.Expr, scope: Scope, depth: int, *, awaited: bool) -> bool:
        entities = self._program.entities(func, scope)
        if any(isinstance(entity, External) and entity.name in _NOTHING for entity in entities):
            return False
        functions = self.functions(func, scope)
        if not functions or depth > _DEPTH:
            return True
        return any(self.gives_value(function, depth + 1, awaited=awaited) for function in functions)

    # Which returns run

    def reachable_returns(self, body: r.Block, scope: Scope) -> list[r.Return]:
        """The ``return`` statements of a function that no return, raise or exit stands before."""
        found: list[r.Return] = []
        self._collect(body, scope, found)
        return found

    def falls_through(self, body: r.Block, scope: Scope) -> bool:
        """Whether a run can leave ``body`` at its end."""
        return not self._collect(body, scope, [])

    def _collect(self, body: r.Block, scope: Scope, found: list[r.Return]) -> bool:
        """Add the reachable returns of ``body``; whether its end cannot be reached."""
        for statement in body:
            match statement:
                case r.Return():
                    found.append(statement)
                    return True
                case r.Raise() | r.Simple("Break" | "Continue", _, _):
                    return True
                case r.ExprStatement(r.Call(func, _, _), _) if self.is_exit(func, scope):
                    return True
                case r.FunctionDef() | r.ClassDef():
                    continue
                case r.If(test, inner, orelse, True, _):
                    self._collect(inner, scope, found)
                    forever = isinstance(test, r.Const) and bool(test.value)
                    self._collect(orelse, scope, found)
                    if forever and not _breaks(inner):
                        return True
                case r.If(test, inner, orelse, _, _):
                    known = bool(test.value) if isinstance(test, r.Const) else None
                    ends = [
                        self._collect(block, scope, found)
                        for block, holds in ((inner, True), (orelse, False))
                        if known is None or known == holds
                    ]
                    if all(ends):
                        return True
                case r.Try(inner, handlers, orelse, final, _):
                    ends = [self._collect(inner, scope, found)]
                    if not ends[0]:
                        ends[0] = self._collect(orelse, scope, found)
                    ends += [self._collect(handler.body, scope, found) for handler in handlers]
                    if self._collect(final, scope, found) or all(ends):
                        return True
                case r.With(_, inner, _):
                    # A context manager may swallow an exception, so only a return surely leaves.
                    if self._collect(inner, scope, found) and isinstance(inner[-1], r.Return):
                        return True
                case _:
                    for block in blocks_of(statement):
                        self._collect(block, scope, found)
        return False

    def is_exit(self, func: r.Expr, scope: Scope) -> bool:
        """Whether calling ``func`` ends the process, or raising it does."""
        return any(
            isinstance(entity, External) and entity.name in EXITS
            for entity in self._program.entities(func, scope)
        )

    # Of what kind

    def kind(self, function: Function, depth: int = 0) -> Kind:
        """Whether the values of ``function`` are statuses that a process can exit with."""
        node = function.node
        if isinstance(node, r.Lambda):
            return self._kind_of(node.body, function.inner, depth)
        if is_status_annotation(node.returns):
            return Kind.STATUS
        kinds = {
            self._kind_of(returned.value, function.inner, depth)
            for returned in self.reachable_returns(node.body, function.inner)
            if returned.value is not None
        } - {Kind.NOTHING}
        if Kind.DATA in kinds:
            return Kind.DATA
        if not kinds:
            return Kind.NOTHING
        return Kind.UNKNOWN if Kind.UNKNOWN in kinds else Kind.STATUS

    def _kind_of(self, expr: r.Expr, scope: Scope, depth: int) -> Kind:
        if not self.has_value(expr, scope):
            return Kind.NOTHING
        kinds = {_shape(value) for value, _ in self.values(expr, scope)}
        if "data" in kinds:
            return Kind.DATA
        if kinds == {"status"}:
            return Kind.STATUS
        if isinstance(expr, r.Call) and depth <= _DEPTH:
            inner = {self.kind(found, depth + 1) for found in self.functions(expr.func, scope)}
            if len(inner) == 1:
                return inner.pop()
        return Kind.UNKNOWN

    def values(self, expr: r.Expr, scope: Scope, depth: int = 0) -> Iterator[tuple[r.Expr, Scope]]:
        """The expressions that ``expr`` may stand for, through variables and branches."""
        match expr:
            case r.Conditional(_, body, orelse, _):
                yield from self.values(body, scope, depth)
                yield from self.values(orelse, scope, depth)
            case r.Name(name, _) if depth <= _DEPTH:
                bindings = self._program.bindings(name, scope)
                known = [
                    binding
                    for binding in bindings
                    if binding.kind == "value"
                    and not binding.unpack
                    and not isinstance(
                        binding.value, (r.Param, r.FunctionDef, r.ClassDef, type(None))
                    )
                ]
                if not known or len(known) < len(bindings):
                    yield expr, scope
                for binding in known:
                    value = binding.value
                    assert value is not None
                    if not isinstance(value, (r.Param, r.FunctionDef, r.ClassDef)):
                        yield from self.values(value, binding.scope, depth + 1)
            case _:
                yield expr, scope


def is_status_annotation(annotation: r.Expr | None) -> bool:
    """Whether a return annotation says that the function returns a status."""
    match annotation:
        case r.Const(None, _):
            return True
        case r.Const(str() as text, _):
            return text in _STATUS_TYPES
        case r.Name(name, _) | r.Attribute(_, name, _):
            return name in _STATUS_TYPES
        case r.Subscript(value, index, _) if _named(value, "Optional"):
            return is_status_annotation(index)
        case r.Binary("BitOr", left, right, _):
            return is_status_annotation(left) and is_status_annotation(right)
    return False


def _named(expr: r.Expr, name: str) -> bool:
    return isinstance(expr, (r.Name, r.Attribute)) and name in (
        getattr(expr, "id", None),
        getattr(expr, "attr", None),
    )


def _shape(expr: r.Expr) -> str:
    match expr:
        case r.Const(bool() | int(), _) | r.Compare() | r.Not():
            return "status"
        case r.Const(None, _):
            return "status"
        case r.Const() | r.Joined() | r.Sequence() | r.Mapping() | r.Comprehension():
            return "data"
        case r.Call(r.Name(name, _), _, _) if name in (*_COLLECTIONS, "float", "str", "vars"):
            return "data"
        case r.Call(r.Name("int" | "bool", _), _, _):
            return "status"
        case r.Other("UnaryOperation", (r.Const(int(), _),), _):
            return "status"
    return "unknown"


def _breaks(body: r.Block) -> bool:
    """Whether a ``break`` in ``body`` leaves the loop that ``body`` belongs to."""
    for statement in body:
        match statement:
            case r.Simple("Break", _, _):
                return True
            case r.For() | r.If(loop=True) | r.FunctionDef() | r.ClassDef():
                continue
            case _:
                if any(_breaks(block) for block in blocks_of(statement)):
                    return True
    return False
