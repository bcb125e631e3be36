"""What a run came to, for a person."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence

import click

from mljob_codemod.diagnosis import render_diagnosis
from mljob_codemod.runtime.outcome import Artifact, Nodes, RunResult

_BEGIN, _END = "ML job started", "ML job finished"
_MOST = 20
"""Files that are listed one by one."""
_TAIL = 20
"""Lines of the log that are shown of a job whose script never started."""
_CLOSING = re.compile(r".* - INFO - (?:Closing session|Canceling all running|Closed session)\b")
_TRACEBACK = re.compile(r"[\w.]*Traceback\b|  \+ Exception Group Traceback")
"""Its first line, be it of another process or of several errors."""


class ScriptOutput:
    """The part of a job's log that the script printed.

    It stands between the launcher's two marks; of a script that fails, between the first mark and the closing of the
    session, which is followed by a traceback through the launcher's own frames.
    """

    def __init__(self) -> None:
        self._state = "before"
        self._held = ""

    def __call__(self, line: str) -> str:
        """What to show of one more line of the log."""
        text = line.strip()
        if self._state == "before":
            self._state = "rule" if text == _BEGIN else "before"
            return ""
        if self._state == "rule":
            self._state = "script"
            return ""
        if text == _END or (self._state == "closing" and _TRACEBACK.match(line)):
            self._state, self._held = "before", ""
            return ""
        if _CLOSING.match(line):  # by the launcher, or by the script, which then goes on
            self._state = "closing"
            self._held += line
            return ""
        held, self._held, self._state = self._held, "", "script"
        if text and set(text) == {"-"}:  # the rule above the closing mark, or the script's own
            self._held = line
            return held
        return held + line


def render_run(outcome: RunResult) -> str:
    """Rows of a title and what there is to say, then what is lost and why it failed."""
    return "\n".join(_lines(outcome)) + "\n"


def _lines(outcome: RunResult) -> Iterator[str]:
    well = outcome.status == "DONE"
    took = f"after {outcome.seconds} s" + (", stopped by --timeout" if outcome.timed_out else "")
    yield _row(
        "job", click.style(outcome.status, fg="green" if well else "red", bold=True) + f" {took}"
    )
    if well and outcome.error is not None:
        yield _row("result", f"cannot be read: {outcome.error.splitlines()[-1]}")
    if outcome.result is not None and well:
        kind = outcome.result["type"]
        shown = outcome.result["shown"]
        none = kind == "NoneType"
        yield _row("result", "none" if none else f"{_short(shown)} ({kind})")
    yield from _files(
        "artifacts", [each for each in outcome.artifacts if not each.net], always=well
    )
    kept = [each for each in outcome.artifacts if each.net]
    if kept:
        yield from _files("kept by job_entry.py", kept)
        yield from (f"  job_entry.py is there for {each}" for each in outcome.net_for)
    if outcome.lost:
        yield from _files("LOST: written outside the result path", outcome.lost)
    for each in outcome.refused:
        by = f", at {each.by}" if each.by else ""
        yield _row("refused", f"{each.manner} to {each.path}{by}: a stage does not take this")
    for host in outcome.hosts_asked:
        yield _row("asked for", f"{host}: a job needs an integration that allows it")
    if outcome.differences is not None:
        same = "no difference in output, files or exit status"
        if outcome.outside_status:
            same += f", but the script itself fails there (status {outcome.outside_status})"
        yield _row("outside", same if not outcome.differences else "")
        yield from (f"  {line}" for each in outcome.differences for line in each.splitlines())
        if outcome.unstable:
            yield f"  not repeatable by itself: {', '.join(outcome.unstable)}"
    yield from _nodes(outcome.nodes)
    if outcome.folder is not None:
        yield _row("kept", outcome.folder)
    if not well:
        yield ""
        yield _failure(outcome)
        if causes := outcome.diagnosis:
            yield ""
            yield render_diagnosis(causes).rstrip("\n")


def _nodes(nodes: Nodes) -> Iterator[str]:
    if nodes.run < nodes.asked:
        yield _row(
            "nodes",
            f"1 of {nodes.asked}: several are run here where Ray is installed (in this Python, or by the requirements)",
        )
    if nodes.parallel and nodes.asked > 1:
        yield _row("nodes", "the script ran on the first only: parallel=True is not modelled here")


def _failure(outcome: RunResult) -> str:
    """The traceback of the script, or what there is instead."""
    if _BEGIN not in outcome.log:
        return "\n".join(
            [
                "The script did not start:",
                *(f"  {line}" for line in outcome.log.splitlines()[-_TAIL:]),
            ]
        )
    status = outcome.exit_status
    if outcome.error is not None and status is not None and status >= 0:
        return outcome.error
    if status is not None and status < 0 and not outcome.timed_out:
        return f"The job was ended by {signal.Signals(-status).name}."
    return "" if outcome.timed_out else f"The script ended with exit status {status}."


def _row(title: str, text: str) -> str:
    return f"{title:9}  {text}".rstrip()


def _short(text: str, most: int = 300) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _files(title: str, files: Sequence[Artifact], *, always: bool = False) -> Iterator[str]:
    if not files:
        if always:
            yield _row(title, "none")
        return
    total = sum(each.size for each in files)
    yield _row(title, f"{len(files)} file{'s' if len(files) > 1 else ''}, {_size(total)}")
    width = max(len(each.path) for each in files[:_MOST])
    for each in files[:_MOST]:
        by = f"  by {each.by}" if each.by else ""
        yield f"  {each.path:{width}}  {_size(each.size)}{by}"
    if len(files) > _MOST:
        yield f"  and {len(files) - _MOST} more"


def _size(number: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
