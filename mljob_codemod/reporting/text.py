"""The report for people: findings by job with their source, then what is done and what is left."""

from __future__ import annotations

import re
import shlex
import textwrap
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from mljob_codemod.errors import InputError
from mljob_codemod.findings import Finding, Level, Rule, Safety
from mljob_codemod.payload_tree import shown_size
from mljob_codemod.plan import Distribution, JobPlan
from mljob_codemod.source import read_source

if TYPE_CHECKING:
    from mljob_codemod.checking import Report
    from mljob_codemod.converting import ChangeSet

TAB = 4
WIDEST = 110
"""Columns of source shown at most; of a longer line, the part around the finding."""
PROSE = 88
"""Columns of the text that ``explain`` prints."""

_SECRETS = frozenset({"MLJ702", "MLJ704", "MLJ903"})
"""Rules whose findings lie where credentials stand. A report may end up in the log of a build, so it shows
no literal of those lines."""
_LITERAL = re.compile(r"""('''|\"\"\"|'|")((?:\\.|(?!\1).)*)(\1|\\?$)""")

_LEVEL_COLORS = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: "blue"}
_HINTS = {
    None: "",
    Safety.SAFE: " (not fixed, see the error)",
    Safety.UNSAFE: " (or --unsafe-fixes)",
}
_ENTRIES = {
    "guard_call": "{callee}() under its main guard",
    "guard_exit": "{callee}() under its main guard, as exit status",
    "guard_cli": "the command line of {callee}() under its main guard",
    "guard_block": "the code under its main guard",
    "toplevel_call": "{callee}() at module level",
    "toplevel": "the code at module level",
}


class Paint:
    """Styles text where colour is wanted and leaves it alone elsewhere."""

    def __init__(self, color: bool) -> None:
        self.color = color

    def __call__(self, text: str, fg: str | None = None, *, bold: bool = False) -> str:
        return click.style(text, fg=fg, bold=bold or None) if self.color else text


def render_findings(
    report: Report, command: str, *, color: bool = False, unsafe_fixes: bool = False
) -> str:
    """The report of ``check``; ``command`` is the one that applies the fixes.

    A finding in a module that several jobs share is shown with the first of them.
    """
    paint, sources = Paint(color), _SourceLines(report.findings)
    by_job: dict[str, list[Finding]] = {plan.script: [] for plan in report.jobs}
    for finding in report.findings:
        by_job.setdefault(finding.job, []).append(finding)
    plans = {plan.script: plan for plan in report.jobs}
    blocks = []
    blocked = _blocked(report)
    shown: dict[tuple[object, ...], str] = {}
    for script, findings in by_job.items():
        lines = [paint(printable(script), bold=True)]
        if script in plans:
            lines += [
                f"  {paint(f'{title:8}', 'cyan')}  {text}"
                for title, text in describe_job(plans[script])
            ]
        if script in blocked:
            lines.append("  " + paint(f"not converted {blocked[script]}", "red"))
        again: dict[str, list[Finding]] = {}
        for finding in findings:
            conditions = [] if unsafe_fixes else ["needs --unsafe-fixes"]
            safe = finding.fix is None or finding.fix.safety is Safety.SAFE
            notes = ["safe"] if safe else ["unsafe", *conditions]
            notes += [f"not {blocked[script]}"] if script in blocked else []
            title = None if finding.fix is None else finding.fix.title
            place = (finding.code, finding.location)
            key = (*place, finding.level, finding.message, title, *notes)
            first = shown.setdefault(key, script)
            if first == script:
                lines += ["", *_finding_lines(finding, sources, paint, ", ".join(notes))]
            else:
                again.setdefault(first, []).append(finding)
        for first, known in again.items():
            lines += [
                "",
                f"  {_count(len(known), 'finding')} as under {printable(first)}: {_codes(known)}",
            ]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join([*blocks, summarize(report, command, unsafe_fixes=unsafe_fixes) + "\n"])


def _blocked(report: Report) -> dict[str, str]:
    """The scripts that ``apply`` leaves alone since files of theirs cannot be read, and until when."""
    errors = {error.path: error for error in report.errors}
    found = {}
    for plan in report.jobs:
        bad = [errors[path] for path in (plan.script, *plan.local_modules) if path in errors]
        if bad:
            parsing = bad[0].message.startswith("does not parse")
            why = "does not parse" if parsing else "cannot be read"
            found[plan.script] = f"while {bad[0].path} {why}"
    return found


def describe_job(plan: JobPlan) -> list[tuple[str, str]]:
    """What a job is and needs, as rows of a title and what there is to say, evidence included."""

    def place(path: str, line: int) -> str:
        return f"line {line}" if path == plan.script else f"{path}:{line}"

    entry = _ENTRIES.get(plan.entry.form, plan.entry.form)
    sent = "" if plan.method == "submit_file" else f" of {plan.source or plan.root}"
    runs = f"{entry.format(callee=plan.entry.callee or 'a call')}, by {plan.method}{sent}"
    rows = [
        ("runs", [runs]),
        ("on", [text for text in [_compute(plan, place)] if text]),
        ("spreads", [_distribution(plan.distribution, plan, place)] if plan.distribution else []),
        ("sends", [] if plan.source else _sent(plan)),
        ("installs", _installed(plan, place)),
        ("reaches", _reached(plan, place)),
        ("writes", _results(plan)),
        ("reads", [*(use.target for use in plan.local_inputs), *plan.present]),
        ("net", [_net(plan, place)]),
    ]
    return [(title, printable(_listed(texts))) for title, texts in rows if texts]


def _reached(plan: JobPlan, place: Callable[[str, int], str]) -> list[str]:
    """The outside services, PyPI among them where packages are installed."""
    texts = ["PyPI or an artifact repository (for packages)"] if plan.needs_index else []
    for each in plan.services:
        way = f" by {each.integration}" if each.integration else ""
        texts.append(f"{each.service}{way} ({place(each.path, each.line)})")
    return texts


def _compute(plan: JobPlan, place: Callable[[str, int], str]) -> str:
    """Where the job runs, and the first reason for it."""
    compute = plan.compute
    kind = {True: "GPU", False: "CPU", None: ""}[compute.gpu]
    text = " ".join(name for name in (kind, compute.instance_family) if name)
    if compute.nodes > 1:
        text = f"{compute.nodes} nodes of {text}"
    if compute.compute_pool:
        text += f", pool {compute.compute_pool}"
    if compute.reasons:
        reason = compute.reasons[0]
        text += f" ({place(reason.path, reason.line)}: {reason.what})"
    return text


def _sent(plan: JobPlan) -> list[str]:
    """How much travels with the script, where a folder does."""
    if plan.method != "submit_directory" or not plan.payload.files:
        return []
    return [f"{_count(plan.payload.files, 'file')}, {shown_size(plan.payload.bytes)}"]


def _installed(plan: JobPlan, place: Callable[[str, int], str]) -> list[str]:
    """The payload's own requirements, and the lines that are added with the places that need them."""
    own = [] if plan.requirements_file is None else [plan.requirements_file]
    reasons = {each.requirement: each.reason for each in plan.installs}
    return own + [
        f"{line} ({place(reasons[line].path, reasons[line].line)})" if line in reasons else line
        for line in plan.pip_requirements
    ]


def _distribution(
    distribution: Distribution, plan: JobPlan, place: Callable[[str, int], str]
) -> str:
    """How the script spreads its work, where that shows, and what a job with one node does."""
    shown = [*distribution.reasons, *distribution.launches][0]
    kind = "" if plan.distributed == "none" else f"by {plan.distributed} "
    return f"{kind}({place(shown.path, shown.line)}: {shown.what}); {distribution.one_node}"


def _net(plan: JobPlan, place: Callable[[str, int], str]) -> str:
    """Whether the job entry is used, and why."""
    places = _listed(place(reason.path, reason.line) for reason in plan.net.reasons)
    if plan.net.used:
        return f"job_entry.py, for {places}" if places else "on, by the setting"
    if places:
        return f"off, by the setting, though it is there for {places}"
    return "not needed: every write that is seen is mapped"


def _results(plan: JobPlan) -> list[str]:
    options = [argument.option for argument in plan.output_arguments]
    return options + [use.target for use in plan.hardcoded_outputs]


def _listed(names: Iterable[str], most: int = 4) -> str:
    distinct = list(dict.fromkeys(names))
    more = f" and {len(distinct) - most} more" if len(distinct) > most else ""
    return ", ".join(distinct[:most]) + more


def _finding_lines(
    finding: Finding, sources: _SourceLines, paint: Paint, conditions: str
) -> Iterator[str]:
    place = finding.location
    color = _LEVEL_COLORS[finding.level]
    where = f"{printable(place.path)}:{place.start.line}:{place.start.column}"
    note = "note: " if finding.level is Level.NOTE else ""
    code = paint(finding.code, color, bold=True)
    yield f"  {where} {code} {note}{printable(finding.message)}"
    lines = sources[place.path]
    if 0 < place.start.line <= len(lines) and lines[place.start.line - 1].strip():
        source = lines[place.start.line - 1]
        same_line = place.end.line == place.start.line
        end = place.end.column - 1 if same_line else len(source)
        shown, start, width = excerpt(source, place.start.column - 1, end)
        number = str(place.start.line)
        yield f"    {paint(number + ' |', 'blue')} {shown}"
        yield f"    {' ' * len(number)} {paint('|', 'blue')} {' ' * start}{paint('^' * width, color)}"
    if finding.fix is not None:
        fix = printable(f"{finding.fix.title} ({conditions})")
        yield f"    {paint('fix:', 'green')} {fix}"
    elif finding.level is not Level.NOTE:
        yield f"    left to you: mljob-codemod explain {finding.code}"


class _SourceLines(dict[str, list[str]]):
    """Lines of files by path, read when first asked for; none of a file that has become unreadable."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        super().__init__()
        self._secrets = [each for each in findings if each.code in _SECRETS]

    def __missing__(self, path: str) -> list[str]:
        try:
            text = read_source(Path(path), path).text
        except InputError:
            text = ""
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for finding in self._secrets:
            if finding.location.path == path:
                _mask(lines, finding)
        self[path] = lines
        return lines


def _mask(lines: list[str], finding: Finding) -> None:
    """Put stars for the literals on a finding's lines; columns stay as they are.

    What the finding's message says anyway, the name that the value goes by, is kept.
    """
    start, end = finding.location.start, finding.location.end

    def starred(literal: re.Match[str]) -> str:
        if finding.code == "MLJ702" and f"`{literal[2]}`" in finding.message:
            return literal[0]
        return literal[1] + "*" * len(literal[2]) + literal[3]

    for number in range(start.line, min(end.line, len(lines)) + 1):
        line = lines[number - 1]
        inside = 0  # characters that belong to what began on a line above
        if number > start.line:
            inside = min(end.column - 1, len(line)) if number == end.line else len(line)
        lines[number - 1] = "*" * inside + _LITERAL.sub(starred, line[inside:])


def printable(text: str) -> str:
    """``text`` on one line, without anything that a terminal would obey."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
        else char
        for char in text.replace("\n", " ")
    )


def _width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def excerpt(line: str, start: int, end: int) -> tuple[str, int, int]:
    """``line`` as a terminal shows it, with the column and width there of its characters start to end.

    Tabs become spaces, wide characters count twice, and of a long line only the part around the
    range is kept.
    """
    cells: list[str] = []  # what each character of the line becomes
    columns = [0]
    for char in line:
        width = TAB - columns[-1] % TAB if char == "\t" else _width(char)
        cells.append(" " * width if char == "\t" else printable(char))
        columns.append(columns[-1] + width)
    start = min(max(start, 0), len(line))
    end = min(max(end, start), len(line))
    indent = len(line) - len(line.lstrip())
    first, last = min(indent, start), len(line)  # the indentation tells nothing here
    if columns[last] - columns[first] > WIDEST:
        while columns[start] - columns[first] > WIDEST // 4:
            first += 1
        while columns[last] - columns[first] > WIDEST:
            last -= 1
    end = min(end, last)
    before = "…" if first > indent else ""
    after = "…" if last < len(line) else ""
    shown = before + "".join(cells[first:last]) + after
    width = max(columns[end] - columns[start], 1)
    return shown.rstrip(), columns[start] - columns[first] + len(before), width


def _codes(findings: Iterable[Finding]) -> str:
    """``MLJ202 (3), MLJ401``."""
    counts = Counter(finding.code for finding in findings)
    return ", ".join(
        code if count == 1 else f"{code} ({count})" for code, count in sorted(counts.items())
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def summarize(report: Report, command: str, *, unsafe_fixes: bool) -> str:
    """The last line of ``check``: how many findings, who deals with them."""
    # A finding in a module that two jobs share is one thing to do.
    blocked = _blocked(report)
    ordered = sorted(report.findings, key=lambda finding: finding.job not in blocked)
    distinct = {(each.code, each.location): each for each in ordered}.values()
    jobs = _count(len(report.jobs), "job")
    unread = _count(len({error.path for error in report.errors}), "file")
    if not distinct:
        files = _count(report.files, "file")
        text = (
            f"Nothing to do in {jobs}" if report.jobs else f"No scripts to run as jobs in {files}"
        )
        if not report.errors:
            return f"{text}."
        text = text if report.jobs else "No scripts to run as jobs"
        return f"{text}; {unread} could not be read."
    kinds = Counter(
        "blocked" if each.fix is not None and each.job in blocked else _kind(each)
        for each in distinct
    )
    fixed = kinds["safe"] + (kinds["unsafe"] if unsafe_fixes else 0)
    parts = []
    if fixed:
        parts.append(f"{fixed} fixed by `{command}`")
    if kinds["unsafe"] and not unsafe_fixes:
        parts.append(f"{kinds['unsafe']} {'more ' if fixed else ''}with --unsafe-fixes")
    if kinds["blocked"]:
        parts.append(f"{kinds['blocked']} not fixed while files cannot be read")
    if kinds["none"]:
        parts.append(f"{kinds['none']} left to you")
    if kinds["note"]:
        parts.append(_count(kinds["note"], "note"))
    return f"{_count(len(distinct), 'finding')} in {jobs}: {', '.join(parts)}"


def _kind(finding: Finding) -> str:
    if finding.fix is not None:
        return finding.fix.safety.value
    return "note" if finding.level is Level.NOTE else "none"


def render_changes(
    report: Report,
    change_sets: Sequence[ChangeSet],
    *,
    written: bool,
    failed: bool = False,
    color: bool = False,
    unsafe_fixes: bool = False,
) -> str:
    """The report of ``apply``: what changed in which file, what is left, and the next command.

    ``failed`` is whether something could not be read or written.
    """
    paint = Paint(color)
    lines = []
    for change_set in change_sets:
        if change_set.changes:
            verb = "converted" if written else "would be converted"
            lines.append(paint(f"{printable(', '.join(change_set.scripts))} {verb}", bold=True))
        width = max((len(change.shown) for change in change_set.changes), default=0)
        for change in change_set.changes:
            edits = Counter(
                finding.code
                for finding in change_set.applied
                if finding.fix is not None
                for path, _ in finding.fix.edits
                if path == change.shown
            )
            what = "new" if change.before is None else "rewritten"
            if edits:
                what = f"{_count(edits.total(), 'edit')} ({', '.join(sorted(edits))})"
            lines.append(f"  {printable(change.shown):{width}}  {what}")
        lines += [paint(f"  {printable(notice)}", "yellow") for notice in change_set.notices]
    if not any(change_set.changes for change_set in change_sets):
        lines.append("Nothing was changed." if failed else "Nothing to change.")
    lines += _left_lines(report, change_sets, paint, unsafe_fixes)
    if written:
        commands = _next_commands(report, change_sets)
        lines += [f"{'Next:' if not n else '     '} {each}" for n, each in enumerate(commands)]
    return "\n".join(lines) + "\n"


def _left_lines(
    report: Report, change_sets: Sequence[ChangeSet], paint: Paint, unsafe_fixes: bool
) -> Iterator[str]:
    """Findings that no change removes, without places: lines have moved."""
    applied = {finding for each in change_sets for finding in each.applied}
    left = [
        finding
        for finding in report.findings
        if finding not in applied and finding.level is not Level.NOTE
    ]
    seen: set[str] = set()
    for finding in left:
        safety = None if finding.fix is None else finding.fix.safety
        hint = _HINTS[Safety.SAFE if safety and unsafe_fixes else safety]
        path = printable(finding.location.path)
        line = f"  {path}: {paint(finding.code, bold=True)} {printable(finding.message)}{hint}"
        if not seen:
            yield "Left to you:"
        if line not in seen:
            seen.add(line)
            yield line


def _next_commands(report: Report, change_sets: Sequence[ChangeSet]) -> list[str]:
    """How to submit the jobs of these change sets; the file beside several scripts asks for a name."""
    from mljob_codemod.submission import submission_name  # of no use to ``check``

    commands = []
    plans = {plan.script: plan for plan in report.jobs}
    for change_set in change_sets:
        for script in change_set.scripts if change_set.changes else ():
            folder, plan = PurePosixPath(script).parent, plans[script]
            several = sum(PurePosixPath(each).parent == folder for each in plans) > 1
            name = [PurePosixPath(script).name] if several else []
            submission = str(folder / submission_name(plan))
            required = plan.remote.parameters if plan.remote else ()
            values = [f"{parameter}=VALUE" for parameter, needed in required if needed]
            commands.append(shlex.join(["python", submission, *name, "--wait", *values]))
    return commands


def render_rules(rules: Sequence[Rule], *, color: bool = False) -> str:
    """One line for each rule: code, name, what its fix is."""
    paint = Paint(color)
    width = max((len(rule.name) for rule in rules), default=0)
    lines = []
    for rule in rules:
        fix = f"{rule.fix_title} ({rule.safety.value})" if rule.safety else "no fix"
        code = paint(rule.code, _LEVEL_COLORS[rule.level], bold=True)
        lines.append(f"{code}  {rule.level.value:7}  {rule.name:{width}}  {fix}\n")
    return "".join(lines)


def render_rule(rule: Rule, *, color: bool = False) -> str:
    """The documentation of one rule, in sections of fixed form."""
    paint = Paint(color)
    fix = f"{rule.fix_title} ({rule.safety.value})" if rule.safety else "none"
    lines = [paint(f"{rule.code} {rule.name}", bold=True), f"{rule.level.value}; fix: {fix}"]
    text = rule.documentation
    plain: Callable[[str], str] = _wrapped
    for title, body, form in (
        ("What it finds", text.finds, plain),
        ("Why it matters in a job", text.matters, plain),
        ("Before", text.before, _indented),
        ("After", text.after, _indented),
        ("When the fix is unsafe", text.unsafe_when, plain),
        ("How to do it by hand", text.by_hand, plain),
        ("Reference", text.reference, plain),
    ):
        if body.strip():
            lines += ["", paint(title, bold=True), form(body)]
    return "\n".join(lines) + "\n"


def _wrapped(text: str) -> str:
    return textwrap.fill(text.strip(), PROSE, break_long_words=False, break_on_hyphens=False)


def _indented(code: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in code.strip("\n").splitlines())
