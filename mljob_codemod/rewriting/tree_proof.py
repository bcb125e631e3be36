"""Whether a tree is another after given edits, which are carried out here on the abstract syntax tree."""

from __future__ import annotations

import ast
import sys
from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, Union, cast

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
from mljob_codemod.rewriting.arguments import argument_index

if TYPE_CHECKING:
    from mljob_codemod.rewriting.proof import Applied
    from mljob_codemod.source import Source

_Place = tuple[int, int, int, int]
_STRINGS_HAVE_PLACES = sys.version_info >= (3, 12)


def difference_of_trees(
    source: Source, old: ast.Module, applied: Applied, new: ast.Module
) -> str | None:
    """What is wrong with ``new`` as the tree of ``old`` after the edits; None if nothing is."""
    expected = _Expected(source, applied)
    expected.visit(old)
    if expected.left:
        edit = next(iter(expected.left))
        return f"the place of {type(edit).__name__} is in doubt"
    missing = _take_additions(new, applied)
    if missing is not None:
        return missing
    return _difference(old, new)


def _take_additions(new: ast.Module, applied: Applied) -> str | None:
    """Remove from ``new`` the imports and functions that were put in; says what is not there."""
    future = max((i for i, s in enumerate(new.body) if _is_future(s)), default=-1)
    codes = [*(f"import {module}" for module in applied.imports), *applied.functions]
    for code in codes:
        added = ast.parse(code).body[0]
        found = (i for i, statement in enumerate(new.body) if _difference(added, statement) is None)
        index = next(found, None)
        if index is None:
            return f"{code.partition(chr(10))[0]} is missing"
        if index < future:
            return "an import from __future__ would not come first"
        del new.body[index]
    return None


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _difference(expected: object, actual: object) -> str | None:
    """Where two trees differ, as the line in the second, or None."""
    pairs = [(expected, actual, 1)]
    while pairs:
        a, b, line = pairs.pop()
        if isinstance(a, _AnyString) and isinstance(b, ast.JoinedStr):
            continue
        if type(a) is not type(b):
            return f"line {line}"
        if isinstance(a, ast.AST):
            line = getattr(b, "lineno", line)
            for name in a._fields:
                pairs.append((getattr(a, name, None), getattr(b, name, None), line))
        elif isinstance(a, list):
            other = cast("list[object]", b)
            if len(a) != len(other):
                return f"line {line}"
            pairs += [(x, y, line) for x, y in zip(a, other, strict=True)]
        elif a != b:
            return f"line {line}"
    return None


class _AnyString(ast.Constant):
    """An f-string with an edit inside on a Python that does not say where the parts of f-strings stand."""


class _Fill(ast.NodeTransformer):
    """Puts nodes in the place of the names that stand for them in a template."""

    def __init__(self, nodes: dict[str, ast.AST]) -> None:
        self._nodes = nodes

    def visit_Name(self, node: ast.Name) -> ast.AST:
        found = self._nodes.get(node.id)
        return found if isinstance(found, ast.expr) else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if isinstance(node.value, ast.Name):
            found = self._nodes.get(node.value.id)
            if isinstance(found, ast.stmt):
                return found
        return self.generic_visit(node)


class _Expected(ast.NodeTransformer):
    """Carries edits out on the old tree. ``left`` holds those whose node was not met."""

    def __init__(self, source: Source, applied: Applied) -> None:
        self._source = source
        self._at: dict[_Place, list[Edit]] = {}
        self._parts: dict[_Place, ast.AST] = {}
        self.left: dict[Edit, None] = {}
        self._appended: list[ast.stmt] = []
        part_places = set()
        for placed in applied.edits:
            edit = placed.edit
            if isinstance(edit, AppendToBlock) and edit.span is None:
                self._appended += _statements(edit.statement)
                continue
            self.left[edit] = None
            self._at.setdefault(self._place(placed.node), []).append(edit)
            if isinstance(edit, ReplaceStatement):
                part_places |= {self._place(span) for _, span in edit.parts}
        self._part_places = part_places
        self._lines = sorted({place[0] for place in {*self._at, *part_places}})

    def _place(self, span: Span) -> _Place:
        return (*self._point(span.start), *self._point(span.end))

    def _point(self, offset: int) -> tuple[int, int]:
        """Line and column as ``ast`` counts them: the column in bytes of UTF-8."""
        source = self._source
        line = source.line_of(Span(offset, offset))
        return line, len(source.text[source.line_starts[line - 1] : offset].encode())

    def visit(self, node: ast.AST) -> Union[ast.AST, list[ast.stmt]]:
        if isinstance(node, ast.Module):
            self.generic_visit(node)
            node.body += self._appended
            return node
        line = getattr(node, "lineno", None)
        if line is None:
            return self.generic_visit(node)
        located = cast(ast.expr, node)
        end = located.end_lineno or line
        decorators = getattr(node, "decorator_list", [])
        first = min([line, *(decorator.lineno for decorator in decorators)])
        index = bisect_left(self._lines, first)
        if index == len(self._lines) or self._lines[index] > end:
            return node
        place = (line, located.col_offset, end, located.end_col_offset or 0)
        if isinstance(node, ast.JoinedStr) and not _STRINGS_HAVE_PLACES:
            inside = [p for p in self._at if place[:2] < p[:2] and p[2:] < place[2:]]
            if inside:
                for edit in (edit for p in inside for edit in self._at[p]):
                    self.left.pop(edit, None)
                node = _AnyString("")
        else:
            self.generic_visit(node)
        result: Union[ast.AST, list[ast.stmt]] = node
        if place in self._at:
            result = self._edited(node, self._at[place])
        if place in self._part_places and isinstance(result, ast.expr):
            self._parts[place] = result
        return result

    def _edited(self, node: ast.AST, edits: Sequence[Edit]) -> Union[ast.AST, list[ast.stmt]]:
        if isinstance(node, ast.stmt):
            return self._edited_statement(node, edits)
        for edit in edits:
            match edit, node:
                case ReplaceExpression(template=template), ast.expr():
                    body = ast.parse(f"({template})", mode="eval")
                    node = _Fill({ORIGINAL: node}).visit(body).body
                case RenameAttribute(name=name), ast.Attribute():
                    node.attr = name
                case InsertArgument(argument=argument, first=first), ast.Call():
                    _insert_argument(node, argument, first)
                case ReplaceArgument(argument=argument), ast.expr() | ast.keyword():
                    node = _arguments(argument)[0]
                case _:
                    continue
            self.left.pop(edit, None)
        return node

    def _edited_statement(
        self, node: ast.stmt, edits: Sequence[Edit]
    ) -> Union[ast.stmt, list[ast.stmt]]:
        here: list[ast.stmt] = [node]
        before: list[ast.stmt] = []
        after: list[ast.stmt] = []
        for edit in edits:
            match edit:
                case AssignValue(target=target):
                    here = [_assigned(here[0], target)]
                case InsertStatement(statement=statement):
                    (after if edit.after else before).extend(_statements(statement))
                case AppendToBlock(statement=statement) if hasattr(node, "body"):
                    node.body += _statements(statement)
                case ReplaceStatement(template=template, parts=parts):
                    found = {name: self._parts.get(self._place(span)) for name, span in parts}
                    nodes = {name: part for name, part in found.items() if part is not None}
                    filled = _Fill({ORIGINAL: here[0], **nodes}).visit(ast.parse(template))
                    here = filled.body
                case _:
                    continue
            self.left.pop(edit, None)
        return [*before, *here, *after]


def _statements(text: str) -> list[ast.stmt]:
    return ast.parse(text).body


def _arguments(text: str) -> list[ast.AST]:
    call = ast.parse(f"_({text})", mode="eval").body
    assert isinstance(call, ast.Call)
    return [*call.args, *call.keywords]


def _insert_argument(call: ast.Call, text: str, first: bool) -> None:
    argument = _arguments(text)[0]
    places = [(False, False, _start(arg)) for arg in call.args]
    places += [(True, keyword.arg is None, _start(keyword)) for keyword in call.keywords]
    places.sort(key=lambda place: place[2])
    keyword = isinstance(argument, ast.keyword)
    double = isinstance(argument, ast.keyword) and argument.arg is None
    kinds = [(is_keyword, is_double) for is_keyword, is_double, _ in places]
    index = argument_index(kinds, keyword, double, first)
    before = sum(1 for is_keyword, _ in kinds[:index] if is_keyword is keyword)
    if isinstance(argument, ast.keyword):
        call.keywords.insert(before, argument)
    else:
        call.args.insert(before, cast(ast.expr, argument))


def _start(node: Union[ast.expr, ast.keyword]) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _assigned(node: ast.stmt, target: str) -> ast.stmt:
    model = ast.parse(f"{target} = 0").body[0]
    assert isinstance(model, ast.Assign)
    if isinstance(node, ast.Expr):
        model.value = node.value
        return model
    if isinstance(node, ast.Assign):
        node.targets[:0] = model.targets
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        node.value = ast.NamedExpr(cast(ast.Name, model.targets[0]), node.value)
    return node
