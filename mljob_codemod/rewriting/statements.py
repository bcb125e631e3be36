"""Statements that edits insert: parsed in the file's own style, and fitted into lines and blocks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Union

import libcst as cst

from mljob_codemod.edits import ORIGINAL
from mljob_codemod.rewriting.precedence import parenthesised

Statement = Union[cst.SimpleStatementLine, cst.BaseCompoundStatement]
Replacement = Union[cst.BaseSmallStatement, Sequence[Statement]]
"""What stands for one small statement: another one, or lines of their own."""


def in_file_style(text: str, indent: str, newline: str) -> str:
    """Text with four spaces and ``\\n`` in the indentation and newlines of a file."""

    def indentation(match: re.Match[str]) -> str:
        return indent * (len(match[0]) // 4) + " " * (len(match[0]) % 4)

    return re.sub(r"^ +", indentation, text, flags=re.MULTILINE).replace("\n", newline)


def parse_statements(text: str, module: cst.Module) -> list[Statement]:
    """The statements of ``text``, which is in the style of ``module`` already."""
    body = cst.parse_module(text, config=module.config_for_parsing).body
    # A module's body holds lines and compound statements only; its type says so less exactly.
    return [_statement(node) for node in body]


def _statement(node: cst.CSTNode) -> Statement:
    assert isinstance(node, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
    return node


def small_statement(statements: Sequence[Statement]) -> cst.BaseSmallStatement | None:
    """The small statement that is all of ``statements``, if it is one."""
    if len(statements) != 1 or not isinstance(statements[0], cst.SimpleStatementLine):
        return None
    body = statements[0].body
    return body[0] if len(body) == 1 else None


class Fill(cst.CSTTransformer):
    """Puts nodes in the place of the names that stand for them in a template."""

    def __init__(
        self,
        expressions: Mapping[str, cst.BaseExpression],
        statement: cst.BaseSmallStatement | None = None,
    ) -> None:
        super().__init__()
        self._expressions = expressions
        self._statement = statement
        self._parents: list[cst.CSTNode] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        self._parents.append(node)
        return True

    # The base class allows removal and flattening too, which filling never does.
    def on_leave(  # type: ignore[override]
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> cst.CSTNode:
        self._parents.pop()
        if isinstance(original_node, cst.Name) and original_node.value in self._expressions:
            node = self._expressions[original_node.value].deep_clone()
            if not self._parents:
                return node
            return parenthesised(node, self._parents[-1], original_node)
        if self._statement is not None and _stands_for_statement(original_node):
            assert isinstance(updated_node, cst.Expr)
            return self._statement.with_changes(semicolon=updated_node.semicolon)
        return updated_node


def _stands_for_statement(node: cst.CSTNode) -> bool:
    return (
        isinstance(node, cst.Expr)
        and isinstance(node.value, cst.Name)
        and node.value.value == ORIGINAL
    )


# Small statements of one line


def join_smalls(
    statements: Sequence[Replacement], replaced: cst.BaseSmallStatement
) -> list[Replacement]:
    """Statements of one line with ``; `` between them, where ``replaced`` stood alone before.

    What followed that one, a semicolon perhaps, follows the last.
    """
    between = cst.Semicolon(whitespace_after=cst.SimpleWhitespace(" "))
    joined: list[Replacement] = []
    for index, statement in enumerate(statements):
        if isinstance(statement, cst.BaseSmallStatement):
            is_last = index == len(statements) - 1
            statement = statement.with_changes(semicolon=replaced.semicolon if is_last else between)
        joined.append(statement)
    return joined


def lines_of(
    replacements: Sequence[Replacement], trailing: cst.TrailingWhitespace
) -> list[Statement]:
    """Small statements and lines of their own, all as lines.

    The comment of the old line, ``trailing``, stays behind what stands for the last statement.
    """
    lines: list[Statement] = []
    run: list[cst.BaseSmallStatement] = []

    def end_run() -> None:
        if run:
            last = run[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
            lines.append(cst.SimpleStatementLine([*run[:-1], last]))
            run.clear()

    for replacement in replacements:
        if isinstance(replacement, cst.BaseSmallStatement):
            run.append(replacement)
        else:
            end_run()
            lines += replacement
    end_run()
    plain = cst.TrailingWhitespace(newline=trailing.newline)
    last = replacements[-1]
    index = len(lines) - (1 if isinstance(last, cst.BaseSmallStatement) else len(last))
    return [
        _ending_with(line, trailing if number == index else plain)
        for number, line in enumerate(lines)
    ]


def _ending_with(line: Statement, trailing: cst.TrailingWhitespace) -> Statement:
    """A statement whose first line ends as ``trailing`` says."""
    if isinstance(line, cst.SimpleStatementLine):
        return line.with_changes(trailing_whitespace=trailing)
    if isinstance(line.body, cst.IndentedBlock):
        return line.with_changes(body=line.body.with_changes(header=trailing))
    return line


def after_statements(body: Sequence[Statement], new: Statement) -> Statement:
    """``new`` as the last statement of a module, with the blank lines that style asks for."""
    if not body:
        return new
    blank_lines = 0
    if isinstance(body[-1], cst.BaseCompoundStatement):
        blank_lines = 2 if isinstance(body[-1], (cst.FunctionDef, cst.ClassDef)) else 1
    return new.with_changes(leading_lines=[cst.EmptyLine(indent=False)] * blank_lines)


def with_leading_lines(
    lines: Sequence[Statement], leading: Sequence[cst.EmptyLine]
) -> list[Statement]:
    return [lines[0].with_changes(leading_lines=leading), *lines[1:]]


def split_leading(
    lines: Sequence[cst.EmptyLine],
) -> tuple[Sequence[cst.EmptyLine], Sequence[cst.EmptyLine]]:
    """The lines above a statement, and the comments that stand directly on it."""
    index = len(lines)
    while index and lines[index - 1].comment is not None:
        index -= 1
    return lines[:index], lines[index:]


def with_newline_of(statement: Statement, neighbour: Statement) -> Statement:
    """``statement`` ending as its neighbour does, which matters where newlines are mixed."""
    if not isinstance(statement, cst.SimpleStatementLine) or not isinstance(
        neighbour, cst.SimpleStatementLine
    ):
        return statement
    newline = neighbour.trailing_whitespace.newline
    trailing = statement.trailing_whitespace.with_changes(newline=newline)
    return statement.with_changes(trailing_whitespace=trailing)
