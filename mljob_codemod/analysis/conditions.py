"""The conditions that a place in a module stands under."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Guard, ModuleIndex, early_exit, kept_with_module
from mljob_codemod.syntax.walking import blocks_of


@kept_with_module
def guards_at(module: ModuleIndex, place: int) -> tuple[Guard, ...] | None:
    """The conditions above ``place`` in its function, the same for all jobs; None where it handles an exception."""
    guards: list[Guard] = []
    body: r.Block = module.body
    while True:
        inner = _enclosing(body, place, guards)
        if inner is None:
            return tuple(guards)
        match inner:
            case r.If(_, block, orelse, loop, _):
                inside = _holds_place(block, place)
                if not loop and (inside or _holds_place(orelse, place)):
                    guards.append(Guard(inner.test, inside))
                body = block if inside else orelse
            case r.Try():
                if any(_holds_place(handler.body, place) for handler in inner.handlers):
                    return None
                body = next(_blocks_with(blocks_of(inner), place), ())
            case r.FunctionDef():
                guards.clear()
                body = inner.body
            case _:
                body = next(_blocks_with(blocks_of(inner), place), ())


def _enclosing(body: r.Block, place: int, guards: list[Guard]) -> r.Statement | None:
    """The statement of ``body`` around ``place``; early exits before it are added to ``guards``."""
    for statement in body:
        if statement.span.start <= place < statement.span.end:
            return statement
        if statement.span.start > place:
            return None
        leaving = early_exit(statement)
        if leaving is not None:
            guards.append(leaving)
    return None


def _holds_place(body: r.Block, place: int) -> bool:
    return bool(body) and body[0].span.start <= place < body[-1].span.end


def _blocks_with(blocks: Iterable[r.Block], place: int) -> Iterator[r.Block]:
    return (block for block in blocks if _holds_place(block, place))
