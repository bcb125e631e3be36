"""Which calls of a script have its result, and what form its entry has.

Every path through the main guard (or the module, where there is none) is followed from its end: the last
call on it whose value is a result counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mljob_codemod.analysis.names import Program
from mljob_codemod.analysis.starts import BY_FRAMEWORK, Launch, Start, Starts
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.walking import blocks_of, walk, walk_statements

RETURN = "__return__"
_PREPARES = frozenset(
    """parse get load make build create setup set init initialize initialise read prepare open connect
    config configure arg args opt opts options download fetch seed add register define ensure""".split()
)
_CHECKS = frozenset("assert verify check validate".split())
_WORKS = frozenset(
    """main train training run fit eval evaluate evaluation test experiment search score predict cross
    optimize optimise tune benchmark summarize summarise summary metrics results finetune demo pipeline
    infer inference simulate report solve learn cli app job objective cv launch execute process""".split()
)
_DECLARES = frozenset(
    """add_argument add_option add_argument_group add_mutually_exclusive_group add_subparsers add_parser parse_args
    parse_known_args set_defaults ArgumentParser OptionParser get""".split()
)
_MUCH = 15
_CLEANS = frozenset(
    """cleanup clean teardown finish close shutdown destroy notify sync save plot goodbye log print show
    export dump write""".split()
)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A call whose value is the script's result on some path.

    ``exit`` is the statement that ends the process on that path, ``later`` what stands after the call.
    """

    start: Start
    exit: r.Statement | None
    later: tuple[r.Statement, ...]


@dataclass(frozen=True)
class Form:
    """The entry as the JSON contract names it, and the statement that starts it."""

    form: str
    start: Start | None
    statement: r.Statement | None

    @property
    def callee(self) -> Start | None:
        """The start, where the contract names what it calls: blocks have none."""
        return None if self.form in ("guard_block", "toplevel") else self.start


class Entries:
    """The entry of one script."""

    def __init__(self, program: Program) -> None:
        self.starts = Starts(program)
        self.script = program.script
        self.guards = self.starts.guards()
        self.body: r.Block = self.guards[-1].body if self.guards else self.script.body
        self.recorded = [
            statement
            for statement in walk_statements(self.script.body)
            if isinstance(statement, r.Assign)
            and any(
                isinstance(target, r.Name) and target.id == RETURN for target in statement.targets
            )
        ]
        self.assigns_return = RETURN in self.script.scope.bindings
        self.exits: list[Candidate] = []
        """``sys.exit(main())`` and its like."""
        self.lost: list[tuple[r.Statement, r.Statement]] = []
        """Assignments to ``__return__``, each with the exit that makes the launcher forget it."""
        self.looped: list[Start] = []
        """Calls with a value that a loop runs."""
        self.candidates: list[Candidate] = []
        for guard in self.guards:
            self.candidates += self._paths(guard.body, (), None)[0]
        if not self.guards:
            self.candidates = self._paths(self.script.body, (), None)[0]

    # The calls that have the result

    def _paths(
        self, body: r.Block, later: tuple[r.Statement, ...], leaving: r.Statement | None
    ) -> tuple[list[Candidate], bool]:
        """The candidates of ``body``, and whether every path through it has one."""
        found: list[Candidate] = []
        for place in range(len(body) - 1, -1, -1):
            statement = body[place]
            after = (*body[place + 1 :], *later)
            start = self.starts.read(statement)
            if start is not None and start.launch is Launch.EXIT:
                self.exits.append(Candidate(start, statement, after))
                return found, True
            if self.starts.exit_of(statement) is not None:
                leaving = statement
            elif statement in self.recorded:
                if leaving is not None:
                    self.lost.append((statement, leaving))
                return found, True
            elif start is not None:
                candidate = Candidate(start, leaving, after)
                if start.launch in BY_FRAMEWORK or self._is_result(candidate):
                    return [*found, candidate], True
            else:
                inner, complete = self._inside(statement, after, leaving)
                found += inner
                if complete:
                    return found, True
        return found, False

    def _inside(
        self, statement: r.Statement, after: tuple[r.Statement, ...], leaving: r.Statement | None
    ) -> tuple[list[Candidate], bool]:
        match statement:
            case r.If(_, body, orelse, False, _):
                found, complete = self._paths(body, after, leaving)
                others, also = self._paths(orelse, after, leaving)
                return [*found, *others], complete and also
            case r.With(_, body, _):
                return self._paths(body, after, leaving)
            case r.Try(body, handlers, orelse, final, _):
                found, complete = self._paths(orelse, (*final, *after), leaving)
                if not complete:
                    inner, complete = self._paths(body, (*orelse, *final, *after), leaving)
                    found = [*inner, *found]
                if not found:
                    for handler in handlers:
                        found += self._paths(handler.body, (*final, *after), leaving)[0]
                return found, complete
            case r.Match(_, cases, _):
                return [
                    one for case in cases for one in self._paths(case, after, leaving)[0]
                ], False
            case r.For() | r.If():
                for part in walk_statements((*statement.body, *statement.orelse)):
                    start = self.starts.read(part)
                    if start is not None and isinstance(part, r.ExprStatement):
                        if self.starts.value(start) and start.launch is not Launch.EXIT:
                            self.looped.append(start)
        return [], False

    def _is_result(self, candidate: Candidate) -> bool:
        """Whether the value of a call is a result, not something that later work starts from."""
        start, later = candidate.start, candidate.later
        if not self.starts.value(start):
            return False
        if start.launch is Launch.PRINTED and not _words(start.callee) & _WORKS:
            return False
        if _verb(start.callee) in _CHECKS:
            return False
        prepares = _verb(start.callee) in _PREPARES and not _words(start.callee) & _WORKS
        works = bool(_words(start.callee) & _WORKS)
        if not self.guards and not all(self._is_closing(statement) for statement in later):
            return False
        targets = start.statement.targets if isinstance(start.statement, r.Assign) else ()
        kept = {part.id for target in targets for part in walk(target) if isinstance(part, r.Name)}
        if not kept:
            return not prepares or all(self._is_closing(statement) for statement in later)
        uses = [use for statement in later for use in _uses(statement, kept)]
        if any(self._feeds_work(use) for use in uses):
            return False
        if all(self.starts.is_output(use) for use in uses):
            return not prepares
        return works and not prepares

    def _is_closing(self, statement: r.Statement) -> bool:
        """Whether ``statement`` may follow the last piece of work: output, clean-up, another call."""
        if self.starts.is_idle(statement):
            return True
        if isinstance(statement, (r.If, r.With, r.Try)):
            return all(self._is_closing(inner) for block in blocks_of(statement) for inner in block)
        start = self.starts.read(statement)
        return start is not None and _cleans(start.callee)

    def _feeds_work(self, call: r.Call) -> bool:
        """Whether ``call`` is the next piece of the script's work."""
        functions = self.starts.returns.functions(call.func, self.starts.scope)
        return bool(functions) and not _cleans(functions[0].name)

    def ends_script(self, statement: r.Statement, later: Iterable[r.Statement] = ()) -> bool:
        """Whether nothing of the script runs once ``statement`` has, should it not end the process."""
        position = statement.span.start
        return all(
            other.span.start <= position or isinstance(other, (r.FunctionDef, r.ClassDef))
            for other in (*self.script.body, *later)
        )

    # The form of the entry

    def form(self) -> Form:
        """How the script starts its work, by the last thing that does."""
        start, block, where = self._last_work(self.body)
        if start is not None and start.launch not in BY_FRAMEWORK and self.candidates:
            if not _words(start.callee) & _WORKS and not block:
                start = self.candidates[-1].start
        guarded = "guard" if self.guards else "toplevel"
        if any(self._is_working_loop(one) for one in self.body):
            if not self.guards:
                start, where = None, self.body[-1]
            elif start is not None and start.launch not in BY_FRAMEWORK:
                # The work is here; a call behind a condition only comes on top.
                start = start if self._is_plain(start) else None
        if start is not None and self.guards and self._holds_work():
            start = start if start.launch in BY_FRAMEWORK or start.launch is Launch.EXIT else None
        if start is not None and self._is_no_work(start):
            where, start = start.statement, None
        if start is None:
            form = "guard_block" if self.guards else "toplevel"
            return Form(form, None, where or (self.guards[-1] if self.guards else None))
        if start.launch in BY_FRAMEWORK:
            form = "guard_cli" if self.guards else "toplevel"
        elif start.launch is Launch.METHOD:
            form = "guard_block" if self.guards else "toplevel"
        elif start.launch is Launch.EXIT and self.guards:
            held = start.held in BY_FRAMEWORK if start.held is not None else False
            form = "guard_cli" if held else "guard_exit"
        else:
            form = f"{guarded}_call"
        return Form(form, start, start.statement)

    def _last_work(self, body: r.Block) -> tuple[Start | None, bool, r.Statement | None]:
        """The start of the last work in ``body``, whether it is inline work instead, and where."""
        fallback: Start | None = None
        for statement in reversed(body):
            start = self.starts.read(statement)
            if start is not None:
                if start.launch in BY_FRAMEWORK or start.launch is Launch.EXIT:
                    return start, False, statement
                if not _cleans(start.callee):
                    return start, False, statement
                fallback = fallback or start
                continue
            if self.starts.is_idle(statement):
                continue
            match statement:
                case r.With(_, inner, _) | r.Try(inner, _, _, _, _):
                    found = self._last_work(inner)
                case r.If(_, inner, orelse, False, _):
                    found = self._last_work(inner)
                    if found[0] is None and not found[1]:
                        found = self._last_work(orelse)
                    if found[0] is None and not self.guards:
                        return None, True, statement
                case r.For(_, _, inner, _, _) | r.If(_, inner, _, True, _):
                    work = [one for one in inner if not self.starts.is_idle(one)]
                    found = self._last_work(inner)
                    if len(work) > 1 or not isinstance(work[0], r.ExprStatement):
                        return None, True, statement
                    if found[0] is None:
                        return None, True, statement
                case _:
                    if self._is_small(statement):
                        continue
                    return None, True, statement
            if found[0] is not None and _cleans(found[0].callee) and not found[1]:
                fallback = fallback or found[0]
            elif found[0] is not None or found[1]:
                return found
        return fallback, False, None if fallback is None else fallback.statement

    def _holds_work(self) -> bool:
        """Whether so much stands in the guard itself that no single call is the script's work."""
        work = 0
        for statement in walk_statements(self.body):
            match statement:
                case r.ExprStatement(r.Call() as call, _) | r.Assign(_, r.Call() as call, _, _):
                    declares = isinstance(call.func, r.Attribute) and call.func.attr in _DECLARES
                    work += not (declares or self.starts.is_idle(statement))
        return work >= _MUCH

    def _is_no_work(self, start: Start) -> bool:
        """Whether a call only shows a value or gets what work would start from, by its name."""
        if _words(start.callee) & _WORKS:
            return False
        prepares = isinstance(start.statement, r.Assign) and _verb(start.callee) in _PREPARES
        return start.launch is Launch.PRINTED or (start.launch is Launch.CALL and prepares)

    def _is_plain(self, start: Start) -> bool:
        """Whether a statement of the guard stands under no condition and in no loop."""
        waiting = [*self.body]
        while waiting:
            statement = waiting.pop()
            if statement is start.statement:
                return True
            if isinstance(statement, (r.Try, r.With)):
                waiting += [one for block in blocks_of(statement) for one in block]
        return False

    def _is_working_loop(self, statement: r.Statement) -> bool:
        choice = self.guards and isinstance(statement, r.If) and not statement.loop
        if choice or isinstance(statement, (r.Try, r.With)):
            return any(
                self._is_working_loop(one) for block in blocks_of(statement) for one in block
            )
        loops = isinstance(statement, r.For) or (isinstance(statement, r.If) and statement.loop)
        return loops and not self.starts.is_idle(statement)

    def _is_small(self, statement: r.Statement) -> bool:
        """Whether a library call is no work of its own: it names, logs or shows something."""
        if not self.guards:
            return False
        match statement:
            case r.ExprStatement(r.Call(r.Attribute(r.Name(), attr, _), _, _), _):
                if _verb(attr) not in ("log", "show", "finish", "end"):
                    return False
            case r.Assign():
                pass
            case _:
                return False
        return any(self.starts.read(one) for one in walk_statements(self.body))


def _uses(statement: r.Statement, names: set[str]) -> Iterator[r.Call]:
    """The outermost calls, and those in them, that are passed one of ``names``."""
    for inner in walk_statements((statement,)):
        for expr in expressions(inner):
            for part in walk(expr):
                if isinstance(part, r.Call) and any(
                    isinstance(leaf, r.Name) and leaf.id in names
                    for value in (part.func, *(argument.value for argument in part.args))
                    for leaf in walk(value)
                ):
                    yield part


def expressions(statement: r.Statement) -> Iterable[r.Expr]:
    """The expressions directly in ``statement``, not those in its blocks."""
    match statement:
        case r.ExprStatement(value, _):
            return (value,)
        case r.Assign(targets, value, _, _):
            return targets if value is None else (*targets, value)
        case r.AugAssign(target, _, value, _):
            return (target, value)
        case r.Return(value, _) | r.Raise(value, _):
            return () if value is None else (value,)
        case r.Simple(_, children, _):
            return children
        case r.If(test, _, _, _, _):
            return (test,)
        case r.For(target, iterable, _, _, _):
            return (target, iterable)
        case r.With(items, _, _):
            return tuple(item for item, _ in items)
        case r.Match(subject, _, _):
            return (subject,)
    return ()


def _words(name: str | None) -> set[str]:
    return set() if name is None else set(re.findall(r"[a-z]+|[A-Z][a-z]*", name.lower()))


def _cleans(name: str | None) -> bool:
    """Whether a function is called to finish work: to save, to log, to clean up."""
    return (
        _verb(name) in _CLEANS
        or (name or "").endswith("_log")
        or bool(_words(name) & {"sync", "synchronize", "barrier"})
    )


def _verb(name: str | None) -> str:
    words = [] if name is None else re.findall(r"[a-z]+", name.lower())
    return words[0] if words else ""
