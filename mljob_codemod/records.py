"""What the visitor keeps of a concrete syntax tree: its meaning, with positions, as plain tuples.

A tree of LibCST nodes is large and does not travel between processes; these records are small, pickle
fast, and hold what the codemods ask about. Every record ends in ``span``. Whitespace, punctuation and
comments are gone: rewriting goes back to the tree itself (``transformer.py``).
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Union

from mljob_codemod.edits import Span


class Const(NamedTuple):
    """A literal: string (implicitly joined ones too), number, bytes, True, False, None or ``...``."""

    value: Union[str, bytes, int, float, complex, bool, None]
    span: Span


class Name(NamedTuple):
    id: str
    span: Span


class Attribute(NamedTuple):
    value: Expr
    attr: str
    span: Span


class Argument(NamedTuple):
    """One argument of a call; ``star`` is ``""``, ``"*"`` or ``"**"``."""

    value: Expr
    keyword: Optional[str]
    star: str
    span: Span


class Call(NamedTuple):
    func: Expr
    args: tuple[Argument, ...]
    span: Span


class Binary(NamedTuple):
    """An arithmetic operation; ``op`` is the LibCST class name (``Divide``, ``Add``, ``Modulo``)."""

    op: str
    left: Expr
    right: Expr
    span: Span


class Boolean(NamedTuple):
    """``left or right``, ``left and right``; ``op`` is ``or`` or ``and``."""

    op: str
    left: Expr
    right: Expr
    span: Span


class Conditional(NamedTuple):
    test: Expr
    body: Expr
    orelse: Expr
    span: Span


class Compare(NamedTuple):
    """``left op right`` for each pair; ``ops`` are LibCST class names (``Equal``, ``In``)."""

    left: Expr
    ops: tuple[str, ...]
    rights: tuple[Expr, ...]
    span: Span


class Not(NamedTuple):
    value: Expr
    span: Span


class Joined(NamedTuple):
    """An f-string: its text parts are ``Const``, the others the expressions in braces."""

    parts: tuple[Expr, ...]
    span: Span


class Sequence(NamedTuple):
    """A tuple, list or set display."""

    elements: tuple[Expr, ...]
    span: Span


class Mapping(NamedTuple):
    """A dictionary display; the key of ``**other`` is None."""

    items: tuple[tuple[Optional[Expr], Expr], ...]
    span: Span


class Subscript(NamedTuple):
    value: Expr
    index: Expr
    span: Span


class Walrus(NamedTuple):
    target: Name
    value: Expr
    span: Span


class Await(NamedTuple):
    value: Expr
    span: Span


class Lambda(NamedTuple):
    params: tuple[Param, ...]
    body: Expr
    span: Span


class Comprehension(NamedTuple):
    """A comprehension or generator: results, then (target, iterable, conditions) for each ``for``."""

    results: tuple[Expr, ...]
    clauses: tuple[tuple[Expr, Expr, tuple[Expr, ...]], ...]
    span: Span


class Other(NamedTuple):
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


class Param(NamedTuple):
    """A parameter; ``kind`` is ``""``, ``"*"``, ``"**"`` or ``"keyword"`` (keyword only)."""

    name: str
    default: Optional[Expr]
    annotation: Optional[Expr]
    kind: str
    span: Span


class ExprStatement(NamedTuple):
    value: Expr
    span: Span


class Assign(NamedTuple):
    """``a = b = value`` or ``a: annotation = value`` (then ``value`` may be None)."""

    targets: tuple[Expr, ...]
    value: Optional[Expr]
    annotation: Optional[Expr]
    span: Span


class AugAssign(NamedTuple):
    target: Expr
    op: str
    value: Expr
    span: Span


class Return(NamedTuple):
    value: Optional[Expr]
    span: Span


class Raise(NamedTuple):
    exc: Optional[Expr]
    span: Span


class Import(NamedTuple):
    """``import a.b as c``: pairs of module and the name given to it (None: the first part)."""

    names: tuple[tuple[str, Optional[str]], ...]
    span: Span


class ImportFrom(NamedTuple):
    """``from ..module import a as b``; a star import has the one name ``*``."""

    module: str
    level: int
    names: tuple[tuple[str, Optional[str]], ...]
    span: Span


class Global(NamedTuple):
    """``global`` or ``nonlocal``."""

    names: tuple[str, ...]
    span: Span


class Simple(NamedTuple):
    """``pass``, ``break``, ``continue``, ``del``, ``assert``; ``kind`` is the LibCST class name."""

    kind: str
    children: tuple[Expr, ...]
    span: Span


class If(NamedTuple):
    """``if`` or ``while``; an ``elif`` is an ``If`` alone in ``orelse``."""

    test: Expr
    body: Block
    orelse: Block
    loop: bool
    span: Span


class For(NamedTuple):
    target: Expr
    iterable: Expr
    body: Block
    orelse: Block
    span: Span


class With(NamedTuple):
    items: tuple[tuple[Expr, Optional[Expr]], ...]
    body: Block
    span: Span


class Handler(NamedTuple):
    type: Optional[Expr]
    name: Optional[str]
    body: Block
    span: Span


class Try(NamedTuple):
    body: Block
    handlers: tuple[Handler, ...]
    orelse: Block
    final: Block
    span: Span


class Match(NamedTuple):
    subject: Expr
    cases: tuple[Block, ...]
    span: Span


class FunctionDef(NamedTuple):
    name: str
    params: tuple[Param, ...]
    body: Block
    decorators: tuple[Expr, ...]
    is_async: bool
    span: Span


class ClassDef(NamedTuple):
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
    """Whether ``test`` is ``__name__ == "__main__"``, in either order."""
    if not (isinstance(test, Compare) and test.ops == ("Equal",)):
        return False
    sides = (test.left, test.rights[0])
    return any(isinstance(side, Name) and side.id == "__name__" for side in sides) and any(
        isinstance(side, Const) and side.value == "__main__" for side in sides
    )
