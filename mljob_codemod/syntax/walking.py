"""Ways through the records of a module: what is inside an expression, a statement, a block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mljob_codemod.syntax import records as r


def last_name(func: r.Expr) -> str | None:
    """``save`` for ``torch.save`` and for ``save``."""
    match func:
        case r.Name(name, _) | r.Attribute(_, name, _):
            return name
    return None


def first_name(func: r.Expr) -> str | None:
    """``torch`` for ``torch.save`` and for ``torch``."""
    while isinstance(func, r.Attribute):
        func = func.value
    return func.id if isinstance(func, r.Name) else None


def subexpressions(value: r.Expr) -> Iterator[r.Expr]:
    """The expressions directly inside ``value``."""
    match value:
        case r.Attribute(inner, _, _) | r.Not(inner, _) | r.Await(inner, _):
            yield inner
        case r.Call(func, args, _):
            yield func
            yield from (arg.value for arg in args)
        case r.Binary(_, left, right, _) | r.Boolean(_, left, right, _):
            yield left
            yield right
        case r.Conditional(test, body, orelse, _):
            yield from (test, body, orelse)
        case r.Compare(left, _, rights, _):
            yield left
            yield from rights
        case r.Joined(parts, _) | r.Sequence(parts, _) | r.Other(_, parts, _):
            yield from parts
        case r.Mapping(items, _):
            for key, item in items:
                if key is not None:
                    yield key
                yield item
        case r.Subscript(inner, index, _):
            yield inner
            yield index
        case r.Walrus(_, inner, _) | r.Lambda(_, inner, _):
            yield inner
        case r.Comprehension(results, clauses, _):
            yield from results
            for _, iterable, tests in clauses:
                yield iterable
                yield from tests


def walk(value: r.Expr) -> Iterator[r.Expr]:
    """``value`` and every expression inside it."""
    yield value
    for inner in subexpressions(value):
        yield from walk(inner)


def walk_statements(body: r.Block) -> Iterator[r.Statement]:
    """Every statement of ``body`` and of the blocks inside it, functions and classes included."""
    for statement in body:
        yield statement
        for block in blocks_of(statement):
            yield from walk_statements(block)


def blocks_of(statement: r.Statement) -> Iterator[r.Block]:
    """The blocks directly inside ``statement``."""
    match statement:
        case r.If(_, body, orelse, _, _) | r.For(_, _, body, orelse, _):
            yield body
            yield orelse
        case r.With(_, body, _):
            yield body
        case r.Try(body, handlers, orelse, final, _):
            yield body
            for handler in handlers:
                yield handler.body
            yield orelse
            yield final
        case r.Match(_, cases, _):
            yield from cases
        case r.FunctionDef() | r.ClassDef():
            yield statement.body


def expressions_of(statement: r.Statement) -> Iterator[r.Expr]:
    """The expressions of a statement itself, without those that are only assigned to."""
    match statement:
        case r.ExprStatement(value, _) | r.AugAssign(_, _, value, _):
            yield value
        case r.Assign(_, assigned, _, _):
            if assigned is not None:
                yield assigned
        case r.Return(returned, _) | r.Raise(returned, _):
            if returned is not None:
                yield returned
        case r.Simple(kind, children, _):
            if kind != "Del":
                yield from children
        case r.If(test, _, _, _, _):
            yield test
        case r.For(_, iterable, _, _, _):
            yield iterable
        case r.With(items, _, _):
            yield from (item for item, _ in items)
        case r.Match(subject, _, _):
            yield subject
        case r.FunctionDef():
            yield from statement.decorators
            yield from (param.default for param in statement.params if param.default is not None)
        case r.ClassDef():
            yield from statement.decorators
            yield from (base.value for base in statement.bases)


def statement_at(body: r.Block, place: int) -> r.Statement | None:
    """The statement of ``body`` around the offset ``place``."""
    for statement in body:
        if statement.span.start <= place < statement.span.end:
            return statement
    return None


def statements_around(body: r.Block, place: int) -> Iterator[r.Statement]:
    """The statements that enclose the offset ``place``, the outermost first."""
    blocks: Iterable[r.Block] = (body,)
    while True:
        found = [around for block in blocks if (around := statement_at(block, place)) is not None]
        if not found:
            return
        yield found[0]
        blocks = blocks_of(found[0])
