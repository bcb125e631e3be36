"""Where a script starts its work: its main guards, the statements in them, and what those call."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Union

from mljob_codemod.analysis.names import Definition, External, Program
from mljob_codemod.analysis.options import CLICK
from mljob_codemod.analysis.returns import Function, Returns
from mljob_codemod.edits import Span
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.walking import blocks_of, walk

_RUNS_COROUTINE = frozenset(
    {"asyncio.run", "uvloop.run", "nest_asyncio.run", "asyncio.get_event_loop"}
)
_RUNS_ASYNC_FUNCTION = frozenset({"anyio.run", "trio.run", "curio.run"})
_HANDS_ON = frozenset(
    {"plac.call", "defopt.run", "tyro.cli", "jsonargparse.CLI", "jsonargparse.auto_cli"}
)
"""Run a function with the command line's options and return what it returned."""
_ABSL = frozenset({"absl.app.run"})
_TF_APP = frozenset({"tensorflow.app.run", "tensorflow.compat.v1.app.run"})
_TYPER = "typer.Typer"
_OUTPUT = frozenset(
    {"print", "pprint.pprint", "pprint.pp", "rich.print", "click.echo", "typer.echo", "json.dumps",
     "str", "repr", "sys.stdout.write"}
)  # fmt: skip
_OUTPUT_METHODS = frozenset({"info", "debug", "warning", "error", "critical", "log", "exception"})
"""Methods of loggers and consoles."""
_TEARDOWN_METHODS = frozenset(
    """close finish shutdown stop join flush show destroy_process_group barrier end end_run
    cleanup terminate collect empty_cache filterwarnings simplefilter basicConfig seed manual_seed
    insert append exit wait""".split()
)


class Launch(Enum):
    """How a statement starts a function."""

    CALL = "call"
    METHOD = "method"
    EXIT = "exit"
    CLICK = "click"
    TYPER = "typer"
    TYPER_RUN = "typer_run"
    FIRE = "fire"
    HANDS_ON = "hands_on"
    ABSL = "absl"
    TF_APP = "tf_flags"
    HYDRA = "hydra"
    UNITTEST = "unittest"
    PRINTED = "printed"


BY_FRAMEWORK = frozenset(
    {Launch.CLICK, Launch.TYPER, Launch.TYPER_RUN, Launch.FIRE, Launch.HANDS_ON, Launch.ABSL,
     Launch.TF_APP, Launch.HYDRA, Launch.UNITTEST}
)  # fmt: skip

Simple = Union[r.ExprStatement, r.Assign, r.Raise]


@dataclass(frozen=True, eq=False)
class Start:
    """A statement that starts functions of the project.

    ``call`` is the call that has their value; for ``EXIT`` the call inside the exit, for ``PRINTED`` the
    one inside ``print``. ``launch`` of what an exit holds is ``held``.
    """

    statement: Simple
    call: r.Call
    launch: Launch
    callee: str | None
    functions: tuple[Function, ...]
    awaited: bool = False
    held: Launch | None = None

    @property
    def span(self) -> Span:
        return self.statement.span


class Starts:
    """Recognises the statements of one script that start its work."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.returns = Returns(program)
        self.scope = program.script.scope

    def guards(self) -> list[r.If]:
        """The ``if __name__ == "__main__":`` statements at module level, in order."""
        return list(_guards(self.program.script.body))

    def names(self, expr: r.Expr) -> set[str]:
        """The library names that ``expr`` may refer to."""
        return {
            entity.name
            for entity in self.program.entities(expr, self.scope)
            if isinstance(entity, External)
        }

    def value(self, start: Start) -> bool:
        """Whether the functions that ``start`` runs give a value."""
        return any(
            self.returns.gives_value(function, awaited=start.awaited)
            for function in start.functions
        )

    # Statements

    def read(self, statement: r.Statement) -> Start | None:
        """What ``statement`` starts, if it calls into the project or a framework does."""
        match statement:
            case r.ExprStatement(r.Call() as call, _) | r.Assign(_, r.Call() as call, _, _):
                return self._read_call(statement, call)
            case r.Raise(r.Call(func, args, _), _) if self.returns.is_exit(func, self.scope):
                return self._exit(statement, args)
        return None

    def exit_of(self, statement: r.Statement) -> r.Expr | None:
        """The status, as an expression, that ``statement`` ends the process with."""
        match statement:
            case r.ExprStatement(r.Call(func, args, span), _) | r.Raise(
                r.Call(func, args, span), _
            ):
                if self.returns.is_exit(func, self.scope):
                    return args[0].value if args else r.Const(None, span)
            case r.Raise(r.Name() as name, span) if self.returns.is_exit(name, self.scope):
                return r.Const(None, span)
        return None

    def _read_call(self, statement: Simple, call: r.Call) -> Start | None:
        if self.returns.is_exit(call.func, self.scope):
            return self._exit(statement, call.args)
        found = self._started(statement, call)
        if found is None and isinstance(statement, r.ExprStatement) and self.is_output(call):
            for part in _printed(call):
                inner = self._started(statement, part)
                if inner is not None and inner.launch in (Launch.CALL, Launch.METHOD):
                    return Start(
                        statement,
                        part,
                        Launch.PRINTED,
                        inner.callee,
                        inner.functions,
                        inner.awaited,
                    )
        return found

    def _exit(self, statement: Simple, args: tuple[r.Argument, ...]) -> Start | None:
        status = args[0].value if args else None
        if isinstance(status, r.Name):
            bindings = self.program.bindings(status.id, self.scope)
            status = bindings[0].value if len(bindings) == 1 else None  # type: ignore[assignment]
        if not isinstance(status, r.Call):
            return None
        held = self._started(statement, status)
        if held is None:
            return None
        return Start(
            statement,
            held.call,
            Launch.EXIT,
            held.callee,
            held.functions,
            held.awaited,
            held.launch,
        )

    def _started(self, statement: Simple, call: r.Call) -> Start | None:
        framework = self._by_framework(statement, call)
        if framework is not None:
            return framework
        functions = self.returns.functions(call.func, self.scope)
        if not functions:
            return None
        launch = Launch.CALL
        if isinstance(call.func, r.Attribute) and any(
            function.scope.kind == "class" for function in functions
        ):
            launch = Launch.METHOD
        callee = _last(call.func) or functions[0].name
        return Start(statement, call, launch, callee, functions)

    def _by_framework(self, statement: Simple, call: r.Call) -> Start | None:
        func, names = call.func, self.names(call.func)
        first = call.args[0].value if call.args and not call.args[0].star else None
        if names & _RUNS_COROUTINE or _last(func) == "run_until_complete":
            if isinstance(first, r.Call):
                functions = self.returns.functions(first.func, self.scope)
                return Start(statement, call, Launch.CALL, _last(first.func), functions, True)
            return None
        if names & _RUNS_ASYNC_FUNCTION and first is not None:
            functions = self.returns.functions(first, self.scope)
            return Start(statement, call, Launch.CALL, _last(first), functions, True)
        if "unittest.main" in names or "pytest.main" in names:
            return Start(statement, call, Launch.UNITTEST, None, ())
        if "fire.Fire" in names:
            return self._fire(statement, call)
        for launch, runners in (
            (Launch.ABSL, _ABSL),
            (Launch.TF_APP, _TF_APP),
            (Launch.TYPER_RUN, {"typer.run"}),
            (Launch.HANDS_ON, _HANDS_ON),
        ):
            if names & runners:
                return self._run(statement, call, launch)
        return self._by_command(statement, call)

    def _run(self, statement: Simple, call: r.Call, launch: Launch) -> Start | None:
        """``app.run(main)`` and the like; without an argument ``main`` of the script."""
        target: r.Expr | None = None
        for argument in call.args:
            if argument.keyword in (None, "main", "components", "f", "function", "funcs"):
                target = target or argument.value
        if target is None:
            target = r.Name("main", call.span)
        functions = self.returns.functions(target, self.scope)
        if launch is Launch.HANDS_ON and not functions:
            return None  # it parses options into an object of a class
        return Start(statement, call, launch, _last(target), functions)

    def _fire(self, statement: Simple, call: r.Call) -> Start:
        components = [
            argument.value for argument in call.args if argument.keyword in (None, "component")
        ]
        functions: list[Function] = []
        for component in components[:1]:
            parts: tuple[r.Expr, ...] = (component,)
            if isinstance(component, r.Mapping):
                parts = tuple(item for _, item in component.items)
            for part in parts:
                functions += self.returns.functions(part, self.scope)
                functions += self._methods(part)
        if not components:
            for bindings in self.scope.bindings.values():
                functions += [
                    Function(binding.value, binding.scope)
                    for binding in bindings
                    if isinstance(binding.value, r.FunctionDef)
                ]
        callee = _last(components[0]) if components else None
        return Start(statement, call, Launch.FIRE, callee, tuple(functions))

    def _methods(self, klass: r.Expr) -> Iterator[Function]:
        """The methods that fire offers for a class of the project, or an instance of one."""
        owners = [
            entity
            for entity in (
                *self.program.entities(klass, self.scope),
                *self.program.producers(klass, self.scope),
            )
            if isinstance(entity, Definition) and isinstance(entity.node, r.ClassDef)
        ]
        for owner in owners:
            for scope in self.program.class_line(owner):
                for name, bindings in scope.bindings.items():
                    for binding in bindings:
                        if isinstance(binding.value, r.FunctionDef) and not name.startswith("_"):
                            yield Function(binding.value, scope)

    # click, typer and hydra

    def _by_command(self, statement: Simple, call: r.Call) -> Start | None:
        func = call.func
        if isinstance(func, r.Attribute) and func.attr in ("main", "__call__"):
            found = self._command(statement, call, func.value)
            if found is not None and found.launch in (Launch.CLICK, Launch.TYPER):
                return found
        return self._command(statement, call, func)

    def _command(self, statement: Simple, call: r.Call, func: r.Expr) -> Start | None:
        if External(_TYPER) in self.program.producers(func, self.scope):
            functions = tuple(self._typer_commands(func))
            return Start(statement, call, Launch.TYPER, _last(func), functions)
        for function in self.returns.functions(func, self.scope):
            kind = self.decorated(function)
            if kind is None:
                kind = self._wrapped(func)
            if kind is Launch.CLICK:
                commands = self._click_commands(function)
                return Start(statement, call, kind, _last(func) or function.name, commands)
            if kind is not None:
                return Start(statement, call, kind, _last(func) or function.name, (function,))
        return None

    def _wrapped(self, func: r.Expr) -> Launch | None:
        """As ``decorated``, for ``main = click.command()(main)``."""
        values: list[object] = [func]
        if isinstance(func, r.Name):
            values = [binding.value for binding in self.program.bindings(func.id, self.scope)]
        for value in values:
            if isinstance(value, r.Call) and isinstance(value.func, r.Call):
                kind = _library_kind(self.names(value.func.func))
                if kind is not None:
                    return kind
        return None

    def decorated(self, function: Function) -> Launch | None:
        """Whether a decorator makes ``function`` a command of click or an application of hydra."""
        if not isinstance(function.node, r.FunctionDef):
            return None
        for decorator in function.node.decorators:
            func = decorator.func if isinstance(decorator, r.Call) else decorator
            names = {
                entity.name
                for entity in self.program.entities(func, function.scope)
                if isinstance(entity, External)
            }
            kind = _library_kind(names)
            if kind is not None:
                return kind
            if isinstance(func, r.Attribute) and func.attr in ("command", "group"):
                for group in self.returns.functions(func.value, function.scope):
                    if self.decorated(group) is Launch.CLICK:
                        return Launch.CLICK
        return None

    def _click_commands(self, command: Function) -> tuple[Function, ...]:
        """The functions whose value a click command hands on: of a group, its subcommands'."""
        found = [
            function
            for function, owner in self._registered(("command", "group"))
            for group in self.returns.functions(owner, function.scope)
            if group.node is command.node
        ]
        for site in self.program.sites_named("add_command"):
            func = site.call.func
            if isinstance(func, r.Attribute) and site.call.args:
                for group in self.returns.functions(func.value, site.scope):
                    if group.node is command.node:
                        found += self.returns.functions(site.call.args[0].value, site.scope)
        nested = [inner for function in found for inner in self._click_commands(function)]
        return tuple(dict.fromkeys(nested)) or (command,)

    def _typer_commands(self, app: r.Expr, depth: int = 0) -> Iterator[Function]:
        home = self.program.bindings(app.id, self.scope) if isinstance(app, r.Name) else []
        for function, owner in self._registered(("command", "callback")):
            if not isinstance(owner, r.Name):
                continue
            bindings = self.program.bindings(owner.id, function.scope)
            if any(self._origin(one) in map(self._origin, home) for one in bindings) or not home:
                yield function
        for site in self.program.sites_named("add_typer"):
            func = site.call.func
            if depth < 3 and isinstance(func, r.Attribute) and site.call.args:
                inner = site.call.args[0].value
                if isinstance(inner, r.Name) and _last(func.value) == _last(app):
                    yield from self._typer_commands(inner, depth + 1)

    def _origin(self, binding: object) -> object:
        """The expression that an app was made by, through an import."""
        kind = getattr(binding, "kind", None)
        if kind == "import":
            bound = self.program.imported_bindings(binding)  # type: ignore[arg-type]
            return bound[0].value if bound else binding
        return getattr(binding, "value", binding)

    def _registered(self, attrs: tuple[str, ...]) -> Iterator[tuple[Function, r.Expr]]:
        """Functions decorated with ``owner.command()`` and the like, and the owner."""
        for module in self.program.modules.values():
            for scope in module.scopes.values():
                node, parent = scope.node, scope.parent
                if not isinstance(node, r.FunctionDef) or parent is None:
                    continue
                for decorator in node.decorators:
                    func = decorator.func if isinstance(decorator, r.Call) else decorator
                    if isinstance(func, r.Attribute) and func.attr in attrs:
                        yield Function(node, parent), func.value

    # What a statement does besides

    def is_output(self, call: r.Call) -> bool:
        """Whether ``call`` only shows something: ``print``, a logger's methods."""
        if self.names(call.func) & _OUTPUT:
            return True
        return isinstance(call.func, r.Attribute) and call.func.attr in _OUTPUT_METHODS

    def is_idle(self, statement: r.Statement) -> bool:
        """Whether ``statement`` does none of the script's work: output, clean-up, plain values."""
        match statement:
            case r.ExprStatement(r.Call(func, _, _) as call, _):
                if self.is_output(call) or self.exit_of(statement) is not None:
                    return True
                return isinstance(func, r.Attribute) and func.attr in _TEARDOWN_METHODS
            case r.ExprStatement() | r.Simple() | r.Import() | r.ImportFrom() | r.Global():
                return True
            case r.FunctionDef() | r.ClassDef() | r.Raise():
                return True
            case r.Assign(_, value, _, _):
                return value is None or not any(isinstance(part, r.Call) for part in walk(value))
            case r.AugAssign(_, _, value, _):
                return not any(isinstance(part, r.Call) for part in walk(value))
            case r.If() | r.For() | r.With() | r.Try() | r.Match():
                return all(self.is_idle(inner) for block in blocks_of(statement) for inner in block)
        return False


def _guards(body: r.Block) -> Iterator[r.If]:
    for statement in body:
        match statement:
            case r.If(test, _, orelse, False, _):
                if is_guard(test):
                    yield statement
                else:
                    yield from _guards(statement.body)
                    yield from _guards(orelse)
            case r.Try() | r.With():
                for block in blocks_of(statement):
                    yield from _guards(block)


def is_guard(test: r.Expr) -> bool:
    """Whether ``test`` is a main guard's, also when another condition may let code in as well."""
    if isinstance(test, r.Boolean) and test.op == "or":
        return is_guard(test.left) or is_guard(test.right)
    return r.is_main_test(test)


def _library_kind(names: set[str]) -> Launch | None:
    for name in names:
        library, _, kind = name.partition(".")
        if library in CLICK and kind in ("command", "group") and library != "asyncclick":
            return Launch.CLICK
        if name in ("hydra.main", "hydra_zen.main"):
            return Launch.HYDRA
    return None


def _printed(call: r.Call) -> Iterator[r.Call]:
    """The calls whose whole value ``call`` shows: ``print(f())``, ``print(json.dumps(f()))``."""
    for argument in call.args:
        if isinstance(argument.value, r.Call) and argument.keyword is None:
            yield argument.value
            yield from _printed(argument.value)


def _last(expr: r.Expr) -> str | None:
    match expr:
        case r.Name(name, _) | r.Attribute(_, name, _):
            return name
        case r.Call(func, args, _):
            return _last(args[0].value) if args else _last(func)
    return None
