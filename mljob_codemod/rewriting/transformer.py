"""Carrying out the edits of one file with a LibCST transformer.

The transformer finds the node of each edit by its exact span, replaces the smallest node that will do, and keeps
that node's whitespace, comments and parentheses. ``proof.py`` then checks what came out.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import cast

import libcst as cst
from libcst._nodes.internal import CodegenState

from mljob_codemod.edits import (
    ORIGINAL,
    AddHelper,
    AppendToBlock,
    AssignValue,
    Edit,
    HelperText,
    InsertArgument,
    InsertStatement,
    RenameAttribute,
    ReplaceArgument,
    ReplaceExpression,
    ReplaceStatement,
    Span,
)
from mljob_codemod.errors import InputError, ToolFault
from mljob_codemod.rewriting.arguments import with_argument
from mljob_codemod.rewriting.conflicts import (
    edited_lines,
    fault_of,
    imported_modules,
    reject_conflicts,
    reject_taken_names,
)
from mljob_codemod.rewriting.imports import NameTaken, add_function, add_import, taken_at
from mljob_codemod.rewriting.precedence import in_parentheses, parenthesised
from mljob_codemod.rewriting.proof import Applied, PlacedEdit, prove
from mljob_codemod.rewriting.statements import (
    Fill,
    Replacement,
    Statement,
    after_statements,
    in_file_style,
    join_smalls,
    lines_of,
    parse_statements,
    small_statement,
    split_leading,
    with_leading_lines,
    with_newline_of,
)
from mljob_codemod.source import Source, parse_ast, parse_cst
from mljob_codemod.syntax.positions import NodeSpans

__all__ = ["NameTaken", "rewrite"]

_ByStatement = (InsertStatement, ReplaceStatement)
# What LibCST raises for code that does not parse, or for a node where it may not stand.
_NotFitting = (
    cst.CSTValidationError,
    cst.ParserSyntaxError,
    AssertionError,
    AttributeError,
    TypeError,
)


def rewrite(source: Source, edits: Sequence[Edit], helpers: Mapping[str, HelperText]) -> str:
    """The text of ``source`` after ``edits``; ``helpers`` are the functions that ``AddHelper`` names.

    Raises ``NameTaken`` when the file uses a name the edits need for something else, and ``ToolFault`` when an
    edit's node is not there, edits conflict, or the result does not pass its proof.
    """
    if not edits:
        return source.text
    tree = parse_cst(source)
    styled = _in_order([_in_style(edit, tree) for edit in dict.fromkeys(edits)])
    reject_conflicts(source, styled)
    old = parse_ast(source)
    reject_taken_names(source, old, styled, helpers)
    try:
        rewriter = _Rewriter(source, tree, old, styled, helpers)
        text = tree.visit(rewriter).code
        if rewriter.missing:
            raise fault_of(source, next(iter(rewriter.missing)), "no node stands at the place of")
        prove(source, old, rewriter.applied(), text)
    except RecursionError as error:
        raise InputError(source.shown, "is nested too deeply to be rewritten") from error
    except _NotFitting as error:
        reason = str(error).partition("\n")[0]
        raise ToolFault(f"{source.shown}: an edit cannot be carried out: {reason}") from error
    return text


def _in_order(edits: list[Edit]) -> list[Edit]:
    """Arguments that go to the front come last and backwards, so that they end up in their order."""
    front = [edit for edit in edits if isinstance(edit, InsertArgument) and edit.first]
    return [*(edit for edit in edits if edit not in front), *reversed(front)]


def _in_style(edit: Edit, tree: cst.Module) -> Edit:
    """``edit`` with its code in the newlines and indentation of the file."""

    def styled(text: str) -> str:
        return in_file_style(text, tree.default_indent, tree.default_newline)

    match edit:
        case ReplaceExpression() | ReplaceStatement():
            return replace(edit, template=styled(edit.template))
        case InsertArgument() | ReplaceArgument():
            return replace(edit, argument=styled(edit.argument))
        case InsertStatement() | AppendToBlock():
            return replace(edit, statement=styled(edit.statement))
    return edit


class _Rewriter(cst.CSTTransformer):
    """Applies edits from the inside out; statements are settled where their block is left."""

    def __init__(
        self,
        source: Source,
        tree: cst.Module,
        old: ast.Module,
        edits: Sequence[Edit],
        helpers: Mapping[str, HelperText],
    ) -> None:
        super().__init__()
        self._source = source
        self._tree = tree
        self._old = old
        self._spans = NodeSpans(tree)
        self._edits = edits
        self._helpers = helpers
        self._parents: list[cst.CSTNode] = []
        self._at: dict[Span, list[Edit]] = {}
        self._parts: dict[Span, cst.BaseExpression | None] = {}
        self._placed: list[PlacedEdit] = []
        self._imports: list[str] = []
        self._functions: list[str] = []
        self._opened_suites: list[int] = []
        for edit in edits:
            span = getattr(edit, "span", None)
            if span is not None:
                self._at.setdefault(span, []).append(edit)
            if isinstance(edit, ReplaceStatement):
                self._parts.update((part, None) for _, part in edit.parts)
        self._wanted = sorted([*self._at, *self._parts])
        self.missing: dict[Edit, None] = dict.fromkeys(
            edit for found in self._at.values() for edit in found
        )

    def applied(self) -> Applied:
        return Applied(
            self._placed,
            self._imports,
            self._functions,
            self._opened_suites,
            self._tree.default_indent,
        )

    # Finding nodes

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Go only where edits are."""
        self._parents.append(node)
        span = self._spans.get(node)
        if span is None:
            return not isinstance(node, cst.BaseParenthesizableWhitespace)
        start = span.start
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)) and node.decorators:
            start = self._span(node.decorators[0]).start
        index = bisect_left(self._wanted, Span(start, start))
        while index < len(self._wanted) and self._wanted[index].start <= span.end:
            if self._wanted[index].end <= span.end:
                return True
            index += 1
        return False

    # Every node may change its kind within what its place allows, which the types cannot say.
    def on_leave(  # type: ignore[override]
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> cst.CSTNode:
        self._parents.pop()
        if isinstance(original_node, cst.Module):
            return self._module(original_node, cst.ensure_type(updated_node, cst.Module))
        span = self._spans.get(original_node)
        if span is None or (original_node is updated_node and span not in self._at):
            if span in self._parts and isinstance(updated_node, cst.BaseExpression):
                self._parts[span] = updated_node
            return updated_node
        match original_node, updated_node:
            case cst.IndentedBlock(), cst.IndentedBlock():
                body, _ = self._block(original_node.body, updated_node.body)
                return updated_node.with_changes(body=body)
            case cst.SimpleStatementSuite(), cst.SimpleStatementSuite():
                return self._suite(original_node, updated_node)
            case cst.BaseCompoundStatement(), cst.BaseCompoundStatement():
                return self._compound(updated_node, span)
            case cst.BaseSmallStatement(), cst.BaseSmallStatement():
                return self._assignment(updated_node, span)
            case cst.Arg(), cst.Arg():
                return self._argument(updated_node, span)
            case cst.BaseExpression(), cst.BaseExpression():
                return self._expression(original_node, updated_node, span)
        return updated_node

    def _span(self, node: cst.CSTNode) -> Span:
        span = self._spans.get(node)
        assert span is not None
        return span

    def _take(self, span: Span | None, *kinds: type[Edit], text: Span | None = None) -> list[Edit]:
        """The edits of these kinds at ``span`` that were not carried out yet; they will change ``text``."""
        found = [] if span is None else self._at.get(span, [])
        taken = [edit for edit in found if isinstance(edit, kinds) and edit in self.missing]
        for edit in taken:
            del self.missing[edit]
            self._place(edit, text or cast(Span, span), span)
        return taken

    def _place(self, edit: Edit, span: Span, node: Span | None = None) -> None:
        self._placed.append(PlacedEdit(edit, span, node or span))

    # Expressions and arguments

    def _expression(
        self, original: cst.BaseExpression, updated: cst.BaseExpression, span: Span
    ) -> cst.BaseExpression:
        if isinstance(updated, cst.Attribute):
            for edit in self._take(span, RenameAttribute):
                assert isinstance(edit, RenameAttribute)
                updated = updated.with_changes(attr=updated.attr.with_changes(value=edit.name))
        if isinstance(updated, cst.Call):
            brackets = Span(self._span(cst.ensure_type(original, cst.Call).func).end, span.end)
            for edit in self._take(span, InsertArgument, text=brackets):
                assert isinstance(edit, InsertArgument)
                argument = self._parsed_argument(edit.argument)
                updated = with_argument(updated, argument, first=edit.first)
        for edit in self._at.get(span, []):
            if isinstance(edit, ReplaceExpression) and edit in self.missing:
                updated = self._replaced(original, updated, edit)
                break
        if span in self._parts:
            self._parts[span] = updated
        return updated

    def _replaced(
        self, original: cst.BaseExpression, updated: cst.BaseExpression, edit: ReplaceExpression
    ) -> cst.BaseExpression:
        del self.missing[edit]
        span, outer = edit.span, self._with_own_parentheses(original)
        lpar, rpar = updated.lpar, updated.rpar
        inner: cst.BaseExpression = updated
        if isinstance(updated, (cst.Tuple, cst.GeneratorExp)) and lpar:
            # These parentheses are part of the expression and go into the template with it.
            span, lpar, rpar = outer, [], []
        else:
            inner = updated.with_changes(lpar=[], rpar=[])
        self._place(edit, span, outer)
        # A bare `name := value` is no expression to a parser; in parentheses it is.
        template = cst.parse_expression(f"({edit.template})", config=self._tree.config_for_parsing)
        template = template.with_changes(lpar=template.lpar[1:], rpar=template.rpar[:-1])
        new = cast(cst.BaseExpression, template.visit(Fill({ORIGINAL: inner})))
        if lpar:
            return new.with_changes(lpar=[*lpar, *new.lpar], rpar=[*new.rpar, *rpar])
        new = parenthesised(new, self._parents[-1], original)
        return in_parentheses(new) if self._runs_into_words(new, span) else new

    def _with_own_parentheses(self, node: cst.BaseExpression) -> Span:
        """The span of a node with the parentheses that belong to it, as ``ast`` counts them."""
        span = self._span(node)
        if not isinstance(node, (cst.Tuple, cst.GeneratorExp)):
            return span
        if node.lpar:
            return Span(
                span.start - len(self._code(node.lpar[-1])),
                span.end + len(self._code(node.rpar[0])),
            )
        if isinstance(node, cst.GeneratorExp):
            call = cst.ensure_type(self._parents[-2], cst.Call)
            start = span.start - len(self._code(call.whitespace_before_args)) - 1
            return Span(start, self._span(call).end)
        return span

    def _code(self, node: cst.CSTNode) -> str:
        """The code of a node with the indentation of the blocks around it."""
        tree = self._tree
        indents = [
            tree.default_indent if parent.indent is None else parent.indent
            for parent in self._parents
            if isinstance(parent, cst.IndentedBlock)
        ]
        state = CodegenState(tree.default_indent, tree.default_newline, indent_tokens=indents)
        node._codegen(state)
        return "".join(state.tokens)

    def _runs_into_words(self, node: cst.BaseExpression, span: Span) -> bool:
        """Whether ``node`` would run into a word beside ``span``, as in ``return"a"``."""
        if node.lpar:
            return False
        text, code = self._source.text, self._tree.code_for_node(node)
        before, after = text[max(span.start - 1, 0) : span.start], text[span.end : span.end + 1]
        return _is_word(before + code[:1], 2) or _is_word(code[-1:] + after, 2)

    def _parsed_argument(self, text: str) -> cst.Arg:
        call = cst.parse_expression(f"_({text})", config=self._tree.config_for_parsing)
        return cst.ensure_type(call, cst.Call).args[0]

    def _argument(self, updated: cst.Arg, span: Span) -> cst.Arg:
        for edit in self._take(span, ReplaceArgument):
            assert isinstance(edit, ReplaceArgument)
            updated = self._parsed_argument(edit.argument).with_changes(
                comma=updated.comma, whitespace_after_arg=updated.whitespace_after_arg
            )
        return updated

    # Statements

    def _assignment(self, updated: cst.BaseSmallStatement, span: Span) -> cst.BaseSmallStatement:
        for edit in self._take(span, AssignValue):
            assert isinstance(edit, AssignValue)
            target = cast(cst.BaseAssignTargetExpression, cst.parse_expression(edit.target))
            match updated:
                case cst.Expr():
                    updated = cst.Assign(
                        [cst.AssignTarget(target)], updated.value, updated.semicolon
                    )
                case cst.Assign():
                    targets = [cst.AssignTarget(target), *updated.targets]
                    updated = updated.with_changes(targets=targets)
                case cst.AnnAssign(value=value) if value is not None:
                    # An annotated assignment has one target only.
                    named = cst.NamedExpr(target, parenthesised(value, updated, value))
                    updated = updated.with_changes(value=in_parentheses(named))
                case _:
                    raise fault_of(self._source, edit, "no value is assigned at the place of")
        return updated

    def _compound(
        self, updated: cst.BaseCompoundStatement, span: Span
    ) -> cst.BaseCompoundStatement:
        for edit in self._take(span, AppendToBlock):
            assert isinstance(edit, AppendToBlock)
            updated = updated.with_changes(body=self._appended(updated.body, edit))
        return updated

    def _appended(self, suite: cst.BaseSuite, edit: AppendToBlock) -> cst.BaseSuite:
        new = self._statement(edit.statement)
        if isinstance(suite, cst.IndentedBlock):
            last = cast(Statement, suite.body[-1])
            return suite.with_changes(body=[*suite.body, with_newline_of(new, last)])
        suite = cst.ensure_type(suite, cst.SimpleStatementSuite)
        small = small_statement([new])
        assert small is not None, "a compound statement does not fit into a line"
        return suite.with_changes(
            body=[*suite.body[:-1], *join_smalls([suite.body[-1], small], suite.body[-1])]
        )

    def _suite(
        self, original: cst.SimpleStatementSuite, updated: cst.SimpleStatementSuite
    ) -> cst.BaseSuite:
        smalls = self._smalls(original.body, updated.body)
        suite = _suite_of(updated, smalls, original.body[-1])
        if isinstance(suite, cst.IndentedBlock):
            self._opened_suites.append(self._span(original.body[0]).start)
        return suite

    def _block(
        self, original: Sequence[cst.CSTNode], updated: Sequence[cst.CSTNode]
    ) -> tuple[list[Statement], int | None]:
        """The statements of a block after their edits, and the index of the first that changed."""
        body: list[Statement] = []
        touched: int | None = None
        for old, new in zip(original, updated, strict=True):
            lines = self._lines(cast(Statement, old), cast(Statement, new))
            if touched is None and (len(lines) > 1 or lines[0] is not old):
                touched = len(body)
            body += lines
        return body, touched

    def _lines(self, old: Statement, new: Statement) -> list[Statement]:
        """What stands for one statement of a block after its edits."""
        span = self._spans.get(old)
        lines = [new]
        if isinstance(old, cst.SimpleStatementLine) and old is not new:
            line = cst.ensure_type(new, cst.SimpleStatementLine)
            if len(old.body) > 1:
                smalls = self._smalls(old.body, line.body)
            else:
                smalls = [
                    self._filled(cast(ReplaceStatement, edit), line.body[0])
                    for edit in self._take(span, ReplaceStatement)
                ] or list(line.body)
            lines = _lines_of(line, smalls, old.body[-1])
        inserted = self._insertions(old, span)
        before = [self._statement(edit.statement) for edit in inserted if not edit.after]
        if before:
            above, attached = split_leading(lines[0].leading_lines)
            if isinstance(lines[0], (cst.FunctionDef, cst.ClassDef)):
                blank = list(takewhile(lambda line: line.comment is None, reversed(above)))[:2]
                attached = [*blank, *attached]  # definitions keep their distance
            lines = with_leading_lines(lines, attached)
            before = with_leading_lines([with_newline_of(s, lines[0]) for s in before], above)
        after = [self._statement(edit.statement) for edit in inserted if edit.after]
        return [*before, *lines, *(with_newline_of(s, lines[-1]) for s in after)]

    def _insertions(self, node: Statement, span: Span | None) -> list[InsertStatement]:
        first = last = text = span
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)) and node.decorators and span:
            text = Span(self._span(node.decorators[0]).start, span.end)
        if isinstance(node, cst.SimpleStatementLine):
            first, last = self._spans.get(node.body[0]), self._spans.get(node.body[-1])
        inserted = []
        for edit in self._at.get(span, []) if span is not None else []:
            if isinstance(edit, InsertStatement) and edit in self.missing:
                del self.missing[edit]
                self._place(edit, text or edit.span, last if edit.after else first)
                inserted.append(edit)
        return inserted

    def _smalls(
        self, original: Sequence[cst.BaseSmallStatement], updated: Sequence[cst.BaseSmallStatement]
    ) -> list[Replacement]:
        """What stands for the small statements of one line after their edits."""
        result: list[Replacement] = []
        for old, new in zip(original, updated, strict=True):
            before: list[Replacement] = []
            here: list[Replacement] = [new]
            for edit in self._take(self._spans.get(old), *_ByStatement):
                if isinstance(edit, ReplaceStatement):
                    here[:1] = [self._filled(edit, new)]
                    continue
                assert isinstance(edit, InsertStatement)
                statements = [self._statement(edit.statement)]
                (here if edit.after else before).append(small_statement(statements) or statements)
            result += join_smalls([*before, *here], new)
        return result

    def _filled(self, edit: ReplaceStatement, small: cst.BaseSmallStatement) -> Replacement:
        parts = {name: self._part(edit, span) for name, span in edit.parts}
        statements = [
            cast(Statement, statement.visit(Fill(parts, small)))
            for statement in parse_statements(edit.template, self._tree)
        ]
        return small_statement(statements) or statements

    def _part(self, edit: ReplaceStatement, span: Span) -> cst.BaseExpression:
        part = self._parts[span]
        if part is None:
            raise fault_of(self._source, edit, "a part is missing at the place of")
        return part

    def _statement(self, text: str) -> Statement:
        statements = parse_statements(text, self._tree)
        assert len(statements) == 1, "one statement is inserted at a time"
        return statements[0]

    # The module

    def _module(self, original: cst.Module, updated: cst.Module) -> cst.Module:
        body, touched = self._block(original.body, updated.body)
        limit = len(body) if touched is None else touched
        for edit in self._edits:
            if isinstance(edit, AppendToBlock) and edit.span is None:
                self._place(edit, Span(0, len(self._source.text)))
                body.append(after_statements(body, self._statement(edit.statement)))
        header = updated.header
        if body:
            body[0] = body[0].with_changes(leading_lines=[*header, *body[0].leading_lines])
            header = []
        for module in imported_modules(self._edits, self._helpers):
            inserted = add_import(body, module, limit)
            limit += inserted
            self._imports += [module] * inserted
        for edit in self._edits:
            if isinstance(edit, AddHelper):
                self._add_helper(body, self._helpers[edit.name], limit)
        return updated.with_changes(header=header, body=body)

    def _add_helper(self, body: list[Statement], helper: HelperText, limit: int) -> None:
        tree = self._tree
        code = in_file_style(helper.code, tree.default_indent, tree.default_newline)
        function = cst.ensure_type(parse_statements(code, tree)[0], cst.FunctionDef)
        for statement in body:
            if (
                isinstance(statement, cst.FunctionDef)
                and statement.name.value == function.name.value
            ):
                bare = statement.with_changes(leading_lines=[])
                if tree.code_for_node(bare) == tree.code_for_node(function):
                    return
                break
        name = function.name.value
        line = taken_at(self._old, name, edited_lines(self._source, self._edits))
        if line is not None:
            raise NameTaken(self._source.shown, name, line)
        add_function(body, function, limit)
        self._functions.append(code)


def _is_word(text: str, length: int) -> bool:
    return len(text) == length and ("a" + text).isidentifier()


def _lines_of(
    line: cst.SimpleStatementLine, smalls: Sequence[Replacement], last: cst.BaseSmallStatement
) -> list[Statement]:
    """A line with new small statements, or several lines where they do not fit into one."""
    if all(isinstance(small, cst.BaseSmallStatement) for small in smalls):
        return [line.with_changes(body=smalls)]
    trailing = _without_semicolon(line.trailing_whitespace, last)
    return with_leading_lines(lines_of(smalls, trailing), line.leading_lines)


def _suite_of(
    suite: cst.SimpleStatementSuite, smalls: Sequence[Replacement], last: cst.BaseSmallStatement
) -> cst.BaseSuite:
    """A one-line suite with new small statements, or a block where they do not fit into one line."""
    if all(isinstance(small, cst.BaseSmallStatement) for small in smalls):
        return suite.with_changes(body=smalls)
    trailing = _without_semicolon(suite.trailing_whitespace, last)
    header = cst.TrailingWhitespace(newline=trailing.newline)
    return cst.IndentedBlock(lines_of(smalls, trailing), header=header)


def _without_semicolon(
    trailing: cst.TrailingWhitespace, last: cst.BaseSmallStatement
) -> cst.TrailingWhitespace:
    """The end of a line whose last semicolon goes, with the blanks that stood behind that."""
    if not isinstance(last.semicolon, cst.Semicolon):
        return trailing
    whitespace = cst.ensure_type(last.semicolon.whitespace_after, cst.SimpleWhitespace)
    return trailing.with_changes(
        whitespace=cst.SimpleWhitespace(whitespace.value + trailing.whitespace.value)
    )
