"""Where a path comes from: what in the source decides where it lies.

A path is followed backwards, from the call that uses it through variables, parameters, attributes,
dictionaries and the functions of ``os.path`` and ``pathlib``, to its beginning: a literal, a
command-line option, an environment variable, a temporary folder, the script's own folder. That beginning
is what a rewrite has to change.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import reduce

from mljob_codemod.analysis.names import (
    Definition,
    External,
    LocalModule,
    Program,
    argument_at,
)
from mljob_codemod.analysis.options import RESULT_VARIABLE, Option, OptionTable
from mljob_codemod.analysis.order import without_replaced
from mljob_codemod.analysis.origins import DEPTH, LIMIT, Origins, looped_over
from mljob_codemod.analysis.path_building import PathBuilder, filled, operands
from mljob_codemod.analysis.path_values import (
    SCRATCH_VARIABLE,
    UNKNOWN,
    PathValue,
    Root,
    parent,
    renamed,
    root_of_text,
)
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Binding, Scope

_PATH_CLASSES = frozenset(
    f"{module}.{name}"
    for module in ("pathlib", "pathlib2", "upath")
    for name in ("Path", "PurePath", "PosixPath", "PurePosixPath", "WindowsPath", "UPath")
)
_SAME_PATH = frozenset(
    """os.path.abspath os.path.realpath os.path.normpath os.path.expanduser os.path.expandvars
    os.path.normcase os.fspath os.fsdecode os.fsencode str hydra.utils.to_absolute_path
    hydra.utils.get_original_cwd xm.to_absolute_path""".split()
)
_SAME_PATH_METHODS = frozenset(
    """resolve absolute expanduser as_posix rstrip lstrip strip lower upper removesuffix
    __str__ __fspath__ replace encode""".split()
)
_RENAMING_METHODS = frozenset("with_suffix with_name with_stem".split())


class PathEvaluator:
    """Evaluates path expressions of one program; results are kept."""

    def __init__(self, program: Program, options: OptionTable) -> None:
        self.program = program
        self.options = options
        self._known: dict[tuple[r.Expr, Scope], tuple[PathValue, ...]] = {}
        self.origins = Origins(program)
        self._builder = PathBuilder(self.values)

    def values(self, expr: r.Expr, scope: Scope, depth: int = 0) -> tuple[PathValue, ...]:
        """Every value the path expression ``expr`` may have, as far as that can be seen."""
        key = (expr, scope)
        if key in self._known:
            return self._known[key]
        if depth > DEPTH:
            return ()
        self._known[key] = ()  # what leads back to itself adds nothing
        found: dict[object, PathValue] = {}
        for value in self._evaluate(expr, scope, depth + 1):
            found.setdefault((value.root, value.text, value.node, value.option), value)
            if len(found) >= LIMIT:
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
                root = root_of_text(text)
                yield PathValue(root, text, scope, expr)
            case r.Const(bytes() as raw, _):
                yield PathValue(Root.LITERAL, os.fsdecode(raw), scope, expr)
            case r.Name(name, _):
                yield from self._of_name(name, expr, scope, depth)
            case r.Attribute(receiver, attr, _):
                yield from self._of_attribute(expr, receiver, attr, scope, depth)
            case r.Subscript(receiver, index, _):
                yield from self._of_item(expr, receiver, index, scope, depth)
            case r.Call():
                yield from self._of_call(expr, scope, depth)
            case r.Binary("Divide", left, right, _):
                yield from self._builder.joined(left, (right,), None, scope, depth, is_path=True)
            case r.Binary("Add", _, _, _):
                yield from self._builder.built(expr, tuple(operands(expr)), scope, depth)
            case r.Binary("Modulo", r.Const(str()) as template, given, _):
                yield from self._builder.built(expr, tuple(filled(template, given)), scope, depth)
            case r.Joined(parts, _):
                yield from self._builder.built(expr, parts, scope, depth)
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
        for binding in without_replaced(found, expr, scope):
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
        for element, unpack, scope, is_key in looped_over(
            self.program, self.origins, value, binding.unpack, binding.scope, depth
        ):
            found = True
            for item in self._unpacked(element, unpack, scope, depth):
                yield replace(item, at_use=True) if is_key else item
        if not found:
            yield replace(UNKNOWN, reason="element")

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
            yield from (parent(value) for value in self.values(receiver, scope, depth))
            return
        if attr in ("pardir", "curdir"):
            yield PathValue(Root.LITERAL, ".." if attr == "pardir" else ".", scope, expr)
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
        for value, inner in self.origins.keyword_values(receiver, attr, scope):
            found = True
            yield from self.values(value, inner, depth)
        option = self._option_of_attribute(receiver, attr, scope, found)
        if option is not None:
            yield PathValue(Root.OPTION, "", None, None, option=option)
        elif not found:
            for entity in self.program.entities(expr, scope):
                if isinstance(entity, LocalModule):
                    return
            if attr == "value" and isinstance(receiver, r.Attribute):
                of_enumeration = self.program.entities(receiver.value, scope)
                if any(isinstance(entity, Definition) for entity in of_enumeration):
                    yield from self.values(receiver, scope, depth)
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
            for made, _ in self.origins.of(receiver, scope)
            if isinstance(made, r.Call)
            for argument in made.args
        )
        if filled:
            return option
        own = isinstance(receiver, r.Name) and receiver.id in ("self", "cls")
        return None if instance or (own and found) else option

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
            yield from self._of_key(receiver, index.value, scope, depth)
        elif isinstance(index, r.Const) and isinstance(index.value, int):
            if isinstance(receiver, r.Attribute) and receiver.attr == "parents":
                climbed = range(max(index.value, 0) + 1)
                for start in self.values(receiver.value, scope, depth):
                    yield reduce(lambda path, _: parent(path), climbed, start)
            else:
                yield from self._unpacked(receiver, (index.value,), scope, depth)
        else:
            found = False
            for made, inner in self.origins.of(receiver, scope):
                if isinstance(made, r.Mapping):
                    for _, value in made.items:
                        found = True
                        yield from self.values(value, inner, depth)
            if not found:
                yield replace(UNKNOWN, reason="element")

    def _of_key(self, receiver: r.Expr, key: str, scope: Scope, depth: int) -> Iterator[PathValue]:
        found = False
        for value, inner in self.origins.keyword_values(receiver, key, scope):
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
                yield from self._builder.joined(
                    first.value, rest, call, scope, depth, is_path=is_path
                )
                return
            if name in _SAME_PATH and first is not None:
                yield from self.values(first.value, scope, depth)
                return
            if name in ("os.path.dirname", "os.path.split") and first is not None:
                yield from (parent(value) for value in self.values(first.value, scope, depth))
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
            if name == "open":
                return  # the file is no path
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
            yield from self._builder.joined(func.value, rest, None, scope, depth, is_path=True)
        elif func.attr in _SAME_PATH_METHODS:
            yield from self.values(func.value, scope, depth)
        elif func.attr in _RENAMING_METHODS:
            yield from (
                renamed(value, func.attr, first) for value in self.values(func.value, scope, depth)
            )
        elif func.attr == "format" and isinstance(func.value, r.Const):
            yield from self._builder.formatted(call, func.value, scope, depth)
        elif func.attr == "join" and isinstance(func.value, r.Const) and first is not None:
            if isinstance(first.value, r.Sequence):
                between = func.value
                parts = [part for element in first.value.elements for part in (between, element)]
                yield from self._builder.built(call, tuple(parts[1:]), scope, depth)
        elif func.attr in ("get", "pop", "setdefault") and first is not None:
            if isinstance(first.value, r.Const) and isinstance(first.value.value, str):
                yield from self._of_key(func.value, first.value.value, scope, depth)
            second = argument_at(call, 1, "default")
            if second is not None:
                yield from self.values(second.value, scope, depth)
        elif func.attr == "open":
            return
        elif func.attr == "__enter__":
            yield from self.values(func.value, scope, depth)
        else:
            yield replace(UNKNOWN, reason="call")


def _externals(entities: Iterable[object]) -> Iterator[External]:
    return (entity for entity in entities if isinstance(entity, External))
