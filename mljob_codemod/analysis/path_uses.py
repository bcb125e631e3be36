"""The calls that write, read or ask about paths, and the values those paths may have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum
from functools import cached_property

from mljob_codemod.analysis.names import Definition, External, Program, argument_at
from mljob_codemod.analysis.path_values import PathValue, Root
from mljob_codemod.analysis.values import PathEvaluator
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules import Argument, CallRules, Manner, PathCall, Reader, Writer
from mljob_codemod.rules.calls import CallTable
from mljob_codemod.rules.rows import Ending
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Site
from mljob_codemod.syntax.walking import last_name


class Role(Enum):
    """What a call does with a path."""

    WRITE = "write"
    READ = "read"
    PROBE = "probe"


@dataclass(frozen=True, eq=False)
class PathUse:
    """A call's use of one path. ``argument`` is None where the path is the call's own default."""

    role: Role
    rule: PathCall
    site: Site
    name: str
    argument: r.Expr | None
    values: tuple[PathValue, ...]
    mode: str | None = None

    @property
    def writer(self) -> Writer | None:
        return self.rule if isinstance(self.rule, Writer) else None

    def manner(self, value: PathValue) -> Manner:
        """How the call writes to ``value``."""
        writer = self.writer
        return Manner.SEQUENTIAL if writer is None else writer.manner_for(value.text, self.mode)

    @cached_property
    def makes_folder(self) -> bool:
        return self.writer is not None and self.writer.makes_folder

    @cached_property
    def needs_parent(self) -> bool:
        """Whether a folder is made in one that must be there already."""
        writer = self.writer
        if writer is None or not writer.makes_folder or writer.creates_parents:
            return False
        if writer.parents is None:
            return True
        given = _find_argument(self.site.call, writer.parents)
        return given is None or (isinstance(given, r.Const) and not given.value)

    @cached_property
    def creates_parents(self) -> bool:
        return self.writer is not None and self.writer.creates_parents


class UseFinder:
    """Matches the calls of a program against the rules."""

    def __init__(self, program: Program, paths: PathEvaluator, rules: CallRules) -> None:
        self._program = program
        self._paths = paths
        self._rules = rules
        self._words = rules.trigger_words() | {"dictConfig"}

    def uses(self, is_reached: Callable[[Site], bool]) -> Iterator[PathUse]:
        """Every use of a path in the calls that a run can come to."""
        subclasses = self._subclasses()
        words = self._words.union(subclasses, ("__init__",) if subclasses else ())
        for site in self._program.sites_calling(words.__contains__):
            name = site.name
            if name is None or not is_reached(site):
                continue
            functions, receivers = self._called(site)
            if functions is None:
                continue
            shown = functions[0] if functions else f".{name}"
            if shown == "logging.config.dictConfig":
                yield from self._configured_files(site)
            for role, table in self._tables():
                rule = self._match(table, functions, receivers, name)
                if rule is not None:
                    yield from self._uses_of(role, rule, site, shown)

    def _subclasses(self) -> set[str]:
        """The names of the project's classes that inherit from one that a rule names."""
        return {
            scope.node.name
            for module in self._program.modules.values()
            for scope in module.scopes.values()
            if isinstance(scope.node, r.ClassDef)
            and any(last_name(base.value) in self._words for base in scope.node.bases)
        }

    def _tables(self) -> tuple[tuple[Role, CallTable[PathCall]], ...]:
        return (  # the three tables hold subclasses of PathCall and are only read here
            (Role.WRITE, self._rules.writers),  # type: ignore[return-value]
            (Role.READ, self._rules.readers),
            (Role.PROBE, self._rules.probes),
        )

    def _called(self, site: Site) -> tuple[list[str] | None, list[str | None]]:
        """Qualified names of the called function, and what may have made a method's receiver.

        None for a function of the project's own: what it does is seen in its own body.
        """
        func = site.call.func
        entities = self._program.entities(func, site.scope)
        names = [entity.name for entity in entities if isinstance(entity, External)]
        if names:
            return names, []
        if _is_super_init(func) and (klass := site.scope.enclosing_class) is not None:
            if isinstance(klass.node, r.ClassDef) and klass.parent is not None:
                return [
                    *self._program.external_bases(Definition(klass.node, klass.parent))
                ] or None, []
        definitions = [entity for entity in entities if isinstance(entity, Definition)]
        if definitions:
            bases = [base for one in definitions for base in self._inherited_constructor(one)]
            return bases or None, []
        if not isinstance(func, r.Attribute) or _is_of_text(func, site.call):
            return None, []
        receivers: list[str | None] = []
        for made in self._program.producers(func.value, site.scope):
            if isinstance(made, External):
                receivers.append(made.name)
            elif isinstance(made, Definition):
                receivers.extend(self._program.external_bases(made))
        values = self._paths.values(func.value, site.scope)
        if any(value.is_path for value in values):
            receivers.insert(0, "pathlib.Path")
        return [], receivers or [None]

    def _inherited_constructor(self, definition: Definition) -> Iterator[str]:
        """The library classes that a class of the project is made by, where it says nothing of that itself."""
        if isinstance(definition.node, r.ClassDef):
            line = self._program.class_line(definition)
            if not any("__init__" in klass.bindings for klass in line):
                yield from self._program.external_bases(definition)

    def _match(
        self,
        table: CallTable[PathCall],
        functions: list[str],
        receivers: list[str | None],
        name: str,
    ) -> PathCall | None:
        for function in functions:
            rule = self._rules.find(table, function=function)
            if rule is not None:
                return rule
        for receiver in receivers:
            rule = self._rules.find(table, method=name, receiver=receiver)
            if rule is not None:
                return rule
        return None

    def _uses_of(self, role: Role, rule: PathCall, site: Site, shown: str) -> Iterator[PathUse]:
        mode: str | None = None
        if rule.mode is not None:
            given = _find_argument(site.call, rule.mode.argument)
            if given is not None:
                mode = self._text(given, site)
                if mode is None:
                    return
            if isinstance(rule, Writer) and not rule.writes(mode):
                return
            if isinstance(rule, Reader) and not rule.reads(mode):
                return
        if rule.only_with is not None:
            place, texts = rule.only_with
            deciding = _find_argument(site.call, place)
            text = "" if deciding is None else self._constant(deciding, site)
            if text is not None and text not in texts:
                return
        for place in rule.arguments:
            argument = _find_argument(site.call, place)
            if argument is None or (isinstance(argument, r.Const) and argument.value is None):
                known = not any(given.star for given in site.call.args)
                if (
                    rule.default is not None
                    and argument is None
                    and place is rule.arguments[0]
                    and known
                ):
                    value = PathValue(Root.LITERAL, rule.default, site.scope, site.call)
                    yield PathUse(role, rule, site, shown, None, (value,), mode)
                continue
            values = self._paths.values(argument, site.scope) or self._of_entries(argument, site)
            if isinstance(rule, Writer) and rule.ending is not None:
                values = tuple(self._with_ending(value, rule.ending, site) for value in values)
            if rule.url_prefixes:
                values = tuple(_without_url(value, rule.url_prefixes) for value in values)
                values = tuple(value for value in values if value.root is not Root.URL)
            if not rule.certain and not any(_is_evidently_path(value) for value in values):
                continue
            yield PathUse(role, rule, site, shown, argument, values, mode)

    def _with_ending(self, value: PathValue, ending: Ending, site: Site) -> PathValue:
        """The path of the file that is written, where the source says all of it."""
        if value.root is not Root.LITERAL:
            return value
        chosen = None if ending.argument is None else _find_argument(site.call, ending.argument)
        choice = None if chosen is None else self._text(chosen, site)
        return replace(value, text=ending.add_to(value.text, choice))

    def _of_entries(self, argument: r.Expr, site: Site) -> tuple[PathValue, ...]:
        """The paths in a dictionary: ``data_files={"train": "train.csv"}``."""
        return tuple(
            value
            for made, scope in self._paths.origins.of(argument, site.scope)
            if isinstance(made, r.Mapping)
            for _, entry in made.items
            for value in self._paths.values(entry, scope)
        )

    def _configured_files(self, site: Site) -> Iterator[PathUse]:
        """The log files that a logging configuration names: its handlers are file handlers."""
        rule = self._rules.writers.function("logging.FileHandler")
        argument = argument_at(site.call, 0, "config")
        if rule is None or argument is None:
            return
        waiting = list(self._paths.origins.of(argument.value, site.scope))
        while waiting:
            made, scope = waiting.pop()
            if not isinstance(made, r.Mapping):
                continue
            for key, value in made.items:
                waiting.append((value, scope))
                if isinstance(key, r.Const) and key.value == "filename":
                    values = self._paths.values(value, scope)
                    yield PathUse(
                        Role.WRITE, rule, site, "logging.config.dictConfig", value, values
                    )

    def _constant(self, expr: r.Expr, site: Site) -> str | None:
        """A constant as it is written in Python; the text of a string."""
        if isinstance(expr, r.Const) and not isinstance(expr.value, str):
            return str(expr.value)
        return self._text(expr, site)

    def _text(self, expr: r.Expr, site: Site) -> str | None:
        for value in self._paths.values(expr, site.scope):
            if value.root is Root.LITERAL:
                return value.text
        return None


def _find_argument(call: r.Call, place: Argument) -> r.Expr | None:
    if place.receiver:
        return call.func.value if isinstance(call.func, r.Attribute) else None
    for keyword in place.keywords:
        for argument in call.args:
            if argument.keyword == keyword:
                return argument.value
    found = argument_at(call, place.position, None)
    return None if found is None else found.value


def _is_super_init(func: r.Expr) -> bool:
    match func:
        case r.Attribute(r.Call(r.Name("super", _), _, _), "__init__", _):
            return True
    return False


def _is_of_text(func: r.Attribute, call: r.Call) -> bool:
    """Whether a method is one of texts, though paths have one of that name: ``replace(old, new)``."""
    return func.attr == "replace" and len(call.args) > 1


def _without_url(value: PathValue, prefixes: tuple[str, ...]) -> PathValue:
    for prefix in prefixes:
        if value.text.startswith(prefix):
            return PathValue(
                Root.LITERAL,
                value.text[len(prefix) :],
                value.scope,
                value.node,
                built=True,
                reason=prefix,
            )
    return value


def _is_evidently_path(value: PathValue) -> bool:
    if value.is_path or value.root in (Root.SCRIPT_FOLDER, Root.TEMPORARY, Root.RESULT):
        return True
    if value.root is Root.OPTION:
        return True
    if value.root is Root.LITERAL:
        name = value.text.rpartition("/")[2]
        stem, dot, suffix = name.rpartition(".")
        return "/" in value.text or (bool(stem) and bool(dot) and suffix.isalnum())
    return False
