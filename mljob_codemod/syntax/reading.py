"""From a file to plain data: its source, its imports, whether it runs by itself, and its records.

Reading is what costs time, so it happens once a file, in several processes when there are many. A file
that does nothing by itself and calls nothing that any codemod looks for is not parsed by LibCST until
something refers into it.
"""

from __future__ import annotations

import ast
import gc
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mljob_codemod.errors import InputError
from mljob_codemod.rules.extensions import extensible, extensions, use_extensions
from mljob_codemod.source import Source, parse_ast, parse_cst, read_source
from mljob_codemod.syntax.records import Block

PARALLEL_FROM = 24
"""Fewer files than these are read in this process: starting another costs about as much."""
_COMMON_WORDS = frozenset(
    {
        "replace",
        "copy",
        "add",
        "info",
        "map",
        "run",
        "train",
        "group",
        "remove",
        "exit",
        "rename",
        "main",
    }
)
"""Trigger words that other things are called too; they count where a library of theirs is named."""
_LIBRARIES_OF_COMMON_WORDS = (
    "pathlib",
    "shutil",
    "loguru",
    "click",
    "typer",
    "ultralytics",
    "datasets",
    "sys.exit",
    "os.re",
)
_STARTING_POINTS = ("argparse", "click", "typer", "fire", "hydra", "absl", "flags", "sys.argv")
_STARTING_NAMES = frozenset({"main", "train", "run", "cli", "app", "start", "fit"})


@dataclass
class ImportedName:
    """One imported module; ``names`` are those of ``from module import …``."""

    module: str
    level: int
    names: tuple[str, ...]
    line: int
    optional: bool = False
    """Under ``try … except ImportError`` or ``if TYPE_CHECKING``."""


@dataclass
class FileFacts:
    """What is known of one file. ``body`` is None until LibCST has parsed it."""

    path: Path
    shown: str
    source: Source | None = None
    imports: tuple[ImportedName, ...] = ()
    has_guard: bool = False
    has_work: bool = False
    """Statements at module level do something by themselves: calls, loops."""
    starts_program: bool = False
    """The file reads a command line or its guard calls something like ``main``."""
    called: set[str] = field(default_factory=set)
    """The last names of everything that is called."""
    body: Block | None = None
    error: InputError | None = None


def read_file(path: Path, shown: str) -> FileFacts:
    """Read, decode and parse one file; an error is kept in the facts, not raised."""
    try:
        return facts_of(read_source(path, shown))
    except InputError as error:
        return FileFacts(path, shown, error=error)


def facts_of(source: Source) -> FileFacts:
    """What is known of a file by its source; an error is kept in the facts, not raised."""
    facts = FileFacts(source.path, source.shown, source)
    if source.skipped:
        return facts
    try:
        tree = parse_ast(source)
        _note_imports(tree, facts)
        _note_work(tree, facts)
        if _is_interesting(facts, source.text):
            facts.body = read_body(source)
    except InputError as error:
        facts.error = error
    return facts


def read_body(source: Source) -> Block:
    """The records of a file. Raises ``InputError`` when LibCST does not understand it."""
    from mljob_codemod.syntax.visitor import read_tree

    try:
        return read_tree(parse_cst(source))
    except RecursionError as error:
        raise InputError(source.shown, "is nested too deeply to be analysed") from error


def read_files(
    files: Sequence[tuple[Path, str]],
    progress: Callable[[int, int], None] | None = None,
) -> list[FileFacts]:
    """Read many files, in their order, in several processes when that is faster."""
    total = len(files)
    found: list[FileFacts] = []
    workers = min(os.cpu_count() or 1, 8)
    if total < PARALLEL_FROM or workers < 2:
        for path, shown in files:
            found.append(read_file(path, shown))
            if progress is not None:
                progress(len(found), total)
        return found
    paths, names = zip(*files, strict=True)
    chunk = max(1, min(16, total // (workers * 4)))
    from concurrent.futures import ProcessPoolExecutor  # costs a tenth of a small file's check

    with ProcessPoolExecutor(workers, initializer=_start_worker, initargs=(extensions(),)) as pool:
        for facts in pool.map(read_file, paths, names, chunksize=chunk):
            found.append(facts)
            if progress is not None:
                progress(len(found), total)
    return found


def _start_worker(rule_files: Sequence[Path]) -> None:
    use_extensions(rule_files)
    # Trees are made and dropped whole: looking for cycles in them is a fifth of the parse.
    gc.disable()


def _note_imports(tree: ast.Module, facts: FileFacts) -> None:
    """Fill in imports and the names of what is called, in one pass over the tree."""
    found: list[tuple[ast.AST, ImportedName]] = []
    optional: set[ast.AST] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                facts.called.add(name)
                if name in ("import_module", "__import__") and node.args:
                    module = _imported_by_name(node.args[0])
                    found += [(node, ImportedName(module, 0, (), node.lineno))] if module else []
            case ast.Import():
                for alias in node.names:
                    found.append((node, ImportedName(alias.name, 0, (), node.lineno)))
            case ast.ImportFrom():
                names = tuple(alias.name for alias in node.names)
                imported = ImportedName(node.module or "", node.level, names, node.lineno)
                found.append((node, imported))
            case ast.Try() if any(_catches_imports(handler) for handler in node.handlers):
                blocks = [node.body, *(handler.body for handler in node.handlers)]
                optional.update(inner for block in blocks for inner in _inside(block))
            case ast.If() if "TYPE_CHECKING" in ast.dump(node.test):
                optional.update(_inside(node.body))
    for node, imported in found:
        imported.optional = node in optional
    facts.imports = tuple(imported for _, imported in found)


def _imported_by_name(argument: ast.expr) -> str | None:
    """The module that ``import_module`` is given; ``pkg.*`` where the end is known only at run time."""
    match argument:
        case ast.Constant(value=str(name)) if not name.startswith("."):
            return name
        case ast.JoinedStr(values=[ast.Constant(value=str(start)), *_]) if "." in start:
            return start.rpartition(".")[0] + ".*"
        case ast.BinOp(left=ast.Constant(value=str(start)), op=ast.Add() | ast.Mod()) if (
            "." in start
        ):
            return start.rpartition(".")[0] + ".*"
    return None


def _inside(block: list[ast.stmt]) -> Iterator[ast.AST]:
    return (inner for statement in block for inner in ast.walk(statement))


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    names = "" if handler.type is None else ast.unparse(handler.type)
    return handler.type is None or any(
        name in names for name in ("ImportError", "ModuleNotFoundError", "Exception")
    )


def _note_work(tree: ast.Module, facts: FileFacts) -> None:
    for statement in tree.body:
        if isinstance(statement, ast.If) and _is_guard(statement.test):
            facts.has_guard = True
            called = {
                getattr(node.func, "id", getattr(node.func, "attr", ""))
                for inner in statement.body
                for node in ast.walk(inner)
                if isinstance(node, ast.Call)
            }
            facts.starts_program |= bool(called & _STARTING_NAMES)
        elif _works(statement):
            facts.has_work = True
    assert facts.source is not None
    facts.starts_program |= any(word in facts.source.text for word in _STARTING_POINTS)


def _is_guard(test: ast.expr) -> bool:
    text = ast.unparse(test)
    return "__name__" in text and "__main__" in text


def _works(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(ast.Constant()):
            return False
        case ast.Expr() | ast.For() | ast.While() | ast.With() | ast.AsyncWith():
            return True
        case ast.If() | ast.Try():
            blocks = [statement.body, statement.orelse]
            return any(_works(inner) for block in blocks for inner in block)
    return False


def _is_interesting(facts: FileFacts, text: str) -> bool:
    if facts.has_guard or facts.has_work:
        return True
    words = facts.called & _trigger_words()
    if words - _COMMON_WORDS:
        return True
    return bool(words) and any(library in text for library in _LIBRARIES_OF_COMMON_WORDS)


@extensible
def _trigger_words() -> frozenset[str]:
    from mljob_codemod.codemods import trigger_words

    return trigger_words()
