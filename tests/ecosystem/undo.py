"""Takes a conversion back on the abstract syntax tree, without the tool's own means.

What a rewrite may add is listed here a second time, by its shape; when the rest of the tree equals the
original, nothing else has changed.
"""

from __future__ import annotations

import ast

RESULT = "MLRS_STAGE_RESULT_PATH"
_HELPERS = {"result_path", "scratch_path"}
_ADDED_IMPORTS = {"os", "sys"}


def same_apart_from_edits(before: bytes, after: bytes) -> bool:
    """Whether two versions of a file have the same tree once the inserted code is taken out."""
    old, new = ast.parse(before), ast.parse(after)
    removable = _ADDED_IMPORTS - _plain_imports(old)
    old_tree, new_tree = (_Undo(removable).visit(tree) for tree in (old, new))
    return ast.dump(old_tree) == ast.dump(new_tree)


def _plain_imports(tree: ast.Module) -> set[str]:
    return {
        alias.name
        for node in tree.body
        if isinstance(node, ast.Import) and len(node.names) == 1
        for alias in node.names
    }


class _Undo(ast.NodeTransformer):
    """Removes inserted code; applied to the original it must find nothing but hand-written twins."""

    def __init__(self, removable: set[str]) -> None:
        self._removable = removable

    def visit_Module(self, node: ast.Module) -> ast.AST:
        node.body = [statement for statement in node.body if not self._is_added(statement)]
        return self.generic_visit(node)

    def _is_added(self, statement: ast.stmt) -> bool:
        match statement:
            case ast.Import(names=[ast.alias(name=name, asname=None)]):
                return name in self._removable
            case ast.FunctionDef(name=name):
                return name in _HELPERS and RESULT in ast.dump(statement)
            case ast.Expr(ast.Call(ast.Name("scratch_path"), [ast.Constant("")])):
                return True
        return False

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                setattr(node, field, [s for s in block if not _is_added_line(s)])
        return super().generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        targets = [target for target in node.targets if not _is_return(target)]
        if len(targets) == len(node.targets):
            return node
        node.targets = targets
        return node if targets else ast.Expr(node.value)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.AST:
        self.generic_visit(node)
        return node.value if _is_return(node.target) else node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        return node.body if _is_outside_test(node.test) and not node.orelse else node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        return node.orelse if _is_inside_test(node.test) else node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Or) and _is_result(node.values[0]) and len(node.values) == 2:
            return node.values[1]
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Div) and _is_path_of_result(node.left):
            return node.right
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr == "getOrCreate":
            node.attr = "create"
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match node:
            case ast.Call(_, [ast.Call(_, [_, inner]) as lookup], []) if (
                _name(node) == "Path" and _is_result(lookup) and not isinstance(inner, ast.Constant)
            ):
                plain: ast.AST = self.visit(inner)
                return plain
        self.generic_visit(node)
        match node:
            case ast.Call(ast.Name(name), [inner, *_]) if name in _HELPERS:
                return inner
            case ast.Call(ast.Attribute(attr="get"), [ast.Constant(value=name), inner]) if (
                name == RESULT and not (isinstance(inner, ast.Constant) and inner.value == "")
            ):
                return inner
            case ast.Call(_, [first, second]) if _is_result(first) and _name(node) == "join":
                return second
        node.args = [argument for argument in node.args if not _is_result(argument)]
        node.keywords = [
            _plain(keyword) for keyword in node.keywords if not _is_added_keyword(keyword)
        ]
        match node:
            case ast.Call(_, [ast.Call() as inner], []) if _name(node) == "Path" == _name(inner):
                return inner
        return node


def _plain(keyword: ast.keyword) -> ast.keyword:
    """``required=…`` and ``**({…} if in a job else {"required": True})`` as they were."""
    if keyword.arg == "required" and _is_outside_test(keyword.value):
        return ast.keyword("required", ast.Constant(True))
    if keyword.arg is None and isinstance(keyword.value, ast.Dict) and len(keyword.value.keys) == 1:
        (key,), (value,) = keyword.value.keys, keyword.value.values
        if isinstance(key, ast.Constant) and key.value == "required":
            return ast.keyword("required", value)
    return keyword


def _is_added_keyword(keyword: ast.keyword) -> bool:
    value = keyword.value
    if keyword.arg == "ignore_reinit_error":
        return True
    if keyword.arg in ("force", "standalone_mode"):
        return RESULT in ast.dump(value)
    if keyword.arg == "default" and isinstance(value, ast.Constant) and value.value is None:
        return True  # argparse: no default and None are the same
    return keyword.arg is None and isinstance(value, ast.Dict) and not value.keys


def _is_added_line(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assign([ast.Subscript(ast.Attribute(ast.Name("sys"), "argv"))], value):
            return RESULT in ast.dump(value)
        case ast.Assign([ast.Name("__return__")], ast.Name() | ast.Call(ast.Attribute(attr="get"))):
            return True
    return False


def _is_return(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id == "__return__"


def _is_result(node: ast.expr) -> bool:
    match node:
        case ast.Call(ast.Attribute(attr="get"), [ast.Constant(value=name), *_]):
            return name == RESULT
        case ast.Subscript(_, ast.Constant(value=name)):
            return name == RESULT
    return False


def _is_path_of_result(node: ast.expr) -> bool:
    return (isinstance(node, ast.Call) and any(map(_is_result, node.args))) or (
        isinstance(node, ast.Call) and _name(node) == "Path" and not node.args
    )


def _is_inside_test(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.In) and _names(test)


def _is_outside_test(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.NotIn) and _names(test)


def _names(test: ast.Compare) -> bool:
    return isinstance(test.left, ast.Constant) and test.left.value == RESULT


def _name(call: ast.Call) -> str:
    func = call.func
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
