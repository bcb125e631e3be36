"""Which of the paths that a run reads must exist before it: data, configurations, checkpoints.

A read counts when the source, or the default of an option, fixes its path, when a run with the default
options comes to it, and when the run neither wrote, downloaded or unpacked the file nor can do without it.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path

from mljob_codemod.analysis.constants import UNKNOWN, Value
from mljob_codemod.analysis.default_run import DefaultRun
from mljob_codemod.analysis.names import Definition, Program, argument_at
from mljob_codemod.analysis.options import Option
from mljob_codemod.analysis.path_uses import PathUse, Role
from mljob_codemod.analysis.path_values import PathValue, Root
from mljob_codemod.analysis.results import (
    Results,
    is_cache,
    is_unknown,
    lies_below,
    normal,
    same_path,
)
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.rules import Kind, Reader
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Guard, Scope, Site
from mljob_codemod.syntax.walking import last_name, statements_around, walk, walk_statements

_FIXED_ROOTS = (Root.LITERAL, Root.SCRIPT_FOLDER, Root.WORKING_FOLDER, Root.HOME)
_OF_THE_SYSTEM = re.compile(r"/*(dev|proc|sys|etc|tmp|var/tmp|usr|snowflake)(/|$)|-$|[\s/.]*$")
"""Files that every machine has, temporary ones, and paths of which nothing is known."""
_BEGINS_UNKNOWN = re.compile(r"[./]*<")
_NAMING_WORDS = re.compile(
    r"model|arch|name|dataset|task|type|backbone|encoder|tokenizer|split|lang|variant|version|id$",
    re.IGNORECASE,
)
_DATA_OPTION = re.compile(
    r"((train|training|val|valid|eval|test|image|input)[-_]?)?(data|dataset|data[-_]?set|input|inputs|corpus|images?)"
    r"([-_]?(path|file|dir|root|folder))?|train(ing)?[-_]?(file|path|dir)",
    re.IGNORECASE,
)
_PATH_WORDS = re.compile(r"path|file|dir|folder|root|ckpt|checkpoint|weights|config", re.IGNORECASE)
_ABSENCE = frozenset({"FileNotFoundError", "OSError", "IOError", "EnvironmentError"})
_EXISTENCE = frozenset(
    "exists isfile isdir is_file is_dir lexists Exists IsDirectory getsize".split()
)
_REPORTING = re.compile(
    r"(.*(Error|Exception|Warning)$)|print|exit|_exit|info|warn|warning|error|debug|critical|exception|"
    r"log|echo|makedirs|mkdir|write|format|join|str|Path|abspath|dirname|sleep|input|confirm|remove|rmtree|"
    r"append|setdefault|update|get|len|unlink"
)
"""Calls that do not bring a missing file: they report it, or make the folder for it."""
_FETCHING_COMMAND = re.compile(
    r"\b(wget|curl|gdown|gsutil|kaggle|unzip|tar|git|aws|rsync|scp|gcloud|7z|dvc)\b"
)
_COMMANDS = ("system", "run", "call", "check_call", "check_output", "Popen", "popen", "sh")
_UNPACKING = ("extractall", "unpack_archive", "extract")


class RunOnData(DefaultRun):
    """A run with the default options, but for those that name its data: a run without data is none."""

    def _of_option(self, option: Option, depth: int) -> Iterator[Value]:
        if option.default is None or (
            isinstance(option.default, r.Const) and option.default.value in ("", None)
        ):
            if not option.switch and _DATA_OPTION.fullmatch(option.spelling.lstrip("-")):
                yield UNKNOWN
                return
        yield from super()._of_option(option, depth)


@dataclass(frozen=True, eq=False)
class Input:
    """A read of what must be there beforehand. ``target`` is its path, an option's default included."""

    use: PathUse
    value: PathValue
    target: str

    @property
    def option(self) -> Option | None:
        return self.value.option

    @property
    def is_folder(self) -> bool:
        return self.use.rule.kind in (Kind.DIRECTORY, Kind.PATTERN)


class InputFinder:
    """Finds the inputs among the uses of paths of one program."""

    def __init__(
        self,
        program: Program,
        uses: Iterable[PathUse],
        results: Results,
        runs: Callable[[Site], bool],
        exists: Callable[[str], bool],
        defaults: Callable[[Option], tuple[PathValue, ...]],
    ) -> None:
        self._program = program
        self._uses = list(uses)
        self._outputs = {
            result.option
            for result in results.options
            if not result.uses
            or any(use.use.role is Role.WRITE and runs(use.use.site) for use in result.uses)
        }
        self._runs = runs
        self._exists = exists
        self._defaults = defaults

    @cached_property
    def inputs(self) -> list[Input]:
        """The inputs in the order of their calls."""
        found = [entry for entry in self._read if not self._can_do_without(entry)]
        listed = {normal(entry.target) for entry in found if entry.is_folder}
        return [entry for entry in found if not self._is_of_a_listing(entry, listed)]

    def present(self) -> list[str]:
        """The files of the project that the run reads, though it could do without."""
        found = [entry for entry in self._read if not entry.is_folder]
        paths = [entry.target for entry in found if self._can_do_without(entry)]
        return [path for path in dict.fromkeys(paths) if self._exists(path)]

    # Which value is read

    @cached_property
    def _read(self) -> list[Input]:
        return [
            entry
            for use in self._uses
            if use.role is Role.READ and self._runs(use.site)
            for entry in self._first_input(use)
        ]

    def _first_input(self, use: PathUse) -> Iterator[Input]:
        for value in use.values:
            target = self._target(value)
            if (
                target is not None
                and self._is_path(use, value, target)
                and not self._is_own(use, value, target)
                and not self._is_brought(target)
            ):
                yield Input(use, value, target)
                return

    def _target(self, value: PathValue) -> str | None:
        """The path that a run without options reads; None where the source does not fix it."""
        if value.root is Root.OPTION and value.option is not None:
            for default in self._defaults(value.option):
                if default.root in _FIXED_ROOTS and default.text:
                    return default.text + value.text
            return None
        if value.root not in _FIXED_ROOTS or not value.text:
            return None
        if isinstance(value.node, r.Const) and value.node.value == "":
            return None  # an empty default stands for «not given»
        return self._from_script(value) if value.root is Root.SCRIPT_FOLDER else value.text

    def _from_script(self, value: PathValue) -> str:
        """A path beside a module as seen from the script's folder."""
        if value.scope is None:
            return value.text
        folder = os.path.dirname(value.scope.module.key)
        steps = os.path.relpath(folder, os.path.dirname(self._program.script.key))
        return value.text if steps == "." else f"{Path(steps).as_posix()}/{value.text}"

    def _is_path(self, use: PathUse, value: PathValue, target: str) -> bool:
        if _OF_THE_SYSTEM.match(target) and not self._is_configuration_folder(use):
            return False
        if _BEGINS_UNKNOWN.match(target):
            return False
        if self._exists(target.partition("?")[0]):  # what follows is a format: a.txt?format=libsvm
            return True
        if isinstance(use.rule, Reader) and use.rule.name_or_path:
            return target.startswith(("./", "../", "/", "~"))
        if use.rule.kind is Kind.FILE and value.node is not use.argument and value.option is None:
            if "." not in target and "/" not in target:
                return (
                    False  # a word that comes from elsewhere is more likely the name of something
                )
        option = value.option
        if option is not None and "/" not in (name := self._default_text(option)):
            if "." not in name and _is_name_of_something(option):
                return False
            if use.rule.kind is Kind.FILE and "." not in target.rpartition("/")[2]:
                return bool(_PATH_WORDS.search(option.spelling))
        return True

    def _default_text(self, option: Option) -> str:
        return next((value.text for value in self._defaults(option)), "")

    def _is_configuration_folder(self, use: PathUse) -> bool:
        return use.name.startswith("hydra.")

    # What the run brings itself

    @cached_property
    def _written(self) -> list[tuple[str, PathUse]]:
        """Every path that the run writes or downloads to, temporary ones and caches included."""
        found = []
        for use in self._uses:
            if use.role is Role.WRITE and self._runs(use.site):
                for value in use.values:
                    text = self._target(value) or (
                        value.text if value.root is Root.TEMPORARY else None
                    )
                    if text:
                        found.append((normal(text), use))
        return found

    def _is_own(self, use: PathUse, value: PathValue, target: str) -> bool:
        """Whether the run wrote what it reads here."""
        if value.option in self._outputs:
            return not self._exists(target) or not _is_whole(value)
        text = normal(target)
        is_folder = use.rule.kind is not Kind.FILE
        for written, writer in self._written:
            if _may_be_anywhere(written, text):
                continue
            if writer.makes_folder:
                own = is_folder and text == written
            else:
                own = (
                    same_path(text, written)
                    or lies_below(text, written)
                    or (is_folder and lies_below(written, text))
                )
            if own and not (self._exists(target) and not is_cache(writer)):
                if not _comes_before(use.site, writer.site):
                    return True
        return False

    def _is_brought(self, target: str) -> bool:
        """Whether the run downloads, unpacks or builds the path where it is missing."""
        if self._exists(target):
            return False
        text = normal(target)
        if any(_is_at_or_below(text, folder) for folder in self._brought):
            return True
        if any(_is_at_or_below(text, folder) for folder in self._unpacked):
            return True
        names = [part for part in text.split("/") if "." in part or text.count("/") > 1]
        return any(
            name in command
            for command in self._fetching_commands
            for name in names
            if len(name) > 3 and "<" not in name
        )

    @cached_property
    def _brought(self) -> list[str]:
        """Paths for whose absence the source provides: under a test that they are missing it makes them."""
        found: list[str] = []
        tested = self._tested_paths
        if not tested:
            return found
        for site in self._program.sites():
            name = site.name
            if name is None or _REPORTING.fullmatch(name):
                continue
            for guard in site.guards:
                for probe, holds in _existence_tests(guard, site.scope, self._program):
                    if not holds and probe in tested and site.call is not probe:
                        found += tested[probe]
        return found

    @cached_property
    def _tested_paths(self) -> dict[r.Call, list[str]]:
        found: dict[r.Call, list[str]] = {}
        for use in self._uses:
            if use.role is Role.PROBE and use.site.name in _EXISTENCE:
                targets = [self._target(value) for value in use.values]
                found[use.site.call] = [normal(target) for target in targets if target]
        return found

    @cached_property
    def _unpacked(self) -> list[str]:
        """Folders into which the run unpacks archives."""
        found = []
        for name in _UNPACKING:
            for site in self._program.sites_named(name):
                uses = [use for use in self._uses if use.site is site and use.role is Role.WRITE]
                texts = [self._target(value) for use in uses for value in use.values]
                found += [normal(text) for text in texts if text]
                if name == "extractall" and argument_at(site.call, 0, "path") is None:
                    found.append(".")
        return found

    @cached_property
    def _fetching_commands(self) -> list[str]:
        """Shell commands of the source that bring files."""
        found = []
        for name in _COMMANDS:
            for site in self._program.sites_named(name):
                texts = [
                    str(part.value)
                    for argument in site.call.args
                    for part in walk(argument.value)
                    if isinstance(part, r.Const) and isinstance(part.value, str)
                ]
                command = " ".join(texts)
                if _FETCHING_COMMAND.search(command):
                    found.append(command)
        return found

    # What the run can do without

    def _can_do_without(self, entry: Input) -> bool:
        site = entry.use.site
        return self._is_tolerant(site) or (
            site.scope.function is not None and self._callers_are_tolerant(site.scope.function)
        )

    def _is_tolerant(self, site: Site) -> bool:
        for guard in site.guards:
            if any(
                holds for _, holds in _existence_tests(guard, site.scope, self._program)
            ) and not _fails_otherwise(guard, site):
                return True
        return any(
            isinstance(around, r.Try)
            and _is_within(site.call, around.body)
            and any(_catches_absence(handler) for handler in around.handlers)
            for around in statements_around(site.scope.module.body, site.call.span.start)
        )

    def _callers_are_tolerant(self, function: Scope) -> bool:
        if not isinstance(function.node, r.FunctionDef) or function.parent is None:
            return False
        sites = [
            site
            for site in self._program.callers(Definition(function.node, function.parent))
            if self._runs(site)
        ]
        return bool(sites) and all(self._is_tolerant(site) for site in sites)

    def _is_of_a_listing(self, entry: Input, listed: set[str]) -> bool:
        """Whether a file is read whose name comes from a folder that is itself among the inputs."""
        text = normal(entry.target)
        folder, _, name = text.rpartition("/")
        return (
            "<" in name
            and not entry.is_folder
            and any(_is_at_or_below(folder, other) for other in listed)
        )


def _is_name_of_something(option: Option) -> bool:
    return bool(_NAMING_WORDS.search(option.spelling)) and not _PATH_WORDS.search(option.spelling)


def _may_be_anywhere(written: str, text: str) -> bool:
    """Whether so little is known of a written path that it says nothing of ``text``."""
    if written == text or not _BEGINS_UNKNOWN.match(written):
        return False
    return is_unknown(written) or os.path.dirname(written) != os.path.dirname(text)


def _is_whole(value: PathValue) -> bool:
    return value.text in ("", "/")


def _is_at_or_below(text: str, folder: str) -> bool:
    return same_path(text, folder) or lies_below(text, folder)


def _comes_before(read: Site, write: Site) -> bool:
    """Whether, in one function and in no loop, the read is made before the write."""
    return (
        read.scope is write.scope and not read.loops and read.call.span.end <= write.call.span.start
    )


def _existence_tests(guard: Guard, scope: Scope, program: Program) -> Iterator[tuple[r.Call, bool]]:
    """The tests for a path in a condition, each with whether the path is there where it holds."""
    waiting: list[tuple[r.Expr, bool]] = [(guard.test, guard.holds)]
    seen = 0
    while waiting and seen < 20:
        seen += 1
        test, holds = waiting.pop()
        match test:
            case r.Not(value, _):
                waiting.append((value, not holds))
            case r.Boolean(_, left, right, _):
                waiting += [(left, holds), (right, holds)]
            case r.Call(func, args, _):
                name = last_name(func)
                if name in _EXISTENCE:
                    yield test, holds
                elif name in ("all", "any", "bool", "len") and args:
                    waiting += [
                        (part, holds) for part in walk(args[0].value) if isinstance(part, r.Call)
                    ]
            case r.Name(name, _):
                for binding in program.bindings(name, scope):
                    if binding.kind == "value" and isinstance(
                        binding.value, (r.Call, r.Boolean, r.Not)
                    ):
                        waiting.append((binding.value, holds))


def _fails_otherwise(guard: Guard, site: Site) -> bool:
    """Whether the run ends where the condition of ``guard`` is not as the code under it has it."""
    function = site.scope.function
    node = None if function is None else function.node
    body = node.body if isinstance(node, r.FunctionDef) else site.scope.module.body
    for statement in walk_statements(body):
        if isinstance(statement, r.If) and statement.test is guard.test:
            other = statement.orelse if guard.holds else statement.body
            return bool(other) and _ends_run(other[-1])
    return False


def _ends_run(statement: r.Statement) -> bool:
    if isinstance(statement, r.ExprStatement) and isinstance(statement.value, r.Call):
        return last_name(statement.value.func) in ("exit", "_exit", "abort", "quit", "error")
    return isinstance(statement, r.Raise)


def _catches_absence(handler: r.Handler) -> bool:
    """Whether the handler goes on where a file is missing."""
    if handler.type is None:
        return False
    names = {
        last_name(part) for part in walk(handler.type) if isinstance(part, (r.Name, r.Attribute))
    }
    fails = bool(handler.body) and _ends_run(handler.body[-1])
    return not fails and not names.isdisjoint(_ABSENCE)


def _is_within(call: r.Call, body: r.Block) -> bool:
    return bool(body) and body[0].span.start <= call.span.start < body[-1].span.end
