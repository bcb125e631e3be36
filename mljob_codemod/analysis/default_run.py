"""What expressions are worth in a run with the default options, on a machine with or without a GPU.

Values are plain constants, as far as they can be known: what an option defaults to, what a condition
then is, which device a variable names. Nothing is executed. Where code decides between several values,
the branches that a default run cannot take are left out.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Final, NamedTuple

from mljob_codemod.analysis.conditions import guards_at
from mljob_codemod.analysis.constants import (
    OF_A_JOB,
    UNKNOWN,
    Device,
    Named,
    Special,
    Value,
    compared,
    computed,
    converted_by,
    device_of,
    truth_of,
)
from mljob_codemod.analysis.names import Definition, External, LocalModule, Program, argument_at
from mljob_codemod.analysis.options import Option, OptionTable, is_helper_call
from mljob_codemod.analysis.reachability import Reachability
from mljob_codemod.analysis.values import PathEvaluator
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import (
    Binding,
    Guard,
    Scope,
    Site,
)

_DEPTH: Final = 30
_LIMIT: Final = 8
_STRING_METHODS: Final = frozenset("lower upper strip startswith endswith split replace".split())
_FALSE_WORDS: Final = frozenset({"false", "no", "off"})
_NAMESPACES: Final = frozenset(
    "args opt opts options config cfg conf hparams flags FLAGS params c".split()
)


class Probes(NamedTuple):
    """What asks for a GPU: calls that are true, count, or name a device where there is one."""

    available: frozenset[str]
    counts: frozenset[str]
    devices: frozenset[str]
    never: frozenset[str]
    """Calls that ask for other hardware."""


NO_PROBES: Final = Probes(frozenset(), frozenset(), frozenset(), frozenset())


class DefaultRun:
    """One imagined run. With ``options`` None the options may have any value."""

    def __init__(
        self,
        program: Program,
        options: OptionTable | None,
        reach: Reachability,
        paths: PathEvaluator,
        probes: Probes,
        *,
        gpu: bool,
    ) -> None:
        self._program = program
        self._options = options
        self._reach = reach
        self._paths = paths
        self._probes = probes
        self._gpu = gpu
        self._known: dict[tuple[object, Scope], tuple[Value, ...]] = {}
        self._runs: dict[Scope, bool] = {}

    # Whether code runs

    def comes_to(self, site: Site, depth: int = 0) -> bool:
        """Whether the run comes to ``site``, as far as can be seen."""
        if not self._reach.is_reached(site):
            return False
        if any(self.holds(guard, site.scope) is False for guard in site.guards):
            return False
        return self.enters(site.scope.function, depth)

    def enters(self, function: Scope | None, depth: int = 0) -> bool:
        """Whether the run calls ``function``, a scope; the module's own code always runs."""
        if function is None or depth > 8:
            return True
        if function not in self._runs:
            self._runs[function] = True  # recursion must not rule itself out
            self._runs[function] = self._is_called(function, depth)
        return self._runs[function]

    def _is_called(self, function: Scope, depth: int) -> bool:
        if not isinstance(function.node, r.FunctionDef) or function.parent is None:
            return True
        sites = self._program.callers(Definition(function.node, function.parent))
        return not sites or any(self.comes_to(site, depth + 1) for site in sites)

    def must_come_to(self, site: Site) -> bool:
        """Whether every condition that the call stands under in its function is known to hold."""
        return all(self.holds(guard, site.scope) for guard in site.guards)

    def is_called(self, function: Scope | None) -> bool:
        """Whether code that runs is seen to call ``function``."""
        if function is None or not isinstance(function.node, r.FunctionDef):
            return True
        assert function.parent is not None
        sites = self._program.callers(Definition(function.node, function.parent))
        return any(self.comes_to(site) for site in sites)

    def holds(self, guard: Guard, scope: Scope) -> bool | None:
        """Whether the condition that code stands under lets it run; a run that fails is none."""
        if guard.fails:
            return True
        truth = self.truth(guard.test, scope)
        return None if truth is None else truth is guard.holds

    def stands(self, place: int, scope: Scope) -> bool | None:
        """Whether what is written at offset ``place`` of the module of ``scope`` runs, or None."""
        found = guards_at(scope.module, place)
        if found is None:
            return False
        truths = [self.holds(guard, scope) for guard in found]
        if False in truths:
            return False
        return None if None in truths else True

    # Values

    def truth(self, expr: r.Expr, scope: Scope) -> bool | None:
        """Whether ``expr`` is true, or None where that is not known."""
        if isinstance(expr, r.Compare) and r.is_main_test(expr):
            return scope.module is self._program.script
        truths = {truth_of(value) for value in self.values(expr, scope)}
        return truths.pop() if len(truths) == 1 else None

    def values(self, expr: r.Expr, scope: Scope, depth: int = 0) -> tuple[Value, ...]:
        """The values that ``expr`` may have; UNKNOWN among them where there may be others."""
        if isinstance(expr, r.Const):
            return (expr.value,)
        if depth > _DEPTH:
            return (UNKNOWN,)
        key = (expr, scope)
        if key not in self._known:
            self._known[key] = ()  # what leads back to itself adds nothing
            found: dict[tuple[type, Value], Value] = {}
            for value in self._evaluate(expr, scope, depth + 1):
                found.setdefault((type(value), value), value)
                if len(found) > _LIMIT:
                    break
            self._known[key] = tuple(found.values()) or (UNKNOWN,)
        return self._known[key]

    def _evaluate(self, expr: r.Expr, scope: Scope, depth: int) -> Iterator[Value]:
        match expr:
            case r.Name(name, _):
                yield from self._of_name(expr, name, scope, depth)
            case r.Attribute(receiver, attr, _):
                yield from self._of_attribute(expr, receiver, attr, scope, depth)
            case r.Call():
                yield from self._of_call(expr, scope, depth)
            case r.Not(value, _):
                truth = self.truth(value, scope)
                yield UNKNOWN if truth is None else not truth
            case r.Boolean(op, left, right, _):
                yield from self._of_boolean(op, left, right, scope, depth)
            case r.Conditional(test, body, orelse, _):
                truth = self.truth(test, scope)
                if truth is not False:
                    yield from self.values(body, scope, depth)
                if truth is not True:
                    yield from self.values(orelse, scope, depth)
            case r.Compare(left, ("In" | "NotIn" as op,), (right,), _) if self._is_environment(
                right, scope
            ):
                yield UNKNOWN if self._options is None else op == "NotIn"
            case r.Compare(left, (op,), (right,), _):
                for first in self.values(left, scope, depth):
                    for second in self.values(right, scope, depth):
                        yield compared(first, op, second)
            case r.Joined(parts, _):
                yield "".join(str(self._text(part, scope, depth)) for part in parts)
            case r.Binary(op, left, right, _):
                for first in self.values(left, scope, depth):
                    for second in self.values(right, scope, depth):
                        yield computed(op, first, second)
            case r.Sequence(elements, _):
                yield tuple(self._one(element, scope, depth) for element in elements)
            case r.Mapping(items, _):
                yield tuple(self._one(item, scope, depth) for _, item in items)
            case r.Subscript(receiver, index, _):
                yield from self._of_item(receiver, index, scope, depth)
            case r.Walrus(_, value, _) | r.Await(value, _):
                yield from self.values(value, scope, depth)
            case r.Other("UnaryOperation", (value,), _):
                # The records do not keep the sign; ``+1`` and ``~1`` are as good as never written.
                for inner in self.values(value, scope, depth):
                    if isinstance(inner, (int, float)) and not isinstance(inner, bool):
                        yield -inner
                    else:
                        yield UNKNOWN
            case _:
                yield UNKNOWN

    def _is_environment(self, expr: r.Expr, scope: Scope) -> bool:
        return External("os.environ") in self._program.entities(expr, scope)

    def _one(self, expr: r.Expr, scope: Scope, depth: int) -> Value:
        found = self.values(expr, scope, depth)
        return found[0] if len(found) == 1 else UNKNOWN

    def _text(self, part: r.Expr, scope: Scope, depth: int) -> Value:
        value = self._one(part, scope, depth)
        return "?" if isinstance(value, Special) else value

    def _of_boolean(
        self, op: str, left: r.Expr, right: r.Expr, scope: Scope, depth: int
    ) -> Iterator[Value]:
        decisive = op == "or"
        for value in self.values(left, scope, depth):
            truth = truth_of(value)
            if truth is decisive:
                yield value
            elif truth is None:
                # ``unknown and False`` is false whatever the unknown is.
                other = self.truth(right, scope)
                yield other if other is decisive else UNKNOWN
            else:
                yield from self.values(right, scope, depth)

    # Names

    def _of_name(self, expr: r.Name, name: str, scope: Scope, depth: int) -> Iterator[Value]:
        bindings = self._program.bindings(name, scope)
        if not bindings:
            yield from self._of_entities(expr, scope)
            return
        before = [
            binding
            for binding in bindings
            if binding.scope is not scope or _place(binding) < expr.span.start
        ]
        for binding in self._last_live(before or bindings):
            yield from self._of_binding(expr, name, binding, depth)

    def _last_live(self, bindings: list[Binding]) -> list[Binding]:
        """The bindings whose value the name may have after them: the last certain one, and later ones."""
        live: list[Binding] = []
        for binding in bindings:
            stands = True if _place(binding) < 0 else self.stands(_place(binding), binding.scope)
            if stands:
                live = [binding]
            elif stands is None:
                live.append(binding)
        return live

    def _of_binding(self, expr: r.Name, name: str, binding: Binding, depth: int) -> Iterator[Value]:
        value = binding.value
        if binding.kind == "param" and isinstance(value, r.Param):
            yield from self._of_param(name, binding, depth)
        elif binding.kind == "import":
            found = self._program.imported_bindings(binding)
            for other in self._last_live(found):
                yield from self._of_binding(expr, name, other, depth + 1)
            if not found:
                yield from self._of_entities(expr, binding.scope)
        elif (
            binding.kind == "value"
            and value is not None
            and not isinstance(value, (r.Param, r.FunctionDef, r.ClassDef))
        ):
            inner: r.Expr | None = value
            for index in binding.unpack:
                elements = inner.elements if isinstance(inner, r.Sequence) else ()
                inner = elements[index] if index < len(elements) else None
            if inner is None:
                yield UNKNOWN
            else:
                yield from self.values(inner, binding.scope, depth)
        else:
            yield UNKNOWN

    def _of_param(self, name: str, binding: Binding, depth: int) -> Iterator[Value]:
        if isinstance(binding.owner, r.FunctionDef):
            option = self._paths.options.of_param(binding.owner, name, binding.scope.module)
            if option is not None:
                yield from self._of_option(option, depth)
                return
        found = False
        for argument, scope in self._program.argument_values(binding):
            found = True
            yield from self.values(argument, scope, depth)
        if not found:
            yield UNKNOWN

    def _of_entities(self, expr: r.Expr, scope: Scope) -> Iterator[Value]:
        for entity in self._program.entities(expr, scope):
            yield Named(entity.name) if isinstance(entity, External) else UNKNOWN

    # Attributes and items

    def _of_attribute(
        self, expr: r.Expr, receiver: r.Expr, attr: str, scope: Scope, depth: int
    ) -> Iterator[Value]:
        entities = self._program.entities(expr, scope)
        externals = [entity for entity in entities if isinstance(entity, External)]
        flag = self._option(attr) if externals else None
        if flag is not None and flag.framework in ("absl", "tf_flags"):
            yield from self._of_option(flag, depth)
            return
        if externals:
            for entity in externals:
                yield OF_A_JOB.get(entity.name, Named(entity.name))
            return
        if attr in ("type", "index"):
            for value in self.values(receiver, scope, depth):
                if isinstance(value, Device):
                    yield value.name.partition(":")[0] if attr == "type" else UNKNOWN
                    return
        assigned = [*self._program.attribute_values(receiver, attr, scope)]
        is_namespace = isinstance(receiver, r.Name) and receiver.id in _NAMESPACES
        if not assigned and is_namespace:
            assigned = [*self._set_elsewhere(attr)]
        certain = False
        live: list[tuple[r.Expr, Scope]] = []
        for value_expr, inner in assigned:
            stands = self.stands(value_expr.span.start, inner)
            if stands:
                live, certain = [(value_expr, inner)], True
            elif stands is None:
                live.append((value_expr, inner))
        for value_expr, inner in live:
            yield from self.values(value_expr, inner, depth)
        if certain:
            return
        given = [*self._given(receiver, attr, scope)]
        for value_expr, inner in given:
            yield from self.values(value_expr, inner, depth)
        option = self._option(attr)
        if option is not None and not given:
            yield from self._of_option(option, depth)
        elif not live and not given:
            yield UNKNOWN

    def _set_elsewhere(self, attr: str) -> Iterator[tuple[r.Expr, Scope]]:
        """What other modules assign to the attribute of a namespace that is handed around."""
        for module in self._program.modules.values():
            for assigned in module.attributes.get(attr, []):
                if isinstance(assigned.receiver, r.Name) and assigned.receiver.id in _NAMESPACES:
                    yield assigned.value, assigned.scope

    def made_by(self, expr: r.Expr, scope: Scope) -> tuple[tuple[r.Expr, Scope], ...]:
        """The calls and dictionaries that the value of ``expr`` was made by."""
        return self._paths.origins.of(expr, scope)

    def _given(self, receiver: r.Expr, attr: str, scope: Scope) -> Iterator[tuple[r.Expr, Scope]]:
        """``attr`` as given to the call or dictionary that ``receiver`` was made with."""
        for made, inner in self.made_by(receiver, scope):
            match made:
                case r.Call(_, args, _):
                    yield from ((arg.value, inner) for arg in args if arg.keyword == attr)
                case r.Mapping(items, _):
                    for key, value in items:
                        if isinstance(key, r.Const) and key.value == attr:
                            yield value, inner

    def _option(self, dest: str) -> Option | None:
        options = self._paths.options.by_dest.get(dest, [])
        return options[0] if options else None

    def _of_option(self, option: Option, depth: int) -> Iterator[Value]:
        if self._options is None or option.required:
            yield UNKNOWN
        elif option.default is not None:
            for value in self.values(option.default, option.scope, depth):
                yield _converted(value, option)
        elif option.action == "store_true" or (option.switch and option.framework == "click"):
            yield False
        elif option.action == "store_false":
            yield True
        else:
            yield None

    def _of_item(
        self, receiver: r.Expr, index: r.Expr, scope: Scope, depth: int
    ) -> Iterator[Value]:
        key = index.value if isinstance(index, r.Const) else None
        if isinstance(key, str):
            if self._is_environment(receiver, scope):
                yield Special.NUMBER if "RANK" in key or "SIZE" in key else UNKNOWN
                return
            found = [*self._given(receiver, key, scope)]
            for value, inner in found:
                yield from self.values(value, inner, depth)
            option = self._option(key)
            if option is not None and not found:
                yield from self._of_option(option, depth)
                return
            if found:
                return
        elif isinstance(key, int):
            for whole in self.values(receiver, scope, depth):
                if isinstance(whole, tuple) and -len(whole) <= key < len(whole):
                    yield whole[key]
                    return
        yield UNKNOWN

    # Calls

    def _of_call(self, call: r.Call, scope: Scope, depth: int) -> Iterator[Value]:
        entities = self._program.entities(call.func, scope)
        for entity in entities:
            if isinstance(entity, External):
                yield self._of_external(entity.name, call, scope, depth)
                return
        functions = [
            entity
            for entity in entities
            if isinstance(entity, Definition) and isinstance(entity.node, r.FunctionDef)
        ]
        if functions and is_helper_call(call):
            yield from self.values(call.args[0].value, scope, depth)
            return
        for function in functions:
            yield from self._returned(function, depth)
        if functions:
            return
        if isinstance(call.func, r.Attribute) and not any(
            isinstance(entity, LocalModule) for entity in entities
        ):
            yield self._of_method(call, call.func, scope, depth)
            return
        yield UNKNOWN

    def _returned(self, function: Definition, depth: int) -> Iterator[Value]:
        assert isinstance(function.node, r.FunctionDef)
        inner = function.scope.module.scope_of(function.node)
        for returned in inner.returns:
            stands = self.stands(returned.span.start, inner)
            if stands is False:
                continue
            if returned.value is None:
                yield None
            else:
                yield from self.values(returned.value, inner, depth)
            if stands:
                return

    def _of_external(self, name: str, call: r.Call, scope: Scope, depth: int) -> Value:
        probes = self._probes
        if name in probes.available:
            return self._gpu
        if name in probes.counts:
            return Special.SOME if self._gpu else 0
        if name in probes.devices:
            return Device("cuda") if self._gpu else Device("cpu")
        if name in probes.never:
            return False
        if name in OF_A_JOB:
            return OF_A_JOB[name]
        first = argument_at(call, 0, "device" if name == "torch.device" else None)
        value = None if first is None else self._one(first.value, scope, depth)
        if name == "torch.device":
            return device_of(value)
        if name in ("os.environ.get", "os.getenv"):
            if self._options is None:
                return UNKNOWN
            default = argument_at(call, 1, "default")
            return None if default is None else self._one(default.value, scope, depth)
        if name == "os.path.join":
            parts = [self._one(argument.value, scope, depth) for argument in call.args]
            return posixpath.join(*map(str, parts)) if _are_texts(parts) else UNKNOWN
        if name == "getattr" and len(call.args) > 1:
            key = call.args[1].value
            if isinstance(key, r.Const) and isinstance(key.value, str):
                attribute = r.Attribute(call.args[0].value, key.value, call.span)
                found = [*self._of_attribute(attribute, attribute.value, key.value, scope, depth)]
                known = [value for value in found if value is not UNKNOWN]
                if known or len(call.args) < 3:
                    return known[0] if len(known) == 1 else UNKNOWN
                return self._one(call.args[2].value, scope, depth)
        if first is None:
            return UNKNOWN
        return converted_by(name, value)

    def _of_method(self, call: r.Call, func: r.Attribute, scope: Scope, depth: int) -> Value:
        if func.attr in ("get", "pop") and call.args and isinstance(call.args[0].value, r.Const):
            found = [*self._of_item(func.value, call.args[0].value, scope, depth)]
            if len(found) == 1 and found[0] is not UNKNOWN:
                return found[0]
            if len(call.args) > 1:
                return self._one(call.args[1].value, scope, depth)
        if func.attr not in _STRING_METHODS:
            return UNKNOWN
        receiver = self._one(func.value, scope, depth)
        if not isinstance(receiver, str):
            return UNKNOWN
        arguments = [self._one(argument.value, scope, depth) for argument in call.args]
        if any(isinstance(value, (Special, Device, Named)) for value in arguments):
            return UNKNOWN
        try:
            made = getattr(receiver, func.attr)(*arguments)
        except (TypeError, ValueError):
            return UNKNOWN
        return tuple(made) if isinstance(made, list) else made


def _are_texts(values: list[Value]) -> bool:
    return all(isinstance(value, str) for value in values)


def _converted(value: Value, option: Option) -> Value:
    """A default as the parser hands it on."""
    if not isinstance(value, str):
        return value
    kind = option.type.id if isinstance(option.type, r.Name) else ""
    if option.framework == "hydra" or kind not in ("", "str"):
        if value.lower() in ("null", "none", "~"):
            return None
        if value.lower() in _FALSE_WORDS:
            return False
        if value.lower() == "true":
            return True
        if value.lstrip("-").isdigit():
            return int(value)
    return value


def _place(binding: Binding) -> int:
    """Where the binding is written, or -1 where that is not known."""
    value = binding.value
    if value is None or binding.kind in ("param", "import"):
        return -1
    return value.span.start
