"""``--return NAME``: a variable that becomes the result of the job."""

from __future__ import annotations

from mljob_codemod.analysis.entries import RETURN, expressions
from mljob_codemod.analysis.names import Definition
from mljob_codemod.analysis.returns import Function
from mljob_codemod.analysis.starts import Launch, Start
from mljob_codemod.codemods.base import ModuleEdit
from mljob_codemod.codemods.entry_rules import (
    NAMED_VALUE,
)
from mljob_codemod.codemods.return_recording import Recorder
from mljob_codemod.edits import (
    AddImport,
    AppendToBlock,
    Edit,
    ReplaceStatement,
)
from mljob_codemod.findings import Finding, Level
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.walking import walk


class NamedReturn:
    """Finds where the variable gets its value, and records it there."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.job = recorder.job
        self.entries = recorder.entries
        self.starts = recorder.starts
        self.returns = recorder.starts.returns
        self.script = recorder.script

    def of(self, name: str) -> Finding:
        """The finding about the variable ``name``."""
        bound = self.script.scope.bindings.get(name, [])
        if any(binding.kind in ("value", "element", "context") for binding in bound):
            return self._named_at_module_level(name)
        form = self.entries.form()
        at = form.statement or self.script.body[-1]
        start = form.start
        function = start.functions[0] if start is not None and len(start.functions) == 1 else None
        if start is not None and function is not None and name in function.inner.bindings:
            if self._may_return(start, function):
                assert isinstance(function.node, r.FunctionDef)
                value = name if _bound(function.node.body, name) else f'locals().get("{name}")'
                edits = [
                    ModuleEdit(
                        function.scope.module, AppendToBlock(function.node.span, f"return {value}")
                    ),
                    *(ModuleEdit(self.script, edit) for edit in self.recorder.assign(start)),
                ]
                text = f"return `{name}` from `{start.callee}` and from the job"
                return self.job.finding(NAMED_VALUE, self.script, at.span, text, edits=tuple(edits))
            text = (
                f"`{name}` is a variable of `{start.callee}`; return it there and assign the call"
            )
            return self.recorder.finding(NAMED_VALUE, at, text, level=Level.ERROR)
        text = f"no variable `{name}` is assigned in the script{self._nearest(name)}"
        return self.recorder.finding(NAMED_VALUE, at, text, level=Level.ERROR)

    def _named_at_module_level(self, name: str) -> Finding:
        body = self.entries.body
        guard = self.entries.guards[-1] if self.entries.guards else None
        sure = _bound(body, name) or _bound(self.script.body, name)
        value = name if sure else f'globals().get("{name}")'
        assignment = f"{RETURN} = {value}"
        text = f"record `{name}` as the result of the job"
        last = body[-1]
        start = self.starts.read(last)
        if self.starts.exit_of(last) is not None:
            leave = self.recorder.leave(last, ())
            if not isinstance(leave, ReplaceStatement):
                text = f"`{name}` cannot be recorded: the script ends in an exit with a status"
                return self.recorder.finding(NAMED_VALUE, last, text, level=Level.ERROR)
            edit: Edit = ReplaceStatement(last.span, f"{assignment}\n{leave.template}")
            return self.recorder.finding(NAMED_VALUE, last, text, edit, AddImport("os"))
        if start is not None and start.launch in (
            Launch.CLICK, Launch.TYPER, Launch.ABSL, Launch.TF_APP, Launch.TYPER_RUN, Launch.UNITTEST
        ):  # fmt: skip
            text = f"`{name}` cannot be recorded: `{start.callee}` ends the process"
            return self.recorder.finding(NAMED_VALUE, last, text, level=Level.ERROR)
        edit = AppendToBlock(None if guard is None else guard.span, assignment)
        return self.recorder.finding(NAMED_VALUE, last, text, edit)

    def _may_return(self, start: Start, function: Function) -> bool:
        """Whether ``function`` can return something without anyone else seeing it."""
        node = function.node
        if not isinstance(node, r.FunctionDef) or node.decorators or function.inner.yields:
            return False
        if start.launch not in (Launch.CALL, Launch.METHOD) or self.starts.value(start):
            return False
        callers = self.job.program.callers(Definition(node, function.scope))
        return self.returns.falls_through(node.body, function.inner) and all(
            isinstance(site.statement, r.ExprStatement) for site in callers
        )

    def _nearest(self, name: str) -> str:
        from difflib import get_close_matches  # only mistakes need it, and it is slow to import

        close = get_close_matches(name, list(self.script.scope.bindings), 1)
        return f"; did you mean `{close[0]}`?" if close else ""


def _bound(body: r.Block, name: str) -> bool:
    """Whether every run that leaves ``body`` at its end has given ``name`` a value."""
    for statement in body:
        match statement:
            case r.Assign(targets, value, _, _) if value is not None:
                if any(
                    isinstance(part, r.Name) and part.id == name
                    for target in targets
                    for part in walk(target)
                ):
                    return True
            case r.With(_, inner, _):
                if _bound(inner, name):
                    return True
            case r.If(_, inner, orelse, False, _):
                if _bound(inner, name) and _bound(orelse, name):
                    return True
    return any(
        isinstance(part, r.Walrus) and part.target.id == name
        for statement in body
        if isinstance(statement, (r.ExprStatement, r.Assign))
        for expr in expressions(statement)
        for part in walk(expr)
    )
