"""The calls and displays that a value was made by, and what loops over them go through."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.names import (
    Program,
)
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Binding, Scope

LIMIT = 12
"""How many possible values of one expression are kept."""
DEPTH = 40
"""How many steps back a value is followed."""


class Origins:
    """Finds origins in one program; results are kept."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._known: dict[tuple[r.Expr, Scope], tuple[tuple[r.Expr, Scope], ...]] = {}

    def of(self, expr: r.Expr, scope: Scope) -> tuple[tuple[r.Expr, Scope], ...]:
        """The calls and dictionaries that the value of ``expr`` was made by."""
        key = (expr, scope)
        if key not in self._known:
            self._known[key] = ()  # what leads back to itself adds nothing
            found = self._find(expr, scope)
            self._known[key] = tuple(dict.fromkeys(found))[:LIMIT]
        return self._known[key]

    def _find(self, expr: r.Expr, scope: Scope) -> Iterator[tuple[r.Expr, Scope]]:
        match expr:
            case r.Call() | r.Mapping():
                yield expr, scope
            case r.Name(name, _):
                for binding in self._program.bindings(name, scope):
                    yield from self._of_binding(binding)
            case r.Attribute(receiver, attr, _):
                for value, inner in self._program.attribute_values(receiver, attr, scope):
                    yield from self.of(value, inner)
                for value, inner in self.keyword_values(receiver, attr, scope):
                    yield from self.of(value, inner)
            case r.Subscript(receiver, r.Const(str() as key, _), _):
                for value, inner in self.keyword_values(receiver, key, scope):
                    yield from self.of(value, inner)

    def _of_binding(self, binding: Binding) -> Iterator[tuple[r.Expr, Scope]]:
        value = binding.value
        if isinstance(value, r.Param):
            for argument, inner in self._program.argument_values(binding):
                yield from self.of(argument, inner)
        elif binding.kind == "import":
            for target in self._program.imported_bindings(binding):
                yield from self._of_binding(target)
        elif (
            binding.kind == "value"
            and not binding.unpack
            and value is not None
            and not isinstance(value, (r.FunctionDef, r.ClassDef))
        ):
            yield from self.of(value, binding.scope)

    def keyword_values(
        self, receiver: r.Expr, attr: str, scope: Scope
    ) -> Iterator[tuple[r.Expr, Scope]]:
        """``attr`` as given to the call or dictionary that ``receiver`` was made with."""
        for made, inner in self.of(receiver, scope):
            if isinstance(made, r.Call):
                for argument in made.args:
                    if argument.keyword == attr:
                        yield argument.value, inner
                    elif isinstance(argument.value, r.Mapping):
                        yield from _entries(argument.value, attr, inner)
            elif isinstance(made, r.Mapping):
                yield from _entries(made, attr, inner)


def looped_over(
    program: Program,
    origins: Origins,
    value: r.Expr,
    unpack: tuple[int, ...],
    scope: Scope,
    depth: int,
) -> Iterator[tuple[r.Expr, tuple[int, ...], Scope, bool]]:
    """What a loop over ``value`` goes through, how it is unpacked, and whether it is a key."""
    match value:
        case r.Sequence(elements, _):
            for element in elements:
                yield element, unpack, scope, False
        case r.Mapping(items, _):
            for key, _ in items:
                if key is not None:
                    yield key, unpack, scope, True
        case r.Call(r.Name(name, _), args, _) if args:
            inner = args[0].value
            if name in ("sorted", "list", "tuple", "reversed", "set", "tqdm", "iter"):
                yield from looped_over(program, origins, inner, unpack, scope, depth + 1)
            elif name == "enumerate" and unpack[:1] == (1,):
                yield from looped_over(program, origins, inner, unpack[1:], scope, depth + 1)
            elif name == "zip" and unpack and unpack[0] < len(args):
                inner = args[unpack[0]].value
                yield from looped_over(program, origins, inner, unpack[1:], scope, depth + 1)
        case r.Call(r.Attribute(inner, "items" | "keys" | "values" as view, _), (), _):
            for made, place in origins.of(inner, scope):
                if isinstance(made, r.Mapping):
                    yield from _view(made, view, unpack, place)
        case r.Name(name, _) if depth < DEPTH:
            for bound in program.bindings(name, scope):
                if bound.kind == "value" and isinstance(bound.value, (r.Sequence, r.Mapping)):
                    yield from looped_over(
                        program, origins, bound.value, unpack, bound.scope, depth + 1
                    )


def _view(
    mapping: r.Mapping, view: str, unpack: tuple[int, ...], scope: Scope
) -> Iterator[tuple[r.Expr, tuple[int, ...], Scope, bool]]:
    """The elements of ``mapping.items()``, ``.keys()`` or ``.values()``."""
    for key, value in mapping.items:
        if view == "values" or (view == "items" and unpack[:1] == (1,)):
            yield value, unpack[1:] if view == "items" else unpack, scope, False
        elif key is not None and (view == "keys" or unpack[:1] == (0,)):
            yield key, unpack[1:] if view == "items" else unpack, scope, True


def _entries(mapping: r.Mapping, key: str, scope: Scope) -> Iterator[tuple[r.Expr, Scope]]:
    for name, value in mapping.items:
        if isinstance(name, r.Const) and name.value == key:
            yield value, scope
