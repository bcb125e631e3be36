"""Whether two runs of a script did the same, as far as the script itself is repeatable."""

from __future__ import annotations

import difflib
import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mljob_codemod.runtime.sandbox import Outcome

_SOURCE_LOCATION = re.compile(r'(\bFile "[^"]*", line |\.pyw?:)\d+')
_FRAME = re.compile(r'(\s*)File "[^"]*", line \d+')
_WARNING = re.compile(r"\S.*\.pyw?:\d+: \w+: ")
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}")
_RANDOM_NAME = re.compile(
    r"tmp[a-z0-9_]{8}|[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
"""Of ``tempfile``, and of a UUID in both its spellings."""


@dataclass
class Comparison:
    """Differences between two versions, and what the original does not repeat itself."""

    status: int = 0
    """How the original ends: two scripts that both fail may show no difference."""
    differences: list[str] = field(default_factory=list)
    unstable: list[str] = field(default_factory=list)
    """Compared for presence only: two runs of the original differ in it."""


def compare(before: Outcome, after: Outcome, again: Callable[[], Outcome]) -> Comparison:
    """Compare two outcomes; `again` repeats the first run and is called only when they differ."""
    repeat = functools.cache(again)
    found = Comparison(before.status)
    if before.status != after.status:
        found.differences.append(f"exit status: {before.status} before, {after.status} after")
    for stream in ("stdout", "stderr"):
        texts = getattr(before, stream), getattr(after, stream)
        _compare_text(found, stream, *texts, lambda: getattr(repeat(), stream))  # noqa: B023
    _compare_names(found, before, after, repeat)
    for name in sorted(before.files.written.keys() & after.files.written.keys()):
        _compare_file(found, name, before, after, repeat)
    return found


def normalise(text: str) -> str:
    """Text without what inserted lines and memory layout change: line numbers, shown source."""
    kept: list[str] = []
    frame_indent: int | None = None
    lines = iter(text.splitlines())
    for line in lines:
        frame = _FRAME.match(line)
        if frame:
            frame_indent = len(frame[1])
        elif frame_indent is not None and _indent(line) > frame_indent:
            continue  # the source line of the frame above, or its carets
        else:
            frame_indent = None
        kept.append(_ADDRESS.sub("0x…", _SOURCE_LOCATION.sub(r"\1N", line)))
        if _WARNING.match(line):
            frame_indent = 1  # the source line below a warning is indented by two
    return "\n".join(kept)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip()) if line.strip() else 0


def _without_digits(text: str) -> str:
    return re.sub(r"\d+", "#", text)


def _compare_text(
    found: Comparison, what: str, before: str, after: str, again: Callable[[], str]
) -> None:
    """Compare as exactly as the original repeats itself: to the letter, else without numbers."""
    old, new = normalise(before), normalise(after)
    if old == new:
        return
    repeated = normalise(again())
    if repeated != old:
        found.unstable.append(f"{what}: numbers" if _same_but_digits(old, repeated) else what)
        if not _same_but_digits(old, repeated) or _same_but_digits(old, new):
            return
    diff = difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "after", "", "", 1)
    found.differences.append("\n".join([f"{what} differs:", *list(diff)[:40]]))


def _same_but_digits(one: str, other: str) -> bool:
    return _without_digits(one) == _without_digits(other)


def _compare_names(
    found: Comparison, before: Outcome, after: Outcome, again: Callable[[], Outcome]
) -> None:
    if _names(before) == _names(after):
        return
    if _names(before) != _names(again()):
        found.unstable.append("names of files: numbers and temporary names")
        if _masked(_names(before)) == _masked(_names(after)):
            return
    for name in sorted(_names(before) - _names(after)):
        found.differences.append(f"no longer {name}")
    for name in sorted(_names(after) - _names(before)):
        found.differences.append(f"newly {name}")


def _names(outcome: Outcome) -> frozenset[str]:
    deleted = {f"deletes {name}" for name in outcome.files.deleted}
    return frozenset({f"writes {name}" for name in outcome.files.written} | deleted)


def _masked(names: Iterable[str]) -> Counter[str]:
    return Counter(_without_digits(_RANDOM_NAME.sub("…", name)) for name in names)


def _compare_file(
    found: Comparison, name: str, before: Outcome, after: Outcome, again: Callable[[], Outcome]
) -> None:
    old, new = before.files.written[name], after.files.written[name]
    if old == new or _readable(old) == _readable(new) is not None:
        return
    if again().files.written.get(name) != old:
        found.unstable.append(f"contents of {name}")
    else:
        sizes = [len(data) if data is not None else "a folder" for data in (old, new)]
        found.differences.append(f"contents of {name}: {sizes[0]} bytes before, {sizes[1]} after")


def _readable(data: bytes | None) -> str | None:
    try:
        return None if data is None else normalise(data.decode())
    except UnicodeDecodeError:
        return None
