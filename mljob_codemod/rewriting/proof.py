"""The proof that a rewrite changed nothing but what its edits say.

It trusts neither the transformer nor the tree that came out. The new text has to be the old one with just the
insertions and removals of the edits (``text_proof.py``); its abstract syntax tree has to be the old one after the
same edits, which are carried out a second time on that tree (``tree_proof.py``); no comment may be lost.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections import Counter
from dataclasses import dataclass

from mljob_codemod.edits import Edit, Span
from mljob_codemod.errors import ToolFault
from mljob_codemod.source import Source


@dataclass(frozen=True)
class PlacedEdit:
    """An edit, the span in the text that it changed, and the span that ``ast`` gives the node."""

    edit: Edit
    span: Span
    node: Span


@dataclass(frozen=True)
class Applied:
    """What a rewrite did: its edits in the order they were made, and what it put among the imports."""

    edits: list[PlacedEdit]
    imports: list[str]
    functions: list[str]
    opened_suites: list[int]
    """Where the first statement of each one-line suite stood that became a block."""
    indent: str


def prove(source: Source, old: ast.Module, applied: Applied, text: str) -> None:
    """Raise ``ToolFault`` unless ``text`` is ``source`` with ``applied`` and nothing else.

    ``old`` is the tree of ``source``; it is changed.
    """
    import libcst

    from mljob_codemod.rewriting.text_proof import differs_in_text
    from mljob_codemod.rewriting.tree_proof import difference_of_trees

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            new = ast.parse(text)
        libcst.parse_module(text)
    except (SyntaxError, libcst.ParserSyntaxError, RecursionError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ToolFault(f"{source.shown}: the rewrite would not parse: {reason}") from error
    if differs_in_text(source.text, applied, text):
        raise ToolFault(f"{source.shown}: the rewrite would change text outside its edits")
    difference = difference_of_trees(source, old, applied, new)
    if difference is not None:
        raise ToolFault(f"{source.shown}: the rewrite would change the program: {difference}")
    if lost := _comments(source.text) - _comments(text):
        raise ToolFault(f"{source.shown}: the rewrite would lose the comment {next(iter(lost))}")


def _comments(text: str) -> Counter[str]:
    if "#" not in text:
        return Counter()
    tokens = tokenize.generate_tokens(io.StringIO(text, newline="").readline)
    return Counter(token.string.rstrip() for token in tokens if token.type == tokenize.COMMENT)
