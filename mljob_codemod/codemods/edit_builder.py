"""Edits of one module under construction, and the texts that go into them."""

from __future__ import annotations

import os.path

from mljob_codemod.codemods.base import ModuleEdit
from mljob_codemod.codemods.inserted import ADDED_FUNCTIONS, RESULT, START_SCRATCH
from mljob_codemod.edits import (
    AddHelper,
    AddImport,
    Edit,
    InsertArgument,
    InsertStatement,
    ReplaceExpression,
    Span,
)
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import ModuleIndex


class EditBuilder:
    """Gathers the edits of one fix in one module; what they all need, ``import os``, comes first."""

    def __init__(self, module: ModuleIndex, helper: str | None, *, early_scratch: bool) -> None:
        self._module = module
        self._helper = helper
        self._early_scratch = early_scratch
        self._edits: list[Edit] = [AddImport("os")]

    def helper(self, name: str) -> None:
        """Define one of the functions of ``inserted.py``."""
        self._edits.append(AddHelper(name))

    def scratch(self) -> None:
        """Define the scratch folder's function; made before other processes start, it is one for all."""
        self.helper("scratch_path")
        code = [s for s in self._module.body if not isinstance(s, (r.Import, r.ImportFrom))]
        if not self._early_scratch or any(_starts_scratch(s) for s in code):
            return
        own = [s for s in code if isinstance(s, r.FunctionDef) and s.name in ADDED_FUNCTIONS]
        first = next((s for s in code if not (s in own or _is_docstring(s, self._module))), None)
        if first is not None:
            self._edits.append(InsertStatement(first.span, START_SCRATCH))

    def below_result(self, path: str, folder: str = "", *, scratch: bool) -> str:
        """The expression for ``path``, itself one, below the result path; only to be evaluated in a job."""
        if scratch:
            self.scratch()
            return f"scratch_path({path}{folder_argument(folder)})"
        if folder or self._helper is not None:
            self.helper(self._helper or "result_path_in_folder")
            return f"result_path({path}{folder_argument(folder)})"
        return f"os.path.join({RESULT}, {path})"

    def replace(self, span: Span, template: str) -> None:
        """Put ``template`` where the expression at ``span`` stands."""
        self._edits.append(ReplaceExpression(span, template))

    def argument(self, call: r.Call, text: str, *, first: bool = False) -> None:
        """Give ``call`` one more argument."""
        self._edits.append(InsertArgument(call.span, text, first=first))

    def add(self, *edits: Edit) -> None:
        """Edits of other kinds."""
        self._edits += edits

    def done(self) -> tuple[ModuleEdit, ...]:
        """The edits, each with the module it is in."""
        return tuple(ModuleEdit(self._module, edit) for edit in self._edits)


def _starts_scratch(statement: r.Statement) -> bool:
    """Whether a statement is the call that an earlier run put there."""
    match statement:
        case r.ExprStatement(r.Call(r.Name("scratch_path"), (argument,), _), _):
            return isinstance(argument.value, r.Const) and argument.value.value == ""
    return False


def _is_docstring(statement: r.Statement, module: ModuleIndex) -> bool:
    return (
        statement is module.body[0]
        and isinstance(statement, r.ExprStatement)
        and isinstance(statement.value, r.Const)
    )


def inside_path(text: str, fallback: str = "results") -> str | None:
    """What of a path that leaves the working directory is kept in a job; None when it stays below.

    ``fallback`` is the name where nothing is left of it.
    """
    if not text.startswith(("/", "~", "..")) and "/../" not in text:
        return None
    parts = [part for part in text.split("/") if part not in ("", "..", ".", "~")]
    return os.path.join(*parts) if parts else fallback


def folder_argument(folder: str) -> str:
    """The argument of the functions of ``inserted.py`` that makes a folder; empty for none."""
    return f", folder={repr_text(folder)}" if folder else ""


def repr_text(text: str) -> str:
    """``text`` as a Python literal with double quotes where that needs no escapes."""
    quoted = repr(text)
    return f'"{text}"' if quoted[1:-1] == text and '"' not in text else quoted
