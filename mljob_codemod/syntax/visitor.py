"""The visitor that reads a concrete syntax tree: one walk a file, shared by all codemods.

LibCST's ``visit`` goes through every comma and space and costs as much as parsing. This visitor
dispatches on the node's class and goes only through the fields that carry meaning, and turns what it
meets into the records of ``records.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import libcst as cst

from mljob_codemod.edits import Span
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.positions import NodeSpans

_NAMED_VALUES: dict[str, bool | None] = {"True": True, "False": False, "None": None}


def read_tree(tree: cst.Module) -> r.Block:
    """The statements of ``tree`` as records."""
    return TreeVisitor(NodeSpans(tree)).block(tree.body)


class TreeVisitor:
    """Visits the nodes of one tree; methods are named for the LibCST class that they take."""

    def __init__(self, spans: NodeSpans) -> None:
        self._spans = spans
        self._methods: dict[type[cst.CSTNode], Callable[[Any], Any]] = {}

    def _span(self, node: cst.CSTNode) -> Span:
        return self._spans.get(node) or Span(0, 0)

    def _method(self, node: cst.CSTNode) -> Callable[[Any], Any] | None:
        kind = type(node)
        if kind not in self._methods:
            method = getattr(self, f"visit_{kind.__name__}", None)
            if method is None:
                return None
            self._methods[kind] = method
        return self._methods[kind]

    # Statements

    def block(self, body: Iterable[cst.CSTNode]) -> r.Block:
        statements: list[r.Statement] = []
        for node in body:
            if isinstance(node, (cst.SimpleStatementLine, cst.SimpleStatementSuite)):
                statements.extend(self.statement(small) for small in node.body)
            else:
                statements.append(self.statement(node))
        return tuple(statements)

    def suite(self, body: cst.BaseSuite) -> r.Block:
        return self.block([body] if isinstance(body, cst.SimpleStatementSuite) else body.body)

    def statement(self, node: cst.CSTNode) -> r.Statement:
        method = self._method(node)
        if method is None:
            return r.Simple(type(node).__name__, (), self._span(node))
        statement: r.Statement = method(node)
        return statement

    def visit_Expr(self, node: cst.Expr) -> r.Statement:
        return r.ExprStatement(self.expression(node.value), self._span(node))

    def visit_Assign(self, node: cst.Assign) -> r.Statement:
        targets = tuple(self.expression(target.target) for target in node.targets)
        return r.Assign(targets, self.expression(node.value), None, self._span(node))

    def visit_AnnAssign(self, node: cst.AnnAssign) -> r.Statement:
        return r.Assign(
            (self.expression(node.target),),
            self.optional(node.value),
            self.expression(node.annotation.annotation),
            self._span(node),
        )

    def visit_AugAssign(self, node: cst.AugAssign) -> r.Statement:
        operator = type(node.operator).__name__.removesuffix("Assign")
        return r.AugAssign(
            self.expression(node.target),
            operator,
            self.expression(node.value),
            self._span(node),
        )

    def visit_Return(self, node: cst.Return) -> r.Statement:
        return r.Return(self.optional(node.value), self._span(node))

    def visit_Raise(self, node: cst.Raise) -> r.Statement:
        return r.Raise(self.optional(node.exc), self._span(node))

    def visit_Assert(self, node: cst.Assert) -> r.Statement:
        return r.Simple("Assert", (self.expression(node.test),), self._span(node))

    def visit_Del(self, node: cst.Del) -> r.Statement:
        return r.Simple("Del", (self.expression(node.target),), self._span(node))

    def visit_Import(self, node: cst.Import) -> r.Statement:
        names = tuple((alias.evaluated_name, alias.evaluated_alias) for alias in node.names)
        return r.Import(names, self._span(node))

    def visit_ImportFrom(self, node: cst.ImportFrom) -> r.Statement:
        module = "" if node.module is None else _dotted(node.module)
        names: tuple[tuple[str, str | None], ...]
        if isinstance(node.names, cst.ImportStar):
            names = (("*", None),)
        else:
            names = tuple((alias.evaluated_name, alias.evaluated_alias) for alias in node.names)
        return r.ImportFrom(module, len(node.relative), names, self._span(node))

    def visit_Global(self, node: cst.Global | cst.Nonlocal) -> r.Statement:
        return r.Global(tuple(item.name.value for item in node.names), self._span(node))

    visit_Nonlocal = visit_Global

    def visit_If(self, node: cst.If) -> r.Statement:
        return r.If(
            self.expression(node.test),
            self.suite(node.body),
            self._orelse(node.orelse),
            False,
            self._span(node),
        )

    def visit_While(self, node: cst.While) -> r.Statement:
        return r.If(
            self.expression(node.test),
            self.suite(node.body),
            self._orelse(node.orelse),
            True,
            self._span(node),
        )

    def _orelse(self, node: cst.If | cst.Else | None) -> r.Block:
        if node is None:
            return ()
        return (self.statement(node),) if isinstance(node, cst.If) else self.suite(node.body)

    def visit_For(self, node: cst.For) -> r.Statement:
        return r.For(
            self.expression(node.target),
            self.expression(node.iter),
            self.suite(node.body),
            self._orelse(node.orelse),
            self._span(node),
        )

    def visit_With(self, node: cst.With) -> r.Statement:
        items = tuple(
            (
                self.expression(item.item),
                None if item.asname is None else self.expression(item.asname.name),
            )
            for item in node.items
        )
        return r.With(items, self.suite(node.body), self._span(node))

    def visit_Try(self, node: cst.Try | cst.TryStar) -> r.Statement:
        handlers = tuple(
            r.Handler(
                self.optional(handler.type),
                handler.name.name.value
                if handler.name is not None and isinstance(handler.name.name, cst.Name)
                else None,
                self.suite(handler.body),
                self._span(handler),
            )
            for handler in node.handlers
        )
        return r.Try(
            self.suite(node.body),
            handlers,
            self._orelse(node.orelse),
            () if node.finalbody is None else self.suite(node.finalbody.body),
            self._span(node),
        )

    visit_TryStar = visit_Try

    def visit_Match(self, node: cst.Match) -> r.Statement:
        cases = tuple(self.suite(case.body) for case in node.cases)
        return r.Match(self.expression(node.subject), cases, self._span(node))

    def visit_FunctionDef(self, node: cst.FunctionDef) -> r.Statement:
        return r.FunctionDef(
            node.name.value,
            self.parameters(node.params),
            self.suite(node.body),
            tuple(self.expression(decorator.decorator) for decorator in node.decorators),
            node.asynchronous is not None,
            None if node.returns is None else self.expression(node.returns.annotation),
            self._span(node),
        )

    def visit_ClassDef(self, node: cst.ClassDef) -> r.Statement:
        return r.ClassDef(
            node.name.value,
            tuple(self.argument(base) for base in (*node.bases, *node.keywords)),
            self.suite(node.body),
            tuple(self.expression(decorator.decorator) for decorator in node.decorators),
            self._span(node),
        )

    def parameters(self, params: cst.Parameters) -> tuple[r.Param, ...]:
        found = [self._parameter(param, "") for param in (*params.posonly_params, *params.params)]
        if isinstance(params.star_arg, cst.Param):
            found.append(self._parameter(params.star_arg, "*"))
        found.extend(self._parameter(param, "keyword") for param in params.kwonly_params)
        if params.star_kwarg is not None:
            found.append(self._parameter(params.star_kwarg, "**"))
        return tuple(found)

    def _parameter(self, node: cst.Param, kind: str) -> r.Param:
        annotation = None if node.annotation is None else node.annotation.annotation
        return r.Param(
            node.name.value,
            self.optional(node.default),
            self.optional(annotation),
            kind,
            self._span(node),
        )

    # Expressions

    def optional(self, node: cst.BaseExpression | None) -> r.Expr | None:
        return None if node is None else self.expression(node)

    def expression(self, node: cst.CSTNode) -> r.Expr:
        method = self._method(node)
        if method is not None:
            expression: r.Expr = method(node)
            return expression
        children = tuple(
            self.expression(child)
            for child in node.children
            if isinstance(child, (cst.BaseExpression, cst.BaseElement, cst.Index, cst.Slice))
        )
        return r.Other(type(node).__name__, children, self._span(node))

    def visit_Name(self, node: cst.Name) -> r.Expr:
        if node.value in _NAMED_VALUES:
            return r.Const(_NAMED_VALUES[node.value], self._span(node))
        return r.Name(node.value, self._span(node))

    def visit_Attribute(self, node: cst.Attribute) -> r.Expr:
        return r.Attribute(self.expression(node.value), node.attr.value, self._span(node))

    def visit_SimpleString(self, node: cst.SimpleString) -> r.Expr:
        return r.Const(node.evaluated_value, self._span(node))

    def visit_Integer(self, node: cst.Integer | cst.Float | cst.Imaginary) -> r.Expr:
        return r.Const(node.evaluated_value, self._span(node))

    visit_Float = visit_Integer
    visit_Imaginary = visit_Integer

    def visit_ConcatenatedString(self, node: cst.ConcatenatedString) -> r.Expr:
        left, right = self.expression(node.left), self.expression(node.right)
        span = self._span(node)
        if isinstance(left, r.Const) and isinstance(right, r.Const):
            if isinstance(left.value, str) and isinstance(right.value, str):
                return r.Const(left.value + right.value, span)
            return r.Other("ConcatenatedString", (), span)
        return r.Joined((*_parts(left), *_parts(right)), span)

    def visit_FormattedString(self, node: cst.FormattedString) -> r.Expr:
        parts: list[r.Expr] = []
        for part in node.parts:
            if isinstance(part, cst.FormattedStringText):
                parts.append(r.Const(part.value, self._span(part)))
            elif isinstance(part, cst.FormattedStringExpression):
                parts.append(self.expression(part.expression))
        return r.Joined(tuple(parts), self._span(node))

    visit_TemplatedString = visit_FormattedString

    def visit_Call(self, node: cst.Call) -> r.Expr:
        args = tuple(self.argument(arg) for arg in node.args)
        return r.Call(self.expression(node.func), args, self._span(node))

    def argument(self, node: cst.Arg) -> r.Argument:
        return r.Argument(
            self.expression(node.value),
            None if node.keyword is None else node.keyword.value,
            node.star,
            self._span(node),
        )

    def visit_BinaryOperation(self, node: cst.BinaryOperation) -> r.Expr:
        return r.Binary(
            type(node.operator).__name__,
            self.expression(node.left),
            self.expression(node.right),
            self._span(node),
        )

    def visit_BooleanOperation(self, node: cst.BooleanOperation) -> r.Expr:
        return r.Boolean(
            "or" if isinstance(node.operator, cst.Or) else "and",
            self.expression(node.left),
            self.expression(node.right),
            self._span(node),
        )

    def visit_UnaryOperation(self, node: cst.UnaryOperation) -> r.Expr:
        value = self.expression(node.expression)
        if isinstance(node.operator, cst.Not):
            return r.Not(value, self._span(node))
        return r.Other("UnaryOperation", (value,), self._span(node))

    def visit_IfExp(self, node: cst.IfExp) -> r.Expr:
        return r.Conditional(
            self.expression(node.test),
            self.expression(node.body),
            self.expression(node.orelse),
            self._span(node),
        )

    def visit_Comparison(self, node: cst.Comparison) -> r.Expr:
        return r.Compare(
            self.expression(node.left),
            tuple(type(target.operator).__name__ for target in node.comparisons),
            tuple(self.expression(target.comparator) for target in node.comparisons),
            self._span(node),
        )

    def visit_Tuple(self, node: cst.Tuple | cst.List | cst.Set) -> r.Expr:
        return r.Sequence(
            tuple(self.expression(element.value) for element in node.elements), self._span(node)
        )

    visit_List = visit_Tuple
    visit_Set = visit_Tuple

    def visit_Dict(self, node: cst.Dict) -> r.Expr:
        items = tuple(
            (
                self.expression(element.key) if isinstance(element, cst.DictElement) else None,
                self.expression(element.value),
            )
            for element in node.elements
        )
        return r.Mapping(items, self._span(node))

    def visit_Subscript(self, node: cst.Subscript) -> r.Expr:
        indices = tuple(self.expression(element.slice) for element in node.slice)
        index = indices[0] if len(indices) == 1 else r.Sequence(indices, self._span(node))
        return r.Subscript(self.expression(node.value), index, self._span(node))

    def visit_Index(self, node: cst.Index) -> r.Expr:
        return self.expression(node.value)

    def visit_Slice(self, node: cst.Slice) -> r.Expr:
        parts = (node.lower, node.upper, node.step)
        children = tuple(self.expression(part) for part in parts if part is not None)
        return r.Other("Slice", children, self._span(node))

    def visit_NamedExpr(self, node: cst.NamedExpr) -> r.Expr:
        target = self.expression(node.target)
        if not isinstance(target, r.Name):
            return r.Other("NamedExpr", (self.expression(node.value),), self._span(node))
        return r.Walrus(target, self.expression(node.value), self._span(node))

    def visit_Await(self, node: cst.Await) -> r.Expr:
        return r.Await(self.expression(node.expression), self._span(node))

    def visit_Lambda(self, node: cst.Lambda) -> r.Expr:
        return r.Lambda(self.parameters(node.params), self.expression(node.body), self._span(node))

    def visit_ListComp(self, node: cst.BaseSimpleComp) -> r.Expr:
        return self._comprehension((self.expression(node.elt),), node.for_in, node)

    visit_SetComp = visit_ListComp
    visit_GeneratorExp = visit_ListComp

    def visit_DictComp(self, node: cst.DictComp) -> r.Expr:
        results = (self.expression(node.key), self.expression(node.value))
        return self._comprehension(results, node.for_in, node)

    def _comprehension(
        self, results: tuple[r.Expr, ...], first: cst.CompFor, node: cst.CSTNode
    ) -> r.Expr:
        clauses: list[tuple[r.Expr, r.Expr, tuple[r.Expr, ...]]] = []
        clause: cst.CompFor | None = first
        while clause is not None:
            tests = tuple(self.expression(test.test) for test in clause.ifs)
            clauses.append((self.expression(clause.target), self.expression(clause.iter), tests))
            clause = clause.inner_for_in
        return r.Comprehension(results, tuple(clauses), self._span(node))


def _parts(value: r.Expr) -> tuple[r.Expr, ...]:
    return value.parts if isinstance(value, r.Joined) else (value,)


def _dotted(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else ""
