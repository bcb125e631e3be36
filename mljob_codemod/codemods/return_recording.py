"""Edits that record the script's value, and exits that would lose it."""

from __future__ import annotations

from mljob_codemod.analysis.entries import RETURN, Entries, expressions
from mljob_codemod.analysis.starts import Launch, Start
from mljob_codemod.codemods.base import Job, ModuleEdit
from mljob_codemod.codemods.inserted import OUTSIDE_JOB
from mljob_codemod.edits import (
    AssignValue,
    Edit,
    InsertStatement,
    ReplaceExpression,
    ReplaceStatement,
)
from mljob_codemod.findings import Finding, Level, Rule
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.walking import walk


class Recorder:
    """Makes findings in one script, and the edits that assign to ``__return__``."""

    def __init__(self, job: Job, entries: Entries) -> None:
        self.job = job
        self.entries = entries
        self.starts = entries.starts
        self.script = job.script

    def finding(
        self, rule: Rule, at: r.Statement, message: str, *edits: Edit, level: Level | None = None
    ) -> Finding:
        placed = tuple(ModuleEdit(self.script, edit) for edit in edits)
        return self.job.finding(
            rule,
            self.script,
            at.span,
            message,
            edits=placed,
            level=level,
        )

    def assign(self, start: Start) -> tuple[Edit, ...]:
        statement = start.statement
        if start.launch is Launch.PRINTED:
            template = f"{RETURN} := __original__"
            if not _is_sole_argument(statement, start.call):
                template = f"({template})"
            return (ReplaceExpression(start.call.span, template),)
        if isinstance(statement, r.Assign) and statement.annotation is not None:
            target = " ".join(
                self.job.sources(self.script).snippet(statement.targets[0].span).split()
            )
            return (InsertStatement(statement.span, f"{RETURN} = {target}", after=True),)
        return (AssignValue(statement.span, RETURN),)

    def leave(self, exit_: r.Statement, later: tuple[r.Statement, ...]) -> Edit | None:
        """Exit outside jobs only, where the exit reports success and nothing comes after it."""
        status = self.starts.exit_of(exit_)
        succeeds = isinstance(status, r.Const) and status.value in (None, 0)
        if not succeeds or not self.entries.ends_script(exit_, later):
            return None
        return ReplaceStatement(exit_.span, f"if {OUTSIDE_JOB}:\n    __original__")


def _is_sole_argument(statement: r.Statement, call: r.Call) -> bool:
    """Whether ``call`` is all that a call in ``statement`` is given, so that it needs no parentheses."""
    return any(
        isinstance(part, r.Call)
        and len(part.args) == 1
        and part.args[0].value is call
        and not part.args[0].star
        for expr in expressions(statement)
        for part in walk(expr)
    )
