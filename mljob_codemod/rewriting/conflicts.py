"""Whether edits go together, and with the names that their file uses: asked before anything is rewritten."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

from mljob_codemod.edits import (
    ORIGINAL,
    AddHelper,
    AddImport,
    Edit,
    HelperText,
    RenameAttribute,
    ReplaceArgument,
    ReplaceExpression,
    ReplaceStatement,
    Span,
)
from mljob_codemod.errors import ToolFault
from mljob_codemod.rewriting.imports import NameTaken, taken_at
from mljob_codemod.source import Source

_Exclusive = (ReplaceExpression, ReplaceStatement, ReplaceArgument, RenameAttribute)


def fault_of(source: Source, edit: Edit, what: str) -> ToolFault:
    """The error of an edit that this tool should not have asked for."""
    span = getattr(edit, "span", None)
    place = source.shown if span is None else f"{source.shown}:{source.line_of(span)}"
    return ToolFault(f"{place}: {what} {type(edit).__name__}")


def reject_conflicts(source: Source, edits: Sequence[Edit]) -> None:
    """Raise ``ToolFault`` when two edits want different things of one place."""
    exclusive: dict[tuple[type[Edit], Span], Edit] = {}
    for edit in edits:
        if isinstance(edit, _Exclusive):
            if exclusive.setdefault((type(edit), edit.span), edit) is not edit:
                raise fault_of(source, edit, "two fixes want a different")
            for other in edits if _drops(edit) else ():
                span = getattr(other, "span", None)
                if other is edit or span is None or not _within(span, edit.span):
                    continue
                if not any(_within(span, part) for part in _kept_parts(edit)):
                    raise fault_of(source, other, "another fix replaces the place of")


def _drops(edit: Edit) -> bool:
    """Whether the code at an edit's span goes, or part of it."""
    if isinstance(edit, (ReplaceExpression, ReplaceStatement)):
        return ORIGINAL not in edit.template
    return isinstance(edit, ReplaceArgument)


def _kept_parts(edit: Edit) -> list[Span]:
    return [span for _, span in edit.parts] if isinstance(edit, ReplaceStatement) else []


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def reject_taken_names(
    source: Source, tree: ast.Module, edits: Sequence[Edit], helpers: Mapping[str, HelperText]
) -> None:
    """Raise ``NameTaken`` when the file uses a name that edits import for something else where they need it."""
    for module in imported_modules(edits, helpers):
        name = module.partition(".")[0]
        using = [edit for edit in edits if _uses_name(edit, name)]
        line = taken_at(tree, name, edited_lines(source, using), module)
        if line is not None:
            raise NameTaken(source.shown, name, line)


def _uses_name(edit: Edit, name: str) -> bool:
    """Whether the text that an edit puts in names ``name``."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    return any(word.search(text) for text in vars(edit).values() if isinstance(text, str))


def edited_lines(source: Source, edits: Sequence[Edit]) -> list[int]:
    """The lines on which ``edits`` put something, in their order."""
    spans = [span for edit in edits if (span := getattr(edit, "span", None)) is not None]
    return sorted({source.line_of(span) for span in spans})


def imported_modules(edits: Sequence[Edit], helpers: Mapping[str, HelperText]) -> list[str]:
    """The modules that edits import, in alphabetical order."""
    modules: set[str] = set()
    for edit in edits:
        if isinstance(edit, AddImport):
            modules.add(edit.module)
        elif isinstance(edit, AddHelper):
            modules.update(helpers[edit.name].imports)
    return sorted(modules)
