"""Edits as plain data: what a fix changes, and where, without any syntax tree.

An edit names a node by its span, the offsets in characters of the decoded source. Templates are
Python text in which ``__original__`` stands for the node as it is after the edits inside it.
``rewriting/transformer.py`` carries edits out.
"""

from __future__ import annotations

from typing import NamedTuple, Union

from mljob_codemod.lazy_dataclass import dataclass

ORIGINAL = "__original__"


class Span(NamedTuple):
    """Half-open range of characters in the decoded source of one file."""

    start: int
    end: int


@dataclass(frozen=True)
class ReplaceExpression:
    """Put ``template`` where the expression at ``span`` stands."""

    span: Span
    template: str


@dataclass(frozen=True)
class AssignValue:
    """Make the expression statement or assignment at ``span`` also assign to ``target``.

    ``main()`` becomes ``target = main()``, ``a = main()`` becomes ``target = a = main()``.
    """

    span: Span
    target: str


@dataclass(frozen=True)
class InsertArgument:
    """Add an argument to the call at ``span``.

    ``argument`` is the text of one argument (``required=True``, ``**extra``). ``first`` puts it before
    all others, otherwise it goes to the end.
    """

    span: Span
    argument: str
    first: bool = False


@dataclass(frozen=True)
class ReplaceArgument:
    """Put ``argument``, the text of one argument, where the argument at ``span`` stands."""

    span: Span
    argument: str


@dataclass(frozen=True)
class InsertStatement:
    """Add one statement line before (or after) the statement at ``span``, at its indentation."""

    span: Span
    statement: str
    after: bool = False


@dataclass(frozen=True)
class ReplaceStatement:
    """Put the statements of ``template`` where the simple statement at ``span`` stands.

    In ``template`` a line ``__original__`` stands for that statement itself, and each name of ``parts`` for
    the expression at the span beside it, both as they are after the edits inside them.
    """

    span: Span
    template: str
    parts: tuple[tuple[str, Span], ...] = ()


@dataclass(frozen=True)
class RenameAttribute:
    """Make the attribute access at ``span`` (``a.b.old``, without a call's arguments) one to ``name``."""

    span: Span
    name: str


@dataclass(frozen=True)
class AppendToBlock:
    """Add one statement line as the last of the block whose header statement is at ``span``.

    A ``span`` of None means the module itself.
    """

    span: Span | None
    statement: str


@dataclass(frozen=True)
class AddImport:
    """Import ``module`` (``import module``), once a file and in the file's own style."""

    module: str


@dataclass(frozen=True)
class AddHelper:
    """Define a function of the tool's own, once a file, below the imports.

    ``name`` is a key of ``codemods.helpers``; imports that it needs are asked for separately.
    """

    name: str


@dataclass(frozen=True)
class HelperText:
    """A function that ``AddHelper`` inserts, with four spaces and ``\\n``, and the modules it needs."""

    code: str
    imports: tuple[str, ...]


Edit = Union[
    ReplaceExpression,
    AssignValue,
    InsertArgument,
    ReplaceArgument,
    InsertStatement,
    ReplaceStatement,
    RenameAttribute,
    AppendToBlock,
    AddImport,
    AddHelper,
]
