"""What every codemod works with: one job's program, and how findings are made.

A codemod is a module with ``RULES`` (its codes and their documentation), ``find(job)``, which yields
findings with their edits, and, where it adds to the plan, ``describe(job, plan)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mljob_codemod.analysis.names import Program
from mljob_codemod.analysis.options import OptionTable
from mljob_codemod.analysis.reachability import Reachability
from mljob_codemod.analysis.values import PathEvaluator
from mljob_codemod.config import Settings
from mljob_codemod.discovery import shown_path
from mljob_codemod.edits import AddImport, Edit, Span
from mljob_codemod.errors import InputError
from mljob_codemod.findings import Finding, Fix, Level, Location, Position, Rule, Safety
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.payload_tree import PayloadTree
from mljob_codemod.plan import Evidence, JobPlan
from mljob_codemod.requirements.declared import RequirementFile
from mljob_codemod.requirements.search import Declarations
from mljob_codemod.source import Source, read_source
from mljob_codemod.syntax.reading import FileFacts
from mljob_codemod.syntax.scopes import ModuleIndex

if TYPE_CHECKING:
    from mljob_codemod.requirements.locks import Environment

_LARGEST_DOCUMENT = 1_000_000
"""Bytes of a file that a finding shows a line of."""


@dataclass(frozen=True)
class ModuleEdit:
    """An edit and the module it is in."""

    module: ModuleIndex
    edit: Edit


@dataclass
class Job:
    """One script with everything it reaches. ``shown`` is its path as reports print it."""

    shown: str
    path: Path
    root: Path
    program: Program
    options: OptionTable
    paths: PathEvaluator
    settings: Settings
    sources: Callable[[ModuleIndex], Source]
    exists: Callable[[str], bool]
    """Whether a path relative to the working directory of the run at home exists in the project."""
    import_roots: tuple[Path, ...] = ()
    """The folders that local imports of the reach resolve from."""
    find_import: Callable[[str], Path | None] = lambda module: None
    """The folder from which the script's ``import module`` finds a file of the project."""
    files: tuple[FileFacts, ...] = ()
    """The files of the reach, the script first."""
    declarations: Callable[[], Declarations] = Declarations
    """What requirement files say that speak for the script."""
    requirements_in: Callable[[Path], RequirementFile | None] = lambda folder: None
    """The ``requirements.txt`` in a folder."""
    environments: Callable[[Iterable[Path]], Environment | None] = lambda folders: None
    """The environment that work on a project in some folders uses."""
    payload_tree: Callable[[Path], PayloadTree] = PayloadTree
    """The files of a folder that would be sent."""
    documents: dict[str, Source] = field(default_factory=dict)
    """Files other than modules that findings are in, by the path that reports print."""
    inputs_of_others: Mapping[Location, Evidence] = field(default_factory=dict)
    """The expressions through which other scripts read inputs of theirs, and where."""
    plan: JobPlan = field(default_factory=lambda: JobPlan("", "", ""))
    """What the codemods have found out of the job: complete when they look for findings."""
    notes: dict[str, object] = field(default_factory=dict)
    """What a codemod computes once for both its functions, by its own name."""

    @property
    def script(self) -> ModuleIndex:
        return self.program.script

    @cached_property
    def reach(self) -> Reachability:
        """What a run of the script can come to."""
        return Reachability(self.program, self.options)

    def evidence(self, module: ModuleIndex, span: Span, what: str | None = None) -> Evidence:
        """A place in the source; ``what`` is the code there unless given."""
        source = self.sources(module)
        text = what if what is not None else " ".join(source.snippet(span).split())
        return Evidence(source.shown, source.line_of(span), text)

    def read_elsewhere(self, module: ModuleIndex, span: Span) -> Evidence | None:
        """Where another script reads an input through the expression or the option at ``span``."""
        if not self.inputs_of_others:
            return None
        return self.inputs_of_others.get(self.sources(module).location(span))

    def wants(self, rule: Rule, module: ModuleIndex, span: Span) -> bool:
        """Whether a finding of ``rule`` at ``span`` is neither deselected nor silenced by a comment."""
        location = self.sources(module).location(span)
        return self.settings.is_selected(rule.code, rule.name) and not any(
            self.sources(module).silences(line, rule.code)
            for line in {location.start.line, location.end.line}
        )

    def finding(
        self,
        rule: Rule,
        module: ModuleIndex,
        span: Span,
        message: str,
        *,
        edits: tuple[ModuleEdit, ...] = (),
        title: str | None = None,
        safety: Safety | None = None,
        level: Level | None = None,
    ) -> Finding:
        """A finding of ``rule``; it has a fix when there are ``edits``.

        Without a level of its own a finding takes the rule's; a warning without a fix becomes an error
        or note only where the codemod says so.
        """
        fix = None
        if edits and not all(_can_import(edit) for edit in edits):
            message = f"{message}; a name that the fix needs is used for something else"
            level = Level.ERROR
        elif edits:
            placed = tuple((self.sources(edit.module).shown, edit.edit) for edit in edits)
            fix = Fix(title or rule.fix_title, safety or rule.safety or Safety.SAFE, placed)
        location = self.sources(module).location(span)
        return Finding(rule.code, message, location, level or rule.level, self.shown, fix)

    def finding_at(
        self, rule: Rule, path: Path, line: int, message: str, *, level: Level | None = None
    ) -> Finding:
        """A finding on a whole line of a file that need not be a module of the reach."""
        shown = shown_path(path)
        source = self._document(path.absolute(), shown)
        text = "" if source is None else source.line(line)
        start = len(text) - len(text.lstrip()) + 1
        end = Position(line, max(len(text.rstrip()) + 1, start))
        location = Location(shown, Position(line, start), end)
        return Finding(rule.code, message, location, level or rule.level, self.shown)

    def _document(self, path: Path, shown: str) -> Source | None:
        if shown not in self.documents:
            if path.is_file() and path.stat().st_size > _LARGEST_DOCUMENT:
                return None
            known = next((facts.source for facts in self.files if facts.path == path), None)
            try:
                self.documents[shown] = known or read_source(path, shown)
            except InputError:
                return None
        return self.documents[shown]


def _can_import(placed: ModuleEdit) -> bool:
    """Whether an import that a fix asks for would not hide a name of the module's own."""
    if not isinstance(placed.edit, AddImport):
        return True
    wanted = placed.edit.module
    bindings = placed.module.scope.bindings.get(wanted.partition(".")[0], [])
    return all(binding.kind == "import" and binding.module == wanted for binding in bindings)
