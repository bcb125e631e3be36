"""Where a run reaches outside services: by the calls it makes, by URLs, by commands that it runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from mljob_codemod.analysis.constants import Named, Special, Value
from mljob_codemod.analysis.default_run import DefaultRun
from mljob_codemod.analysis.names import (
    Definition,
    LocalModule,
    Program,
    argument_at,
)
from mljob_codemod.analysis.path_uses import PathUse, Role
from mljob_codemod.analysis.path_values import PathValue, Root
from mljob_codemod.analysis.reachability import Reachability
from mljob_codemod.analysis.service_names import CallNames
from mljob_codemod.analysis.set_variables import set_variables
from mljob_codemod.analysis.values import PathEvaluator
from mljob_codemod.edits import Span
from mljob_codemod.rules.rows import Argument
from mljob_codemod.rules.services import ServiceCall, ServiceRules
from mljob_codemod.rules.uses import Condition
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex, Scope, Site, kept_with_module
from mljob_codemod.syntax.walking import last_name, walk, walk_statements

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>|;)]+")
_LOCAL_HOSTS: Final = re.compile(
    r"(localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[?::1\]?|169\.254\.\d+\.\d+|host\.docker\.internal|.*\.local)"
)
_FILE_SUFFIX: Final = re.compile(
    r"\.(pt|pth|bin|ckpt|h5|hdf5|keras|json|jsonl|csv|tsv|txt|yaml|yml|onnx|pkl|pickle|safetensors|npz|parquet|gguf|model)"
)
_FOLDER_NAME: Final = re.compile(
    r"(.*_)?(dir|directory|folder|root|ckpt_path|checkpoint_path|file)"
)
"""Names of options and variables that hold local paths; others may hold a name or a path."""


_IMPORT_ERRORS: Final = frozenset({"ImportError", "ModuleNotFoundError"})


class Nearness(Enum):
    """Whether something that is named lies in the job or elsewhere."""

    LOCAL = "local"
    REMOTE = "remote"
    EITHER = "either"


class Contact(NamedTuple):
    """A place where a run with default options reaches a service.

    ``certain`` is False where it depends on a value that the source does not fix.
    """

    service: str
    hosts: tuple[str, ...]
    module: ModuleIndex
    span: Span
    certain: bool


class Reached(NamedTuple):
    """What one call reaches."""

    service: str
    hosts: tuple[str, ...]
    certain: bool


class ServiceFinder:
    """Finds the contacts of one program."""

    def __init__(
        self,
        program: Program,
        paths: PathEvaluator,
        run: DefaultRun,
        reach: Reachability,
        rules: ServiceRules,
        canonical: Callable[[str], str],
        is_local: Callable[[str], bool],
        optional: frozenset[str],
    ) -> None:
        self._program = program
        self._paths = paths
        self._run = run
        self._reach = reach
        self._rules = rules
        self._names = CallNames(
            program,
            paths,
            lambda name: rules.canonical(canonical(name)),
            lambda name: bool(self._rules.calls.rows_for(name)),
        )
        self._is_local = is_local
        self._optional = optional
        self._made: dict[str, set[Scope | None]] = {}
        self._variables = set_variables(program, run)

    def contacts(self, uses: Iterable[PathUse]) -> Iterator[Contact]:
        """Every contact, in the order of the modules and of the places in them."""
        off = self._turned_off()
        for contact in (
            *self._of_calls(),
            *self._of_paths(uses),
            *self._of_variables(),
            *self._of_imports(),
        ):
            if contact.service not in off:
                yield contact

    # Calls by their names

    def _of_calls(self) -> Iterator[Contact]:
        for site, names in self._names.sites(self._rules.words, self._rules.libraries):
            for reached in self._reached(site, names):
                certain = reached.certain and self._optional.isdisjoint(
                    name.partition(".")[0] for name in names
                )
                if not self._comes_to(site, certain):
                    break
                span = site.call.span
                if reached.service == "pip_install" and _replaces_import(site):
                    continue
                yield Contact(*reached[:2], site.scope.module, span, certain)

    def _comes_to(self, site: Site, certain: bool) -> bool:
        """Whether the run comes to ``site``; what is uncertain itself must not depend on its callers' tests."""
        if not self._run.comes_to(site) or not self._reach.runs_by_default(site):
            return False
        if not self._is_made(site.scope.enclosing_class):
            return False
        return certain or self._is_entered(site.scope.function, frozenset())

    def _is_made(self, klass: Scope | None) -> bool:
        """Whether reached code names the class, or one that inherits from it: else nothing calls its methods."""
        if klass is None or not isinstance(klass.node, r.ClassDef):
            return True
        name = klass.node.name
        if name not in self._made:
            self._made[name] = self._mentions(name)
        return bool(self._made[name] - {klass})

    def _mentions(self, name: str) -> set[Scope | None]:
        """The classes (None: none) in whose code the name is used, as a string for ``getattr`` too."""
        found = set(self._asked_for.get(name, ()))
        for module in self._program.modules.values():
            found |= _mentions_in(module).get(name, frozenset())
        return found

    @cached_property
    def _asked_for(self) -> dict[str, set[Scope | None]]:
        """By name, the classes (None: none) in whose code ``getattr`` asks for it."""
        found: dict[str, set[Scope | None]] = {}
        for site in self._program.sites_named("getattr"):
            owner = site.scope.enclosing_class
            for argument in site.call.args[1:2]:
                values = self._run.values(argument.value, site.scope)
                named = [value for value in values if isinstance(value, str)]
                if not named:  # any of a module's classes may be meant
                    for entity in self._program.entities(site.call.args[0].value, site.scope):
                        if isinstance(entity, LocalModule):
                            named += entity.module.scope.bindings
                for name in named:
                    found.setdefault(name, set()).add(owner)
        return found

    def _is_entered(self, function: Scope | None, seen: frozenset[Scope]) -> bool:
        """Whether the function is called under no condition whose outcome is unknown."""
        if function is None or function in seen:
            return function is None
        if not isinstance(function.node, r.FunctionDef) or function.parent is None:
            return True
        sites = self._program.callers(Definition(function.node, function.parent))
        return not sites or any(
            self._run.comes_to(site)
            and all(self._run.holds(guard, site.scope) for guard in site.guards)
            and self._is_entered(site.scope.function, seen | {function})
            for site in sites
        )

    def _reached(self, site: Site, names: list[str]) -> Iterator[Reached]:
        told: set[str] = set()
        for name in names:
            for row in self._rules.calls.rows_for(name):
                if row.service in told:
                    continue  # the first row of a service that has the name decides
                told.add(row.service)
                yield from self._by_row(row, site)
            if name in self._rules.shell:
                yield from self._by_command(site)

    def _by_row(self, row: ServiceCall, site: Site) -> Iterator[Reached]:
        holds = self._conditions_hold(row, site)
        if holds is False or (row.asked_by and not self._is_asked(row.asked_by, site)):
            return
        certain = holds is True
        if row.url is not None:
            yield from self._by_url(row, site)
            return
        if row.target is not None:
            given = find_argument(site.call, row.target)
            if given is None or (isinstance(given, r.Const) and given.value is None):
                starred = any(argument.star for argument in site.call.args)
                if not row.offered and not starred and row.target.position == 0:
                    return
                certain = certain and row.offered
            else:
                nearness, hosts = self._nearness(given, site, row)
                if row.builtin and nearness is Nearness.LOCAL:
                    yield from self._by_files(row, site)
                if nearness is Nearness.LOCAL:
                    return
                certain = certain and nearness is Nearness.REMOTE
                if hosts:
                    yield Reached(row.service, hosts, certain)
                    return
        yield Reached(row.service, row.hosts or self._hosts(row.service), certain)

    def _hosts(self, service: str) -> tuple[str, ...]:
        known = self._rules.services.get(service)
        return () if known is None else known.hosts

    # Conditions on arguments

    def _conditions_hold(self, row: ServiceCall, site: Site) -> bool | None:
        """Whether the arguments are such that the call counts; None where that is not known."""
        if any(self._holds(condition, site) is True for condition in row.unless):
            return False
        if not row.when:
            return True
        found = [
            self._holds(condition, site)
            for condition in row.when
            if _is_given(condition, site.call)
        ]
        if not found:
            return row.missing
        if True in found:
            return True
        return None if None in found else False

    def _holds(self, condition: Condition, site: Site) -> bool | None:
        given = find_argument(site.call, condition.argument)
        if given is None:
            return False
        found = {
            _value_fits(condition.value, value) for value in self._run.values(given, site.scope)
        }
        if True in found:
            return True
        if None not in found:
            return False
        # A switch whose value nothing shows is off; anything else may be given.
        return False if condition.value == "true" else None

    def _is_asked(self, name: str, site: Site) -> bool:
        """Whether what the call stands under, where it has that name, is known to hold."""
        return all(
            self._run.holds(guard, site.scope)
            for guard in site.guards
            if any(
                isinstance(part, (r.Name, r.Attribute)) and last_name(part) == name
                for part in walk(guard.test)
            )
        )

    # What is named by an argument

    def _nearness(
        self, expr: r.Expr, site: Site, row: ServiceCall
    ) -> tuple[Nearness, tuple[str, ...]]:
        found: list[Nearness] = []
        hosts: tuple[str, ...] = ()
        for value in self._paths.values(expr, site.scope):
            text = _text_of(value)
            if text is not None and text in row.builtin:
                found.append(Nearness.LOCAL)
            elif value.root is Root.URL:
                url = self._url(value.text)
                found.append(Nearness.LOCAL if url is None else Nearness.REMOTE)
                hosts = hosts or (() if url is None else url.hosts)
            elif value.root is Root.OPTION:
                found.append(self._option_nearness(value, row))
            else:
                found.append(self._value_nearness(value))
        if Nearness.REMOTE in found:
            return Nearness.REMOTE, hosts
        if Nearness.EITHER in found or not found:
            name = last_name(expr)
            near = Nearness.LOCAL if name and _FOLDER_NAME.fullmatch(name) else Nearness.EITHER
            return near if not _is_joined(expr) else Nearness.LOCAL, ()
        return Nearness.LOCAL, ()

    def _option_nearness(self, value: PathValue, row: ServiceCall) -> Nearness:
        option = value.option
        assert option is not None
        if value.text or value.prefix:
            return Nearness.LOCAL if value.text.startswith("/") else Nearness.EITHER
        for default in self._paths.default_values(option):
            if default.root is Root.URL:
                return Nearness.REMOTE
            if default.root is Root.LITERAL and default.text:
                if default.text in row.builtin:
                    return Nearness.LOCAL
                return self._value_nearness(default)
        return Nearness.LOCAL if _FOLDER_NAME.fullmatch(option.dest.lower()) else Nearness.EITHER

    def _value_nearness(self, value: PathValue) -> Nearness:
        text = value.text
        match value.root:
            case Root.LITERAL:
                if value.is_path:
                    return Nearness.LOCAL
                if not text.strip():
                    return Nearness.EITHER
                return Nearness.LOCAL if self._names_file(text) else Nearness.REMOTE
            case Root.UNKNOWN:
                return Nearness.LOCAL if value.is_path else Nearness.EITHER
            case Root.ENVIRONMENT:
                name = value.reason.lower()
                return Nearness.LOCAL if _FOLDER_NAME.fullmatch(name) else Nearness.EITHER
        return Nearness.LOCAL

    def _names_file(self, text: str) -> bool:
        """Whether ``text`` can only be a path: hubs have names of at most two parts."""
        return (
            text.startswith(("./", "../", "/", "~", "\\", "file:"))
            or text in (".", "..")
            or text.count("/") > 1
            or text.endswith("/")
            or "\\" in text
            or _FILE_SUFFIX.fullmatch(text[text.rfind(".") :] if "." in text else "") is not None
            or self._is_local(text)
        )

    def _by_files(self, row: ServiceCall, site: Site) -> Iterator[Reached]:
        for name in row.files:
            given = argument_at(site.call, None, name)
            if given is not None:
                for value in self._spread(given.value, site.scope):
                    if value.root is Root.URL and (url := self._url(value.text)) is not None:
                        yield url

    def _spread(self, expr: r.Expr, scope: Scope) -> Iterator[PathValue]:
        """The values of ``expr``, of the items of a dictionary or list."""
        yield from self._paths.values(expr, scope)
        for made, inner in self._paths.origins.of(expr, scope):
            if isinstance(made, r.Mapping):
                for _, item in made.items:
                    yield from self._paths.values(item, inner)

    # URLs

    def _by_url(self, row: ServiceCall, site: Site) -> Iterator[Reached]:
        assert row.url is not None
        given = find_argument(site.call, row.url)
        if given is None:
            return
        unknown = False
        for value in self._with_defaults(self._spread(given, site.scope)):
            if value.root is Root.URL:
                url = self._url(value.text)
                if url is not None:
                    service = url.service if row.service == "http" else row.service
                    yield Reached(service, url.hosts, True)
                    return
            elif value.root in (Root.UNKNOWN, Root.ENVIRONMENT, Root.OPTION):
                unknown = True
        if unknown:
            yield Reached(row.service, row.hosts, False)

    def _with_defaults(self, values: Iterable[PathValue]) -> Iterator[PathValue]:
        """``values``, options being replaced by their defaults where they have some."""
        for value in values:
            defaults: tuple[PathValue, ...] = ()
            if value.root is Root.OPTION and value.option is not None:
                defaults = self._paths.default_values(value.option)
            yield from defaults or (value,)

    def _url(self, text: str) -> Reached | None:
        """The service that answers the URL ``text``, or None where it is this machine."""
        scheme, _, rest = text.partition("://")
        scheme = scheme.lower()
        known = self._rules.schemes.get(scheme)
        if known is not None:
            bucket = re.split(r"[/?<]", rest)[0]
            hosts = tuple(
                host.replace("{bucket}", bucket)
                for host in known.hosts
                if bucket or "{" not in host
            )
            return Reached(known.service, hosts or self._hosts(known.service), True)
        if scheme not in ("http", "https", "ftp", "ws", "wss"):
            return None
        try:
            parts = urlsplit(text.partition("<")[0])
            host, port = parts.hostname, parts.port
        except ValueError:
            return None
        if not host or "." not in host or _LOCAL_HOSTS.fullmatch(host):
            return None
        if port is None:
            port = {"http": 80, "ws": 80, "ftp": 21}.get(scheme, 443)
        shown = host if port == 443 else f"{host}:{port}"
        return Reached("http", (shown, *self._rules.redirects.get(host, ())), True)

    def _of_paths(self, uses: Iterable[PathUse]) -> Iterator[Contact]:
        """Readers and writers that are given a URL."""
        for use in uses:
            if use.role is Role.PROBE or use.makes_folder:
                continue
            for value in self._with_defaults(use.values):
                if value.root is not Root.URL or value.is_path:
                    continue
                url = self._url(value.text)
                if url is not None and self._comes_to(use.site, True):
                    site = use.site
                    yield Contact(url.service, url.hosts, site.scope.module, site.call.span, True)
                    break

    # Commands

    def _by_command(self, site: Site) -> Iterator[Reached]:
        first = argument_at(site.call, 0, "args") or argument_at(site.call, 0, "cmd")
        if first is None:
            return
        for text in self._command_texts(first.value, site.scope):
            for command in self._rules.commands:
                if command.pattern.search(text) is None:
                    continue
                urls = [self._url(found) for found in _URL.findall(text)]
                hosts = [host for url in urls if url is not None for host in url.hosts]
                if urls and not hosts:
                    continue  # the URLs are of this machine
                known = (*command.hosts, *hosts) or self._hosts(command.service)
                yield Reached(command.service, tuple(dict.fromkeys(known)), True)

    def _command_texts(self, expr: r.Expr, scope: Scope) -> Iterator[str]:
        """The commands that ``expr`` may be: a text, or a list of its words."""
        match expr:
            case r.Call(r.Attribute(value, "split" | "strip", _), _, _):
                yield from self._command_texts(value, scope)
            case r.Call(func, args, _) if last_name(func) == "split" and args:
                yield from self._command_texts(args[0].value, scope)
            case r.Sequence(elements, _):
                yield " ".join(self._word(element, scope) for element in elements)
            case r.Binary("Add", left, right, _) if isinstance(left, r.Sequence) or isinstance(
                right, r.Sequence
            ):
                sides = [next(self._command_texts(side, scope), "?") for side in (left, right)]
                yield " ".join(sides)
            case _:
                for held in self._run.values(expr, scope):
                    if isinstance(held, str):
                        yield held
                    elif isinstance(held, tuple):
                        yield " ".join(map(_shown, held))

    def _word(self, expr: r.Expr, scope: Scope) -> str:
        return " ".join(_shown(value) for value in self._run.values(expr, scope)[:1])

    # Variables and imports

    def _turned_off(self) -> set[str]:
        off = {
            service.name
            for service in self._rules.services.values()
            for name, wanted in service.off
            if self._is_set_to(name, wanted)
        }
        words = frozenset(self._rules.off.by_last)
        for site, names in self._names.sites(words, frozenset()):
            for name in names:
                for row in self._rules.off.rows_for(name):
                    if self._conditions_hold(row, site) and self._run.comes_to(site):
                        off.add(row.service)
        return off

    def _is_set_to(self, name: str, wanted: str) -> bool:
        values = self._variables[name].values if name in self._variables else ()
        return bool(values) and all(_shown(value).lower() == wanted for value in values)

    def _of_variables(self) -> Iterator[Contact]:
        for service in self._rules.services.values():
            for name in service.settings:
                if name not in self._variables:
                    continue
                values, scope, span = self._variables[name]
                for held in values:
                    url = self._url(held) if isinstance(held, str) else None
                    if url is not None or isinstance(held, Special):
                        hosts = url.hosts if url is not None else service.hosts
                        yield Contact(service.name, hosts, scope.module, span, url is not None)
                        break

    def _of_imports(self) -> Iterator[Contact]:
        wanted = {
            name: service for service in self._rules.services.values() for name in service.imports
        }
        for module in self._program.modules.values():
            if wanted.keys().isdisjoint(name.partition(".")[0] for name in module.imported_names):
                continue
            for statement in walk_statements(module.body):
                match statement:
                    case r.Import(names, span):
                        modules = [name for name, _ in names]
                    case r.ImportFrom(name, 0, _, span):
                        modules = [name]
                    case _:
                        continue
                for name in modules:
                    service = wanted.get(name.partition(".")[0])
                    if service is not None and not self._program.is_local(module.key, name):
                        yield Contact(service.name, service.hosts, module, span, True)


def find_argument(call: r.Call, place: Argument) -> r.Expr | None:
    """The expression that ``call`` gives at ``place``."""
    for keyword in place.keywords:
        for argument in call.args:
            if argument.keyword == keyword:
                return argument.value
    found = argument_at(call, place.position, None)
    return None if found is None else found.value


def _replaces_import(site: Site) -> bool:
    """Whether the call only runs where an import fails: a job has what is imported."""
    place = site.call.span.start
    return any(
        isinstance(statement, r.Try)
        and any(
            handler.span.start <= place < handler.span.end
            and handler.type is not None
            and any(
                last_name(part) in _IMPORT_ERRORS
                for part in walk(handler.type)
                if isinstance(part, (r.Name, r.Attribute))
            )
            for handler in statement.handlers
        )
        for statement in walk_statements(site.scope.module.body)
    )


def _is_given(condition: Condition, call: r.Call) -> bool:
    return find_argument(call, condition.argument) is not None


def _value_fits(wanted: str, value: Value) -> bool | None:
    """Whether ``value`` is what a condition asks for; None where it is not known."""
    if wanted == "given":
        return None if value is Special.UNKNOWN else value not in (None, False, ())
    if value is Special.UNKNOWN:
        return None
    if wanted == "true":
        return value is True or value == 1 or (isinstance(value, str) and value.lower() == "true")
    if isinstance(value, tuple):
        fits = {_value_fits(wanted, item) for item in value}
        return True if True in fits else None if None in fits else False
    return fnmatchcase(_shown(value).lower(), wanted.lower())


def _shown(value: Value) -> str:
    match value:
        case Named(name):
            return "python" if name == "sys.executable" else name
        case Special():
            return "?"
    return str(value)


def _text_of(value: PathValue) -> str | None:
    return value.text if value.root is Root.LITERAL else None


def _is_joined(expr: r.Expr) -> bool:
    """Whether ``expr`` is put together as paths are."""
    match expr:
        case r.Binary("Divide", _, _, _):
            return True
        case r.Call(func, _, _):
            return last_name(func) in ("join", "joinpath", "Path", "abspath", "realpath")
    return False


@kept_with_module
def _mentions_in(module: ModuleIndex) -> dict[str, set[Scope | None]]:
    """By name, the classes (None: none) of the module in whose code it is used; the same for all jobs."""
    found: dict[str, set[Scope | None]] = {}
    for scope in module.all_scopes:
        owner = scope.enclosing_class
        for name in scope.identifiers:
            found.setdefault(name, set()).add(owner)
        if isinstance(scope.node, r.ClassDef):
            for base in scope.node.bases:
                found.setdefault(last_name(base.value) or "", set()).add(scope)
    return found
