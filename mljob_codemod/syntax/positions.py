"""Where each node of a concrete syntax tree stands in the source, in characters.

LibCST's own ``PositionProvider`` costs twice as much as parsing, since it counts lines and columns for
every token. This one lets LibCST generate the code once, notes how many tokens precede and end each node,
and turns token counts into offsets afterwards: a quarter of the parse.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from itertools import accumulate
from types import TracebackType

import libcst as cst
from libcst._nodes.internal import CodegenState

from mljob_codemod.edits import Span


class _Recorder(AbstractContextManager[None]):
    """Notes the tokens between entering and leaving as the extent of ``node``."""

    __slots__ = ("_end_node", "_node", "_start", "_start_node", "_state")

    def __init__(
        self,
        state: _SpanState,
        node: cst.CSTNode,
        start_node: cst.CSTNode | None,
        end_node: cst.CSTNode | None,
    ) -> None:
        self._state = state
        self._node = node
        self._start_node = start_node
        self._end_node = end_node
        self._start = 0

    def __enter__(self) -> None:
        self._start = len(self._state.tokens)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        extents = self._state.extents
        start, end = self._start, len(self._state.tokens)
        if self._start_node is not None:
            start = extents.get(id(self._start_node), (start, end))[0]
        if self._end_node is not None:
            end = extents.get(id(self._end_node), (start, end))[1]
        extents[id(self._node)] = (start, end)


class _SpanState(CodegenState):
    """A code generation state that keeps the token extents of nodes."""

    extents: dict[int, tuple[int, int]]

    # LibCST declares the type of its own generator; a class is faster and does the same.
    def record_syntactic_position(  # type: ignore[override]
        self,
        node: cst.CSTNode,
        *,
        start_node: cst.CSTNode | None = None,
        end_node: cst.CSTNode | None = None,
    ) -> AbstractContextManager[None]:
        return _Recorder(self, node, start_node, end_node)


class NodeSpans:
    """The spans of a tree's nodes, without the whitespace and parentheses around them.

    Holds the tree, since nodes are told apart by identity.
    """

    def __init__(self, tree: cst.Module) -> None:
        self._tree = tree
        state = _SpanState(tree.default_indent, tree.default_newline)
        state.extents = {}
        tree._codegen(state)
        self._offsets = [0, *accumulate(map(len, state.tokens))]
        self._extents = state.extents

    def get(self, node: cst.CSTNode) -> Span | None:
        extent = self._extents.get(id(node))
        if extent is None:
            return None
        start, end = extent
        if isinstance(node, cst.Param):
            # LibCST ends a parameter's extent behind its name.
            for part in (node.annotation, node.default):
                end = max(end, self._extents.get(id(part), extent)[1])
        last = len(self._offsets) - 1
        return Span(self._offsets[start], self._offsets[min(end, last)])
