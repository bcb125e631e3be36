"""Finds the calls that rows of ``rules/uses.py`` describe, decorators and subclasses included."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

from mljob_codemod.analysis.constants import Device, Named, Special, Value
from mljob_codemod.analysis.default_run import DefaultRun
from mljob_codemod.analysis.names import Definition, External, Program, argument_at
from mljob_codemod.edits import Span
from mljob_codemod.rules.uses import Condition, Use, matches
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex, Scope, Site
from mljob_codemod.syntax.walking import first_name, last_name

_CPU_WORDS = ("cpu", "mps", "meta", "xla", "tpu", "npu", "hpu", "xpu", "mlu", "numpy")
_PLACED = ("auto", "balanced", "sequential")
"""Values of ``device_map`` and the like that take a GPU where there is one."""

_HOLDS = {"tensorflow": ("keras",)}
"""Libraries that are reached as an attribute of another: ``tf.keras``."""


class Place(NamedTuple):
    """Code that uses something: a call or a decorator, and the name that it goes by."""

    call: r.Call
    scope: Scope
    span: Span
    name: str
    site: Site | None

    @property
    def module(self) -> ModuleIndex:
        return self.scope.module


class UseFinder:
    """The calls of one program by the names of what they call.

    Candidates are chosen by how they are spelled; only then is it asked what the name refers to, since the
    answer may need other files to be read.
    """

    def __init__(
        self, program: Program, canonical: Callable[[str], str], libraries: frozenset[str]
    ) -> None:
        self._program = program
        self._canonical = cache(canonical)
        self._libraries = libraries
        self._named: dict[r.Expr, tuple[str, ...]] = {}
        self._aliases: dict[str, set[str]] = {}
        self._subclasses: dict[str, set[str]] = {}
        self._decorators: dict[str, list[tuple[r.Expr, Scope]]] = {}
        self._imported: dict[str, dict[ModuleIndex, set[str]]] = {}
        self.modules = [
            module
            for module in program.modules.values()
            if module.name.partition(".")[0] not in libraries
        ]
        """The modules of the program but for those of known libraries, whose uses are rows."""
        for module in self.modules:
            self._note(module)

    def _note(self, module: ModuleIndex) -> None:
        for scope in (module.scope, *module.scopes.values()):
            for given, bindings in scope.bindings.items():
                for binding in bindings:
                    if binding.kind == "import" and not binding.level:
                        self._note_import(module, given, binding.module, binding.attr)
            node = scope.node
            if isinstance(node, r.ClassDef):
                for base in node.bases:
                    name = last_name(base.value)
                    if name is not None:
                        self._subclasses.setdefault(name, set()).add(node.name)
            elif isinstance(node, r.FunctionDef):
                for decorator in node.decorators:
                    name = last_name(decorator)
                    if name is not None:
                        self._decorators.setdefault(name, []).append((decorator, scope))
        for star in module.stars:
            if not star.level:
                self._note_import(module, "*", star.module, None)

    def _note_import(
        self, module: ModuleIndex, given: str, imported: str, attr: str | None
    ) -> None:
        if attr is not None and attr != given:
            self._aliases.setdefault(attr, set()).add(given)
        name = imported if attr is None else f"{imported}.{attr}"
        root = self._canonical(name).partition(".")[0]
        for library in (root, *_HOLDS.get(root, ())):
            self._imported.setdefault(library, {}).setdefault(module, set()).add(given)

    @property
    def libraries(self) -> Collection[str]:
        """The top-level names of what the program imports."""
        return self._imported.keys()

    def imports(self, root: str) -> Iterable[ModuleIndex]:
        """The modules that import something of the library ``root``."""
        return self._imported.get(root, ())

    def _names_of(self, func: r.Expr, scope: Scope) -> tuple[str, ...]:
        if func not in self._named:
            names: dict[str, None] = {}
            spelled = self._spelled(func, scope)
            if spelled is not None:
                names[spelled] = None
            for entity in self._program.entities(func, scope) if spelled is None else ():
                if isinstance(entity, External):
                    names[self._canonical(entity.name)] = None
                elif isinstance(entity, Definition) and isinstance(entity.node, r.ClassDef):
                    bases = self._program.external_bases(entity)
                    names.update(dict.fromkeys(map(self._canonical, bases)))
            self._named[func] = tuple(names)
        return self._named[func]

    def _spelled(self, func: r.Expr, scope: Scope) -> str | None:
        """The name by the import alone, of a known library whose own repository this is."""
        attrs: list[str] = []
        while isinstance(func, r.Attribute):
            attrs.insert(0, func.attr)
            func = func.value
        if not isinstance(func, r.Name):
            return None
        for binding in self._program.bindings(func.id, scope):
            root = binding.module.partition(".")[0]
            if binding.kind == "import" and not binding.level and root in self._libraries:
                parts = [binding.module, *([] if binding.attr is None else [binding.attr]), *attrs]
                return self._canonical(".".join(parts))
        return None

    def is_other(self, place: Place, run: DefaultRun) -> bool:
        """Whether ``run`` is seen to call something else under the name: one of two by a condition."""
        func = place.call.func
        if not isinstance(func, r.Name) or place.site is None:
            return False
        found = run.values(func, place.scope)
        names = {value.name for value in found if isinstance(value, Named)}
        return len(names) == len(found) and place.name not in {
            self._canonical(name) for name in names
        }

    def find(self, use: Use) -> Iterator[Place]:
        """Every call that goes by a name of ``use``, whatever its arguments are."""
        for pattern in use.names:
            for call, scope, site in self._candidates(pattern):
                for name in self._names_of(call.func, scope):
                    if matches(name, (pattern,)) and not matches(name, use.excluded):
                        yield Place(call, scope, call.span, name, site)
                        break
        for method in use.methods:
            for site in self._program.sites_named(method):
                if isinstance(site.call.func, r.Attribute) and self._is_own(site):
                    yield Place(site.call, site.scope, site.call.span, method, site)

    def _candidates(self, pattern: str) -> Iterator[tuple[r.Call, Scope, Site | None]]:
        """Calls, and decorators as calls without arguments, that may be of ``pattern``."""
        if pattern.endswith(".*"):
            yield from self._of_library(pattern.partition(".")[0])
            return
        last = pattern.rpartition(".")[2]
        names = {last, *self._aliases.get(last, ())}
        waiting = [*names]
        while waiting:
            for name in self._subclasses.get(waiting.pop(), ()):
                if name not in names:
                    names.add(name)
                    waiting.append(name)
        for name in sorted(names):
            for site in self._program.sites_named(name):
                if self._is_own(site):
                    yield site.call, site.scope, site
            for decorator, scope in self._decorators.get(name, ()):
                yield r.Call(decorator, (), decorator.span), scope, None

    def _is_own(self, site: Site) -> bool:
        return site.scope.module.name.partition(".")[0] not in self._libraries

    def _of_library(self, root: str) -> Iterator[tuple[r.Call, Scope, Site | None]]:
        for module, given in self._imported.get(root, {}).items():
            by_name = module.sites_by_first_name
            sites = module.sites
            if "*" not in given:
                sites = [site for name in given for site in by_name.get(name, ())]
                sites.sort(key=lambda site: site.call.span)
            yield from ((site.call, site.scope, site) for site in sites)
            for decorators in self._decorators.values():
                for decorator, scope in decorators:
                    if scope.module is module and first_name(decorator) in given:
                        yield r.Call(decorator, (), decorator.span), scope, None


def condition_holds(condition: Condition, place: Place, run: DefaultRun) -> bool | None:
    """Whether an argument is as ``condition`` asks; None where its value is not known.

    An argument that is not given is no argument: False.
    """
    position = condition.argument.position
    given = argument_at(place.call, position, condition.argument.keywords[0])
    if given is None:
        return False
    return value_fits(condition.value, given.value, place.scope, run)


def is_given(condition: Condition, call: r.Call) -> bool:
    return (
        argument_at(call, condition.argument.position, condition.argument.keywords[0]) is not None
    )


def value_fits(wanted: str, expr: r.Expr, scope: Scope, run: DefaultRun) -> bool | None:
    """Whether the value of ``expr`` is what ``wanted`` says (``compute.toml`` documents the words)."""
    if wanted == "none":
        return isinstance(expr, r.Sequence) and not expr.elements
    found = {_fits(wanted, value) for value in run.values(expr, scope)}
    if True in found:
        return True
    return None if None in found else False


def _fits(wanted: str, value: Value) -> bool | None:
    match wanted:
        case "gpu":
            return is_gpu(value)
        case "count":
            return _is_count(value)
        case "true":
            return None if isinstance(value, Special) else bool(value)
        case "given":
            return None if value is Special.UNKNOWN else value not in (None, False)
    if value is Special.UNKNOWN:
        return None
    text = value.name if isinstance(value, (Device, Named)) else str(value)
    return fnmatchcase(text.lower(), wanted.lower())


def is_gpu(value: Value) -> bool | None:
    """Whether ``value`` names a GPU, by name, by index or as a switch."""
    match value:
        case Device(name) | Named(name):
            return _names_gpu(name)
        case str():
            return _names_gpu(value)
        case bool() | None:
            return bool(value)
        case Special.NUMBER | Special.SOME:
            return True
        case Special():
            return None
        case int():
            return value >= 0
        case tuple():
            found = {is_gpu(item) for item in value}
            return True if True in found else None if None in found else False
    return False


def _names_gpu(text: str) -> bool | None:
    name = text.lower().strip("/")
    if name.startswith(("cuda", "gpu", "nvidia", *_PLACED)) or "gpu:" in name or ".cuda" in name:
        return True
    if name.lstrip("-").replace(",", "").isdigit():
        return not name.startswith("-")
    if not name or name.startswith(_CPU_WORDS) or "cpu" in name:
        return False
    return None if "?" in name else False


def takes_if_there(value: Value) -> bool:
    """Whether ``value`` leaves it to the machine whether a GPU is used."""
    return isinstance(value, str) and value.lower().startswith(_PLACED)


def _is_count(value: Value) -> bool | None:
    match value:
        case Special.NUMBER | Special.SOME:
            return True
        case Special():
            return None
        case int() | float():
            return value != 0
        case str():
            return value not in ("", "0", "None")
        case tuple():
            return bool(value)
    return False
