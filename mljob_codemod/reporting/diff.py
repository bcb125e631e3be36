"""The unified diff of change sets, in bytes, for ``patch -p1`` and ``git apply``.

The text after each ``@@`` names the codes of the findings whose fixes make the change, or the job, for
a ``submit_job.py``.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from mljob_codemod.codemods.inserted import HELPERS
from mljob_codemod.edits import AddHelper, AddImport, Edit, Span
from mljob_codemod.source import decode_source

if TYPE_CHECKING:
    from mljob_codemod.converting import ChangeSet, FileChange

CONTEXT = 3
_NO_NEWLINE = b"\n\\ No newline at end of file\n"
_COLORS = {b"--- ": b"1", b"+++ ": b"1", b"@@ ": b"36", b"-": b"31", b"+": b"32"}
_ESCAPES = {ord(char): ascii(char)[1:-1] for char in "\t\n\r"} | {34: '\\"', 92: "\\\\"}
Opcode = tuple[str, int, int, int, int]


class _Trace(NamedTuple):
    """A finding's edit: the lines it is at, counted from 0, or what the lines that it adds look like."""

    code: str
    lines: range | None
    added: re.Pattern[bytes] | None = None


def render_diff(change_sets: Sequence[ChangeSet], *, color: bool = False) -> bytes:
    """All changes as one patch; in each set the files of a person first, the submission last."""
    lines = [
        line
        for change_set in change_sets
        for change in sorted(change_set.changes, key=_place)
        for line in _file_lines(change, change_set)
    ]
    return b"".join(map(_painted, lines) if color else lines)


def render_kept(change: FileChange, *, color: bool = False) -> bytes:
    """How a file that a person edited differs from what would be written; no patch to apply."""
    yours, anew = (io.BytesIO(data).readlines() for data in (change.before or b"", change.after))
    lines = [
        f"--- {change.shown} as it is\n".encode("utf-8", "surrogateescape"),
        f"+++ {change.shown} as it would be written\n".encode("utf-8", "surrogateescape"),
    ]
    matcher = SequenceMatcher(None, yours, anew, autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        lines += _hunk_lines(group, yours, anew, "")
    return b"".join(map(_painted, lines) if color else lines)


def _place(change: FileChange) -> tuple[bool, str]:
    """Where a file stands: a submission is long, and what changed in a person's own files is short."""
    return PurePosixPath(change.shown).name.startswith("submit_"), change.shown


def _painted(line: bytes) -> bytes:
    color = next((code for start, code in _COLORS.items() if line.startswith(start)), None)
    if color is None:
        return line
    text = line.rstrip(b"\r\n")
    return b"\x1b[" + color + b"m" + text + b"\x1b[0m" + line[len(text) :]


def _file_lines(change: FileChange, change_set: ChangeSet) -> Iterator[bytes]:
    # Only a line feed ends a line here, as for patch and git.
    before = io.BytesIO(change.before or b"").readlines()
    after = io.BytesIO(change.after).readlines()
    traces = _traces(change, change_set)
    yield b"--- " + (b"/dev/null" if change.before is None else _name("a", change.shown)) + b"\n"
    yield b"+++ " + _name("b", change.shown) + b"\n"
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        codes = sorted(_codes(group, traces, after)) or [f"job {', '.join(change_set.scripts)}"]
        yield from _hunk_lines(group, before, after, " " + ", ".join(codes))


def _hunk_lines(
    group: Sequence[Opcode], before: Sequence[bytes], after: Sequence[bytes], note: str
) -> Iterator[bytes]:
    old = _extent(group[0][1], group[-1][2])
    new = _extent(group[0][3], group[-1][4])
    yield f"@@ -{old} +{new} @@{note}\n".encode("utf-8", "surrogateescape")
    for tag, old_start, old_end, new_start, new_end in group:
        if tag == "equal":
            yield from _marked(b" ", before[old_start:old_end])
        else:
            yield from _marked(b"-", before[old_start:old_end])
            yield from _marked(b"+", after[new_start:new_end])


def _marked(mark: bytes, lines: Sequence[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield mark + (line if line.endswith(b"\n") else line + _NO_NEWLINE)


def _extent(start: int, end: int) -> str:
    length = end - start
    if length == 1:
        return str(start + 1)
    # An empty range is named by the line before it.
    return f"{start + 1 if length else start},{length}"


def _name(side: str, shown: str) -> bytes:
    """A path as git writes it: quoted where it must be, ended by a tab where it holds a space."""
    raw = f"{side}/{shown}".encode("utf-8", "surrogateescape")
    if all(0x20 <= byte < 0x7F and byte not in b'"\\' for byte in raw):
        return raw + (b"\t" if b" " in raw else b"")
    quoted = "".join(
        _ESCAPES.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}")
        for byte in raw
    )
    return f'"{quoted}"'.encode()


def _traces(change: FileChange, change_set: ChangeSet) -> list[_Trace]:
    if change.before is None:
        return []
    edits = [
        (finding.code, edit)
        for finding in change_set.applied
        if finding.fix is not None
        for path, edit in finding.fix.edits
        if path == change.shown
    ]
    if not edits:
        return []
    text = decode_source(change.before, change.path, change.shown).text
    return [_trace(code, edit, text) for code, edit in edits]


def _trace(code: str, edit: Edit, text: str) -> _Trace:
    if isinstance(edit, AddImport):
        name = re.escape(edit.module.encode())
        return _Trace(code, None, re.compile(rb"\s*(?:import|from)\b.*\b" + name + rb"\b"))
    if isinstance(edit, AddHelper):
        function = re.match(r"def (\w+)", HELPERS[edit.name].code)
        assert function is not None
        return _Trace(code, None, re.compile(rb"\s*def " + function[1].encode() + rb"\("))
    return _Trace(code, None if edit.span is None else _lines(text, edit.span))


def _lines(text: str, span: Span) -> range:
    first = text.count("\n", 0, span.start)
    return range(first, first + text.count("\n", span.start, span.end) + 1)


def _codes(group: Sequence[Opcode], traces: Sequence[_Trace], after: Sequence[bytes]) -> set[str]:
    """Codes behind the changes of a hunk; imports and helpers are known by what they add."""
    codes = set()
    for tag, start, end, new_start, new_end in group:
        if tag == "equal":
            continue
        # A statement may be put before or behind the lines of its edit.
        near = {
            trace.code
            for trace in traces
            if trace.lines and start <= trace.lines.stop and trace.lines.start <= end
        }
        near |= {
            trace.code
            for trace in traces
            if trace.added and any(map(trace.added.match, after[new_start:new_end]))
        }
        codes |= near or {trace.code for trace in traces if trace.lines is None}
    return codes
