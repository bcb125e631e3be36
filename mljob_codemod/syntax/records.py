"""What the visitor keeps of a concrete syntax tree: its meaning, with positions, as plain data.

A tree of LibCST nodes is large and does not travel between processes; these records are small, pickle
fast, and hold what the codemods ask about. Every record ends in ``span``. Whitespace, punctuation and
comments are gone: rewriting goes back to the tree itself (``rewriting/transformer.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Union

from mljob_codemod.edits import Span
from mljob_codemod.lazy_dataclass import dataclass

if TYPE_CHECKING:
    from dataclasses import dataclass as _record
else:
    # Compared by identity, since two records are never the same place; slots pickle fast and stay small.
    _record = dataclass(eq=False, slots=True)


@_record
class Const:
    """A literal: string (implicitly joined ones too), number, bytes, True, False or None."""

    value: Union[str, bytes, int, float, complex, bool, None]
    span: Span


@_record
class Name:
    id: str
    span: Span


@_record
class Attribute:
    value: Expr
    attr: str
    span: Span


@_record
class Argument:
    """One argument of a call; ``star`` is ``""``, ``"*"`` or ``"**"``."""

    value: Expr
    keyword: Optional[str]
    star: str
    span: Span


@_record
class Call:
    func: Expr
    args: tuple[Argument, ...]
    span: Span


@_record
class Binary:
    """An arithmetic operation; ``op`` is the LibCST class name (``Divide``, ``Add``, ``Modulo``)."""

    op: str
    left: Expr
    right: Expr
    span: Span


@_record
class Boolean:
    """``left or right``, ``left and right``; ``op`` is ``or`` or ``and``."""

    op: str
    left: Expr
    right: Expr
    span: Span


@_record
class Conditional:
    test: Expr
    body: Expr
    orelse: Expr
    span: Span


@_record
class Compare:
    """``left op right`` for each pair; ``ops`` are LibCST class names (``Equal``, ``In``)."""

    left: Expr
    ops: tuple[str, ...]
    rights: tuple[Expr, ...]
    span: Span


@_record
class Not:
    value: Expr
    span: Span


@_record
class Joined:
    """An f-string: its text parts are ``Const``, the others the expressions in braces."""

    parts: tuple[Expr, ...]
    span: Span


@_record
class Sequence:
    """A tuple, list or set display."""

    elements: tuple[Expr, ...]
    span: Span


@_record
class Mapping:
    """A dictionary display; the key of ``**other`` is None."""

    items: tuple[tuple[Optional[Expr], Expr], ...]
    span: Span


@_record
class Subscript:
    value: Expr
    index: Expr
    span: Span


@_record
class Walrus:
    target: Name
    value: Expr
    span: Span


@_record
class Await:
    value: Expr
    span: Span


@_record
class Lambda:
    params: tuple[Param, ...]
    body: Expr
    span: Span


@_record
class Comprehension:
    """A comprehension or generator: results, then (target, iterable, conditions) for each ``for``."""

    results: tuple[Expr, ...]
    clauses: tuple[tuple[Expr, Expr, tuple[Expr, ...]], ...]
    span: Span


@_record
class Other:
    """Any other expression, for the calls inside it; ``kind`` is the LibCST class name."""

    kind: str
    children: tuple[Expr, ...]
    span: Span


Expr = Union[
    Const,
    Name,
    Attribute,
    Call,
    Binary,
    Boolean,
    Conditional,
    Compare,
    Not,
    Joined,
    Sequence,
    Mapping,
    Subscript,
    Walrus,
    Await,
    Lambda,
    Comprehension,
    Other,
]


@_record
class Param:
    """A parameter; ``kind`` is ``""``, ``"*"``, ``"**"`` or ``"keyword"`` (keyword only)."""

    name: str
    default: Optional[Expr]
    annotation: Optional[Expr]
    kind: str
    span: Span


@_record
class ExprStatement:
    value: Expr
    span: Span


@_record
class Assign:
    """``a = b = value`` or ``a: annotation = value`` (then ``value`` may be None)."""

    targets: tuple[Expr, ...]
    value: Optional[Expr]
    annotation: Optional[Expr]
    span: Span


@_record
class AugAssign:
    target: Expr
    op: str
    value: Expr
    span: Span


@_record
class Return:
    value: Optional[Expr]
    span: Span


@_record
class Raise:
    exc: Optional[Expr]
    span: Span


@_record
class Import:
    """``import a.b as c``: pairs of module and the name given to it (None: the first part)."""

    names: tuple[tuple[str, Optional[str]], ...]
    span: Span


@_record
class ImportFrom:
    """``from ..module import a as b``; a star import has the one name ``*``."""

    module: str
    level: int
    names: tuple[tuple[str, Optional[str]], ...]
    span: Span


@_record
class Global:
    """``global`` or ``nonlocal``."""

    names: tuple[str, ...]
    span: Span


@_record
class Simple:
    """``pass``, ``break``, ``continue``, ``del``, ``assert``; ``kind`` is the LibCST class name."""

    kind: str
    children: tuple[Expr, ...]
    span: Span


@_record
class If:
    """``if`` or ``while``; an ``elif`` is an ``If`` alone in ``orelse``."""

    test: Expr
    body: Block
    orelse: Block
    loop: bool
    span: Span


@_record
class For:
    target: Expr
    iterable: Expr
    body: Block
    orelse: Block
    span: Span


@_record
class With:
    items: tuple[tuple[Expr, Optional[Expr]], ...]
    body: Block
    span: Span


@_record
class Handler:
    type: Optional[Expr]
    name: Optional[str]
    body: Block
    span: Span


@_record
class Try:
    body: Block
    handlers: tuple[Handler, ...]
    orelse: Block
    final: Block
    span: Span


@_record
class Match:
    subject: Expr
    cases: tuple[Block, ...]
    span: Span


@_record
class FunctionDef:
    name: str
    params: tuple[Param, ...]
    body: Block
    decorators: tuple[Expr, ...]
    is_async: bool
    returns: Optional[Expr]
    span: Span


@_record
class ClassDef:
    name: str
    bases: tuple[Argument, ...]
    body: Block
    decorators: tuple[Expr, ...]
    span: Span


Statement = Union[
    ExprStatement,
    Assign,
    AugAssign,
    Return,
    Raise,
    Import,
    ImportFrom,
    Global,
    Simple,
    If,
    For,
    With,
    Try,
    Match,
    FunctionDef,
    ClassDef,
]
Block = tuple[Statement, ...]


def is_main_test(test: Expr) -> bool:
    """Whether ``test`` holds only in the script that is run: ``__name__ == "__main__"``.

    In either order, with ``in``, and together with other conditions.
    """
    match test:
        case Boolean("and", left, right, _):
            return is_main_test(left) or is_main_test(right)
        case Compare(Name("__name__", _), ("In",), (Sequence(elements, _),), _):
            return any(isinstance(item, Const) and item.value == "__main__" for item in elements)
        case Compare(left, ("Equal",), (right,), _):
            sides = (left, right)
            return any(isinstance(side, Name) and side.id == "__name__" for side in sides) and any(
                isinstance(side, Const) and side.value == "__main__" for side in sides
            )
    return False
