"""Which functions a run can enter, and which conditions hold with the default options."""

from __future__ import annotations

from mljob_codemod.analysis.names import Definition, External, Program
from mljob_codemod.analysis.options import OptionTable
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Guard, Scope, Site
from mljob_codemod.syntax.walking import last_name

_PASSIVE_DECORATORS = frozenset(
    {"abc", "classmethod", "contextlib", "dataclasses", "functools", "jax", "numba", "property",
     "staticmethod", "tensorflow", "torch", "typing"}
)  # fmt: skip
"""Libraries whose decorators only wrap a function; others may register it to be called."""
_PASSIVE_BASES = frozenset({"object", "Module", "Dataset", "ABC", "Enum", "Protocol", "NamedTuple"})
"""External bases whose methods run only when the project's own code names them."""


class Reachability:
    """What a run of the script can reach, by the names that reached code uses."""

    def __init__(self, program: Program, options: OptionTable) -> None:
        self._program = program
        self._options = options
        self._called_back: dict[Scope, bool] = {}
        self._reached = self._find_reached()
        self._by_default: dict[Scope, bool] = {}

    def is_reached(self, site: Site) -> bool:
        """Whether a run can come to ``site`` at all."""
        if self._program.runs_elsewhere(site):
            return False
        function = site.scope.function
        return function is None or function in self._reached

    def can_run(self, site: Site) -> bool:
        """As ``is_reached``, but for functions that only another script's main guard is seen to call."""
        return self.is_reached(site) and not self._program.is_started_elsewhere(site.scope.function)

    def runs_by_default(self, site: Site, depth: int = 0) -> bool:
        """Whether a run with the default options comes to ``site``, as far as can be seen."""
        if not self.is_reached(site) or not all(self.may_hold(guard) for guard in site.guards):
            return False
        function = site.scope.function
        if function is None or depth > 8:
            return True
        if function not in self._by_default:
            self._by_default[function] = True  # recursion must not rule itself out
            self._by_default[function] = self._function_runs(function, depth)
        return self._by_default[function]

    def _function_runs(self, function: Scope, depth: int) -> bool:
        if not isinstance(function.node, r.FunctionDef) or function.parent is None:
            return True
        sites = self._program.callers(Definition(function.node, function.parent))
        return not sites or any(self.runs_by_default(site, depth + 1) for site in sites)

    def may_hold(self, guard: Guard) -> bool:
        """False when the default options decide that ``guard`` does not hold; a run that fails is none."""
        if guard.fails:
            return True
        truth = self.truth(guard.test)
        return truth is None or truth == guard.holds

    def truth(self, test: r.Expr) -> bool | None:
        """Whether ``test`` is true with the default options; None when that is not known."""
        match test:
            case r.Const(value, _):
                return bool(value)
            case r.Not(value, _):
                inner = self.truth(value)
                return None if inner is None else not inner
            case r.Boolean(op, left, right, _):
                sides = (self.truth(left), self.truth(right))
                decisive = op == "or"
                if decisive in sides:
                    return decisive
                return None if None in sides else not decisive
            case r.Attribute(_, attr, _):
                return self._option_truth(attr)
            case r.Name(name, _):
                return self._option_truth(name)
            case r.Call(r.Attribute(value, "endswith" | "startswith" as method, _), args, _):
                return self._ends(value, method, args)
            case r.Compare(left, (op,), (right,), _):
                return self._comparison(left, op, right)
        return None

    def _ends(self, value: r.Expr, method: str, args: tuple[r.Argument, ...]) -> bool | None:
        name = last_name(value)
        known, default = self._default(name) if name is not None else (False, None)
        ends = [argument.value for argument in args]
        if not known or not isinstance(default, str) or not ends:
            return None
        texts = ends[0].elements if isinstance(ends[0], r.Sequence) else (ends[0],)
        values = tuple(text.value for text in texts if isinstance(text, r.Const))
        test = default.endswith if method == "endswith" else default.startswith
        return any(test(text) for text in values if isinstance(text, str))

    def _comparison(self, left: r.Expr, op: str, right: r.Expr) -> bool | None:
        if not isinstance(right, r.Const):
            return None
        name = last_name(left)
        known, value = self._default(name) if name is not None else (False, None)
        if not known:
            return None
        if op in ("Equal", "Is"):
            return value == right.value
        if op in ("NotEqual", "IsNot"):
            return value != right.value
        return None

    def _option_truth(self, dest: str) -> bool | None:
        known, value = self._default(dest)
        return bool(value) if known else None

    def _default(self, dest: str) -> tuple[bool, object]:
        """Whether the option's default is known, and the default."""
        options = self._options.by_dest.get(dest, [])
        if len(options) != 1:
            return False, None
        option = options[0]
        if option.required:
            return False, None
        if isinstance(option.default, r.Const):
            return True, option.default.value
        if option.default is not None:
            return False, None
        if option.action == "store_true" or (option.switch and option.framework == "click"):
            return True, False
        if option.action == "store_false":
            return True, True
        return True, None

    def _find_reached(self) -> set[Scope]:
        functions: dict[str, list[Scope]] = {}
        waiting: list[Scope] = []
        reached: set[Scope] = set()
        for module in self._program.modules.values():
            waiting.append(module.scope)
            for scope in module.scopes.values():
                if scope.kind == "class":
                    waiting.append(scope)
                elif isinstance(scope.node, r.FunctionDef):
                    functions.setdefault(scope.node.name, []).append(scope)
                    if self._is_entered_from_outside(scope, scope.node):
                        waiting.append(scope)
        used = set(self._program.called_elsewhere)
        for name in used & functions.keys():
            waiting += functions[name]
        waiting += self._offered_as_commands()
        if self._runs_main_unnamed():
            waiting += functions.get("main", ())
        while waiting:
            scope = waiting.pop()
            if scope.kind == "function":
                if scope in reached:
                    continue
                reached.add(scope)
            for name in scope.identifiers - used:
                used.add(name)
                waiting.extend(functions.get(name, ()))
        return reached

    def _offered_as_commands(self) -> list[Scope]:
        """The functions that ``fire.Fire()`` and the like offer: all of the script, or the methods of a class."""
        found: list[Scope] = []
        for site in [*self._program.sites_named("Fire"), *self._program.sites_named("CLI")]:
            names = {
                entity.name
                for entity in self._program.entities(site.call.func, site.scope)
                if isinstance(entity, External)
            }
            if names.isdisjoint({"fire.Fire", "jsonargparse.CLI"}):
                continue
            owners = {site.scope.module.scope} if not site.call.args else set()
            for argument in site.call.args[:1]:
                for entity in (
                    *self._program.entities(argument.value, site.scope),
                    *self._program.instance_of(argument.value, site.scope),
                ):
                    if isinstance(entity, Definition) and isinstance(entity.node, r.ClassDef):
                        owners.update(self._program.class_line(entity))
            found += [
                scope
                for owner in owners
                for scope in owner.module.scopes.values()
                if scope.kind == "function" and scope.parent is owner
            ]
        return found

    def _runs_main_unnamed(self) -> bool:
        """Whether ``app.run()`` of absl or TensorFlow starts the function called ``main``."""
        return any(
            isinstance(entity, External) and entity.name.endswith(".app.run") and not site.call.args
            for site in self._program.sites_named("run")
            for entity in self._program.entities(site.call.func, site.scope)
        )

    def _is_entered_from_outside(self, scope: Scope, node: r.FunctionDef) -> bool:
        """Whether a library may call the function although no code of the project names it."""
        if node.name.startswith("__") and node.name.endswith("__"):
            return True
        for decorator in node.decorators:
            func = decorator.func if isinstance(decorator, r.Call) else decorator
            entities = self._program.entities(func, scope.parent or scope)
            if not entities or not all(
                isinstance(entity, External)
                and entity.name.partition(".")[0] in _PASSIVE_DECORATORS
                for entity in entities
            ):
                return True
        return scope.parent is not None and self._is_called_back(scope.parent)

    def _is_called_back(self, owner: Scope) -> bool:
        """Whether a class has a base outside the project that calls its methods."""
        if not isinstance(owner.node, r.ClassDef) or owner.parent is None:
            return False
        if owner not in self._called_back:
            self._called_back[owner] = any(
                name.rpartition(".")[2] not in _PASSIVE_BASES
                for name in self._program.external_bases(Definition(owner.node, owner.parent))
            )
        return self._called_back[owner]
