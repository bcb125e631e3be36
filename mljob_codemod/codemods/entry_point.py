"""The entry point: a script's result becomes the job's, through a variable called ``__return__``.

The launcher runs a script as ``__main__`` and records the module's variable ``__return__``. It records
nothing when the script ends in an exit, which is what click and typer do in standalone mode.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mljob_codemod.analysis.command_line import command_line
from mljob_codemod.analysis.entries import RETURN, Candidate, Entries
from mljob_codemod.analysis.names import Definition
from mljob_codemod.analysis.returns import Kind
from mljob_codemod.analysis.starts import Launch, Start
from mljob_codemod.codemods.base import Job
from mljob_codemod.codemods.changed_kinds import changed_kinds, changed_record
from mljob_codemod.codemods.entry_rules import (
    ALREADY_EXITED,
    CLI_VALUE,
    EXIT_VALUE,
    NAMED_VALUE,
    NO_VALUE,
    RULES,
    VALUE_LOST,
    WRAPPED,
)
from mljob_codemod.codemods.inserted import OUTSIDE_JOB
from mljob_codemod.codemods.named_return import NamedReturn
from mljob_codemod.codemods.return_recording import Recorder
from mljob_codemod.edits import (
    AddImport,
    Edit,
    InsertArgument,
    ReplaceStatement,
)
from mljob_codemod.findings import Finding, Level, Safety
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.plan import Entry, JobPlan
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Scope

__all__ = ["RULES", "TRIGGER_WORDS", "describe", "find"]

TRIGGER_WORDS = frozenset(
    "exit _exit quit SystemExit Exit command group callback add_command add_typer".split()
)
_STANDALONE = f"standalone_mode={OUTSIDE_JOB}"
_RESULT_NAMES = re.compile(
    r"(?:^|_)(?:metrics?|acc|accuracy|scores?|loss(?:es)?|auc|f1|rmse|mae|mse|r2|results?|history|report"
    r"|summary|precision|recall|best|perplexity|bleu|reward)(?:$|_)"
)
_FULLEST = re.compile(r"(?:^|_)(?:metrics|scores|losses|results?|history|report|summary)(?:$|_)")
"""Names of variables that gather what others hold one by one."""
_WRAPPERS = frozenset({Launch.ABSL, Launch.TF_APP, Launch.HYDRA, Launch.TYPER_RUN})


def find(job: Job) -> Iterator[Finding]:
    """What happens to the script's result in a job, with the fixes that keep it."""
    yield from _analysis(job).findings


def describe(job: Job, plan: JobPlan) -> None:
    """Fill in how the script starts, reads its options, and whether a job returns a value."""
    analysis = _analysis(job)
    form = analysis.entries.form()
    start = form.callee
    callee = None if start is None else start.callee
    line = 1 if form.statement is None else job.sources(job.script).line_of(form.statement.span)
    returns = analysis.entries.starts.value(start) if start is not None and callee else None
    plan.entry = Entry(form.form, line, callee, returns)
    plan.cli = command_line(job.program, None if start is None else start.held or start.launch)
    plan.returns = analysis.returns
    strings = [text for option in job.options.options for text in option.strings]
    strings += [option.spelling for option in job.options.library_options]
    plan.script_options = list(dict.fromkeys(text for text in strings if text.startswith("-")))


@dataclass(frozen=True)
class _Analysis:
    entries: Entries
    findings: tuple[Finding, ...]
    returns: bool


def _analysis(job: Job) -> _Analysis:
    known = job.notes.get(__name__)
    if not isinstance(known, _Analysis):
        entries = Entries(job.program)
        findings = tuple(_Finder(job, entries).findings())
        fixed = any(
            finding.fix is not None
            and (finding.fix.safety is Safety.SAFE or job.settings.unsafe_fixes)
            for finding in findings
        )
        kept = entries.assigns_return and not any(
            finding.code == ALREADY_EXITED.code for finding in findings
        )
        known = _Analysis(entries, findings, fixed or kept)
        job.notes[__name__] = known
    return known


class _Finder:
    """Makes the findings about one script's entry."""

    def __init__(self, job: Job, entries: Entries) -> None:
        self.job = job
        self.entries = entries
        self.starts = entries.starts
        self.returns = entries.starts.returns
        self.script = job.script
        self.recorder = Recorder(job, entries)
        self.finding = self.recorder.finding

    def findings(self) -> Iterator[Finding]:
        if self.entries.assigns_return:
            yield from self._lost_assignments()
            yield from self._changed_records()
            return
        name = self.job.settings.job(self.job.path).return_name
        if name is not None:
            yield NamedReturn(self.recorder).of(name)
            return
        valued = False
        for candidate in self.entries.candidates:
            if self.starts.value(candidate.start):
                valued = True
                yield from self._candidate(candidate)
        for candidate in self.entries.exits:
            yield from self._exit(candidate)
        if not valued and not self.entries.exits:
            yield from self._nothing()

    # Calls whose value is lost

    def _candidate(self, candidate: Candidate) -> Iterator[Finding]:
        start = candidate.start
        if start.launch in _WRAPPERS:
            yield self._wrapped(start)
        elif start.launch in (Launch.CLICK, Launch.TYPER) and not _plain(start.call):
            yield from self._command(candidate)
        elif start.launch is not Launch.UNITTEST:
            yield from self._call(candidate)

    def _wrapped(self, start: Start) -> Finding:
        callee = f"`{start.callee}`" if start.callee else "the function"
        level = None
        if start.launch is Launch.HYDRA:
            text = (
                f"hydra drops what {callee} returns, so `job.result()` is None: declare "
                "`global __return__` in it and assign the value to `__return__`"
            )
        elif start.launch is Launch.TYPER_RUN:
            text = (
                f"`typer.run` drops what {callee} returns and exits, so `job.result()` is None: make "
                "it a command of a `typer.Typer()`, which can be converted"
            )
        else:
            fails = "so `job.result()` is None, and the job fails unless that is a status"
            kinds = {self.returns.kind(function) for function in start.functions}
            if Kind.DATA in kinds:
                level = Level.ERROR
                fails = "which is no exit status: the job fails, and the value is lost"
            elif kinds == {Kind.STATUS}:
                fails = "so `job.result()` is None"
            text = (
                f"`app.run` exits with what {callee} returns, {fails}; "
                f"`__return__ = {start.callee or 'main'}(flags.FLAGS(sys.argv))` in its place keeps it"
            )
        return self.finding(WRAPPED, start.statement, text, level=level)

    def _call(self, candidate: Candidate) -> Iterator[Finding]:
        start = candidate.start
        callee = f"`{start.callee}`" if start.callee else "the function"
        if start.launch is Launch.FIRE and any(
            one.scope.kind == "class" for one in start.functions
        ):
            callee = f"the method of {callee}"
        if candidate.exit is None:
            text = f"record what {callee} returns: the job forgets it otherwise"
            yield self.finding(VALUE_LOST, start.statement, text, *self.recorder.assign(start))
            yield from changed_kinds(self.job, self.returns, start)
            return
        leave = self.recorder.leave(candidate.exit, candidate.later)
        if leave is None:
            text = f"what {callee} returns is not recorded, since the script ends in an exit"
            yield self.finding(ALREADY_EXITED, candidate.exit, text, level=Level.NOTE)
        else:
            text = f"record what {callee} returns, and exit outside jobs only: an exit loses it"
            edits = (*self.recorder.assign(start), leave, AddImport("os"))
            yield self.finding(ALREADY_EXITED, candidate.exit, text, *edits)
            yield from changed_kinds(self.job, self.returns, start)

    def _lost_assignments(self) -> Iterator[Finding]:
        exits = [leaving for _, leaving in self.entries.lost]
        exits += [one.exit for one in self.entries.candidates if one.exit is not None]
        for leaving in dict.fromkeys(exits):
            leave = self.recorder.leave(leaving, ())
            if leave is not None:
                text = "exit outside jobs only: an exit loses what `__return__` holds"
                yield self.finding(ALREADY_EXITED, leaving, text, leave, AddImport("os"))

    def _changed_records(self) -> Iterator[Finding]:
        for statement in self.entries.recorded:
            start = self.starts.read(statement)
            if start is not None:
                yield from changed_kinds(self.job, self.returns, start)
        for binding in self.script.scope.bindings[RETURN]:
            yield from changed_record(self.job, self.returns, binding)

    # click and typer

    def _command(self, candidate: Candidate) -> Iterator[Finding]:
        start = candidate.start
        library = "click" if start.launch is Launch.CLICK else "typer"
        reason = self._failing_exit()
        if reason is None and any(
            not isinstance(one, (r.FunctionDef, r.ClassDef)) for one in candidate.later
        ):
            reason = "code stands behind the call, which does not run outside a job"
        if isinstance(start.statement, r.Assign) and start.statement.annotation is not None:
            reason = reason or "the call is annotated"
        if reason is not None:
            text = (
                f"{library} exits with the command, so what it returns is not recorded; calling it "
                f"without standalone mode is not safe here: {reason}"
            )
            yield self.finding(CLI_VALUE, start.statement, text, level=Level.NOTE)
            return
        text = f"call `{start.callee}` without standalone mode in a job: {library} exits otherwise"
        edits = (
            *self.recorder.assign(start),
            InsertArgument(start.call.span, _STANDALONE),
            AddImport("os"),
        )
        yield self.finding(CLI_VALUE, start.statement, text, *edits)
        yield from changed_kinds(self.job, self.returns, start)

    def _failing_exit(self) -> str | None:
        """Why a command may end with a status other than 0, which would come back as its value."""
        for name in ("exit", "_exit", "quit", "SystemExit", "Exit"):
            for site in self.job.program.sites_named(name):
                status = site.call.args[0].value if site.call.args else None
                if self.job.program.runs_elsewhere(site) or status is None:
                    continue
                if isinstance(status, r.Const) and status.value in (0, None):
                    continue
                entities = self.job.program.entities(site.call.func, site.scope)
                if any(isinstance(entity, Definition) for entity in entities):
                    continue
                where = self.job.evidence(site.scope.module, site.call.span)
                return f"`{where.what}` ({where.path}:{where.line}) would end the job as done"
        return None

    # Exits with a value

    def _exit(self, candidate: Candidate) -> Iterator[Finding]:
        start = candidate.start
        if start.held in (Launch.CLICK, Launch.TYPER, Launch.TYPER_RUN, Launch.HYDRA):
            if self.starts.value(start):
                text = f"the command exits, so what `{start.callee}` returns is not recorded"
                yield self.finding(CLI_VALUE, start.statement, text, level=Level.NOTE)
            return
        if not self.starts.value(start) or not any(
            self.returns.kind(function) is Kind.DATA for function in start.functions
        ):
            return
        text = f"`{start.callee}` returns a value that is no exit status: the job fails, and the value is lost"
        split = self._split(candidate)
        edits = () if split is None else (split, AddImport("os"))
        yield self.finding(EXIT_VALUE, start.statement, text, *edits)
        if edits:
            yield from changed_kinds(self.job, self.returns, start)

    def _split(self, candidate: Candidate) -> Edit | None:
        statement = candidate.start.statement
        value = statement.exc if isinstance(statement, r.Raise) else statement.value
        source = self.job.sources(self.script)
        if not isinstance(value, r.Call) or not self.entries.ends_script(
            statement, candidate.later
        ):
            return None
        if source.snippet(statement.span)[-1] != ")":
            return None  # `raise … from …`
        leave = f"{source.snippet(value.func.span)}({RETURN})"
        if isinstance(statement, r.Raise):
            leave = f"raise {leave}"
        return ReplaceStatement(
            statement.span,
            f"{RETURN} = __value__\nif {OUTSIDE_JOB}:\n    {leave}",
            (("__value__", value.args[0].value.span),),
        )

    # Nothing to record

    def _nothing(self) -> Iterator[Finding]:
        form = self.entries.form()
        start = form.start
        if start is not None and form.form != "toplevel":
            if start.launch in (*_WRAPPERS, Launch.UNITTEST) or not start.functions:
                return
            names = self._result_names(
                [
                    function.inner
                    for function in start.functions
                    if isinstance(function.node, r.FunctionDef)
                ]
            )
            name = f"`{start.callee}`" if start.callee else "the command"
            text = f"{name} returns nothing, so `job.result()` is None"
            idle = _never_run(start)
            if idle is not None:
                text = f"`{start.callee}` is a {idle}: calling it does nothing"
            elif names:
                text += f"; it could return {_listed(names)}"
            yield self.finding(NO_VALUE, start.statement, text)
            return
        names = self._result_names([self.script.scope])
        at = form.statement or (self.script.body[-1] if self.script.body else None)
        if names and at is not None:
            text = f"the job returns nothing; `--return {names[0]}` makes it return that variable"
            if len(names) > 1:
                text += f" (others that look like results: {_listed(names[1:])})"
            yield self.finding(NAMED_VALUE, at, text, level=Level.NOTE)

    def _result_names(self, scopes: list[Scope]) -> list[str]:
        """Variables that look like results: those that gather several values first, then the last."""
        names = [
            (name, bindings)
            for scope in scopes
            for name, bindings in scope.bindings.items()
            if _RESULT_NAMES.search(name.lower())
            and name.islower()
            and any(binding.kind == "value" for binding in bindings)
        ]
        names.reverse()
        names.sort(
            key=lambda named: (
                not (
                    _FULLEST.search(named[0])
                    or any(isinstance(binding.value, r.Mapping) for binding in named[1])
                )
            )
        )
        return [name for name, _ in names[:5]]


def _plain(call: r.Call) -> bool:
    """Whether ``standalone_mode`` is switched off in the source already."""
    return any(argument.keyword == "standalone_mode" for argument in call.args)


def _never_run(start: Start) -> str | None:
    """What kind of function ``start`` calls without running its body."""
    if start.launch is not Launch.CALL or not isinstance(start.statement, r.ExprStatement):
        return None
    plain = [
        function
        for function in start.functions
        if isinstance(function.node, r.FunctionDef) and not function.node.decorators
    ]
    if not plain or len(plain) < len(start.functions) or start.awaited:
        return None
    if all(function.inner.yields for function in plain):
        return "generator function that nothing runs"
    if all(isinstance(one.node, r.FunctionDef) and one.node.is_async for one in plain):
        return "coroutine function that nothing awaits"
    return None


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
