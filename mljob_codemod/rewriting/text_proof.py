"""Whether a text is another with the insertions and removals of given edits, character by character.

Each edit becomes pieces: texts that must (or may) be inserted at certain offsets of the old text, and ranges of
it that go. The new text is then followed along the old one, through every way the pieces can fit.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Union

from mljob_codemod.edits import (
    ORIGINAL,
    AppendToBlock,
    AssignValue,
    Edit,
    InsertArgument,
    InsertStatement,
    RenameAttribute,
    ReplaceArgument,
    ReplaceExpression,
    ReplaceStatement,
    Span,
)

if TYPE_CHECKING:
    from mljob_codemod.rewriting.proof import Applied, PlacedEdit

_LINE_END = re.compile(r"\r\n|\r|\n")
_COMMENT_LINE = re.compile(r"[ \t\f]*(?:#|\r|\n|\Z)")
_COPY = r"[\s\S]+?"
_LONGEST_COPY = 2000
_LINE_EDGE = re.compile(r"(?=[ \t]*(?:[\r\n;#]|\Z))|(?<=[\r\n])[ \t]*")


@dataclass(frozen=True)
class _Piece:
    """Text inserted at one of several offsets of the old text.

    ``open_end`` lets it take some of the commas and blanks after it, ``whole_lines`` makes it end where code
    of a line begins or ends.
    """

    options: tuple[Union[str, re.Pattern[str]], ...]
    required: bool = True
    open_end: bool = False
    whole_lines: bool = False

    def ends(self, text: str, start: int) -> Iterator[int]:
        """Where the piece may end in ``text`` if it begins at ``start``."""
        for option in self.options:
            if isinstance(option, str):
                if text.startswith(option, start):
                    yield start + len(option)
            elif _COPY in option.pattern:
                # A copy with edits of its own may end anywhere; the tree tells whether it is right.
                ends: Iterable[int] = range(start, min(start + _LONGEST_COPY, len(text)) + 1)
                if self.whole_lines:
                    ends = (match.end() for match in _LINE_EDGE.finditer(text, start))
                yield from (end for end in ends if option.fullmatch(text, start, end))
            elif (match := option.match(text, start)) is not None:
                yield match.end()
                if option.fullmatch(text, start, match.end() - 1):
                    yield match.end() - 1  # the parenthesis behind it is the source's own
                if self.open_end:
                    more = re.compile(r"\s*,?\s*").match(text, match.end())
                    yield from range(match.end() + 1, more.end() + 1 if more else 0)


def differs_in_text(old: str, applied: Applied, new: str) -> bool:
    """Whether ``new`` is anything but ``old`` with the edits in ``applied``."""
    pieces = _Pieces(old, new, applied)
    return not _fits(old, new, pieces)


def _fits(old: str, new: str, pieces: _Pieces) -> bool:
    """Follow ``new`` along ``old``; a state is an offset in ``new`` and the pieces used so far."""
    states: set[tuple[int, frozenset[int]]] = {(0, frozenset())}
    position = 0
    for point in sorted({*pieces.at, *pieces.removed, len(old)}):
        here = pieces.at.get(point, [])
        inside_removed = point < position
        if not inside_removed:
            kept = old[position:point]
            states = {(o + len(kept), used) for o, used in states if new.startswith(kept, o)}
        waiting = list(states) if here and not inside_removed else []
        while waiting:
            offset, used = waiting.pop()
            for number in here:
                if number in used:
                    continue
                for end in pieces.all[number].ends(new, offset):
                    state = (end, used | {number})
                    if state not in states:
                        states.add(state)
                        waiting.append(state)
        ending = frozenset(n for n in here if pieces.last[n] == point)
        due = frozenset(n for n in ending if pieces.all[n].required)
        states = {(o, used - ending) for o, used in states if due <= used}
        position = max(position, pieces.removed.get(point, point))
        if not states:
            return False
    return any(offset == len(new) for offset, _ in states)


class _Pieces:
    """The pieces of all edits by offset, and the ranges that are removed."""

    def __init__(self, old: str, new: str, applied: Applied) -> None:
        self.all: list[_Piece] = []
        self.at: dict[int, list[int]] = {}
        self.last: list[int] = []
        self.removed: dict[int, int] = {}
        self._old = old
        self._new = new
        self._applied = applied
        self._newlines = sorted({*_LINE_END.findall(old), *_LINE_END.findall(new)}) or ["\n"]
        self._lines = [0, *(match.end() for match in _LINE_END.finditer(old))]
        if self._lines[-1] != len(old):
            self._lines.append(len(old))
        self._add_edits()
        first = min(
            (p.span.start for p in applied.edits if p.span != (0, len(old))), default=len(old)
        )
        for text in [*(f"import {module}" for module in applied.imports), *applied.functions]:
            self._line(text.rstrip("\r\n"), (n for n in self._lines if n <= first or n == len(old)))
        for start in applied.opened_suites:
            blank = start - len(old[:start]) + len(old[:start].rstrip(" \t"))
            indent = self._indent(start) + applied.indent
            self._remove(blank, start)
            self._add([newline + indent for newline in self._newlines], [blank])

    def _add_edits(self) -> None:
        for placed in self._applied.edits:
            span = placed.span
            if self._is_in_replaced_statement(placed):
                continue  # its text is a copy, which stands in one piece with the statement's
            match placed.edit:
                case ReplaceExpression() as edit:
                    self._expression(span, edit)
                case AssignValue(target=target):
                    opening = [f"{target} = ", f"({target} := ", f"({target} := ("]
                    self._add(opening, range(span.start, span.end))
                    self._add([")", "))"], [span.end], required=False)
                case InsertArgument(argument=argument):
                    self._argument(span, argument)
                case ReplaceArgument(argument=argument):
                    self._remove(*span)
                    self._add([argument], [span.start])
                case RenameAttribute(name=name):
                    start = span.start + len(re.sub(r"\w+\Z", "", self._old[span.start : span.end]))
                    self._remove(start, span.end)
                    self._add([name], [start])
                case InsertStatement(statement=statement, after=after):
                    self._inserted_statement(span, statement, after)
                case AppendToBlock(statement=statement):
                    end = self._below(span.end)
                    self._line(statement, (n for n in self._lines if span.start < n <= end), span)
                case ReplaceStatement() as edit:
                    self._statement(span, edit)

    def _add(
        self,
        options: Iterable[Union[str, re.Pattern[str]]],
        points: Iterable[int],
        *,
        required: bool = True,
        open_end: bool = False,
        whole_lines: bool = False,
    ) -> None:
        number = len(self.all)
        self.all.append(_Piece(tuple(options), required, open_end, whole_lines))
        last = -1
        for last in points:
            self.at.setdefault(last, []).append(number)
        self.last.append(last)

    def _remove(self, start: int, end: int) -> None:
        self.removed[start] = max(end, self.removed.get(start, end))

    def _indent(self, offset: int) -> str:
        start = max(line for line in self._lines if line <= offset) if offset else 0
        match = re.compile(r"[ \t\f]*").match(self._old, start)
        return match[0] if match else ""

    def _is_in_replaced_statement(self, placed: PlacedEdit) -> bool:
        if isinstance(placed.edit, (InsertStatement, ReplaceStatement)):
            return False
        return any(
            isinstance(other.edit, ReplaceStatement) and _within(placed.span, other.span)
            for other in self._applied.edits
        )

    def _edited_inside(self, span: Span, edit: Edit) -> bool:
        return any(
            placed.edit is not edit and _within(placed.span, span) for placed in self._applied.edits
        )

    def _expression(self, span: Span, edit: ReplaceExpression) -> None:
        first, *rest = edit.template.split(ORIGINAL)
        if not rest:
            self._remove(*span)
            self._add([edit.template, f"({edit.template})"], [span.start])
            return
        opening, closing = ("", "(", "(("), ("", ")", "))")
        self._add((a + first + b for a, b in product(opening, opening)), [span.start])
        if len(rest) == 1:
            self._add((a + rest[0] + b for a, b in product(closing, closing)), [span.end])
            return
        between = rf"\(?{self._copied(span, edit)}\)?"
        pattern = r"\)?" + between.join(re.escape(part) for part in rest)
        self._add((re.compile(pattern + end) for end in ("", r"\)")), [span.end])

    def _copied(self, span: Span, edit: Edit) -> str:
        """A pattern for code of the old text in a second place."""
        if self._edited_inside(span, edit):
            return _COPY
        code = self._old[span.start : span.end]
        if not isinstance(edit, ReplaceStatement):
            return re.escape(code)
        # Further lines of a statement move with it to its new indentation.
        parts = re.split(r"((?:\r\n|\r|\n)[ \t]*)", code)
        for number in range(1, len(parts), 2):
            parts[number] = re.escape(parts[number].rstrip(" \t")) + r"[ \t]*"
        return "".join(re.escape(p) if n % 2 == 0 else p for n, p in enumerate(parts))

    def _line(self, text: str, points: Iterable[int], span: Span | None = None) -> None:
        """A line of its own with up to two blank lines on both sides, or the end of a line in ``span``."""
        offsets = list(points)
        newline = "|".join(map(re.escape, sorted(self._newlines, key=len, reverse=True)))
        blanks, code = rf"(?:{newline})", rf"[ \t\f]*{re.escape(text)}"
        options = [re.compile(rf"{blanks}{{0,3}}{code}{blanks}{{{n}}}") for n in range(4)]
        if span is not None and f"; {text}" in self._new:
            options.append(re.compile(re.escape(f"; {text}")))
            offsets = sorted({*offsets, *range(span.start, span.end + 1)})
        if span is not None and not offsets:
            offsets = [len(self._old)]
        self._add(options, offsets)

    def _argument(self, span: Span, argument: str) -> None:
        """An argument somewhere in the brackets at ``span``, with a comma on one side."""
        pattern = re.compile(r"(?:\s*,)?\s*" + re.escape(argument))
        self._add([pattern], range(span.start, span.end), open_end=True)
        code = self._old[span.start : span.end]
        # The comma may stand before the comment behind the argument that was the last.
        comments = [span.start + match.start() for match in re.finditer(r"\s*#", code)]
        if comments:
            self._add([","], comments, required=False)
        if re.search(r"\bfor\b", code):  # a generator that stood alone gets parentheses
            opening = re.match(r"[^(]*\(\s*", code)
            start = opening.end() if opening else 0
            self._add(["("], [span.start + start], required=False)
            self._add([")"], [span.start + len(code[:-1].rstrip())], required=False)

    def _inserted_statement(self, span: Span, statement: str, after: bool) -> None:
        indent = self._indent(span.start)
        line, ended = indent + statement, [indent + statement + nl for nl in self._newlines]
        if after:
            end = self._below(span.end)
            points = [n for n in self._lines if span.end <= n <= end]
            options = [*ended, *(nl + line for nl in self._newlines), f"; {statement}"]
            self._add(options, sorted({span.end, *points}))
        else:
            start = self._above(span.start)
            points = [n for n in self._lines if start <= n <= span.start]
            apart = [end + nl * n for end in ended for nl in self._newlines for n in (2, 1)]
            self._add([*apart, *ended, f"{statement}; "], sorted({*points, span.start}))

    def _above(self, offset: int) -> int:
        """Where the comments directly above the line at ``offset`` begin."""
        number = bisect_right(self._lines, offset) - 1
        while number > 0 and _COMMENT_LINE.match(self._old, self._lines[number - 1]):
            number -= 1
        return self._lines[number]

    def _below(self, offset: int) -> int:
        """Where the first line of code below the line at ``offset`` begins."""
        number = bisect_left(self._lines, offset)
        while number < len(self._lines) - 1 and _COMMENT_LINE.match(self._old, self._lines[number]):
            number += 1
        return self._lines[min(number, len(self._lines) - 1)]

    def _statement(self, span: Span, edit: ReplaceStatement) -> None:
        """A statement's new lines: the first in its place, the others behind the comment of its line."""
        old = self._old
        newlines = "|".join(map(re.escape, sorted(self._newlines, key=len, reverse=True)))
        lines = [self._filled(span, edit, line) for line in _LINE_END.split(edit.template) if line]
        one_small = len(lines) == 1
        start, end = span
        line_start = max(n for n in self._lines if n <= start)
        prefix = old[line_start:start]
        opened = any(line_start <= suite <= start for suite in self._applied.opened_suites)
        indent = self._indent(start) + (self._applied.indent if opened else "")
        line_break = rf"(?:{newlines}){re.escape(indent)}"
        joined = line_break.join(lines)
        if one_small:
            self._remove(start, end)
            self._add([re.compile(joined)], [start], whole_lines=True)
            return
        leading = "" if not prefix.strip() or start in self._applied.opened_suites else line_break
        if leading:
            start -= len(prefix) - len(prefix.rstrip(" \t;"))
        behind = re.compile(r"[ \t]*;?[ \t]*").match(old, end)
        assert behind is not None
        followed = ";" in behind[0] and old[behind.end() : behind.end() + 1] not in (
            "",
            "\r",
            "\n",
            "#",
        )
        if followed:
            self._remove(start, behind.end())
            self._add([re.compile(leading + joined + line_break)], [start], whole_lines=True)
            return
        semicolon = end + behind[0].find(";") + 1
        self._remove(start, max(end, semicolon))
        self._add([re.compile(leading + lines[0])], [start], whole_lines=True)
        line_end = _LINE_END.search(old, end)
        rest = "".join(line_break + line for line in lines[1:])
        point = line_end.start() if line_end else len(old)
        self._add([re.compile(rest)], [point], whole_lines=True)

    def _filled(self, span: Span, edit: ReplaceStatement, line: str) -> str:
        """A pattern for one line of a template."""
        spans = {ORIGINAL: span, **dict(edit.parts)}
        names: Sequence[str] = sorted(spans, key=len, reverse=True)
        parts = re.split(f"({'|'.join(map(re.escape, names))})", line)
        return "".join(
            rf"\(?{self._copied(spans[part], edit)}\)?" if part in spans else re.escape(part)
            for part in parts
        )


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end
