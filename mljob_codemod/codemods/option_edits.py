"""Edits that move the defaults of options, and pass the result path where there is no default."""

from __future__ import annotations

from collections.abc import Sequence

from mljob_codemod.analysis.options import RESULT_VARIABLE, Option
from mljob_codemod.analysis.path_values import PathValue, Root
from mljob_codemod.analysis.results import (
    OptionResult,
    normal,
)
from mljob_codemod.codemods.base import Job, ModuleEdit
from mljob_codemod.codemods.edit_builder import folder_argument, inside_path, repr_text
from mljob_codemod.codemods.inserted import (
    EXPAND_ARGUMENTS,
    EXPAND_ARGUMENTS_TO_SCRATCH,
    IN_JOB,
    OUTSIDE_JOB,
    RESULT,
)
from mljob_codemod.codemods.output_plan import is_passed
from mljob_codemod.codemods.output_style import OutputStyle
from mljob_codemod.codemods.place_edits import PlaceEdits
from mljob_codemod.edits import (
    ORIGINAL,
    AddImport,
    InsertStatement,
    ReplaceArgument,
)
from mljob_codemod.rules import Manner
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import NOWHERE, ModuleIndex


class OptionEdits:
    """Moves where the values of a script's options lie in a job."""

    def __init__(self, style: OutputStyle, places: PlaceEdits) -> None:
        self._style = style
        self._places = places

    def default_edits(self, result: OptionResult) -> tuple[ModuleEdit, ...] | None:
        """Edits that move an option's default: none where it cannot be moved, None where it need not."""
        option, default = result.option, result.option.default
        assert default is not None
        values = self._style.job.paths.default_values(option)
        roots = {value.root for value in values}
        if not values or roots & {Root.RESULT, Root.TEMPORARY}:
            return None
        if Root.URL in roots:
            prefix = _file_prefix(values, result)
            return None if prefix is None else self._places.move_url(option.module, default, prefix)
        if self._style.results.place_of_default(option, values) is not None:
            return None  # moved where it is written, with all else that uses it
        if Root.ENVIRONMENT in roots:
            return self._environment_edits(result, default)
        value = values[0]
        if value.root in (Root.SCRIPT_FOLDER, Root.WORKING_FOLDER, Root.HOME):
            assert value.node is not None
            scope = value.scope or option.scope
            return self._places.move_base(value.node, scope, result.scratch)
        text = value.text
        built = isinstance(default, (r.Call, r.Joined, r.Binary))
        if not (value.root is Root.LITERAL or (value.root is Root.UNKNOWN and built)):
            return None
        if text in ("", "-") or text.startswith("/dev/"):
            return None  # nothing is written, or not to a file
        is_path = self._style.is_path(default, option.scope)
        via = value.via if isinstance(default, r.Call) and value.via is default else None
        return self._places.move_expression(
            option.module,
            default,
            text,
            scratch=result.scratch,
            folder=self._style.folder_of(result),
            via=via,
            is_path=is_path,
            fallback=option.dest,
            taken=self._taken_by_others(option),
        )

    def _taken_by_others(self, option: Option) -> frozenset[str]:
        """The paths below the result path that other options' defaults take."""
        texts = [
            value.text
            for other in self._style.results.options
            if other.option is not option and other.option.default is not None
            for value in self._style.job.paths.default_values(other.option)
        ]
        return frozenset(inside_path(text, "") or normal(text) for text in texts)

    def _environment_edits(self, result: OptionResult, default: r.Expr) -> tuple[ModuleEdit, ...]:
        """A variable of another platform keeps deciding outside a job."""
        option = result.option
        several = sum(
            any(
                value.root is Root.ENVIRONMENT
                for value in self._style.job.paths.default_values(other.option)
            )
            for other in self._style.results.options
            if other.option.default is not None
        )
        edits = self._style.builder(option.module)
        if result.scratch:
            edits.scratch()
            name = option.dest if several > 1 else ""
            folder = folder_argument(name)
            template = f"scratch_path({repr_text(name)}{folder}) if {IN_JOB} else {ORIGINAL}"
        elif several > 1:
            folder_text = repr_text(option.dest)
            template = f"os.path.join({RESULT}, {folder_text}) if {IN_JOB} else {ORIGINAL}"
            if result.needs_folder:
                edits.helper("result_path_in_folder")
                template = (
                    f"result_path({folder_text}, folder={folder_text}) if {IN_JOB} else {ORIGINAL}"
                )
        else:
            template = f'os.environ.get("{RESULT_VARIABLE}") or {ORIGINAL}'
        edits.replace(default.span, template)
        return edits.done()

    def required_edits(self, result: OptionResult) -> tuple[ModuleEdit, ...]:
        """Edits that make an argparse or click option required only outside a job."""
        option = result.option
        call = option.declaration
        assert isinstance(call, r.Call)
        edits = self._style.builder(option.module)
        name = repr_text(f"{option.dest}{result.ending}")
        moved = edits.below_result(name, self._style.folder_of(result), scratch=result.scratch)
        given = {argument.keyword: argument for argument in call.args if argument.keyword}
        required = given.get("required")
        if required is None:
            return ()
        if option.framework == "click":
            # Click 8.5 takes default=None for a value, so there the default exists only in a job.
            choice = f'**({{"default": {moved}}} if {IN_JOB} else {{"required": True}})'
            edits.add(ReplaceArgument(required.span, choice))
        else:
            edits.replace(required.value.span, OUTSIDE_JOB)
            default = f"{moved} if {IN_JOB} else None"
            if "default" in given:
                edits.replace(given["default"].value.span, default)
            else:
                edits.argument(call, f"default={default}")
        return edits.done()

    def prefix_edits(self, result: OptionResult) -> tuple[ModuleEdit, ...]:
        """Edits at the expressions that build file names from an option's value."""
        edits: list[ModuleEdit] = []
        for use in result.uses:
            node, scope = use.value.node, use.value.scope
            if node is not None and node.span == NOWHERE:
                node, scope = use.use.argument, use.use.site.scope
            if node is None or scope is None or self._style.in_string(scope.module, node):
                continue
            edits += self._places.move_expression(
                scope.module,
                node,
                "name" if use.value.prefix else use.value.text,
                scratch=result.scratch,
                is_path=self._style.is_path(node, scope),
            )
        return tuple(dict.fromkeys(edits))

    def expansion_edits(self) -> tuple[ModuleEdit, ...]:
        """The statement that puts the result path into the script's arguments, before they are read."""
        place = _before_parsing(self._style.job)
        if place is None:
            return ()
        module, statement = place
        edits = self._style.builder(module)
        expansion = EXPAND_ARGUMENTS
        if self._passes_to_scratch():
            if not self._style.is_free("scratch_path", module.key):
                return ()
            edits.scratch()
            expansion = EXPAND_ARGUMENTS_TO_SCRATCH
        edits.add(AddImport("sys"), InsertStatement(statement.span, expansion))
        return edits.done()

    def _passes_to_scratch(self) -> bool:
        """Whether one of the options that ``submit_job.py`` passes needs the scratch folder."""
        job = self._style.job
        return any(
            option.manner is not Manner.SEQUENTIAL for option in job.options.library_options
        ) or any(
            result.scratch and is_passed(result.option) for result in self._style.results.options
        )


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


def _file_prefix(values: Sequence[PathValue], result: OptionResult) -> str | None:
    """The beginning of a default that is the URL of a file which a call writes: ``sqlite:///runs.db``."""
    known = {prefix for use in result.uses for prefix in use.use.rule.url_prefixes}
    for prefix in known:
        if prefix.endswith(":///") and any(
            value.text.startswith(prefix) and value.text not in (prefix, f"{prefix}:memory:")
            for value in values
        ):
            return prefix
    return None
