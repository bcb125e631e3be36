"""Results: options that say where they go, and paths fixed in the source, move below the result path."""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from mljob_codemod.analysis.names import External, last_name
from mljob_codemod.analysis.options import RESULT_VARIABLE, Option
from mljob_codemod.analysis.path_uses import PathUse as Use
from mljob_codemod.analysis.path_uses import Role, UseFinder
from mljob_codemod.analysis.reachability import Reachability
from mljob_codemod.analysis.results import (
    OptionResult,
    Place,
    ResultFinder,
    Results,
    is_cache,
    normal,
)
from mljob_codemod.analysis.values import PathValue, Root
from mljob_codemod.codemods.base import Job, ModuleEdit
from mljob_codemod.codemods.inserted import (
    EXPAND_ARGUMENTS,
    IN_JOB,
    OUTSIDE_JOB,
    RESULT,
    RESULT_OR_EMPTY,
    START_SCRATCH,
)
from mljob_codemod.codemods.output_rules import (
    ALSO_INPUT,
    FIXED_PATH,
    LOG_FILE,
    NO_DEFAULT,
    OPTION_DEFAULT,
    PASSED_OPTION,
    REQUIRED_OPTION,
    UNKNOWN_PATH,
)
from mljob_codemod.codemods.output_rules import RULES as RULES
from mljob_codemod.edits import (
    ORIGINAL,
    AddHelper,
    AddImport,
    Edit,
    InsertArgument,
    InsertStatement,
    ReplaceArgument,
    ReplaceExpression,
)
from mljob_codemod.findings import Finding, Level
from mljob_codemod.plan import JobPlan, OutputArgument, PathUse
from mljob_codemod.rules import call_rules
from mljob_codemod.rules.options import option_rules
from mljob_codemod.source import Source
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import NOWHERE, ModuleIndex, Scope, walk

_PROCESS_LIBRARIES = (
    "multiprocessing concurrent joblib torch.multiprocessing torch.utils.data billiard pathos loky"
).split()


def trigger_words() -> frozenset[str]:
    """Calls that use paths or declare options."""
    return call_rules().trigger_words() | {"add_argument", "option", "argument", "Option"}


@dataclass
class Findings:
    """What one job's paths come to; computed once for ``find`` and ``describe``."""

    results: Results
    uses: list[Use]
    reach: Reachability


def _analyse(job: Job) -> Findings:
    if "output_paths" not in job.notes:
        reach = Reachability(job.program, job.options)
        finder = UseFinder(job.program, job.paths, call_rules())
        uses = list(finder.uses(reach.is_reached))
        names = option_rules()
        results = ResultFinder(
            uses,
            is_output_name=lambda option: names.usually_output(option.spelling),
            is_never_output=lambda option: names.never_output(option.spelling),
            exists=job.exists,
            defaults=job.paths.default_values,
        ).find(job.options.options)
        job.notes["output_paths"] = Findings(results, uses, reach)
    found = job.notes["output_paths"]
    assert isinstance(found, Findings)
    return found


# Findings


def find(job: Job) -> Iterator[Finding]:
    """Findings about every result of the job, with the edits that move it."""
    found = _analyse(job)
    style = _Style(job, found.results)
    for result in found.results.options:
        yield from _option_findings(job, result, style)
    library_options = () if _expands_arguments(job) else job.options.library_options
    for spelling, site in library_options:
        text = (
            f"{spelling} is required; submit_job.py passes ${RESULT_VARIABLE}/{spelling.lstrip('-')} "
            "and the script puts the path in"
        )
        module = site.scope.module
        edits = style.expansion_edits()
        yield job.finding(PASSED_OPTION, module, site.call.span, text, edits=edits)
    for place in found.results.places:
        yield _place_finding(job, place, style)
    for use in found.results.unplaced:
        if found.reach.runs_by_default(use.site):
            text = f"{use.name} writes to a path that cannot be followed to its beginning"
            yield job.finding(UNKNOWN_PATH, use.site.scope.module, use.site.call.span, text)
    yield from _log_file_findings(job, found.uses)


def _place_finding(job: Job, place: Place, style: _Style) -> Finding:
    first = place.writes[0] if place.writes else place.uses[0]
    span = place.node.span
    target = _shown_text(first.value)
    if place.conflict is not None:
        reader = place.conflict.use
        where = job.evidence(reader.site.scope.module, reader.site.call.span)
        message = (
            f"{target!r} is written here and also leads to an input read at {where.path}:{where.line}; "
            "give the result a path of its own"
        )
        return job.finding(ALSO_INPUT, place.module, span, message)
    edits = style.place_edits(place)
    if place.writes:
        message = f"{first.use.name} writes {target!r}, which a job does not keep"
    else:
        message = f"{target!r} must follow the results that move"
    if not edits:
        return job.finding(FIXED_PATH, place.module, span, message, level=Level.ERROR)
    return job.finding(FIXED_PATH, place.module, span, message, edits=edits)


def _option_findings(job: Job, result: OptionResult, style: _Style) -> Iterator[Finding]:
    option = result.option
    where = (option.module, option.span)
    if result.prefix_only and not (
        isinstance(option.default, r.Const) and "/" in str(option.default.value)
    ):
        edits = style.prefix_edits(result)
        if edits:
            text = f"{option.spelling} begins the names of results, which a job does not keep"
            yield job.finding(FIXED_PATH, *where, text, edits=edits)
        return
    if option.framework == "hydra":
        yield from _passed_findings(job, option, style)
    elif option.required:
        if option.framework in ("argparse", "click") and not option.positional:
            text = f"{option.spelling} is required; in a job it can be the result path"
            edits = style.required_edits(result)
            yield job.finding(REQUIRED_OPTION, *where, text, edits=edits)
        else:
            yield from _passed_findings(job, option, style)
    elif option.default is not None:
        edits = style.default_edits(result)
        if edits:
            text = f"the default of {option.spelling} lies where a job does not keep results"
            yield job.finding(OPTION_DEFAULT, *where, text, edits=edits)
    elif option.framework != "sys_argv":
        text = (
            f"{option.spelling} says where results go and has no default; "
            f"pass it as ${RESULT_VARIABLE}/… or leave it out where the script can do without"
        )
        yield job.finding(NO_DEFAULT, *where, text)


def _expands_arguments(job: Job) -> bool:
    """Whether the reach puts the result path into ``sys.argv`` already."""
    return any(
        facts.source is not None and f'"${RESULT_VARIABLE}"' in facts.source.text
        for facts in job.files
    )


def _passed_findings(job: Job, option: Option, style: _Style) -> Iterator[Finding]:
    if _expands_arguments(job):
        return
    reason = "stands in a configuration file" if option.framework == "hydra" else "is required"
    text = (
        f"{option.spelling} {reason}; submit_job.py passes {_passed(option)[-1]} "
        "and the script puts the path in"
    )
    edits = style.expansion_edits()
    yield job.finding(PASSED_OPTION, option.module, option.span, text, edits=edits)


def _log_file_findings(job: Job, uses: list[Use]) -> Iterator[Finding]:
    for use in uses:
        call = use.site.call
        if use.name == "logging.basicConfig" and use.role is Role.WRITE:
            if any(argument.keyword in ("force", None) for argument in call.args):
                continue
            module = use.site.scope.module
            edits: tuple[Edit, ...] = (
                AddImport("os"),
                InsertArgument(call.span, f"force={IN_JOB}"),
            )
            yield job.finding(
                LOG_FILE,
                module,
                call.span,
                "in a job logging is set up already, so this call does nothing and no log file is written",
                edits=tuple(ModuleEdit(module, edit) for edit in edits),
            )


# Edits


class _Style:
    """How each file's paths are moved: in place for one, by a small function for several."""

    def __init__(self, job: Job, results: Results) -> None:
        self._job = job
        self._results = results
        self._strings = {
            module.key: _string_spans(module) for module in job.program.modules.values()
        }
        self._helpers = self._choose_helpers()
        self._starts_processes = any(
            f"{imported.module}.".startswith(f"{library}.")
            for facts in job.files
            for imported in facts.imports
            for library in _PROCESS_LIBRARIES
        )

    def _choose_helpers(self) -> dict[str, str]:
        """The helper of each file that moves several paths, or that must make a folder."""
        counts: dict[str, int] = {}
        folders: set[str] = set()
        for place in self._results.places:
            if place.conflict is None and place not in self._results.scratch:
                counts[place.module.key] = counts.get(place.module.key, 0) + 1
                if place in self._results.folders:
                    folders.add(place.module.key)
        for result in self._results.options:
            if result.scratch:
                continue
            key = result.option.module.key
            if result.option.default is not None or result.option.required:
                counts[key] = counts.get(key, 0) + 1
                if self._folder_of(result):
                    folders.add(key)
        variables = {
            (place.module.key, place.value.reason)
            for place in self._results.places
            if place.value.root is Root.ENVIRONMENT
        }
        if len(variables) > 1:
            folders.update(key for key, _ in variables)
        chosen = {key: "result_path" for key, count in counts.items() if count > 1}
        chosen.update(dict.fromkeys(folders, "result_path_in_folder"))
        return {key: name for key, name in chosen.items() if self._is_free("result_path", key)}

    def _is_free(self, name: str, key: str) -> bool:
        """Whether a module has nothing of its own that the helper ``name`` would collide with."""
        module = self._job.program.modules[key]
        if any(not site.call.args for site in self._job.program.sites_named("Fire")):
            return False  # fire would offer the function as a command
        return not any(name in scope.bindings for scope in module.scopes.values()) and all(
            isinstance(binding.value, r.FunctionDef)
            for binding in module.scope.bindings.get(name, [])
        )

    # Fixed paths

    def place_edits(self, place: Place) -> tuple[ModuleEdit, ...]:
        """Edits that move ``place``; empty when it stands where no expression can."""
        value, node = place.value, place.node
        if node.span == NOWHERE or self._in_string(place.module, node):
            return ()
        scratch = place in self._results.scratch
        use = place.uses[0].use
        if use.argument is None:
            return self._argument_edits(place, scratch)
        folder = self._results.folders.get(place, "")
        if (
            value.root in (Root.SCRIPT_FOLDER, Root.WORKING_FOLDER, Root.HOME)
            and node is value.node
        ):
            if folder and folder not in (".", "~"):
                return ()
            return self._base_edits(node, place.scope, scratch)
        if value.root is Root.ENVIRONMENT:
            return self._variable_edits(place, scratch)
        if value.reason.endswith(":///"):
            return self._url_edits(place, value.reason)
        return self.moved(
            place.module,
            node,
            self._own_text(node, place.scope) or value.text,
            scratch=scratch,
            folder=folder,
            via=value.via,
            is_path=self._is_path(node, place.scope),
        )

    def moved(
        self,
        module: ModuleIndex,
        node: r.Expr,
        text: str,
        *,
        scratch: bool,
        folder: str = "",
        via: r.Call | None = None,
        is_path: bool = False,
        fallback: str = "results",
        taken: frozenset[str] = frozenset(),
    ) -> tuple[ModuleEdit, ...]:
        """Edits that move the path expression ``node``, known to be ``text``, below the result path."""
        helper = "scratch_path" if scratch else "result_path"
        if (scratch or folder) and not self._is_free(helper, module.key):
            return ()
        inside = _inside_path(text, fallback)
        if inside in taken:
            inside = f"{fallback}/{inside}"
        below = ""
        edits: list[Edit] = [AddImport("os")]
        if inside is not None:
            template = self._escaping(module, node, inside, scratch, folder, edits)
        elif scratch:
            edits += self._scratch(module)
            template = f"scratch_path({ORIGINAL}{_folder_argument(folder)})"
        elif module.key in self._helpers:
            edits.append(AddHelper(self._helpers[module.key]))
            template = f"result_path({ORIGINAL}{_folder_argument(folder)})"
        elif via is not None:
            edits.append(InsertArgument(via.span, RESULT_OR_EMPTY, first=True))
            return tuple(ModuleEdit(module, edit) for edit in edits)
        elif is_path:
            template, below = RESULT_OR_EMPTY, f" / {ORIGINAL}"
        else:
            template = f"os.path.join({RESULT_OR_EMPTY}, {ORIGINAL})"
        if is_path:
            path_class = self._path_class(module)
            if path_class is None:
                return ()
            template = f"{path_class}({template}){below}"
        edits.append(ReplaceExpression(node.span, template))
        return tuple(ModuleEdit(module, edit) for edit in edits)

    def _escaping(
        self,
        module: ModuleIndex,
        node: r.Expr,
        inside: str,
        scratch: bool,
        folder: str,
        edits: list[Edit],
    ) -> str:
        """The template for a path that joining would leave where it is: absolute, ``~``, ``..``."""
        known = isinstance(node, r.Const) or (isinstance(node, r.Joined) and "<" not in inside)
        text = repr_text(inside) if known else f'{ORIGINAL}.lstrip("./~")'
        kept = _folder_argument(_inside_path(folder) or folder)
        if scratch:
            edits += self._scratch(module)
            moved = f"scratch_path({text}{kept})"
        elif module.key in self._helpers:
            edits.append(AddHelper(self._helpers[module.key]))
            moved = f"result_path({text}{kept})"
        else:
            moved = f"os.path.join({RESULT}, {text})"
        return f"{moved} if {IN_JOB} else {ORIGINAL}"

    def _scratch(self, module: ModuleIndex) -> list[Edit]:
        """The scratch folder's function; made before other processes start, the folder is one for all."""
        edits: list[Edit] = [AddHelper("scratch_path")]
        code = (s for s in module.body if not isinstance(s, (r.Import, r.ImportFrom)))
        first = next((s for s in code if not _is_docstring(s, module)), None)
        if self._starts_processes and first is not None:
            edits.append(InsertStatement(first.span, START_SCRATCH))
        return edits

    def _base_edits(self, node: r.Expr, scope: Scope, scratch: bool) -> tuple[ModuleEdit, ...]:
        """Put the result path in the place of the folder of the script, the user or the process."""
        module = scope.module
        if isinstance(node, r.Name) and node.id == "__file__":
            return ()  # what is made of it further on (its parent) would be made of the result path
        edits: list[Edit] = [AddImport("os")]
        base = f'os.environ.get("{RESULT_VARIABLE}", {ORIGINAL})'
        if scratch:
            edits += self._scratch(module)
            base = f'scratch_path("") if {IN_JOB} else {ORIGINAL}'
        if self._is_path(node, scope):
            path_class = self._path_class(module)
            if path_class is None:
                return ()
            base = f"{path_class}({base})"
        edits.append(ReplaceExpression(node.span, base))
        return tuple(ModuleEdit(module, edit) for edit in edits)

    def _variable_edits(self, place: Place, scratch: bool) -> tuple[ModuleEdit, ...]:
        """Prefer the result path to another platform's variable; several variables get a folder each."""
        variables = {
            other.value.reason
            for other in self._results.places
            if other.value.root is Root.ENVIRONMENT
        }
        edits: list[Edit] = [AddImport("os")]
        name = place.value.reason.partition("_")[2].lower() if len(variables) > 1 else ""
        if scratch:
            edits += self._scratch(place.module)
            template = f"scratch_path({repr_text(name)}{_folder_argument(name)}) if {IN_JOB} else {ORIGINAL}"
        elif name:
            edits.append(AddHelper("result_path_in_folder"))
            made = any(use.use.makes_folder for use in place.uses)
            folder = "" if made else _folder_argument(name)
            template = f"result_path({repr_text(name)}{folder}) if {IN_JOB} else {ORIGINAL}"
        else:
            template = f'os.environ.get("{RESULT_VARIABLE}") or {ORIGINAL}'
        edits.append(ReplaceExpression(place.node.span, template))
        return tuple(ModuleEdit(place.module, edit) for edit in edits)

    def _url_edits(self, place: Place, prefix: str) -> tuple[ModuleEdit, ...]:
        if not isinstance(place.node, r.Const) or not isinstance(place.node.value, str):
            return ()
        rest = place.node.value[len(prefix) :]
        if not rest or rest.startswith(":"):
            return ()
        inside = _inside_path(rest) or rest
        template = f'"{prefix}" + scratch_path({repr_text(inside)}) if {IN_JOB} else {ORIGINAL}'
        edits: tuple[Edit, ...] = (
            AddImport("os"),
            *self._scratch(place.module),
            ReplaceExpression(place.node.span, template),
        )
        return tuple(ModuleEdit(place.module, edit) for edit in edits)

    def _argument_edits(self, place: Place, scratch: bool) -> tuple[ModuleEdit, ...]:
        """Give the call, inside a job only, the path that it would take by default."""
        use = place.uses[0].use
        keywords = use.rule.arguments[0].keywords
        if not keywords or use.rule.default is None:
            return ()
        text = repr_text(use.rule.default)
        edits: list[Edit] = [AddImport("os")]
        moved = f"os.path.join({RESULT}, {text})"
        if scratch:
            edits += self._scratch(place.module)
            moved = f"scratch_path({text})"
        given = next((a for a in use.site.call.args if a.keyword in keywords), None)
        if given is not None:
            return ()
        extra = f'**({{"{keywords[0]}": {moved}}} if {IN_JOB} else {{}})'
        edits.append(InsertArgument(use.site.call.span, extra))
        return tuple(ModuleEdit(place.module, edit) for edit in edits)

    # Options

    def default_edits(self, result: OptionResult) -> tuple[ModuleEdit, ...]:
        """Edits that move an option's default."""
        option, default = result.option, result.option.default
        assert default is not None
        values = self._job.paths.default_values(option)
        roots = {value.root for value in values}
        if not values or roots & {Root.RESULT, Root.TEMPORARY, Root.URL}:
            return ()
        if Root.ENVIRONMENT in roots:
            return self._environment_edits(result, default, values)
        value = values[0]
        if value.root in (Root.SCRIPT_FOLDER, Root.WORKING_FOLDER, Root.HOME):
            assert value.node is not None
            scope = value.scope or option.scope
            return self._base_edits(value.node, scope, result.scratch)
        text = value.text
        built = isinstance(default, (r.Call, r.Joined, r.Binary))
        if not (value.root is Root.LITERAL or (value.root is Root.UNKNOWN and built)):
            return ()
        if text in ("", "-") or text.startswith("/dev/"):
            return ()  # nothing is written, or not to a file
        is_path = self._is_path(default, option.scope)
        via = value.via if isinstance(default, r.Call) and value.via is default else None
        return self.moved(
            option.module,
            default,
            text,
            scratch=result.scratch,
            folder=self._folder_of(result),
            via=via,
            is_path=is_path,
            fallback=option.dest,
            taken=self._taken_by_others(option),
        )

    def _taken_by_others(self, option: Option) -> frozenset[str]:
        """The paths below the result path that other options' defaults take."""
        texts = [
            value.text
            for other in self._results.options
            if other.option is not option and other.option.default is not None
            for value in self._job.paths.default_values(other.option)
        ]
        return frozenset(_inside_path(text, "") or normal(text) for text in texts)

    def _environment_edits(
        self, result: OptionResult, default: r.Expr, values: tuple[PathValue, ...]
    ) -> tuple[ModuleEdit, ...]:
        """A variable of another platform keeps deciding outside a job."""
        option = result.option
        several = sum(
            any(
                value.root is Root.ENVIRONMENT
                for value in self._job.paths.default_values(other.option)
            )
            for other in self._results.options
            if other.option.default is not None
        )
        edits: list[Edit] = [AddImport("os")]
        if result.scratch:
            edits += self._scratch(option.module)
            name = option.dest if several > 1 else ""
            folder = _folder_argument(name)
            template = f"scratch_path({repr_text(name)}{folder}) if {IN_JOB} else {ORIGINAL}"
        elif several > 1:
            folder_text = repr_text(option.dest)
            template = f"os.path.join({RESULT}, {folder_text}) if {IN_JOB} else {ORIGINAL}"
            if result.needs_folder:
                edits.append(AddHelper("result_path_in_folder"))
                template = (
                    f"result_path({folder_text}, folder={folder_text}) if {IN_JOB} else {ORIGINAL}"
                )
        else:
            template = f'os.environ.get("{RESULT_VARIABLE}") or {ORIGINAL}'
        edits.append(ReplaceExpression(default.span, template))
        return tuple(ModuleEdit(option.module, edit) for edit in edits)

    def required_edits(self, result: OptionResult) -> tuple[ModuleEdit, ...]:
        """Edits that make an argparse or click option required only outside a job."""
        option = result.option
        call = option.declaration
        assert isinstance(call, r.Call)
        edits: list[Edit] = [AddImport("os")]
        name = repr_text(option.dest)
        folder = _folder_argument(self._folder_of(result))
        if result.scratch:
            edits += self._scratch(option.module)
            moved = f"scratch_path({name}{folder})"
        elif folder or option.module.key in self._helpers:
            edits.append(AddHelper(self._helpers.get(option.module.key, "result_path_in_folder")))
            moved = f"result_path({name}{folder})"
        else:
            moved = f"os.path.join({RESULT}, {name})"
        given = {argument.keyword: argument for argument in call.args if argument.keyword}
        required = given.get("required")
        if required is None:
            return ()
        if option.framework == "click":
            # Click 8.5 takes default=None for a value, so there the default exists only in a job.
            choice = f'**({{"default": {moved}}} if {IN_JOB} else {{"required": True}})'
            edits.append(ReplaceArgument(required.span, choice))
        else:
            edits.append(ReplaceExpression(required.value.span, OUTSIDE_JOB))
            default = f"{moved} if {IN_JOB} else None"
            if "default" in given:
                edits.append(ReplaceExpression(given["default"].value.span, default))
            else:
                edits.append(InsertArgument(call.span, f"default={default}"))
        return tuple(ModuleEdit(option.module, edit) for edit in edits)

    def prefix_edits(self, result: OptionResult) -> tuple[ModuleEdit, ...]:
        """Edits at the expressions that build file names from an option's value."""
        edits: list[ModuleEdit] = []
        for use in result.uses:
            node, scope = use.value.node, use.value.scope
            if node is not None and node.span == NOWHERE:
                node, scope = use.use.argument, use.use.site.scope
            if node is None or scope is None or self._in_string(scope.module, node):
                continue
            edits += self.moved(
                scope.module,
                node,
                "name" if use.value.prefix else use.value.text,
                scratch=result.scratch,
                is_path=self._is_path(node, scope),
            )
        return tuple(dict.fromkeys(edits))

    def expansion_edits(self) -> tuple[ModuleEdit, ...]:
        """The statement that puts the result path into the script's arguments, before they are read."""
        place = _before_parsing(self._job)
        if place is None:
            return ()
        module, statement = place
        edits: tuple[Edit, ...] = (
            AddImport("os"),
            AddImport("sys"),
            InsertStatement(statement.span, EXPAND_ARGUMENTS),
        )
        return tuple(ModuleEdit(module, edit) for edit in edits)

    # Questions about the file

    def _own_text(self, node: r.Expr, scope: Scope) -> str:
        """The path that ``node`` itself is, without what is joined to it or taken from it later."""
        if isinstance(node, r.Const):
            return str(node.value)
        values = self._job.paths.values(node, scope)
        return values[0].text if values and values[0].node is node else ""

    def _folder_of(self, result: OptionResult) -> str:
        """The folder that must be made in a job for an option's default; empty for none."""
        default = result.option.default
        needed = result.needs_folder or _must_exist(result.option)
        if result.option.required:
            return result.option.dest if needed and result.kind == "directory" else ""
        if default is None:
            return ""
        values = self._job.paths.default_values(result.option)
        text = values[0].text if values and values[0].root is Root.LITERAL else ""
        if "<" in text or not text:
            return ""
        text = _inside_path(text, result.option.dest) or normal(text)
        if result.kind == "directory":
            return text if needed and text != "." else ""
        makes = any(use.use.makes_folder for use in result.uses)
        return "" if makes else text.rpartition("/")[0]

    def _in_string(self, module: ModuleIndex, node: r.Expr) -> bool:
        """Whether ``node`` stands inside an f-string, where quotes of its own cannot be used."""
        spans = self._strings.setdefault(module.key, _string_spans(module))
        return any(
            start <= node.span.start
            and node.span.end <= end
            and (start, end) != (node.span.start, node.span.end)
            for start, end in spans
        )

    def _is_path(self, node: r.Expr, scope: Scope) -> bool:
        """Whether the value of ``node`` is a ``pathlib.Path`` rather than a string."""
        if isinstance(node, (r.Const, r.Joined)):
            return False
        if any(value.is_path for value in self._job.paths.values(node, scope)):
            return True
        return any(
            isinstance(made, External) and made.name.startswith("pathlib.")
            for made in self._job.program.producers(node, scope)
        )

    def _path_class(self, module: ModuleIndex) -> str | None:
        """How ``module`` spells ``pathlib.Path``."""
        for name, bindings in module.scope.bindings.items():
            for binding in bindings:
                if binding.kind == "import" and binding.module == "pathlib":
                    if binding.attr == "Path":
                        return name
                    if binding.attr is None:
                        return f"{name}.Path"
        return None


def _is_docstring(statement: r.Statement, module: ModuleIndex) -> bool:
    return (
        statement is module.body[0]
        and isinstance(statement, r.ExprStatement)
        and isinstance(statement.value, r.Const)
    )


@cache
def _string_spans(module: ModuleIndex) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for site in module.sites:
        for argument in site.call.args:
            found += [
                (part.span.start, part.span.end)
                for part in walk(argument.value)
                if isinstance(part, r.Joined)
            ]
    return found


def _before_parsing(job: Job) -> tuple[ModuleIndex, r.Statement] | None:
    """The statement of the script before which its arguments are still unread."""
    for module in job.program.modules.values():
        for name in ("parse_args", "parse_known_args", "parse_args_into_dataclasses"):
            for site in job.program.sites_named(name):
                if site.scope is module.scope and not site.in_main_guard:
                    return module, site.statement
    script = job.script
    for item in script.argv:
        if item.scope is script.scope and item.statement in script.body:
            return script, item.statement
    for statement in script.body:
        if isinstance(statement, r.If) and r.is_main_test(statement.test) and statement.body:
            return script, statement.body[0]
    for statement in reversed(script.body):
        if isinstance(statement, r.ExprStatement) and isinstance(statement.value, r.Call):
            return script, statement
    return None


def _must_exist(option: Option) -> bool:
    """Whether the option's type demands that its path exists (``click.Path(exists=True)``)."""
    kind = option.type
    return isinstance(kind, r.Call) and any(
        argument.keyword == "exists"
        and isinstance(argument.value, r.Const)
        and argument.value.value is True
        for argument in kind.args
    )


def _inside_path(text: str, fallback: str = "results") -> str | None:
    """What of a path that leaves the working directory is kept in a job; None when it stays below.

    ``fallback`` is the name where nothing is left of it.
    """
    if not text.startswith(("/", "~", "..")) and "/../" not in text:
        return None
    parts = [part for part in text.split("/") if part not in ("", "..", ".", "~")]
    return os.path.join(*parts) if parts else fallback


def _folder_argument(folder: str) -> str:
    return f", folder={repr_text(folder)}" if folder else ""


def repr_text(text: str) -> str:
    """``text`` as a Python literal with double quotes where that needs no escapes."""
    quoted = repr(text)
    return f'"{text}"' if quoted[1:-1] == text and '"' not in text else quoted


def _shown_text(value: PathValue) -> str:
    text = normal(value.text) if value.root is Root.SCRIPT_FOLDER else value.text
    return text if len(text) <= 60 else text[:57] + "..."


# The plan


def describe(job: Job, plan: JobPlan) -> None:
    """Fill in what the job writes and reads."""
    found = _analyse(job)
    for result in found.results.options:
        plan.output_arguments.append(_output_argument(job, result))
    for spelling, site in job.options.library_options:
        where = job.evidence(site.scope.module, site.call.span)
        dest = spelling.lstrip("-")
        passed = (spelling, f"${RESULT_VARIABLE}/{dest}")
        plan.output_arguments.append(
            OutputArgument(spelling, dest, where.path, where.line, "directory", None, True, passed)
        )
    plan.hardcoded_outputs = _hardcoded(job, found)
    seen: set[tuple[str, int]] = set()
    for use in found.results.inputs:
        if found.reach.runs_by_default(use.use.site) and not _read_if_there(use.use):
            entry = _path_use(job, use.use, use.value)
            if (entry.path, entry.line) not in seen:
                seen.add((entry.path, entry.line))
                plan.local_inputs.append(entry)


def _output_argument(job: Job, result: OptionResult) -> OutputArgument:
    option = result.option
    source = job.sources(option.module)
    in_source = option.framework in ("argparse", "click") and not option.positional
    must_pass = option.framework == "hydra" or (option.required and not in_source)
    return OutputArgument(
        option=option.spelling,
        dest=option.dest,
        path=source.shown,
        line=source.line_of(option.span),
        kind=result.kind,
        default=_default_text(option, source),
        required=option.required,
        passed=_passed(option) if must_pass else (),
        position=option.position,
    )


def _passed(option: Option) -> tuple[str, ...]:
    """The arguments that ``submit_job.py`` passes for an output option."""
    if option.framework == "hydra":
        default = option.default.value if isinstance(option.default, r.Const) else None
        name = str(default or option.dest)
        return (f"{option.spelling}=${RESULT_VARIABLE}/{_inside_path(name) or normal(name)}",)
    target = f"${RESULT_VARIABLE}/{option.dest}"
    return (target,) if option.positional else (option.spelling, target)


def _default_text(option: Option, source: Source) -> str | None:
    """The default as it is written."""
    if option.default is None:
        return None
    if option.framework == "hydra" and isinstance(option.default, r.Const):
        return repr(option.default.value)
    return source.snippet(option.default.span)


def _hardcoded(job: Job, found: Findings) -> list[PathUse]:
    entries: list[tuple[Use, PathValue]] = []
    folders: list[tuple[Use, PathValue]] = []
    for use in found.uses:
        if use.role is not Role.WRITE or is_cache(use):
            continue
        fixed = [value for value in use.values if _is_fixed(value)]
        if not fixed or any(value.root is Root.OPTION or value.components for value in use.values):
            continue
        if found.reach.runs_by_default(use.site):
            (folders if use.makes_folder else entries).append((use, fixed[0]))
    texts = [normal(value.text) for _, value in entries]
    for use, value in folders:
        folder = normal(value.text)
        if not any(text == folder or text.startswith(f"{folder}/") for text in texts):
            entries.append((use, value))
    unique: dict[tuple[str, int], PathUse] = {}
    for use, value in entries:
        entry = _path_use(job, use, value)
        unique.setdefault((entry.path, entry.line), entry)
    return list(unique.values())


def _read_if_there(use: Use) -> bool:
    """Whether the read stands under a test that the file exists."""
    return any(
        guard.holds
        and isinstance(guard.test, r.Call)
        and last_name(guard.test.func) in ("exists", "isfile", "isdir", "is_file", "is_dir")
        for guard in use.site.guards
    )


def _is_fixed(value: PathValue) -> bool:
    if value.root is Root.LITERAL:
        return bool(value.text) and not value.text.startswith(("/dev/", "/tmp/", "/proc/"))
    return value.root in (Root.SCRIPT_FOLDER, Root.WORKING_FOLDER, Root.HOME)


def _path_use(job: Job, use: Use, value: PathValue) -> PathUse:
    source = job.sources(use.site.scope.module)
    # A call that spans lines is named by the line of its function's name.
    line = source.position(use.site.call.func.span.end - 1).line
    text = value.text
    if value.option is not None:
        defaults = job.paths.default_values(value.option)
        fixed = [default.text for default in defaults if _is_fixed(default)]
        text = f"{fixed[0] if fixed else ''}{value.text}"
    if value.root is Root.SCRIPT_FOLDER:
        text = normal(text)
    return PathUse(source.shown, line, use.name, text)
