"""What a name refers to, across the modules of one script's reach.

Answers with entities: a qualified name of a library (``torch.save``), a local module, or a local
function or class. Imports, aliases, re-exports and star imports are followed; nothing is executed.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Union

from mljob_codemod.edits import Span
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Binding, ModuleIndex, Scope, Site
from mljob_codemod.syntax.walking import last_name

_BUILTINS = frozenset(dir(builtins))
_DEPTH = 24
"""How many steps a chain of aliases, arguments or returns is followed; real code stays far below."""

_STANDING_FOR_ANOTHER = frozenset({"partial", "import_module", "__import__"})
"""The last names of calls whose value goes by the name of their argument."""

_NESTING = 5
"""How many searches for callers may wait for each other: who calls a method depends on who calls others."""


class External(NamedTuple):
    """A name of a library or of the builtins, fully qualified."""

    name: str


class LocalModule(NamedTuple):
    """A module of the project."""

    module: ModuleIndex


class Definition(NamedTuple):
    """A function or class of the project, and the scope that it is defined in."""

    node: Union[r.FunctionDef, r.ClassDef]
    scope: Scope

    @property
    def key(self) -> tuple[str, Span]:
        return (self.scope.module.key, self.node.span)


Entity = Union[External, LocalModule, Definition]
Locate = Callable[[str, int, str], Union[str, None]]
"""(key of the importing module, level, dotted name) -> key of the local module, or None."""


class Program:
    """The modules that one script reaches, by key, and what the names in them mean."""

    def __init__(
        self,
        script: str,
        modules: Mapping[str, ModuleIndex],
        locate: Locate,
        called_elsewhere: frozenset[str] = frozenset(),
    ) -> None:
        """``called_elsewhere`` are the last names of what modules call that are not among those iterated."""
        self.script = modules[script]
        self.modules = modules
        self._locate = locate
        self.called_elsewhere = called_elsewhere
        self._entities: dict[tuple[r.Expr, Scope], tuple[Entity, ...]] = {}
        self._producers: dict[tuple[r.Expr, Scope], tuple[Entity, ...]] = {}
        self._callers: dict[tuple[str, Span], tuple[Site, ...]] = {}
        self._started_elsewhere: dict[Scope, bool] = {}
        self._descendants: dict[Scope, dict[Scope, None]] | None = None
        self._nesting = 0

    def is_local(self, importer: str, dotted: str) -> bool:
        """Whether ``import dotted`` in the module ``importer`` finds a file of the project."""
        return self._locate(importer, 0, dotted) is not None

    def sites(self) -> Iterator[Site]:
        """Every call of the reach."""
        for module in self.modules.values():
            yield from module.sites

    def runs_elsewhere(self, site: Site) -> bool:
        """Whether a call stands under the main guard of another module than the script, so that no job comes to it."""
        return site.in_main_guard and site.scope.module is not self.script

    def is_started_elsewhere(self, function: Scope | None) -> bool:
        """Whether only the main guards of other scripts are seen to lead to ``function``."""
        if function is None or not isinstance(function.node, r.FunctionDef):
            return False
        if function not in self._started_elsewhere:
            self._started_elsewhere[function] = False  # recursion is no other start
            assert function.parent is not None
            sites = self.callers(Definition(function.node, function.parent))
            self._started_elsewhere[function] = bool(sites) and all(
                self.runs_only_elsewhere(site) for site in sites
            )
        return self._started_elsewhere[function]

    def runs_only_elsewhere(self, site: Site) -> bool:
        """Whether other scripts alone are seen to come to a call: under their main guards, or in what those start."""
        return self.runs_elsewhere(site) or self.is_started_elsewhere(site.scope.function)

    def sites_named(self, name: str) -> Sequence[Site]:
        """The calls whose function's last name is ``name``."""
        return self._sites_by_name.get(name, ())

    @cached_property
    def _sites_by_name(self) -> dict[str, list[Site]]:
        found: dict[str, list[Site]] = {}
        for module in self.modules.values():
            for name, sites in module.sites_by_name.items():
                found.setdefault(name, []).extend(sites)
        return found

    @cached_property
    def _initialisers(self) -> tuple[list[Site], dict[Scope | None, list[Site]]]:
        """The calls of an ``__init__`` by its name, and those by ``super()`` by the class they stand in."""
        named: list[Site] = []
        by_super: dict[Scope | None, list[Site]] = {}
        for site in self.sites_named("__init__"):
            if _is_super_call(site.call.func):
                by_super.setdefault(site.scope.enclosing_class, []).append(site)
            else:
                named.append(site)
        return named, by_super

    def sites_calling(
        self, is_wanted: Callable[[str], bool], modules: Iterable[ModuleIndex] | None = None
    ) -> Iterator[Site]:
        """The calls of ``modules``, or of the reach, that are worth resolving by their last names.

        What is imported under another name (``from fire import Fire as run_it``) goes by its own.
        """
        for module in self.modules.values() if modules is None else modules:
            words = words_of(module, is_wanted)
            if not words.isdisjoint(module.sites_by_name):
                yield from (site for site in module.sites if site.name in words)

    # Names

    def bindings(self, name: str, scope: Scope) -> list[Binding]:
        """Every way ``name`` may get its value where ``scope`` looks it up."""
        current: Scope | None = scope
        first = True
        while current is not None:
            if name in current.bindings and (first or current.kind != "class"):
                return current.bindings[name]
            first = False
            current = current.parent
        return self._star_bindings(name, scope.module, {scope.module.key})

    def _star_bindings(self, name: str, module: ModuleIndex, seen: set[str]) -> list[Binding]:
        """The bindings of a name that star imports of ``module``, and those of what they import, bring in."""
        for star in module.stars:
            key = self._locate(module.key, star.level, star.module)
            if key is None or key in seen or key not in self.modules:
                continue
            seen.add(key)
            target = self.modules[key]
            found = target.scope.bindings.get(name) or self._star_bindings(name, target, seen)
            if found:
                return found
        return []

    def entities(self, expr: r.Expr, scope: Scope, depth: int = 0) -> tuple[Entity, ...]:
        """What ``expr`` refers to; empty when it cannot be known."""
        if depth > _DEPTH or not isinstance(
            expr, (r.Name, r.Attribute, r.Conditional, r.Boolean, r.Call)
        ):
            return ()
        if isinstance(expr, r.Call) and last_name(expr.func) not in _STANDING_FOR_ANOTHER:
            return ()
        key = (expr, scope)
        if key not in self._entities:
            self._entities[key] = ()  # a cycle finds this and ends
            self._entities[key] = tuple(dict.fromkeys(self._find_entities(expr, scope, depth)))
        return self._entities[key]

    def _find_entities(self, expr: r.Expr, scope: Scope, depth: int) -> Iterator[Entity]:
        match expr:
            case r.Name(name, _):
                found = self.bindings(name, scope)
                for binding in found:
                    yield from self._bound_entities(binding, depth + 1)
                if not found and name in _BUILTINS:
                    yield External(name)
                if not found and name not in _BUILTINS:
                    for star in scope.module.stars:
                        if self._locate(scope.module.key, star.level, star.module) is None:
                            yield External(f"{star.module}.{name}")
            case r.Attribute(value, attr, _):
                bases = self.entities(value, scope, depth + 1)
                for base in bases:
                    yield from self.member(base, attr, depth + 1)
                if not bases:
                    owners = self.instance_of(value, scope, depth + 1)
                    members = [
                        entity for owner in owners for entity in self.member(owner, attr, depth + 1)
                    ]
                    yield from members
                    if not members and owners:
                        for kept, inner in self.attribute_values(value, attr, scope, depth + 1):
                            yield from self.entities(kept, inner, depth + 1)
            case r.Conditional(_, body, orelse, _):
                yield from self.entities(body, scope, depth + 1)
                yield from self.entities(orelse, scope, depth + 1)
            case r.Boolean(_, left, right, _):
                yield from self.entities(left, scope, depth + 1)
                yield from self.entities(right, scope, depth + 1)
            case r.Call(func, (r.Argument(first, None, "", _), *rest), _):
                yield from self._stood_for(func, first, rest, scope, depth)

    def _stood_for(
        self, func: r.Expr, first: r.Expr, rest: list[r.Argument], scope: Scope, depth: int
    ) -> Iterator[Entity]:
        """What a call gives that only hands on its first argument, or imports it by its name."""
        names = [
            entity.name
            for entity in self.entities(func, scope, depth + 1)
            if isinstance(entity, External)
        ]
        if "functools.partial" in names:
            # Further positional arguments would move those that the call of the partial function gives.
            if all(argument.keyword is not None for argument in rest):
                yield from self.entities(first, scope, depth + 1)
        elif names and isinstance(first, r.Const) and isinstance(first.value, str):
            key = self._locate(scope.module.key, 0, first.value)
            if key is not None and key in self.modules:
                yield LocalModule(self.modules[key])
            elif key is None and not first.value.startswith("."):
                name = first.value
                yield External(name.partition(".")[0] if "__import__" in names else name)

    def _bound_entities(self, binding: Binding, depth: int) -> Iterator[Entity]:
        if binding.kind == "import":
            yield from self._imported(binding, depth)
        elif isinstance(binding.value, (r.FunctionDef, r.ClassDef)):
            yield Definition(binding.value, binding.scope)
        elif (
            binding.kind == "value"
            and not binding.unpack
            and not isinstance(binding.value, (r.Param, type(None)))
        ):
            yield from self.entities(binding.value, binding.scope, depth)

    def _imported(self, binding: Binding, depth: int) -> Iterator[Entity]:
        importer = binding.scope.module.key
        if binding.attr is None:
            key = self._locate(importer, 0, binding.module)
            if key is not None and key in self.modules:
                yield LocalModule(self.modules[key])
            else:
                yield External(binding.module)
            return
        dotted = f"{binding.module}.{binding.attr}" if binding.module else binding.attr
        key = self._locate(importer, binding.level, binding.module)
        if key is not None and key in self.modules:
            found = list(self.member(LocalModule(self.modules[key]), binding.attr, depth))
            if found:
                yield from found
                return
        submodule = self._locate(importer, binding.level, dotted)
        if submodule is not None and submodule in self.modules:
            yield LocalModule(self.modules[submodule])
        elif key is None and not binding.level:
            yield External(dotted)

    def imported_bindings(self, binding: Binding) -> list[Binding]:
        """The bindings, in a local module, of the name that an import brings in."""
        if binding.attr is None:
            return []
        key = self._locate(binding.scope.module.key, binding.level, binding.module)
        if key is None or key not in self.modules:
            return []
        return self.bindings(binding.attr, self.modules[key].scope)

    def member(self, entity: Entity, attr: str, depth: int = 0) -> Iterator[Entity]:
        """What ``entity.attr`` refers to."""
        if depth > _DEPTH:
            return
        match entity:
            case External(name):
                yield External(f"{name}.{attr}")
            case LocalModule(module):
                for binding in self.bindings(attr, module.scope):
                    yield from self._bound_entities(binding, depth + 1)
                if attr not in module.scope.bindings and module.name:
                    key = self._locate(module.key, 0, f"{module.name}.{attr}")
                    if key is not None and key in self.modules:
                        yield LocalModule(self.modules[key])
            case Definition(r.ClassDef(), _):
                for klass in self.class_line(entity):
                    found = klass.bindings.get(attr)
                    if found:
                        for binding in found:
                            yield from self._bound_entities(binding, depth + 1)
                        return

    # Classes and instances

    def class_line(self, definition: Definition) -> list[Scope]:
        """The scopes of a local class and of its local bases, nearest first."""
        line: list[Scope] = []
        waiting = [definition]
        while waiting and len(line) < _DEPTH:
            current = waiting.pop(0)
            if not isinstance(current.node, r.ClassDef):
                continue
            scope = current.scope.module.scope_of(current.node)
            if scope in line:
                continue
            line.append(scope)
            for base in current.node.bases:
                waiting.extend(
                    entity
                    for entity in self.entities(base.value, current.scope)
                    if isinstance(entity, Definition)
                )
        return line

    def external_bases(self, definition: Definition) -> Iterator[str]:
        """The qualified names of the library classes that a local class inherits from, nearest first."""
        for klass in self.class_line(definition):
            if isinstance(klass.node, r.ClassDef) and klass.parent is not None:
                for base in klass.node.bases:
                    for entity in self.entities(base.value, klass.parent):
                        if isinstance(entity, External):
                            yield entity.name

    def instance_of(self, expr: r.Expr, scope: Scope, depth: int = 0) -> tuple[Definition, ...]:
        """The local classes that the value of ``expr`` may be an instance of."""
        return tuple(
            made
            for made in self.producers(expr, scope, depth)
            if isinstance(made, Definition) and isinstance(made.node, r.ClassDef)
        )

    def producers(self, expr: r.Expr, scope: Scope, depth: int = 0) -> tuple[Entity, ...]:
        """What made the value of ``expr``: the class or function that was called for it."""
        key = (expr, scope)
        if depth > _DEPTH:
            return ()
        if key not in self._producers:
            self._producers[key] = ()
            self._producers[key] = tuple(dict.fromkeys(self._find_producers(expr, scope, depth)))
        return self._producers[key]

    def _find_producers(self, expr: r.Expr, scope: Scope, depth: int) -> Iterator[Entity]:
        match expr:
            case r.Call(func, _, _):
                yield from self._produced_by_call(func, scope, depth)
            case r.Name(name, _):
                if name in ("self", "cls") and (klass := _own_class(scope)) is not None:
                    yield klass
                    return
                for binding in self.bindings(name, scope):
                    yield from self._bound_producers(binding, depth + 1)
            case r.Attribute(value, attr, _):
                for assigned in self.attribute_values(value, attr, scope, depth + 1):
                    yield from self.producers(assigned[0], assigned[1], depth + 1)
            case r.Await(value, _):
                yield from self.producers(value, scope, depth + 1)
            case r.Conditional(_, body, orelse, _) | r.Boolean(_, body, orelse, _):
                yield from self.producers(body, scope, depth + 1)
                yield from self.producers(orelse, scope, depth + 1)
            case r.Binary("Divide", left, _, _):
                yield from self.producers(left, scope, depth + 1)
            case r.Walrus(_, value, _):
                yield from self.producers(value, scope, depth + 1)

    def _produced_by_call(self, func: r.Expr, scope: Scope, depth: int) -> Iterator[Entity]:
        found = self.entities(func, scope, depth + 1)
        for entity in found:
            if isinstance(entity, Definition) and isinstance(entity.node, r.FunctionDef):
                inner = entity.scope.module.scope_of(entity.node)
                for returned in inner.returns[:8]:
                    if returned.value is not None:
                        yield from self.producers(returned.value, inner, depth + 2)
            else:
                yield entity
        if not found and isinstance(func, r.Attribute):
            # A method of a value that is known keeps its kind: Image.open(p).convert("RGB").
            for made in self.producers(func.value, scope, depth + 1):
                if isinstance(made, External):
                    yield External(f"{made.name}.{func.attr}")
                    yield made

    def _bound_producers(self, binding: Binding, depth: int) -> Iterator[Entity]:
        value = binding.value
        if isinstance(value, r.Param):
            if value.annotation is not None:
                yield from self.entities(value.annotation, binding.scope, depth)
            if value.kind in ("", "keyword"):
                for argument, scope in self.argument_values(binding, depth):
                    yield from self.producers(argument, scope, depth + 1)
        elif binding.kind in ("value", "context") and value is not None:
            if isinstance(value, (r.FunctionDef, r.ClassDef)):
                return
            yield from self.producers(value, binding.scope, depth)
        elif binding.kind == "import":
            for imported in self.imported_bindings(binding):
                yield from self._bound_producers(imported, depth + 1)

    def attribute_values(
        self, receiver: r.Expr, attr: str, scope: Scope, depth: int = 0
    ) -> Iterator[tuple[r.Expr, Scope]]:
        """The expressions that ``receiver.attr`` may have been assigned, each with its scope."""
        if depth > _DEPTH:
            return
        for base in self.entities(receiver, scope, depth + 1):
            if isinstance(base, LocalModule):
                yield from self._values_of(self.bindings(attr, base.module.scope))
                yield from self._set_from_outside(base.module, attr, scope, depth)
            elif isinstance(base, Definition) and isinstance(base.node, r.ClassDef):
                for klass in self.class_line(base):
                    yield from self._values_of(klass.bindings.get(attr, []))
        for owner in self.instance_of(receiver, scope, depth + 1):
            for klass in self.class_line(owner):
                yield from self._values_of(klass.bindings.get(attr, []))
                for assigned in klass.module.attributes.get(attr, []):
                    if assigned.scope.enclosing_class is klass and _is_self(assigned.receiver):
                        yield assigned.value, assigned.scope
        if isinstance(receiver, r.Name) and not _is_self(receiver):
            for assigned in scope.module.attributes.get(attr, []):
                if isinstance(assigned.receiver, r.Name) and assigned.receiver.id == receiver.id:
                    yield assigned.value, assigned.scope

    def _set_from_outside(
        self, module: ModuleIndex, attr: str, asking: Scope, depth: int
    ) -> Iterator[tuple[r.Expr, Scope]]:
        """What other modules than the ``asking`` one assign to an attribute of ``module``."""
        for other in self.modules.values():
            for assigned in () if other is asking.module else other.attributes.get(attr, ()):
                entities = self.entities(assigned.receiver, assigned.scope, depth + 1)
                if LocalModule(module) in entities:
                    yield assigned.value, assigned.scope

    def _values_of(self, bindings: list[Binding]) -> Iterator[tuple[r.Expr, Scope]]:
        for binding in bindings:
            if binding.kind == "value" and not isinstance(
                binding.value, (r.Param, r.FunctionDef, r.ClassDef, type(None))
            ):
                yield binding.value, binding.scope

    # Calls of local functions

    def callers(self, definition: Definition) -> tuple[Site, ...]:
        """The calls that run ``definition`` (for ``__init__``: the calls of its class)."""
        key = definition.key
        if key not in self._callers:
            if self._nesting >= _NESTING:
                return ()
            self._callers[key] = ()
            self._nesting += 1
            self._callers[key] = tuple(self._find_callers(definition))
            self._nesting -= 1
        return self._callers[key]

    def _find_callers(self, definition: Definition) -> Iterator[Site]:
        node, owner = definition.node, definition.scope
        names = {node.name}
        subclasses: dict[Scope, None] = {}
        if owner.kind == "class" and node.name in ("__init__", "__new__"):
            subclasses = self._subclasses(owner)
            kinds = [scope.node for scope in (owner, *subclasses)]
            names = {"__init__", *(kind.name for kind in kinds if isinstance(kind, r.ClassDef))}
        for name in sorted(names):
            sites = self.sites_named(name)
            if name == "__init__":
                sites, by_super = self._initialisers
                for scope in subclasses:
                    yield from by_super.get(scope, ())
            for site in sites:
                for entity in self.entities(site.call.func, site.scope):
                    if isinstance(entity, Definition) and self._runs(entity, definition):
                        yield site
                        break

    def _runs(self, called: Definition, definition: Definition) -> bool:
        if called.key == definition.key:
            return True
        if not isinstance(called.node, r.ClassDef) or definition.scope.kind != "class":
            return False
        for klass in self.class_line(called):
            if definition.node.name in klass.bindings:
                return klass is definition.scope
        return False

    def _subclasses(self, base: Scope) -> dict[Scope, None]:
        """The scopes of the local classes that inherit from ``base``, itself included."""
        if self._descendants is None:
            self._descendants = {}
            for module in self.modules.values():
                for scope in module.scopes.values():
                    if isinstance(scope.node, r.ClassDef) and scope.parent is not None:
                        for above in self.class_line(Definition(scope.node, scope.parent)):
                            self._descendants.setdefault(above, {})[scope] = None
        return self._descendants.get(base, {base: None})

    def argument_values(self, binding: Binding, depth: int = 0) -> Iterator[tuple[r.Expr, Scope]]:
        """What callers pass for the parameter of ``binding``; its default where one leaves it out."""
        param, owner = binding.value, binding.owner
        if depth > _DEPTH or not isinstance(param, r.Param) or not isinstance(owner, r.FunctionDef):
            return
        assert binding.scope.parent is not None
        sites = self.callers(Definition(owner, binding.scope.parent))
        # Where nothing else is seen to call it, what another script would pass is better than nothing.
        sites = tuple(site for site in sites if not self.runs_only_elsewhere(site)) or sites
        defaulted = not sites
        if param.kind == "*":
            for site in sites:
                for extra in _beyond(site.call, owner, binding.scope.parent.kind == "class"):
                    yield extra, site.scope
            return
        for site in sites:
            passed = argument_for(
                site.call, owner, param.name, binding.scope.parent.kind == "class"
            )
            if passed is None:
                defaulted = True
            else:
                yield passed, site.scope
        if defaulted and param.default is not None:
            yield param.default, binding.scope.parent


def words_of(module: ModuleIndex, is_wanted: Callable[[str], bool]) -> frozenset[str]:
    """The last names of calls in ``module`` that stand for a wanted one, new names of imports included."""
    renamed = map(module.other_names.__getitem__, filter(is_wanted, module.other_names))
    return frozenset(filter(is_wanted, module.sites_by_name)).union(*renamed)


def argument_for(
    call: r.Call, function: r.FunctionDef, name: str, is_method: bool
) -> r.Expr | None:
    """The expression that ``call`` passes for the parameter ``name`` of ``function``, if any."""
    for argument in call.args:
        if argument.keyword == name:
            return argument.value
    names = [param.name for param in function.params if param.kind == ""]
    if is_method and names and not _is_static(function):
        names = names[1:]
    if name not in names:
        return None
    position = names.index(name)
    positional = [argument for argument in call.args if argument.keyword is None]
    for place, argument in enumerate(positional):
        if argument.star:
            return None
        if place == position:
            return argument.value
    return None


def _beyond(call: r.Call, function: r.FunctionDef, is_method: bool) -> Iterator[r.Expr]:
    """The positional arguments that ``*args`` of ``function`` takes up."""
    named = sum(param.kind == "" for param in function.params)
    if is_method and not _is_static(function):
        named -= 1
    positional = [argument for argument in call.args if argument.keyword is None]
    for argument in positional[named:]:
        yield argument.value


def argument_at(call: r.Call, position: int | None, keyword: str | None) -> r.Argument | None:
    """The argument of ``call`` at ``position`` (not behind a ``*``) or named ``keyword``."""
    if keyword is not None:
        for argument in call.args:
            if argument.keyword == keyword:
                return argument
    if position is None:
        return None
    for place, argument in enumerate(call.args):
        if argument.star or argument.keyword is not None:
            return None
        if place == position:
            return argument
    return None


def _is_self(expr: r.Expr) -> bool:
    return isinstance(expr, r.Name) and expr.id in ("self", "cls")


def _is_static(function: r.FunctionDef) -> bool:
    return any(
        isinstance(decorator, r.Name) and decorator.id == "staticmethod"
        for decorator in function.decorators
    )


def _is_super_call(func: r.Expr) -> bool:
    return (
        isinstance(func, r.Attribute)
        and isinstance(func.value, r.Call)
        and isinstance(func.value.func, r.Name)
        and func.value.func.id == "super"
    )


def _own_class(scope: Scope) -> Definition | None:
    klass = scope.enclosing_class
    if klass is None or klass.parent is None or not isinstance(klass.node, r.ClassDef):
        return None
    return Definition(klass.node, klass.parent)
