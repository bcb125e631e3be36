"""The qualified names that the calls of a program may go by, where rows of services are looked up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from typing import Final

from mljob_codemod.analysis.names import Definition, External, Program, words_of
from mljob_codemod.analysis.values import PathEvaluator
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex, Scope, Site
from mljob_codemod.syntax.walking import last_name

_HUB_LIBRARIES: Final = frozenset(
    {"transformers", "diffusers", "pytorch_transformers", "pytorch_pretrained_bert"}
)


class CallNames:
    """Finds calls by the names that rows have for them; a class of the project counts as its bases."""

    def __init__(
        self,
        program: Program,
        paths: PathEvaluator,
        canonical: Callable[[str], str],
        reaches: Callable[[str], bool],
    ) -> None:
        """``canonical`` spells a name as the rows do; ``reaches`` says whether a row is about it."""
        self._program = program
        self._paths = paths
        self._full_name = cache(canonical)
        self._reaches = reaches

    def sites(
        self, words: frozenset[str], libraries: frozenset[str]
    ) -> Iterator[tuple[Site, list[str]]]:
        """The calls that may be among the rows, with the qualified names they go by."""
        kinds = frozenset(self._local_kinds())
        for module in self._program.modules.values():
            wanted = words_of(module, words.__contains__) | kinds
            every = any(_fits_some(library, libraries) for library in self._libraries(module))
            for site in module.sites:
                if every or site.name is None or site.name in wanted:
                    names = self._names_of(site.call.func, site.scope)
                    if names:
                        yield site, names

    def _libraries(self, module: ModuleIndex) -> set[str]:
        """The top-level names of what ``module`` imports, as the rules spell them."""
        return {self._full_name(name).partition(".")[0] for name in module.imported_names}

    def _local_kinds(self) -> Iterator[str]:
        """The local classes that inherit from one whose making reaches a service."""
        for module in self._program.modules.values():
            for scope in module.scopes.values():
                if isinstance(scope.node, r.ClassDef) and scope.parent is not None:
                    for base in self._bases(Definition(scope.node, scope.parent)):
                        if self._reaches(base):
                            yield scope.node.name

    def _bases(self, definition: Definition) -> Iterator[str]:
        return map(self._full_name, self._program.external_bases(definition))

    def _names_of(self, func: r.Expr, scope: Scope) -> list[str]:
        """The qualified names that ``func`` may go by; none for what the project defines itself."""
        names: dict[str, None] = {}
        entities = self._program.entities(func, scope)
        for entity in entities:
            if isinstance(entity, External):
                names[self._full_name(entity.name)] = None
            elif isinstance(entity, Definition) and isinstance(entity.node, r.ClassDef):
                inner = entity.scope.module.scope_of(entity.node)
                if "__init__" not in inner.bindings:  # else its own super().__init__ is seen
                    names.update(dict.fromkeys(self._bases(entity)))
        if entities:
            return list(names)
        match func:
            case r.Attribute(r.Call(r.Name("super", _), _, _), attr, _):
                klass = scope.enclosing_class
                if klass is not None and isinstance(klass.node, r.ClassDef) and klass.parent:
                    bases = self._bases(Definition(klass.node, klass.parent))
                    ends = "" if attr == "__init__" else f".{attr}"
                    names.update(dict.fromkeys(f"{base}{ends}" for base in bases))
            case r.Attribute(r.Call(r.Name("get_ipython", _), (), _), attr, _):
                names[f"get_ipython.{attr}"] = None
            case r.Attribute(receiver, attr, _):
                for maker in self._makers(receiver, scope):
                    names[f"{maker}.{attr}"] = None
                if not names and attr == "from_pretrained":
                    # A class chosen at run time: MODEL_CLASSES[args.model_type]; no other library names a method so.
                    for library in sorted(self._libraries(scope.module) & _HUB_LIBRARIES):
                        names[f"{library}.<name>.{attr}"] = None
                        break
            case r.Subscript(r.Attribute(value, "__dict__", _), _, _):
                names.update(self._below(value, scope))
            case r.Call(r.Name("getattr", _), args, _) if args:
                names.update(self._below(args[0].value, scope))
            case r.Name(_, _):
                for made, inner in self._paths.origins.of(func, scope):
                    if isinstance(made, r.Call) and last_name(made.func) == "getattr" and made.args:
                        names.update(self._below(made.args[0].value, inner))
        return list(names)

    def _makers(self, receiver: r.Expr, scope: Scope) -> Iterator[str]:
        """What made the receiver of a method, a class of the project counting as its bases."""
        for owner in self._program.entities(receiver, scope):
            if isinstance(owner, Definition) and isinstance(owner.node, r.ClassDef):
                yield from self._bases(owner)
        for made in self._program.producers(receiver, scope):
            if isinstance(made, External):
                yield self._full_name(made.name)
            elif isinstance(made, Definition) and isinstance(made.node, r.ClassDef):
                yield from self._bases(made)

    def _below(self, expr: r.Expr, scope: Scope) -> dict[str, None]:
        """A name below a module that is looked up at run time."""
        return {
            f"{self._full_name(entity.name)}.<name>": None
            for entity in self._program.entities(expr, scope)
            if isinstance(entity, External)
        }


def _fits_some(name: str, patterns: frozenset[str]) -> bool:
    return name in patterns or any("*" in each and fnmatchcase(name, each) for each in patterns)
