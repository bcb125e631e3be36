"""Settling the imports and inserted functions of one file: which are missing, and where they go.

Works on the statements of a module after all other edits; the first statement that an edit touches bounds
the place, since what is inserted has to run before it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence

import libcst as cst
from libcst.helpers import get_full_name_for_node

from mljob_codemod.errors import MljobError
from mljob_codemod.rewriting.statements import Statement, with_newline_of


class NameTaken(MljobError):
    """The file uses a name that a rewrite needs for something else, so the rewrite is left to a person."""

    def __init__(self, shown: str, name: str, line: int) -> None:
        self.name = name
        super().__init__(
            f"{shown}:{line}: the name {name}, which the rewrite needs, stands for something else: rename that"
        )


def add_import(body: list[Statement], module: str, limit: int) -> int:
    """Insert ``import module`` into ``body`` unless it is there before index ``limit``.

    Returns how many statements were inserted.
    """
    if any(_imports(statement, module) for statement in body[:limit]):
        return 0
    section = import_section(body, limit)
    place = _place_in_run(body[:section], module)
    if place is not None:
        index, after = place
        _insert_beside(body, _import_line(module), index, after=after)
    else:
        _insert_group(body, _import_line(module), _start_of_imports(body[:section]), blank_lines=1)
    return 1


def add_function(body: list[Statement], function: Statement, limit: int) -> None:
    """Insert a function below the imports, with two blank lines on both sides."""
    _insert_group(body, function, import_section(body, limit), blank_lines=2)


def import_section(body: Sequence[Statement], limit: int) -> int:
    """Index behind the last import at the top, where only simple statements stand between imports."""
    end = 0
    for index, statement in enumerate(body[:limit]):
        if (index == 0 and _is_docstring(statement)) or _only_imports(statement):
            end = index + 1
        elif not isinstance(statement, cst.SimpleStatementLine):
            break
    return end


def taken_at(
    tree: ast.Module, name: str, lines: Sequence[int], module: str | None = None
) -> int | None:
    """The line where ``name`` gets another meaning at module level or in a function around one of ``lines``.

    Imports of ``module`` itself do not count, except in a function that uses it before importing it.
    """
    for node, function in _bindings(tree.body, name, None):
        inside = [] if function is None else [n for n in lines if _covers(function, n)]
        if isinstance(node, ast.alias) and module is not None and _binds_module(node, module):
            if any(line <= node.lineno for line in inside):
                return node.lineno
        elif function is None or inside:
            return getattr(node, "lineno", 1)
    return None


def _covers(function: ast.AST, line: int) -> bool:
    assert isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef))
    return function.lineno <= line <= (function.end_lineno or function.lineno)


def _binds_module(alias: ast.alias, module: str) -> bool:
    if alias.asname is not None:
        return alias.asname == alias.name == module
    return (alias.name + ".").startswith(module.partition(".")[0] + ".")


def _bindings(
    nodes: Sequence[ast.AST], name: str, scope: ast.AST | None
) -> Iterator[tuple[ast.AST, ast.AST | None]]:
    """Each node that binds ``name``, with the innermost function or class around it."""
    for node in nodes:
        inner = scope
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                if node.name == name:
                    yield node, scope
                inner = node
            case ast.Lambda():
                inner = node
            case ast.Name(id=bound, ctx=ast.Store() | ast.Del()) if bound == name:
                yield node, scope
            case ast.arg(arg=bound) | ast.ExceptHandler(name=bound) if bound == name:
                yield node, scope
            case ast.MatchAs(name=bound) | ast.MatchStar(name=bound) if bound == name:
                yield node, scope
            case ast.Global(names=names) if name in names:
                yield node, None
            case ast.ImportFrom(names=aliases):
                for alias in aliases:
                    if (alias.asname or alias.name) == name:
                        yield node, scope
                continue
            case ast.alias():
                if (alias_name := node.asname or node.name.partition(".")[0]) == name:
                    assert alias_name
                    yield node, scope
        yield from _bindings(list(ast.iter_child_nodes(node)), name, inner)


# What statements are


def _is_docstring(statement: Statement) -> bool:
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    first = statement.body[0]
    return isinstance(first, cst.Expr) and isinstance(
        first.value, (cst.SimpleString, cst.ConcatenatedString)
    )


def _only_imports(statement: cst.CSTNode) -> bool:
    """Whether a statement is an import, or ``try`` or ``if`` around imports first of all."""
    match statement:
        case cst.SimpleStatementLine() | cst.SimpleStatementSuite():
            return all(isinstance(small, (cst.Import, cst.ImportFrom)) for small in statement.body)
        case cst.Try() | cst.TryStar() | cst.If():
            return isinstance(statement.body, cst.BaseSuite) and any(
                _only_imports(inner) for inner in _block(statement.body)
            )
    return False


def _block(suite: cst.BaseSuite) -> Sequence[cst.CSTNode]:
    return suite.body if isinstance(suite, cst.IndentedBlock) else [suite]


def _is_future(statement: Statement) -> bool:
    return _module_of(statement) == "__future__"


def _module_of(statement: Statement) -> str | None:
    """The module that a line imports, or imports from; of several the first."""
    if not isinstance(statement, cst.SimpleStatementLine):
        return None
    match statement.body[0]:
        case cst.Import(names=[alias, *_]):
            return alias.evaluated_name
        case cst.ImportFrom(relative=[], module=module) if module is not None:
            return get_full_name_for_node(module)
    return None


def _imports(statement: Statement, module: str) -> bool:
    """Whether a statement binds ``module`` under its own name."""
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    for small in statement.body:
        if not isinstance(small, cst.Import):
            continue
        for alias in small.names:
            name = alias.evaluated_name
            if alias.asname is None and (name + ".").startswith(module + "."):
                return True
            if alias.asname is not None and alias.evaluated_alias == name == module:
                return True
    return False


def _is_plain(statement: Statement) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and isinstance(
        statement.body[0], cst.Import
    )


def _is_standard(module: str | None) -> bool:
    top = (module or "").partition(".")[0]
    return top != "__future__" and top in sys.stdlib_module_names


# Places


def _place_in_run(body: Sequence[Statement], module: str) -> tuple[int, bool] | None:
    """The statement beside which ``import module`` belongs, and whether it goes after it."""
    for run in _runs(body):
        standard = [index for index in run if _is_standard(_module_of(body[index]))]
        if not standard:
            continue
        plain = [index for index in standard if _is_plain(body[index])]
        if not plain:
            return standard[0], False
        names = [(_module_of(body[index]) or "").lower() for index in plain]
        if names == sorted(names):
            later = [
                index for index, name in zip(plain, names, strict=True) if name >= module.lower()
            ]
            if later:
                return later[0], False
        return plain[-1], True
    return None


def _runs(body: Sequence[Statement]) -> Iterator[list[int]]:
    """Imports that follow each other without a blank line or comment between them."""
    run: list[int] = []
    for index, statement in enumerate(body):
        is_import = _module_of(statement) is not None and not _is_future(statement)
        if run and (not is_import or statement.leading_lines):
            yield run
            run = []
        if is_import:
            run.append(index)
    if run:
        yield run


def _start_of_imports(body: Sequence[Statement]) -> int:
    """Index behind the docstring and the imports from the future."""
    start = 0
    for index, statement in enumerate(body):
        if (index == 0 and _is_docstring(statement)) or _is_future(statement):
            start = index + 1
    return start


# Insertion


def _import_line(module: str) -> cst.SimpleStatementLine:
    return cst.ensure_type(cst.parse_statement(f"import {module}"), cst.SimpleStatementLine)


def _insert_beside(
    body: list[Statement], line: cst.SimpleStatementLine, index: int, *, after: bool
) -> None:
    neighbour = body[index]
    new = with_newline_of(line, neighbour)
    if after:
        body.insert(index + 1, new)
        return
    body[index : index + 1] = [
        new.with_changes(leading_lines=neighbour.leading_lines),
        neighbour.with_changes(leading_lines=[]),
    ]


def _insert_group(body: list[Statement], new: Statement, index: int, *, blank_lines: int) -> None:
    """Insert ``new`` at ``index`` with at least ``blank_lines`` blank lines on both sides."""
    above: list[cst.EmptyLine] = []
    if index < len(body):
        following = body[index]
        lines = list(following.leading_lines)
        if index == 0:
            above, lines = _split_header(lines)
        is_definition = isinstance(following, (cst.FunctionDef, cst.ClassDef))
        missing = (2 if is_definition else blank_lines) - _leading_blanks(lines)
        body[index] = following.with_changes(leading_lines=[*_blanks(missing), *lines])
    if index > 0:
        above = _blanks(blank_lines)
    elif above and blank_lines > 1:
        above += _blanks(blank_lines - _leading_blanks(above[::-1]))
    body.insert(index, new.with_changes(leading_lines=above))


def _split_header(
    lines: list[cst.EmptyLine],
) -> tuple[list[cst.EmptyLine], list[cst.EmptyLine]]:
    """The comments of the file, and those below the last blank line, of its first statement."""
    for index in range(len(lines), 0, -1):
        if lines[index - 1].comment is None:
            return lines[:index], lines[index:]
    return lines, []


def _leading_blanks(lines: Sequence[cst.EmptyLine]) -> int:
    return next((i for i, line in enumerate(lines) if line.comment is not None), len(lines))


def _blanks(count: int) -> list[cst.EmptyLine]:
    return [cst.EmptyLine(indent=False)] * count
