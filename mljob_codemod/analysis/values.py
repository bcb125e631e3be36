"""Where a path comes from: what in the source decides where it lies.

A path is followed backwards, from the call that uses it through variables, parameters, attributes,
dictionaries and the functions of ``os.path`` and ``pathlib``, to its beginning: a literal, a
command-line option, an environment variable, a temporary folder, the script's own folder. That beginning
is what a rewrite has to change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import Enum

from mljob_codemod.analysis.names import (
    Definition,
    External,
    LocalModule,
    Program,
    argument_at,
    last_name,
)
from mljob_codemod.analysis.options import RESULT_VARIABLE, Option, OptionTable
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Binding, Scope

SCRATCH_VARIABLE = "MLJOB_SCRATCH"
"""Where the scratch folder of a job is told to its processes (``codemods/inserted.py``)."""
_LIMIT = 12
"""How many possible values of one expression are kept."""
_DEPTH = 40
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PATH_CLASSES = frozenset(
    f"{module}.{name}"
    for module in ("pathlib", "pathlib2", "upath")
    for name in ("Path", "PurePath", "PosixPath", "PurePosixPath", "WindowsPath", "UPath")
)
_SAME_PATH = frozenset(
    """os.path.abspath os.path.realpath os.path.normpath os.path.expanduser os.path.expandvars
    os.path.normcase os.fspath os.fsdecode str hydra.utils.to_absolute_path
    hydra.utils.get_original_cwd xm.to_absolute_path""".split()
)
_SAME_PATH_METHODS = frozenset(
    """resolve absolute expanduser as_posix rstrip lstrip strip lower upper removesuffix
    __str__ __fspath__ replace encode""".split()
)
_RENAMING_METHODS = frozenset("with_suffix with_name with_stem".split())


class Root(Enum):
    """What decides where a path lies."""

    LITERAL = "literal"
    OPTION = "option"
    ENVIRONMENT = "environment"
    SCRIPT_FOLDER = "script folder"
    HOME = "home"
    WORKING_FOLDER = "working folder"
    TEMPORARY = "temporary"
    RESULT = "result path"
    URL = "url"
    UNKNOWN = "unknown"


@dataclass(frozen=True, eq=False)
class PathValue:
    """One value that a path may have.

    ``text`` is the path as far as it is known, unknown parts in angle brackets; ``node``, in ``scope``,
    is the expression that decides where it lies, and ``via`` the call of ``os.path.join`` or ``Path``
    whose first argument that expression is. ``prefix`` says that text follows the root directly,
    without a separator, so that the root names files rather than a folder. ``components`` are the
    options whose whole values become folders or files further on in the path.
    """

    root: Root
    text: str
    scope: Scope | None = None
    node: r.Expr | None = None
    via: r.Call | None = None
    option: Option | None = None
    prefix: bool = False
    built: bool = False
    is_path: bool = False
    at_use: bool = False
    """The expression serves as something else too (a dictionary's key): to be moved where it is used."""
    components: tuple[Option, ...] = ()
    prefixes: tuple[Option, ...] = ()
    """The options whose values begin names further on in the path."""
    has_parts: bool = False
    """Some option's value is a part of the path further on."""
    reason: str = ""


UNKNOWN = PathValue(Root.UNKNOWN, "<unknown>")


class PathEvaluator:
    """Evaluates path expressions of one program; results are kept."""

    def __init__(self, program: Program, options: OptionTable) -> None:
        self.program = program
        self.options = options
        self._known: dict[tuple[r.Expr, Scope], tuple[PathValue, ...]] = {}
        self._origins: dict[tuple[r.Expr, Scope], tuple[tuple[r.Expr, Scope], ...]] = {}

    def values(self, expr: r.Expr, scope: Scope, depth: int = 0) -> tuple[PathValue, ...]:
        """Every value the path expression ``expr`` may have, as far as that can be seen."""
        key = (expr, scope)
        if key in self._known:
            return self._known[key]
        if depth > _DEPTH:
            return ()
        self._known[key] = ()  # what leads back to itself adds nothing
        found: dict[object, PathValue] = {}
        for value in self._evaluate(expr, scope, depth + 1):
            found.setdefault((value.root, value.text, value.node, value.option), value)
            if len(found) >= _LIMIT:
                break
        self._known[key] = tuple(found.values())
        return self._known[key]

    def default_values(self, option: Option) -> tuple[PathValue, ...]:
        """The values of an option's default, which the option itself hides elsewhere."""
        if option.default is None:
            return ()
        return tuple(self._evaluate_written(option.default, option.scope, 1))

    def _evaluate(self, expr: r.Expr, scope: Scope, depth: int) -> Iterator[PathValue]:
        option = self.options.by_variable.get(expr)
        if option is not None:
            yield PathValue(Root.OPTION, "", option=option)
        else:
            yield from self._evaluate_written(expr, scope, depth)

    def _evaluate_written(self, expr: r.Expr, scope: Scope, depth: int) -> Iterator[PathValue]:
        match expr:
            case r.Const(str() as text, _):
                root = Root.URL if _URL.match(text) else Root.LITERAL
                yield PathValue(root, text, scope, expr)
            case r.Name(name, _):
                yield from self._of_name(name, expr, scope, depth)
            case r.Attribute(receiver, attr, _):
                yield from self._of_attribute(expr, receiver, attr, scope, depth)
            case r.Subscript(receiver, index, _):
                yield from self._of_item(expr, receiver, index, scope, depth)
            case r.Call():
                yield from self._of_call(expr, scope, depth)
            case r.Binary("Divide", left, right, _):
                yield from self._joined(expr, left, (right,), None, scope, depth, is_path=True)
            case r.Binary("Add", _, _, _):
                yield from self._built(expr, tuple(_operands(expr)), scope, depth)
            case r.Binary("Modulo", r.Const(str()) as template, given, _):
                yield from self._built(expr, tuple(_filled(template, given)), scope, depth)
            case r.Joined(parts, _):
                yield from self._built(expr, parts, scope, depth)
            case r.Boolean(_, left, right, _) | r.Conditional(_, left, right, _):
                values = (*self.values(left, scope, depth), *self.values(right, scope, depth))
                # What stands beside the result path is for runs outside a job.
                mapped = [value for value in values if value.root is Root.RESULT]
                yield from mapped or values
            case r.Walrus(_, value, _) | r.Await(value, _):
                yield from self.values(value, scope, depth)
            case r.Sequence(elements, _):
                for element in elements:
                    yield from self.values(element, scope, depth)

    # Names, attributes, items

    def _of_name(self, name: str, expr: r.Expr, scope: Scope, depth: int) -> Iterator[PathValue]:
        if name == "__file__":
            yield PathValue(Root.SCRIPT_FOLDER, "__file__", scope, expr)
            return
        found = self.program.bindings(name, scope)
        for binding in found:
            yield from self._of_binding(binding, depth)
        if not found:
            yield replace(UNKNOWN, reason="name")

    def _of_binding(self, binding: Binding, depth: int) -> Iterator[PathValue]:
        value = binding.value
        if isinstance(value, r.Param):
            yield from self._of_param(binding, value, depth)
        elif binding.kind == "import":
            for target in self.program.imported_bindings(binding):
                yield from self._of_binding(target, depth)
        elif value is None or isinstance(value, (r.FunctionDef, r.ClassDef)):
            yield replace(UNKNOWN, reason="opaque")
        elif binding.kind == "value":
            yield from self._unpacked(value, binding.unpack, binding.scope, depth)
        elif binding.kind == "context":
            yield from self.values(value, binding.scope, depth)
        elif binding.kind == "element":
            yield from self._of_element(value, binding, depth)
        else:
            yield replace(UNKNOWN, reason="opaque")

    def _unpacked(
        self, value: r.Expr, unpack: tuple[int, ...], scope: Scope, depth: int
    ) -> Iterator[PathValue]:
        for place in unpack:
            if isinstance(value, r.Sequence) and place < len(value.elements):
                value = value.elements[place]
            else:
                yield from self._unpacked_return(value, place, scope, depth)
                return
        yield from self.values(value, scope, depth)

    def _unpacked_return(
        self, value: r.Expr, place: int, scope: Scope, depth: int
    ) -> Iterator[PathValue]:
        if External("sys.argv") in self.program.entities(value, scope):
            for option in self.options.options:
                if option.framework == "sys_argv" and option.module is scope.module:
                    if option.position == place - 1:
                        yield PathValue(Root.OPTION, "", option=option)
                        return
        for function, inner in self._called(value, scope):
            for returned in function.returns:
                if isinstance(returned.value, r.Sequence) and place < len(returned.value.elements):
                    yield from self.values(returned.value.elements[place], inner, depth)
        yield replace(UNKNOWN, reason="call")

    def _called(self, value: r.Expr, scope: Scope) -> Iterator[tuple[Scope, Scope]]:
        if isinstance(value, r.Call):
            for entity in self.program.entities(value.func, scope):
                if isinstance(entity, Definition) and isinstance(entity.node, r.FunctionDef):
                    inner = entity.scope.module.scope_of(entity.node)
                    yield inner, inner

    def _of_element(self, value: r.Expr, binding: Binding, depth: int) -> Iterator[PathValue]:
        found = False
        for element, unpack, scope, is_key in self._elements(
            value, binding.unpack, binding.scope, depth
        ):
            found = True
            for item in self._unpacked(element, unpack, scope, depth):
                yield replace(item, at_use=True) if is_key else item
        if not found:
            yield replace(UNKNOWN, reason="element")

    def _elements(
        self, value: r.Expr, unpack: tuple[int, ...], scope: Scope, depth: int
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
                    yield from self._elements(inner, unpack, scope, depth + 1)
                elif name == "enumerate" and unpack[:1] == (1,):
                    yield from self._elements(inner, unpack[1:], scope, depth + 1)
                elif name == "zip" and unpack and unpack[0] < len(args):
                    inner = args[unpack[0]].value
                    yield from self._elements(inner, unpack[1:], scope, depth + 1)
            case r.Call(r.Attribute(inner, "items" | "keys" | "values" as view, _), (), _):
                for made, place in self.origins(inner, scope):
                    if isinstance(made, r.Mapping):
                        yield from _view(made, view, unpack, place)
            case r.Name(name, _) if depth < _DEPTH:
                for bound in self.program.bindings(name, scope):
                    if bound.kind == "value" and isinstance(bound.value, (r.Sequence, r.Mapping)):
                        yield from self._elements(bound.value, unpack, bound.scope, depth + 1)

    def _of_param(self, binding: Binding, param: r.Param, depth: int) -> Iterator[PathValue]:
        owner = binding.owner
        if isinstance(owner, r.FunctionDef):
            option = self.options.of_param(owner, param.name, binding.scope.module)
            if option is not None:
                yield PathValue(Root.OPTION, "", None, None, option=option)
                return
        found = False
        for argument, scope in self.program.argument_values(binding, depth):
            found = True
            yield from self.values(argument, scope, depth)
        if not found or self._is_filled_by_stars(binding):
            option = self._by_dest(param.name)
            if option is not None:
                yield PathValue(Root.OPTION, "", None, None, option=option)
            elif not found:
                yield replace(UNKNOWN, reason="parameter", text=f"<{param.name}>")

    def _is_filled_by_stars(self, binding: Binding) -> bool:
        owner = binding.owner
        if not isinstance(owner, r.FunctionDef) or binding.scope.parent is None:
            return False
        sites = self.program.callers(Definition(owner, binding.scope.parent))
        return any(argument.star == "**" for site in sites for argument in site.call.args)

    def _by_dest(self, name: str) -> Option | None:
        options = self.options.by_dest.get(name)
        return options[0] if options else None

    def _of_attribute(
        self, expr: r.Attribute, receiver: r.Expr, attr: str, scope: Scope, depth: int
    ) -> Iterator[PathValue]:
        if attr == "parent" or attr == "parents":
            yield from (_parent(value) for value in self.values(receiver, scope, depth))
            return
        if External("os.devnull") in self.program.entities(expr, scope):
            yield PathValue(Root.TEMPORARY, "/dev/null", scope, expr)
            return
        if attr in ("name", "stem", "suffix"):
            yield replace(UNKNOWN, reason="call")
            return
        found = False
        for value, inner in self.program.attribute_values(receiver, attr, scope, depth):
            found = True
            yield from self.values(value, inner, depth)
        for value, inner in self._keyword_values(receiver, attr, scope):
            found = True
            yield from self.values(value, inner, depth)
        option = self._option_of_attribute(receiver, attr, scope, found)
        if option is not None:
            yield PathValue(Root.OPTION, "", None, None, option=option)
        elif not found:
            for entity in self.program.entities(expr, scope):
                if isinstance(entity, LocalModule):
                    return
            yield replace(UNKNOWN, reason="attribute", text=f"<{attr}>")

    def _option_of_attribute(
        self, receiver: r.Expr, attr: str, scope: Scope, found: bool
    ) -> Option | None:
        """The option that ``receiver.attr`` holds: a namespace is told by having no other source."""
        option = self._by_dest(attr)
        if option is None:
            return None
        instance = self.program.instance_of(receiver, scope)
        if any(option.scope in self.program.class_line(owner) for owner in instance):
            return option
        filled = any(
            argument.star == "**"
            for made, _ in self.origins(receiver, scope)
            if isinstance(made, r.Call)
            for argument in made.args
        )
        if filled:
            return option
        own = isinstance(receiver, r.Name) and receiver.id in ("self", "cls")
        return None if instance or (own and found) else option

    def _keyword_values(
        self, receiver: r.Expr, attr: str, scope: Scope
    ) -> Iterator[tuple[r.Expr, Scope]]:
        """``attr`` as given to the call or dictionary that ``receiver`` was made with."""
        for made, inner in self.origins(receiver, scope):
            if isinstance(made, r.Call):
                for argument in made.args:
                    if argument.keyword == attr:
                        yield argument.value, inner
                    elif isinstance(argument.value, r.Mapping):
                        yield from _entries(argument.value, attr, inner)
            elif isinstance(made, r.Mapping):
                yield from _entries(made, attr, inner)

    def origins(self, expr: r.Expr, scope: Scope) -> tuple[tuple[r.Expr, Scope], ...]:
        """The calls and dictionaries that the value of ``expr`` was made by."""
        key = (expr, scope)
        if key not in self._origins:
            self._origins[key] = ()  # what leads back to itself adds nothing
            found = self._find_origins(expr, scope)
            self._origins[key] = tuple(dict.fromkeys(found))[:_LIMIT]
        return self._origins[key]

    def _find_origins(self, expr: r.Expr, scope: Scope) -> Iterator[tuple[r.Expr, Scope]]:
        match expr:
            case r.Call() | r.Mapping():
                yield expr, scope
            case r.Name(name, _):
                for binding in self.program.bindings(name, scope):
                    yield from self._binding_origins(binding)
            case r.Attribute(receiver, attr, _):
                for value, inner in self.program.attribute_values(receiver, attr, scope):
                    yield from self.origins(value, inner)
                for value, inner in self._keyword_values(receiver, attr, scope):
                    yield from self.origins(value, inner)
            case r.Subscript(receiver, r.Const(str() as key, _), _):
                for value, inner in self._keyword_values(receiver, key, scope):
                    yield from self.origins(value, inner)

    def _binding_origins(self, binding: Binding) -> Iterator[tuple[r.Expr, Scope]]:
        value = binding.value
        if isinstance(value, r.Param):
            for argument, inner in self.program.argument_values(binding):
                yield from self.origins(argument, inner)
        elif binding.kind == "import":
            for target in self.program.imported_bindings(binding):
                yield from self._binding_origins(target)
        elif (
            binding.kind == "value"
            and not binding.unpack
            and value is not None
            and not isinstance(value, (r.FunctionDef, r.ClassDef))
        ):
            yield from self.origins(value, binding.scope)

    def _of_item(
        self, expr: r.Subscript, receiver: r.Expr, index: r.Expr, scope: Scope, depth: int
    ) -> Iterator[PathValue]:
        names = {entity.name for entity in _externals(self.program.entities(receiver, scope))}
        if "os.environ" in names:
            yield from self._of_variable(expr, index, None, scope, depth)
        elif "sys.argv" in names:
            for option in self.options.options:
                if option.declaration is expr:
                    yield PathValue(Root.OPTION, "", None, None, option=option)
        elif isinstance(index, r.Const) and isinstance(index.value, str):
            yield from self._of_key(expr, receiver, index.value, scope, depth)
        elif isinstance(index, r.Const) and isinstance(index.value, int):
            if isinstance(receiver, r.Attribute) and receiver.attr == "parents":
                yield from (_parent(value) for value in self.values(receiver.value, scope, depth))
            else:
                yield from self._unpacked(receiver, (index.value,), scope, depth)
        else:
            found = False
            for made, inner in self.origins(receiver, scope):
                if isinstance(made, r.Mapping):
                    for _, value in made.items:
                        found = True
                        yield from self.values(value, inner, depth)
            if not found:
                yield replace(UNKNOWN, reason="element")

    def _of_key(
        self, expr: r.Expr, receiver: r.Expr, key: str, scope: Scope, depth: int
    ) -> Iterator[PathValue]:
        found = False
        for value, inner in self._keyword_values(receiver, key, scope):
            found = True
            yield from self.values(value, inner, depth)
        for assigned in scope.module.items:
            target = assigned.receiver
            if (
                isinstance(target, r.Subscript)
                and isinstance(target.index, r.Const)
                and target.index.value == key
                and isinstance(target.value, r.Name)
                and isinstance(receiver, r.Name)
                and target.value.id == receiver.id
            ):
                found = True
                yield from self.values(assigned.value, assigned.scope, depth)
        if not found:
            option = self._by_dest(key)
            if option is not None:
                yield PathValue(Root.OPTION, "", None, None, option=option)
            else:
                yield replace(UNKNOWN, reason="element", text=f"<{key}>")

    def _of_variable(
        self, expr: r.Expr, name: r.Expr, default: r.Expr | None, scope: Scope, depth: int
    ) -> Iterator[PathValue]:
        text = name.value if isinstance(name, r.Const) and isinstance(name.value, str) else "?"
        if text in (RESULT_VARIABLE, SCRATCH_VARIABLE):
            yield PathValue(Root.RESULT, "", scope, expr)
            return
        yield PathValue(Root.ENVIRONMENT, f"${text}", scope, expr, reason=text)
        if default is not None:
            yield from self.values(default, scope, depth)

    # Calls

    def _of_call(self, call: r.Call, scope: Scope, depth: int) -> Iterator[PathValue]:
        entities = self.program.entities(call.func, scope)
        first = argument_at(call, 0, None)
        for name in (entity.name for entity in _externals(entities)):
            if name in ("os.path.join", "posixpath.join") or name in _PATH_CLASSES:
                is_path = name in _PATH_CLASSES
                if first is None:
                    if is_path:
                        yield PathValue(Root.WORKING_FOLDER, ".", scope, call, is_path=True)
                    continue
                rest = tuple(argument.value for argument in call.args[1:])
                yield from self._joined(
                    call, first.value, rest, call, scope, depth, is_path=is_path
                )
                return
            if name in _SAME_PATH and first is not None:
                yield from self.values(first.value, scope, depth)
                return
            if name in ("os.path.dirname", "os.path.split") and first is not None:
                yield from (_parent(value) for value in self.values(first.value, scope, depth))
                return
            if name in ("os.environ.get", "os.getenv") and first is not None:
                second = argument_at(call, 1, "default")
                default = None if second is None else second.value
                yield from self._of_variable(call, first.value, default, scope, depth)
                return
            if name in ("os.getcwd", "pathlib.Path.cwd"):
                yield PathValue(Root.WORKING_FOLDER, ".", scope, call)
                return
            if name == "pathlib.Path.home":
                yield PathValue(Root.HOME, "~", scope, call, is_path=True)
                return
            if name.startswith("tempfile."):
                yield PathValue(Root.TEMPORARY, "<temporary>", scope, call)
                return
            if name == "getattr" and len(call.args) >= 2:
                yield from self._of_getattr(call, scope, depth)
                return
        if any(isinstance(entity, Definition) for entity in entities):
            yield from self._of_local_call(call, scope, depth)
            return
        if isinstance(call.func, r.Attribute):
            yield from self._of_method(call, call.func, scope, depth)
            return
        yield replace(UNKNOWN, reason="call")

    def _of_getattr(self, call: r.Call, scope: Scope, depth: int) -> Iterator[PathValue]:
        key = call.args[1].value
        if isinstance(key, r.Const) and isinstance(key.value, str):
            attribute = r.Attribute(call.args[0].value, key.value, call.span)
            yield from self._of_attribute(attribute, attribute.value, key.value, scope, depth)
        if len(call.args) > 2:
            yield from self.values(call.args[2].value, scope, depth)

    def _of_local_call(self, call: r.Call, scope: Scope, depth: int) -> Iterator[PathValue]:
        found = False
        for function, inner in self._called(call, scope):
            for returned in function.returns:
                if returned.value is not None:
                    found = True
                    yield from self.values(returned.value, inner, depth)
        if not found:
            yield replace(UNKNOWN, reason="call")

    def _of_method(
        self, call: r.Call, func: r.Attribute, scope: Scope, depth: int
    ) -> Iterator[PathValue]:
        first = argument_at(call, 0, None)
        rest = tuple(argument.value for argument in call.args)
        if func.attr == "joinpath":
            yield from self._joined(call, func.value, rest, None, scope, depth, is_path=True)
        elif func.attr in _SAME_PATH_METHODS:
            yield from self.values(func.value, scope, depth)
        elif func.attr in _RENAMING_METHODS:
            yield from (
                _renamed(value, func.attr, first) for value in self.values(func.value, scope, depth)
            )
        elif func.attr == "format" and isinstance(func.value, r.Const):
            yield from self._formatted(call, func.value, scope, depth)
        elif func.attr in ("get", "pop", "setdefault") and first is not None:
            if isinstance(first.value, r.Const) and isinstance(first.value.value, str):
                yield from self._of_key(call, func.value, first.value.value, scope, depth)
            second = argument_at(call, 1, "default")
            if second is not None:
                yield from self.values(second.value, scope, depth)
        elif func.attr == "__enter__":
            yield from self.values(func.value, scope, depth)
        else:
            yield replace(UNKNOWN, reason="call")

    def _formatted(
        self, call: r.Call, template: r.Const, scope: Scope, depth: int
    ) -> Iterator[PathValue]:
        if not isinstance(template.value, str):
            return
        parts: list[r.Expr] = []
        place = 0
        for text, field in _fields(template.value):
            if text:
                parts.append(r.Const(text, template.span))
            if field is not None:
                name = re.split(r"[.\[!:]", field)[0]
                argument = argument_at(call, int(name) if name.isdigit() else place, name or None)
                place += 1
                parts.append(
                    r.Other("Field", (), call.span) if argument is None else argument.value
                )
        yield from self._built(call, tuple(parts), scope, depth)

    # Joining and building

    def _joined(
        self,
        expr: r.Expr,
        first: r.Expr,
        rest: tuple[r.Expr, ...],
        via: r.Call | None,
        scope: Scope,
        depth: int,
        *,
        is_path: bool,
    ) -> Iterator[PathValue]:
        """``first`` and ``rest`` joined by separators, by ``os.path.join`` or ``/``."""
        tail = ""
        options: list[Option] = []
        components: list[Option] = []
        prefixes: list[Option] = []
        for part in rest:
            values = self.values(part, scope, depth)
            text = values[0].text if values else _placeholder(part)
            tail += "/" + text.strip("/")
            for value in values:
                if value.option is not None:
                    options.append(value.option)
                    (prefixes if value.prefix else components).append(value.option)
        starts = self.values(first, scope, depth)
        for start in starts:
            moved = start
            if start.node is first and via is not None:
                moved = replace(start, via=via)
            if start.root in (Root.SCRIPT_FOLDER, Root.WORKING_FOLDER, Root.HOME) and rest:
                # The folder itself serves many uses; what is written lies at this join.
                if start.text in ("__file__", ".", "~") or start.node is None or not start.built:
                    moved = replace(start, node=first, scope=scope, built=True)
            text = f"{moved.text.rstrip('/') or '/'}{tail}" if moved.text else tail.lstrip("/")
            if moved.root is Root.OPTION:
                text = f"{moved.text}{tail}"
            yield replace(
                moved,
                text=text,
                is_path=moved.is_path or is_path,
                components=(*moved.components, *components),
                prefixes=(*moved.prefixes, *prefixes),
                has_parts=moved.has_parts or bool(options),
            )
        if not starts:
            yield replace(UNKNOWN, reason="call")

    def _built(
        self, expr: r.Expr, parts: tuple[r.Expr, ...], scope: Scope, depth: int
    ) -> Iterator[PathValue]:
        """Parts set one after the other: f-string, ``+``, ``%``, ``format``."""
        parts = tuple(
            part for part in parts if not (isinstance(part, r.Const) and part.value == "")
        )
        if not parts:
            return
        rest, options = "", []
        for part in parts[1:]:
            if isinstance(part, r.Const):
                rest += str(part.value)
            else:
                values = self.values(part, scope, depth)
                options += [value.option for value in values if value.option is not None]
                known = [value.text for value in values if value.root is Root.LITERAL]
                rest += known[0] if known else _placeholder(part)
        first = parts[0]
        if isinstance(first, r.Const):
            text = f"{first.value!s}{rest}"
            root = Root.URL if _URL.match(text) else Root.LITERAL
            yield PathValue(
                root, text, scope, expr, built=True, has_parts=bool(options), reason="built"
            )
            return
        for start in self.values(first, scope, depth):
            yield from self._continued(expr, start, first, rest, bool(options), scope)

    def _continued(
        self,
        expr: r.Expr,
        start: PathValue,
        first: r.Expr,
        rest: str,
        has_parts: bool,
        scope: Scope,
    ) -> Iterator[PathValue]:
        folder = rest.startswith(("/", "\\")) or "/" in start.text
        if start.root is Root.LITERAL:
            text = f"{start.text}{rest}"
            if folder:
                yield replace(start, text=text, has_parts=start.has_parts or has_parts)
            else:
                yield PathValue(
                    Root.LITERAL, text, scope, expr, built=True, has_parts=has_parts, reason="built"
                )
        elif start.root is Root.OPTION:
            prefix = start.prefix or (bool(rest) and not folder)
            yield replace(
                start,
                text=f"{start.text}{rest}",
                prefix=prefix,
                node=expr if prefix else start.node,
                scope=scope if prefix else start.scope,
                has_parts=start.has_parts or has_parts,
            )
        elif start.root is Root.UNKNOWN and start.reason in ("call", "element", "name"):
            if re.search(r"\w", rest) and not rest.startswith("/"):
                text = f"{_placeholder(first)}{rest}"
                yield PathValue(
                    Root.LITERAL, text, scope, expr, built=True, has_parts=has_parts, reason="built"
                )
            else:
                yield replace(start, text=f"{start.text}{rest}")
        else:
            yield replace(start, text=f"{start.text}{rest}", has_parts=start.has_parts or has_parts)


def _operands(expr: r.Expr) -> Iterator[r.Expr]:
    """The operands of a chain of ``+``, from left to right."""
    if isinstance(expr, r.Binary) and expr.op == "Add":
        yield from _operands(expr.left)
        yield expr.right
    else:
        yield expr


def _filled(template: r.Const, values: r.Expr) -> Iterator[r.Expr]:
    """The parts of ``template % values``: its text, and the values that take the places between."""
    given = list(values.elements if isinstance(values, r.Sequence) else [values])
    for part in re.split(r"(%(?:\(\w+\))?[-+ #0-9.*]*[a-zA-Z])", str(template.value)):
        if not part.startswith("%") or len(part) == 1:
            yield r.Const(part.replace("%%", "%"), template.span)
        elif "(" not in part and given:
            yield given.pop(0)
        else:
            yield r.Other("Field", (), template.span)


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


def _externals(entities: Iterable[object]) -> Iterator[External]:
    return (entity for entity in entities if isinstance(entity, External))


def _fields(template: str) -> Iterator[tuple[str, str | None]]:
    """Text and field of each part of a ``str.format`` template; wrong ones end the iteration."""
    import string

    try:
        for text, field, _, _ in string.Formatter().parse(template):
            yield text, field
    except ValueError:
        return


def _parent(value: PathValue) -> PathValue:
    folder, separator, _ = value.text.rstrip("/").rpartition("/")
    if value.root is Root.SCRIPT_FOLDER:
        # Normalised, what follows is then relative to the script's folder.
        return replace(value, text=f"{value.text}/..", built=False)
    if value.root is Root.OPTION:
        return replace(value, text=folder)
    return replace(value, text=folder if separator else ".")


def _renamed(value: PathValue, method: str, argument: r.Argument | None) -> PathValue:
    given = argument.value if argument is not None else None
    new = given.value if isinstance(given, r.Const) and isinstance(given.value, str) else "<name>"
    folder, separator, name = value.text.rpartition("/")
    if method == "with_suffix":
        name = f"{name.rpartition('.')[0] or name}{new}"
    elif method == "with_stem":
        name = f"{new}{'.' + name.rpartition('.')[2] if '.' in name else ''}"
    else:
        name = new
    return replace(value, text=f"{folder}{separator}{name}")


def _placeholder(expr: r.Expr) -> str:
    name = last_name(expr.func if isinstance(expr, r.Call) else expr)
    return f"<{name}>" if name else "<value>"
