"""How a job's files move their paths: in place for one, by a small function for several."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mljob_codemod.analysis.names import External
from mljob_codemod.analysis.options import Option
from mljob_codemod.analysis.path_values import Root
from mljob_codemod.analysis.results import (
    OptionResult,
    Results,
    normal,
)
from mljob_codemod.codemods.base import Job
from mljob_codemod.codemods.edit_builder import EditBuilder, inside_path
from mljob_codemod.codemods.inserted import ADDED_FUNCTIONS, is_free
from mljob_codemod.codemods.output_rules import FIXED_PATH, OPTION_DEFAULT, REQUIRED_OPTION
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex, Scope, kept_with_module
from mljob_codemod.syntax.walking import walk, walk_statements

_PROCESS_LIBRARIES = (
    "multiprocessing concurrent joblib torch.multiprocessing torch.utils.data billiard pathos loky"
).split()


class OutputStyle:
    """What the edits of one job's results have in common, and questions about its files."""

    def __init__(self, job: Job, results: Results) -> None:
        self.job = job
        self.results = results
        self._strings = {
            module.key: _string_spans(module) for module in job.program.modules.values()
        }
        self.helpers = self._choose_helpers()
        added = set(self._imports_of_helpers())
        self._starts_processes = any(
            f"{imported.module}.".startswith(f"{library}.")
            for facts in job.files
            for imported in facts.imports
            if (facts.path, imported.line) not in added
            for library in _PROCESS_LIBRARIES
        )

    def _choose_helpers(self) -> dict[str, str]:
        """The helper of each file that moves several paths, must make a folder, or names something else ``os``."""
        counts: dict[str, int] = {}
        folders: set[str] = set()
        for place in self.results.places:
            if (
                place.moves
                and place not in self.results.scratch
                and self.job.wants(FIXED_PATH, place.module, place.node.span)
            ):
                counts[place.module.key] = counts.get(place.module.key, 0) + 1
                counts[place.module.key] += _has_own_os(place.scope)
                if place in self.results.folders:
                    folders.add(place.module.key)
        for result in self.results.options:
            rule = REQUIRED_OPTION if result.option.required else OPTION_DEFAULT
            if result.scratch or not result.moves:
                continue
            if not self.job.wants(rule, result.option.module, result.option.span):
                continue
            default = self.job.paths.default_values(result.option)
            if self.results.place_of_default(result.option, default) is not None:
                continue
            key = result.option.module.key
            if result.option.default is not None or result.option.required:
                counts[key] = counts.get(key, 0) + 1
                if self.folder_of(result):
                    folders.add(key)
        variables = {
            (place.module.key, place.value.reason)
            for place in self.results.places
            if place.value.root is Root.ENVIRONMENT
        }
        if len(variables) > 1:
            folders.update(key for key, _ in variables)
        chosen = {key: "result_path" for key, count in counts.items() if count > 1}
        chosen.update(dict.fromkeys(folders, "result_path_in_folder"))
        return {key: name for key, name in chosen.items() if self.is_free("result_path", key)}

    def _imports_of_helpers(self) -> Iterator[tuple[Path, int]]:
        """The lines of imports in functions that an earlier run put into the job's files."""
        for module in self.job.program.modules.values():
            for statement in module.body:
                if isinstance(statement, r.FunctionDef) and statement.name in ADDED_FUNCTIONS:
                    source = self.job.sources(module)
                    for inner in walk_statements(statement.body):
                        yield Path(module.key), source.line_of(inner.span)

    def is_free(self, name: str, key: str) -> bool:
        """Whether the module ``key`` has nothing of its own that the helper ``name`` would collide with."""
        return is_free(name, self.job.program.modules[key])

    def builder(self, module: ModuleIndex) -> EditBuilder:
        """A builder of edits in ``module`` that uses its helper."""
        helper = self.helpers.get(module.key)
        return EditBuilder(module, helper, early_scratch=self._starts_processes)

    def own_text(self, node: r.Expr, scope: Scope) -> str:
        """The path that ``node`` itself is, without what is joined to it or taken from it later."""
        if isinstance(node, r.Const):
            return os.fsdecode(node.value) if isinstance(node.value, bytes) else str(node.value)
        values = self.job.paths.values(node, scope)
        return values[0].text if values and values[0].node is node else ""

    def folder_of(self, result: OptionResult) -> str:
        """The folder that must be made in a job for an option's default; empty for none."""
        default = result.option.default
        needed = result.needs_folder or _must_exist(result.option)
        if result.option.required:
            return result.option.dest if needed and result.kind == "directory" else ""
        if default is None:
            return ""
        values = self.job.paths.default_values(result.option)
        text = values[0].text if values and values[0].root is Root.LITERAL else ""
        if "<" in text or not text:
            return ""
        text = inside_path(text, result.option.dest) or normal(text)
        if result.kind == "directory":
            if result.needs_parent:
                return text.rpartition("/")[0]
            return text if needed and text != "." else ""
        makes = any(use.use.makes_folder for use in result.uses)
        return "" if makes else text.rpartition("/")[0]

    def in_string(self, module: ModuleIndex, node: r.Expr) -> bool:
        """Whether ``node`` stands inside an f-string, where quotes of its own cannot be used."""
        spans = self._strings.setdefault(module.key, _string_spans(module))
        return any(
            start <= node.span.start
            and node.span.end <= end
            and (start, end) != (node.span.start, node.span.end)
            for start, end in spans
        )

    def is_path(self, node: r.Expr, scope: Scope) -> bool:
        """Whether the value of ``node`` is a ``pathlib.Path`` rather than a string."""
        if isinstance(node, (r.Const, r.Joined)):
            return False
        if any(value.is_path for value in self.job.paths.values(node, scope)):
            return True
        return any(
            isinstance(made, External) and made.name.startswith("pathlib.")
            for made in self.job.program.producers(node, scope)
        )

    def path_class(self, module: ModuleIndex) -> str | None:
        """How ``module`` spells ``pathlib.Path``."""
        for name, bindings in module.scope.bindings.items():
            for binding in bindings:
                if binding.kind == "import" and binding.module == "pathlib":
                    if binding.attr == "Path":
                        return name
                    if binding.attr is None:
                        return f"{name}.Path"
        return None


def _has_own_os(scope: Scope) -> bool:
    """Whether a function around the place binds ``os`` itself: by an import further down, say."""
    current: Scope | None = scope
    while current is not None and current.parent is not None:
        if "os" in current.bindings:
            return True
        current = current.parent
    return False


@kept_with_module
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


def _must_exist(option: Option) -> bool:
    """Whether the option's type demands that its path exists (``click.Path(exists=True)``)."""
    kind = option.type
    return isinstance(kind, r.Call) and any(
        argument.keyword == "exists"
        and isinstance(argument.value, r.Const)
        and argument.value.value is True
        for argument in kind.args
    )
