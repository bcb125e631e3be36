"""Scopes of one module: which names are bound where, and which calls happen in which scope.

Built once from the records of a module; everything that asks «what is this name» starts here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from functools import cached_property, wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar, Union

from mljob_codemod.edits import Span
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.walking import first_name, last_name, subexpressions

_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")
NOWHERE = Span(-1, -1)
"""Of an expression that the source does not write out, such as what ``name += part`` assigns."""


class Binding(NamedTuple):
    """One way a name gets its value.

    ``kind`` says what ``value`` is: ``value`` (an expression; ``unpack`` leads into it when a
    tuple is unpacked), ``element`` (an iterable), ``context`` (a context manager), ``param`` (a ``Param`` of
    ``owner``), ``function``, ``class``, ``import`` (with ``module``, ``level``, ``attr``), ``opaque``.
    """

    kind: str
    value: Union[r.Expr, r.Param, r.FunctionDef, r.ClassDef, None]
    scope: Scope
    unpack: tuple[int, ...] = ()
    module: str = ""
    level: int = 0
    attr: str | None = None
    owner: Union[r.FunctionDef, r.Lambda, None] = None


class Guard(NamedTuple):
    """A condition that code stands under: the test and whether it must hold or fail.

    With ``fails`` the run ends in an error where the condition is another.
    """

    test: r.Expr
    holds: bool
    fails: bool = False


@dataclass(eq=False)
class Scope:
    """A namespace. ``kind`` is module, function, class, lambda or comprehension."""

    kind: str
    node: Union[r.FunctionDef, r.ClassDef, r.Lambda, r.Comprehension, None]
    parent: Scope | None
    module: ModuleIndex
    in_main_guard: bool = False
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    outer_names: set[str] = field(default_factory=set)
    identifiers: set[str] = field(default_factory=set)
    returns: list[r.Return] = field(default_factory=list)
    yields: bool = False

    def bind(self, name: str, binding: Binding) -> None:
        scope = self
        if name in self.outer_names:
            scope = self.module.scope
        scope.bindings.setdefault(name, []).append(binding)

    @property
    def function(self) -> Scope | None:
        """The nearest scope, this one included, that is a function's."""
        scope: Scope | None = self
        while scope is not None and scope.kind != "function":
            scope = scope.parent
        return scope

    @property
    def enclosing_class(self) -> Scope | None:
        """The class whose method this is, or is nested in."""
        scope: Scope | None = self
        while scope is not None and scope.kind != "class":
            scope = scope.parent
        return scope


class Site(NamedTuple):
    """A call and where it stands. ``loops`` tells whether it may run several times in its function."""

    name: str | None
    """The last name of what is called: ``save`` for ``torch.save(…)``."""
    call: r.Call
    scope: Scope
    guards: tuple[Guard, ...]
    loops: bool
    statement: r.Statement
    in_main_guard: bool


class ArgvItem(NamedTuple):
    """``sys.argv[n]`` (or ``argv[n]``), the statement it stands in, and what that stands under."""

    subscript: r.Subscript
    scope: Scope
    guards: tuple[Guard, ...]
    statement: r.Statement
    name: str | None = None
    """The variable that the item is unpacked into."""


class AttributeAssignment(NamedTuple):
    """``receiver.attr = value``."""

    receiver: r.Expr
    value: r.Expr
    scope: Scope


class ModuleIndex:
    """The scopes, calls and attribute assignments of one module. ``key`` tells modules apart."""

    def __init__(self, key: str, body: r.Block, name: str = "") -> None:
        self.key = key
        self.name = name
        self.body = body
        self.scope = Scope("module", None, None, self)
        self.scopes: dict[tuple[str, Span], Scope] = {}
        self.sites: list[Site] = []
        self.sites_by_name: dict[str, list[Site]] = {}
        """The calls by the last name of what is called."""
        self.loops: list[Site] = []
        """Loops and comprehensions over what has a name, each as the call of ``iter`` that it begins with."""
        self.attributes: dict[str, list[AttributeAssignment]] = {}
        self.items: list[AttributeAssignment] = []
        self.stars: list[r.ImportFrom] = []
        self.argv: list[ArgvItem] = []
        self.has_main_guard = False
        self.answers: dict[object, Any] = {}
        """What was asked about the module by functions that are ``kept_with_module``."""
        _Builder(self).block(body, self.scope, (), False, False)
        for site in self.sites:
            if site.name is not None:
                self.sites_by_name.setdefault(site.name, []).append(site)

    def scope_of(self, node: Union[r.FunctionDef, r.ClassDef, r.Lambda, r.Comprehension]) -> Scope:
        """The scope that ``node`` opens."""
        return self.scopes[(type(node).__name__, node.span)]

    @property
    def all_scopes(self) -> Iterator[Scope]:
        """The module's own scope and every one inside it."""
        yield self.scope
        yield from self.scopes.values()

    @cached_property
    def identifiers(self) -> frozenset[str]:
        """Every name and attribute that the module's code reads or calls."""
        return frozenset[str]().union(*(scope.identifiers for scope in self.all_scopes))

    @cached_property
    def other_names(self) -> dict[str, frozenset[str]]:
        """By the last name of a function or class, the names that the module gives it besides.

        ``from torch import save as keep``, ``keep = torch.save``, ``self.keep = partial(torch.save, …)``.
        """
        found: dict[str, set[str]] = {}
        for scope in self.all_scopes:
            for name, bindings in scope.bindings.items():
                for binding in bindings:
                    for own in _own_names(binding):
                        found.setdefault(own, set()).add(name)
        for name, assignments in self.attributes.items():
            for assigned in assignments:
                for own in _last_names(assigned.value):
                    found.setdefault(own, set()).add(name)
        return {own: frozenset(names) for own, names in found.items()}

    @cached_property
    def imported_names(self) -> frozenset[str]:
        """The qualified names of all that is imported, but for relative imports."""
        names = {
            f"{binding.module}.{binding.attr}" if binding.attr else binding.module
            for scope in self.all_scopes
            for bindings in scope.bindings.values()
            for binding in bindings
            if binding.kind == "import" and not binding.level
        }
        return frozenset(names).union(star.module for star in self.stars if not star.level)

    @cached_property
    def sites_by_first_name(self) -> dict[str, list[Site]]:
        """The calls by the name that what is called begins with: ``torch`` for ``torch.cuda.empty_cache()``."""
        found: dict[str, list[Site]] = {}
        for site in self.sites:
            name = first_name(site.call.func)
            if name is not None:
                found.setdefault(name, []).append(site)
        return found


def kept_with_module(
    function: Callable[Concatenate[ModuleIndex, _Asked], _Answer],
) -> Callable[Concatenate[ModuleIndex, _Asked], _Answer]:
    """Keep what ``function`` answers about a module, for all jobs that reach it and no longer than the module itself."""

    @wraps(function)
    def kept(module: ModuleIndex, /, *asked: _Asked.args, **named: _Asked.kwargs) -> _Answer:
        assert not named
        key = (function, *asked)
        if key not in module.answers:
            module.answers[key] = function(module, *asked, **named)
        answer: _Answer = module.answers[key]
        return answer

    return kept


def _own_names(binding: Binding) -> Iterator[str]:
    """The last names of the functions that a binding gives another name."""
    if binding.kind == "import" and binding.attr is not None:
        yield binding.attr
    elif binding.kind == "value" and not isinstance(
        binding.value, (r.Param, r.FunctionDef, r.ClassDef, type(None))
    ):
        yield from _last_names(binding.value)


def _last_names(value: r.Expr) -> Iterator[str]:
    """The last names of what a value may be: ``torch.save``, one of two, ``partial(torch.save)``."""
    match value:
        case r.Name(name, _) | r.Attribute(_, name, _):
            yield name
        case r.Conditional(_, left, right, _) | r.Boolean(_, left, right, _):
            yield from _last_names(left)
            yield from _last_names(right)
        case r.Call(func, (first, *_), _) if last_name(func) == "partial":
            yield from _last_names(first.value)


class _Builder:
    """Fills a ``ModuleIndex``; carries down what code stands under, so nothing climbs later."""

    def __init__(self, index: ModuleIndex) -> None:
        self.index = index
        self.statement: r.Statement = r.Simple("Pass", (), Span(0, 0))

    def block(
        self,
        body: Iterable[r.Statement],
        scope: Scope,
        guards: tuple[Guard, ...],
        loops: bool,
        main: bool,
    ) -> None:
        for statement in body:
            if isinstance(statement, r.Global):
                scope.outer_names.update(statement.names)
        after = guards
        for statement in body:
            self.visit(statement, scope, after, loops, main)
            leaving = early_exit(statement)
            if leaving is not None:
                after = (*after, leaving)

    def visit(
        self,
        statement: r.Statement,
        scope: Scope,
        guards: tuple[Guard, ...],
        loops: bool,
        main: bool,
    ) -> None:
        self.statement = statement
        under = (guards, loops, main)
        match statement:
            case r.ExprStatement(value, _):
                self.expr(value, scope, *under)
            case r.Assign(targets, assigned, annotation, _):
                if annotation is not None:
                    self.expr(annotation, scope, *under)
                if assigned is not None:
                    self.expr(assigned, scope, *under)
                    for target in targets:
                        self.bind(target, "value", assigned, scope, (), *under)
            case r.AugAssign(target, op, value, _):
                self.expr(value, scope, *under)
                self.expr(target, scope, *under)
                if isinstance(target, r.Name):
                    combined = r.Binary(op, target, value, NOWHERE)
                    scope.bind(target.id, Binding("value", combined, scope))
            case r.Return(returned, _):
                holder = scope.function
                if holder is not None:
                    holder.returns.append(statement)
                self.several([returned], scope, *under)
            case r.Raise(exc, _):
                self.several([exc], scope, *under)
            case r.Simple(_, children, _):
                self.several(children, scope, *under)
            case r.Import(names, _):
                for module, renamed in names:
                    bound = renamed or module.partition(".")[0]
                    target_module = module if renamed else bound
                    scope.bind(bound, Binding("import", None, scope, module=target_module))
            case r.ImportFrom(module, level, names, _):
                for name, given in names:
                    if name == "*":
                        self.index.stars.append(statement)
                    else:
                        scope.bind(
                            given or name,
                            Binding("import", None, scope, module=module, level=level, attr=name),
                        )
            case r.If(test, body, orelse, loop, _):
                self.expr(test, scope, *under)
                inside_main = r.is_main_test(test)
                if inside_main and scope.kind == "module":
                    self.index.has_main_guard = True
                self.block(
                    body,
                    scope,
                    (*guards, Guard(test, True)),
                    loops or loop,
                    main or inside_main,
                )
                self.block(orelse, scope, (*guards, Guard(test, False)), loops, main)
            case r.For(target, iterable, body, orelse, _):
                self.expr(iterable, scope, *under)
                self.loop(iterable, scope, *under)
                self.bind(target, "element", iterable, scope, (), *under)
                self.block(body, scope, guards, True, main)
                self.block(orelse, scope, guards, loops, main)
            case r.With(items, body, _):
                for item, alias in items:
                    self.expr(item, scope, *under)
                    if alias is not None:
                        self.bind(alias, "context", item, scope, (), *under)
                self.block(body, scope, guards, loops, main)
            case r.Try(body, handlers, orelse, final, _):
                self.block(body, scope, guards, loops, main)
                for handler in handlers:
                    self.several([handler.type], scope, *under)
                    if handler.name is not None:
                        scope.bind(handler.name, Binding("opaque", None, scope))
                    self.block(handler.body, scope, guards, loops, main)
                self.block(orelse, scope, guards, loops, main)
                self.block(final, scope, guards, loops, main)
            case r.Match(subject, cases, _):
                self.expr(subject, scope, *under)
                for case in cases:
                    self.block(case, scope, guards, loops, main)
            case r.FunctionDef():
                self.function(statement, scope, *under)
            case r.ClassDef():
                self.klass(statement, scope, *under)

    def function(
        self,
        node: r.FunctionDef,
        scope: Scope,
        guards: tuple[Guard, ...],
        loops: bool,
        main: bool,
    ) -> None:
        self.several(node.decorators, scope, guards, loops, main)
        for param in node.params:
            self.several([param.default, param.annotation], scope, guards, loops, main)
        scope.bind(node.name, Binding("function", node, scope))
        inner = self.open("function", node, scope, main)
        for param in node.params:
            inner.bind(param.name, Binding("param", param, inner, owner=node))
        self.block(node.body, inner, (), False, main)

    def klass(
        self,
        node: r.ClassDef,
        scope: Scope,
        guards: tuple[Guard, ...],
        loops: bool,
        main: bool,
    ) -> None:
        self.several(node.decorators, scope, guards, loops, main)
        self.several([base.value for base in node.bases], scope, guards, loops, main)
        scope.bind(node.name, Binding("class", node, scope))
        self.block(node.body, self.open("class", node, scope, main), guards, loops, main)

    def open(
        self,
        kind: str,
        node: Union[r.FunctionDef, r.ClassDef, r.Lambda, r.Comprehension],
        parent: Scope,
        main: bool,
    ) -> Scope:
        scope = Scope(kind, node, parent, self.index, main)
        self.index.scopes[(type(node).__name__, node.span)] = scope
        return scope

    def bind(
        self,
        target: r.Expr,
        kind: str,
        value: r.Expr,
        scope: Scope,
        index: tuple[int, ...],
        guards: tuple[Guard, ...],
        loops: bool,
        main: bool,
    ) -> None:
        match target:
            case r.Name(name, _):
                scope.bind(name, Binding(kind, value, scope, index))
            case r.Sequence(elements, _):
                unpacks_argv = isinstance(value, (r.Name, r.Attribute)) and _is_argv(value)
                for position, element in enumerate(elements):
                    if unpacks_argv and isinstance(element, r.Name):
                        item = r.Subscript(value, r.Const(position, element.span), element.span)
                        self.index.argv.append(
                            ArgvItem(item, scope, guards, self.statement, element.id)
                        )
                    self.bind(element, kind, value, scope, (*index, position), guards, loops, main)
            case r.Attribute(receiver, attr, _):
                self.expr(receiver, scope, guards, loops, main)
                self.index.attributes.setdefault(attr, []).append(
                    AttributeAssignment(receiver, value, scope)
                )
            case r.Subscript(receiver, _, _):
                self.expr(target, scope, guards, loops, main)
                self.index.items.append(AttributeAssignment(target, value, scope))
            case r.Other(_, children, _):
                for child in children:
                    self.bind(child, "opaque", value, scope, index, guards, loops, main)

    def loop(
        self,
        iterable: r.Expr,
        scope: Scope,
        guards: tuple[Guard, ...],
        loops: bool,
        main: bool,
    ) -> None:
        if isinstance(iterable, (r.Name, r.Attribute)):
            span = iterable.span
            call = r.Call(r.Name("iter", span), (r.Argument(iterable, None, "", span),), span)
            self.index.loops.append(Site("iter", call, scope, guards, loops, self.statement, main))

    def several(
        self,
        values: Iterable[r.Expr | None],
        scope: Scope,
        guards: tuple[Guard, ...],
        loops: bool,
        main: bool,
    ) -> None:
        for value in values:
            if value is not None:
                self.expr(value, scope, guards, loops, main)

    def expr(
        self,
        value: r.Expr,
        scope: Scope,
        guards: tuple[Guard, ...],
        loops: bool,
        main: bool,
    ) -> None:
        under = (guards, loops, main)
        match value:
            case r.Const():
                pass
            case r.Name(name, _):
                scope.identifiers.add(name)
            case r.Attribute(receiver, attr, _):
                scope.identifiers.add(attr)
                self.expr(receiver, scope, *under)
            case r.Call(func, args, _):
                self.index.sites.append(
                    Site(last_name(func), value, scope, guards, loops, self.statement, main)
                )
                self.expr(func, scope, *under)
                self.several([arg.value for arg in args], scope, *under)
            case r.Lambda(params, body, _):
                self.several([param.default for param in params], scope, *under)
                inner = self.open("lambda", value, scope, main)
                for param in params:
                    inner.bind(param.name, Binding("param", param, inner, owner=value))
                self.expr(body, inner, guards, loops, main)
                scope.identifiers |= inner.identifiers
            case r.Comprehension(results, clauses, _):
                inner = self.open("comprehension", value, scope, main)
                for target, iterable, tests in clauses:
                    self.expr(iterable, inner, guards, True, main)
                    self.loop(iterable, inner, guards, True, main)
                    self.bind(target, "element", iterable, inner, (), guards, True, main)
                    self.several(tests, inner, guards, True, main)
                self.several(results, inner, guards, True, main)
                scope.identifiers |= inner.identifiers
            case r.Walrus(target, inner_value, _):
                self.expr(inner_value, scope, *under)
                scope.bind(target.id, Binding("value", inner_value, scope))
            case r.Conditional(test, body, orelse, _):
                self.expr(test, scope, *under)
                self.expr(body, scope, (*guards, Guard(test, True)), loops, main)
                self.expr(orelse, scope, (*guards, Guard(test, False)), loops, main)
            case r.Boolean(op, left, right, _):
                self.expr(left, scope, *under)
                self.expr(right, scope, (*guards, Guard(left, op == "and")), loops, main)
            case r.Subscript(receiver, index, _):
                if isinstance(receiver, (r.Name, r.Attribute)) and _is_argv(receiver):
                    self.index.argv.append(ArgvItem(value, scope, guards, self.statement))
                self.several([receiver, index], scope, *under)
            case r.Other(kind, children, _):
                if kind in ("Yield", "From") and (holder := scope.function) is not None:
                    holder.yields = True
                self.several(children, scope, *under)
            case _:
                self.several(subexpressions(value), scope, *under)


def _is_argv(expr: r.Name | r.Attribute) -> bool:
    return (expr.id if isinstance(expr, r.Name) else expr.attr) == "argv"


def early_exit(statement: r.Statement) -> Guard | None:
    """``if test: return`` puts all that follows under «test does not hold»."""
    if not isinstance(statement, r.If) or statement.loop or statement.orelse or not statement.body:
        return None
    last = statement.body[-1]
    complains = any(_is_complaint(one) for one in statement.body)
    fails = isinstance(last, r.Raise) or _is_exit(last) or (complains and _is_bare_return(last))
    while isinstance(last, r.With) and last.body:
        last = last.body[-1]
    leaves = isinstance(last, r.Return) or (isinstance(last, r.Simple) and last.kind == "Continue")
    return Guard(statement.test, False, fails) if fails or leaves else None


def _is_bare_return(statement: r.Statement) -> bool:
    return isinstance(statement, r.Return) and statement.value is None


def _is_complaint(statement: r.Statement) -> bool:
    """Whether ``statement`` tells a person that something is wrong: ``logger.error(…)``."""
    match statement:
        case r.ExprStatement(r.Call(r.Attribute(_, name, _), _, _), _):
            return name in ("error", "critical", "print_help", "print_usage")
    return False


def _is_exit(statement: r.Statement) -> bool:
    """Whether ``statement`` ends the process, or is ``parser.error(…)``, which does."""
    match statement:
        case r.ExprStatement(r.Call(r.Name("exit" | "quit"), _, _), _):
            return True
        case r.ExprStatement(
            r.Call(r.Attribute(r.Name("sys" | "os"), "exit" | "_exit", _), _, _), _
        ):
            return True
        case r.ExprStatement(r.Call(r.Attribute(r.Name("parser" | "ap"), "error", _), _, _), _):
            return True
    return False
