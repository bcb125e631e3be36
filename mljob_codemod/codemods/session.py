"""Snowpark sessions and connections: a job has a session already, and no credentials.

The launcher opens a session before the script runs. A second one makes everything that looks for the
active session fail, and what a connection needs at home (passwords, files, browsers) is not in a job.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mljob_codemod.analysis.credentials import find_credentials
from mljob_codemod.analysis.names import Definition, External, argument_at
from mljob_codemod.codemods.base import Job, ModuleEdit
from mljob_codemod.codemods.session_rules import (
    CONNECTOR,
    CREATED,
    CREDENTIALS,
    PASSED_ON,
    RULES,
    VARIABLES,
    WAREHOUSE,
)
from mljob_codemod.edits import RenameAttribute, Span
from mljob_codemod.findings import Finding, Level
from mljob_codemod.plan import JobPlan
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Scope, Site
from mljob_codemod.syntax.walking import walk, walk_statements

__all__ = ["RULES", "TRIGGER_WORDS", "describe", "find"]

TRIGGER_WORDS = frozenset(
    """create getOrCreate connect use_warehouse sql execute config configs Process map starmap submit
    apply_async remote spawn Parallel""".split()
)
_SESSION = re.compile(r"snowflake\.snowpark\.(?:session\.|_internal\.)?Session(?:\.|$)")
_CONNECT = frozenset(
    {"snowflake.connector.connect", "snowflake.connector.Connect",
     "snowflake.connector.SnowflakeConnection", "snowflake.connector.connection.SnowflakeConnection"}
)  # fmt: skip
_ACTIVE = frozenset({"snowflake.snowpark.context.get_active_session"})
_RUN_ONCE = frozenset(
    {"fire.Fire", "typer.run", "absl.app.run", "tyro.cli", "jsonargparse.CLI", "anyio.run", "trio.run",
     "tensorflow.compat.v1.app.run", "tensorflow.app.run", "atexit.register"}
)  # fmt: skip
_PROCESSES = (
    "multiprocessing.", "torch.multiprocessing.", "concurrent.futures.ProcessPoolExecutor", "joblib.",
    "billiard.", "pathos.", "loky.", "ray.",
)  # fmt: skip
_SENDING = "Process map imap imap_unordered starmap apply apply_async map_async submit spawn remote".split()
_USE_WAREHOUSE = re.compile(r"\s*use\s+(?:secondary\s+)?warehouse\b", re.IGNORECASE)


def find(job: Job) -> Iterator[Finding]:
    """Sessions, connections and credentials that work differently in a job."""
    finder = _Finder(job)
    yield from finder.created()
    yield from finder.credentials()
    yield from finder.warehouses()
    yield from finder.connections()
    yield from finder.passed_on()
    yield from finder.variables()


def describe(job: Job, plan: JobPlan) -> None:
    """List the places where the script gets a session."""
    finder = _Finder(job)
    # The code itself may hold a password, so it is not quoted.
    plan.sessions = [
        job.evidence(site.scope.module, site.call.span, f"Session.builder….{method}()")
        for method in ("create", "getOrCreate")
        for site in finder.creations(method)
    ]
    plan.sessions.sort(key=lambda evidence: (evidence.path, evidence.line))


class _Finder:
    """Makes the findings about the sessions of one job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.program = job.program

    def creations(self, method: str) -> list[Site]:
        """The calls of ``method`` of Snowpark's session builder that a job can come to."""
        return [
            site
            for site in self.program.sites_named(method)
            if isinstance(site.call.func, r.Attribute)
            and not self.job.program.runs_elsewhere(site)
            and self._is_builder(site.call.func.value, site.scope)
        ]

    def _is_builder(self, expr: r.Expr, scope: Scope, seen: tuple[r.Expr, ...] = ()) -> bool:
        """Whether ``expr`` is ``Session.builder``, with what may have been configured on it."""
        if expr in seen or len(seen) > 24:
            return False
        seen = (*seen, expr)
        match expr:
            case r.Call(r.Attribute(value, attr, _) as func, _, _):
                if attr == "SessionBuilder" and self._is_session_class(func.value, scope):
                    return True
                return self._is_builder(value, scope, seen) or self._returns_builder(
                    func, scope, seen
                )
            case r.Attribute(value, "builder", _):
                return self._is_session_class(value, scope)
            case r.Call(r.Name() as func, _, _):
                return self._returns_builder(func, scope, seen)
            case r.Name(name, _):
                for binding in self.program.bindings(name, scope):
                    given = binding.value
                    if binding.kind == "value" and not isinstance(
                        given, (r.Param, r.FunctionDef, r.ClassDef, type(None))
                    ):
                        if self._is_builder(given, binding.scope, seen):
                            return True
        return False

    def _returns_builder(self, func: r.Expr, scope: Scope, seen: tuple[r.Expr, ...]) -> bool:
        for entity in self.program.entities(func, scope):
            if isinstance(entity, Definition) and isinstance(entity.node, r.FunctionDef):
                inner = entity.scope.module.scope_of(entity.node)
                if any(
                    returned.value is not None and self._is_builder(returned.value, inner, seen)
                    for returned in inner.returns
                ):
                    return True
        return False

    def _is_session_class(self, expr: r.Expr, scope: Scope) -> bool:
        return any(
            isinstance(entity, External) and _SESSION.match(entity.name)
            for entity in self.program.entities(expr, scope)
        )

    # MLJ701

    def created(self) -> Iterator[Finding]:
        sites = [site for site in self.creations("create") if not self._is_fallback(site)]
        for site in sites:
            reason = self._why_several(site, sites)
            assert isinstance(site.call.func, r.Attribute)
            if reason is None:
                yield self.job.finding(
                    CREATED,
                    site.scope.module,
                    site.call.span,
                    "use the session that a job has, since a second one makes it ambiguous; what the "
                    "builder is given (role, database, schema) is then ignored in a job",
                    edits=(
                        ModuleEdit(
                            site.scope.module, RenameAttribute(site.call.func.span, "getOrCreate")
                        ),
                    ),
                )
            else:
                yield self.job.finding(
                    CREATED,
                    site.scope.module,
                    site.call.span,
                    f"a job has a session already and this makes another; {reason}, so `.getOrCreate()` "
                    "would make them one: use one session, and name database and schema with each table",
                    level=Level.ERROR,
                )

    def _is_fallback(self, site: Site) -> bool:
        """Whether a session is made only where ``get_active_session()`` fails, as it does in no job."""
        return any(
            isinstance(statement, r.Try)
            and len(statement.body) == 1
            and all(self._only_gets_active(one, site.scope) for one in statement.body)
            and any(
                handler.span.start <= site.call.span.start < handler.span.end
                for handler in statement.handlers
            )
            for statement in walk_statements(_body(site.scope))
        )

    def _only_gets_active(self, statement: r.Statement, scope: Scope) -> bool:
        """Whether ``statement`` can fail for nothing but a missing session."""
        value = statement.value if isinstance(statement, (r.Assign, r.Return)) else None
        return isinstance(value, r.Call) and any(
            isinstance(entity, External) and entity.name in _ACTIVE
            for entity in self.program.entities(value.func, scope)
        )

    def _why_several(self, site: Site, sites: list[Site]) -> str | None:
        """Why the script may have more than one session, or None where it has exactly one."""
        for other in (*sites, *self.creations("getOrCreate")):
            if other is not site and not _exclude(site, other):
                return "the script makes several"
        return self._why_repeated(site)

    def _why_repeated(self, site: Site, depth: int = 0) -> str | None:
        """Why the code at ``site`` may run more than once."""
        if _is_kept(site):
            return None
        if site.loops:
            return "it is made in a loop"
        function = site.scope.function
        if function is None:
            return None
        node, owner = function.node, function.parent
        if depth > 8 or not isinstance(node, r.FunctionDef) or owner is None:
            return "it may be made several times"
        if any("cache" in (_last(decorator) or "") for decorator in node.decorators):
            return None
        callers = [
            caller
            for caller in self.program.callers(Definition(node, owner))
            if not self.job.program.runs_elsewhere(caller)
        ]
        if owner.kind == "class" and node.name not in ("__init__", "__new__"):
            callers += [
                caller
                for caller in self.program.sites_named(node.name)
                if not self.program.entities(caller.call.func, caller.scope)
            ]
        if len(callers) > 1 and not all(
            one is other or _exclude(one, other) for one in callers for other in callers
        ):
            return f"`{node.name}` is called several times"
        if not callers and self._is_handed_on(node.name):
            return f"`{node.name}` is handed to something that may call it several times"
        for caller in callers:
            reason = self._why_repeated(caller, depth + 1)
            if reason is not None:
                return reason
        return None

    def _is_handed_on(self, name: str) -> bool:
        """Whether a function that nothing calls is given to something that may call it often."""
        uses = 0
        for site in self.program.sites():
            for argument in site.call.args:
                for part in walk(argument.value):
                    if _last(part) == name:
                        entities = self.program.entities(site.call.func, site.scope)
                        uses += not any(
                            isinstance(entity, External) and entity.name in _RUN_ONCE
                            for entity in entities
                        )
        return uses > 0

    # MLJ702

    def credentials(self) -> Iterator[Finding]:
        for module in self.program.modules.values():
            source = self.job.sources(module)
            for span, what in find_credentials(module, source.text):
                yield self.job.finding(
                    CREDENTIALS,
                    module,
                    span,
                    f"{what} stands in the source, which is uploaded with the job: take it out and "
                    "have it changed; in a job use its session, or a Snowflake secret for other services",
                )

    # MLJ703

    def warehouses(self) -> Iterator[Finding]:
        for site in self.program.sites_named("use_warehouse"):
            if not self.job.program.runs_elsewhere(site) and not any(
                isinstance(entity, Definition)
                for entity in self.program.entities(site.call.func, site.scope)
            ):
                yield self._warehouse(site)
        for name in ("sql", "execute", "execute_string", "execute_async"):
            for site in self.program.sites_named(name):
                first = argument_at(site.call, 0, "query")
                text = "" if first is None else _leading_text(first.value)
                if _USE_WAREHOUSE.match(text) and not self.job.program.runs_elsewhere(site):
                    yield self._warehouse(site)

    def _warehouse(self, site: Site) -> Finding:
        return self.job.finding(
            WAREHOUSE,
            site.scope.module,
            site.call.span,
            "a job gets its warehouse when it is submitted: set `query_warehouse` in the settings, and "
            "remove this call or let it run outside jobs only",
        )

    # MLJ704

    def connections(self) -> Iterator[Finding]:
        for name in ("connect", "Connect", "SnowflakeConnection"):
            for site in self.program.sites_named(name):
                if not self.job.program.runs_elsewhere(site) and any(
                    isinstance(entity, External) and entity.name in _CONNECT
                    for entity in self.program.entities(site.call.func, site.scope)
                ):
                    if "/snowflake/session/token" in self.job.sources(site.scope.module).text:
                        continue  # it connects as a container should
                    yield self.job.finding(
                        CONNECTOR,
                        site.scope.module,
                        site.call.span,
                        "a job has no credentials for a connection of its own: use "
                        "`Session.builder.getOrCreate().connection`",
                    )

    # MLJ705

    def passed_on(self) -> Iterator[Finding]:
        for name in _SENDING:
            for site in self.program.sites_named(name):
                if (
                    not self.job.program.runs_elsewhere(site)
                    and self._sends_to_process(site)
                    and any(
                        self._is_session(part, site.scope)
                        for argument in site.call.args
                        for part in walk(argument.value)
                    )
                ):
                    yield self.job.finding(
                        PASSED_ON,
                        site.scope.module,
                        site.call.span,
                        "a session cannot go to another process: do the work in threads, or read the "
                        "data before and pass that",
                    )

    def _sends_to_process(self, site: Site) -> bool:
        func = site.call.func
        made = [*self.program.entities(func, site.scope)]
        if isinstance(func, r.Attribute):
            made += self.program.producers(func.value, site.scope)
        names = [entity.name for entity in made if isinstance(entity, External)]
        if any("dummy" in name or "ThreadPool" in name or ".pool.Thread" in name for name in names):
            return False
        if isinstance(func, r.Attribute) and func.attr == "remote":
            return True
        return any(name.startswith(_PROCESSES) for name in names)

    def _is_session(self, expr: r.Expr, scope: Scope, depth: int = 0) -> bool:
        if depth > 6:
            return False
        match expr:
            case r.Call(r.Attribute(builder, "create" | "getOrCreate", _), _, _):
                return self._is_builder(builder, scope)
            case r.Call(func, _, _):
                for entity in self.program.entities(func, scope):
                    if isinstance(entity, External) and entity.name in _ACTIVE:
                        return True
                    if isinstance(entity, Definition) and isinstance(entity.node, r.FunctionDef):
                        inner = entity.scope.module.scope_of(entity.node)
                        if any(
                            returned.value is not None
                            and self._is_session(returned.value, inner, depth + 1)
                            for returned in inner.returns
                        ):
                            return True
            case r.Name(name, _):
                for binding in self.program.bindings(name, scope):
                    value = binding.value
                    if isinstance(value, r.Param):
                        if value.annotation is not None and self._is_session_class(
                            value.annotation, binding.scope
                        ):
                            return True
                    elif binding.kind in ("value", "context") and not isinstance(
                        value, (r.FunctionDef, r.ClassDef, type(None))
                    ):
                        if value is not expr and self._is_session(value, binding.scope, depth + 1):
                            return True
        return False

    # MLJ706

    def variables(self) -> Iterator[Finding]:
        seen: set[tuple[str, Span]] = set()
        for method in ("create", "getOrCreate"):
            for site in self.creations(method):
                if self._is_fallback(site):
                    continue
                assert isinstance(site.call.func, r.Attribute)
                for subscript, scope in self._variables(site.call.func.value, site.scope, ()):
                    place = (scope.module.key, subscript.span)
                    if place in seen:
                        continue
                    seen.add(place)
                    index = subscript.index
                    name = index.value if isinstance(index, r.Const) else None
                    what = "a variable" if not isinstance(name, str) else f"the variable `{name}`"
                    yield self.job.finding(
                        VARIABLES,
                        scope.module,
                        subscript.span,
                        f"a job does not have {what} and ends here with a KeyError; its session needs "
                        "no credentials: use `os.environ.get`",
                    )

    def _variables(
        self, expr: r.Expr, scope: Scope, seen: tuple[r.Expr, ...]
    ) -> Iterator[tuple[r.Subscript, Scope]]:
        """The subscripts of ``os.environ`` that the value of ``expr`` is made of."""
        if expr in seen or len(seen) > 12:
            return
        seen = (*seen, expr)
        for part in walk(expr):
            match part:
                case r.Subscript(value, _, _):
                    if External("os.environ") in self.program.entities(value, scope):
                        yield part, scope
                case r.Name(name, _):
                    for binding in self.program.bindings(name, scope):
                        given = binding.value
                        if binding.kind == "value" and not isinstance(
                            given, (r.Param, r.FunctionDef, r.ClassDef, type(None))
                        ):
                            yield from self._variables(given, binding.scope, seen)
                case r.Call(func, _, _):
                    for entity in self.program.entities(func, scope):
                        if isinstance(entity, Definition) and isinstance(
                            entity.node, r.FunctionDef
                        ):
                            inner = entity.scope.module.scope_of(entity.node)
                            for returned in inner.returns:
                                if returned.value is not None:
                                    yield from self._variables(returned.value, inner, seen)


def _body(scope: Scope) -> r.Block:
    """The statements that run in ``scope``."""
    if scope.kind == "module":
        return scope.module.body
    return scope.node.body if isinstance(scope.node, (r.FunctionDef, r.ClassDef)) else ()


def _exclude(one: Site, other: Site) -> bool:
    """Whether a condition lets only one of two calls happen."""
    return any(
        first.test is second.test and first.holds != second.holds
        for first in one.guards
        for second in other.guards
    )


def _is_kept(site: Site) -> bool:
    """Whether the call stands under ``if session is None`` and so happens once."""
    for guard in site.guards:
        match guard.test, guard.holds:
            case (r.Compare(_, ("Is",), (r.Const(None, _),), _), True):
                return True
            case (r.Compare(_, ("IsNot",), (r.Const(None, _),), _), False):
                return True
            case (r.Not(r.Name() | r.Attribute(), _), True):
                return True
    return False


def _leading_text(expr: r.Expr) -> str:
    match expr:
        case r.Const(str() as text, _):
            return text
        case r.Joined((r.Const(str() as text, _), *_), _):
            return text
        case r.Binary(_, left, _, _) | r.Call(r.Attribute(left, "format", _), _, _):
            return _leading_text(left)
    return ""


def _last(expr: r.Expr) -> str | None:
    match expr:
        case r.Name(name, _) | r.Attribute(_, name, _):
            return name
        case r.Call(func, _, _):
            return _last(func)
    return None
