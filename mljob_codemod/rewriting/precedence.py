"""Where parentheses are needed so that an expression stays one in its new place."""

from __future__ import annotations

import libcst as cst

_TUPLE, _NAMED, _LAMBDA, _CONDITIONAL, _OR, _AND, _NOT, _COMPARISON = range(-1, 7)
_UNARY, _POWER, _AWAIT, _PRIMARY = 13, 14, 15, 16

_BINARY: dict[type[cst.BaseBinaryOp], int] = {
    cst.BitOr: 7,
    cst.BitXor: 8,
    cst.BitAnd: 9,
    cst.LeftShift: 10,
    cst.RightShift: 10,
    cst.Add: 11,
    cst.Subtract: 11,
    cst.Multiply: 12,
    cst.Divide: 12,
    cst.FloorDivide: 12,
    cst.Modulo: 12,
    cst.MatrixMultiply: 12,
    cst.Power: _POWER,
}
_BITWISE_OR = _BINARY[cst.BitOr]

_LOOSE: dict[type[cst.BaseExpression], int] = {
    cst.Tuple: _TUPLE,
    cst.GeneratorExp: _TUPLE,
    cst.Yield: _TUPLE,
    cst.NamedExpr: _NAMED,
    cst.Lambda: _LAMBDA,
    cst.IfExp: _CONDITIONAL,
    cst.Comparison: _COMPARISON,
    cst.Await: _AWAIT,
}


def parenthesised(
    node: cst.BaseExpression, parent: cst.CSTNode, place: cst.BaseExpression
) -> cst.BaseExpression:
    """``node`` as it may stand in ``parent`` where ``place`` stands, with parentheses if need be."""
    if node.lpar:
        return node
    needed = _needed(parent, place)
    numeral = isinstance(parent, cst.Attribute) and isinstance(node, cst.Integer)
    brace = isinstance(parent, cst.FormattedStringExpression) and isinstance(
        node, (cst.Dict, cst.DictComp, cst.Set, cst.SetComp)
    )
    if _strength(node) >= needed and not numeral and not brace:
        return node
    return in_parentheses(node)


def in_parentheses(node: cst.BaseExpression) -> cst.BaseExpression:
    return node.with_changes(
        lpar=[cst.LeftParen(), *node.lpar], rpar=[*node.rpar, cst.RightParen()]
    )


def _strength(node: cst.BaseExpression) -> int:
    """How tightly the outermost operator of ``node`` binds; atoms bind tightest."""
    match node:
        case cst.BooleanOperation():
            return _OR if isinstance(node.operator, cst.Or) else _AND
        case cst.UnaryOperation():
            return _NOT if isinstance(node.operator, cst.Not) else _UNARY
        case cst.BinaryOperation():
            return _BINARY[type(node.operator)]
    return _LOOSE.get(type(node), _PRIMARY)


def _needed(parent: cst.CSTNode, place: cst.BaseExpression) -> int:
    """How tightly an expression must bind to stand in ``parent`` where ``place`` stands."""
    match parent:
        case cst.BinaryOperation():
            own = _BINARY[type(parent.operator)]
            if own == _POWER:
                return _AWAIT if parent.left is place else _UNARY
            return own if parent.left is place else own + 1
        case cst.BooleanOperation():
            return _strength(parent) + 1
        case cst.UnaryOperation():
            return _strength(parent)
        case cst.Comparison() | cst.ComparisonTarget():
            return _BITWISE_OR
        case cst.IfExp():
            return _LAMBDA if parent.orelse is place else _OR
        case cst.Attribute() | cst.Call() | cst.Await() | cst.Subscript():
            return _PRIMARY
        case cst.StarredElement() | cst.StarredDictElement():
            return _BITWISE_OR
        case cst.CompFor() | cst.CompIf():
            return _OR
        case cst.Arg():
            return _LAMBDA if parent.keyword is not None or parent.star else _NAMED
        case cst.FormattedStringExpression():
            return _CONDITIONAL
    return _LAMBDA
