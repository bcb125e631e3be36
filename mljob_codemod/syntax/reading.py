"""From a file to plain data: its source, its imports, whether it runs by itself, and its records.

Reading is what costs time, so it happens once a file, in several processes when there are many. A file
that does nothing by itself and calls nothing that any codemod looks for is not parsed by LibCST until
something refers into it.
"""

from __future__ import annotations

import ast
import gc
import sys
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from mljob_codemod.errors import InputError
from mljob_codemod.lazy_dataclass import dataclass
from mljob_codemod.processes import in_processes, worker_count
from mljob_codemod.rules.extensions import extensible, extensions, use_extensions
from mljob_codemod.source import Source, parse_ast, parse_cst, read_source
from mljob_codemod.syntax.records import Block

STDLIB = frozenset(sys.stdlib_module_names) | {"__main__"}
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
        "embed",
    }
)
"""Trigger words that other things are called too; they count where a library of theirs is named."""
_LIBRARIES_OF_COMMON_WORDS = frozenset(
    "pathlib shutil loguru click typer ultralytics datasets IPython bpython ptpython".split()
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


@dataclass(eq=False)
class FileFacts:
    """What is known of one file. ``body`` is None until LibCST has parsed it."""

    path: Path
    shown: str
    source: Source | None = None
    imports: tuple[ImportedName, ...] = ()
    import_folders: tuple[str, ...] = ()
    """What the file puts on the import path, relative to its own folder or to the working directory."""
    has_guard: bool = False
    has_work: bool = False
    """Statements at module level do something by themselves: calls, loops."""
    starts_program: bool = False
    """The file reads a command line or its guard calls something like ``main``."""
    work_calls: frozenset[str] = frozenset()
    """The last names of what statements at module level call, where the file seems to hold nothing else."""
    called: frozenset[str] = frozenset()
    """The last names of all that is called, where the file seems to hold nothing of interest."""
    defined: frozenset[str] = frozenset()
    """The names of functions and classes, where the file holds something of interest."""
    of_interest: bool = False
    """Whether a rule may be about the file; ``body`` may be read for the sake of others too."""
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
        called = _note_imports(tree, facts, source.text)
        works = _note_work(tree, facts)
        if _is_interesting(facts, source.text, called):
            facts.of_interest = True
            facts.body = read_body(source)
            facts.defined = frozenset(_definitions(tree.body))
        else:
            facts.work_calls = frozenset[str]().union(*map(_calls, works))
            facts.called = frozenset(called)
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
    if total < PARALLEL_FROM or worker_count() < 2:
        for path, shown in files:
            found.append(read_file(path, shown))
            if progress is not None:
                progress(len(found), total)
        return found
    import mljob_codemod.syntax.visitor  # noqa: F401 - LibCST with it, which forked workers then share

    _trigger_words()
    with closing(in_processes(_read_named, files, partial(_start_worker, extensions()))) as read:
        for facts in read:
            found.append(facts)
            if progress is not None:
                progress(len(found), total)
    return found


def _read_named(file: tuple[Path, str]) -> FileFacts:
    return read_file(*file)


def _start_worker(rule_files: Sequence[Path]) -> None:
    use_extensions(rule_files)
    # Trees are made and dropped whole: looking for cycles in them is a fifth of the parse.
    gc.disable()


def _note_imports(tree: ast.Module, facts: FileFacts, text: str) -> set[str]:
    """Fill in imports, and find the last names of everything that is called, in one pass over the tree."""
    found: list[tuple[ast.AST, ImportedName]] = []
    optional: set[ast.AST] = set()
    called: set[str] = set()
    folders: list[str] = []
    checks_types = "TYPE_CHECKING" in text
    for node in _walk(tree):
        match node:
            case ast.Call():
                name = _called_name(node)
                if name is None:
                    continue
                called.add(name)
                if node.args and _extends_import_path(node.func):
                    folders.append(_folder_of(node.args[-1]))
                if name in ("import_module", "__import__") and node.args:
                    module = _imported_by_name(node)
                    if module is not None:
                        rest = module.lstrip(".")
                        level = len(module) - len(rest)
                        found.append((node, ImportedName(rest, level, (), node.lineno)))
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
            case ast.If() if checks_types and "TYPE_CHECKING" in ast.dump(node.test):
                optional.update(_inside(node.body))
    for node, imported in found:
        imported.optional = node in optional
    facts.imports = tuple(imported for _, imported in found)
    facts.import_folders = tuple(filter(None, folders))
    return called


def _called_name(node: ast.Call) -> str | None:
    func = node.func
    if isinstance(func, ast.Name):
        return func.id
    return func.attr if isinstance(func, ast.Attribute) else None


_LOOKED_AT = frozenset({ast.Call, ast.Import, ast.ImportFrom, ast.Try, ast.If})
_LEAVES = frozenset(
    {ast.Name, ast.Constant, ast.Load, ast.Store, ast.Del, ast.alias, str, int, bool, type(None)}
)


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that imports and calls are in, in the order of ``ast.walk``, in a fraction of its time."""
    pending: list[Any] = [tree]  # lists of nodes hold names and None too
    for node in pending:  # grows while it is gone through
        kind = type(node)
        if kind in _LEAVES:
            continue
        if kind in _LOOKED_AT:
            yield node
        for value in vars(node).values():
            kind = type(value)
            if kind is list:
                pending += value
            elif kind not in _LEAVES:
                pending.append(value)


def _extends_import_path(func: ast.expr) -> bool:
    """Whether ``func`` is ``sys.path.append`` or ``sys.path.insert``."""
    match func:
        case ast.Attribute(ast.Attribute(ast.Name("sys"), "path"), "append" | "insert"):
            return True
    return False


def _folder_of(path: ast.expr) -> str:
    """A folder as far as its text tells: ``../lib`` for ``os.path.join(os.path.dirname(__file__), "..", "lib")``."""
    climbs, steps, here = 0, list[str](), False
    for node in ast.walk(path):
        match node:
            case ast.Name("__file__"):
                here = True
            case ast.Constant(value=str(text)):
                steps.append(text.strip("/"))
            case ast.Call(ast.Attribute(attr="dirname") | ast.Name("dirname")):
                climbs += 1
            case ast.Attribute(attr="parent" | "pardir"):
                climbs += 1
            case ast.Subscript(ast.Attribute(attr="parents"), ast.Constant(value=int(above))):
                climbs += above + 1
    return "/".join([*([".."] * (climbs - 1 if here else climbs)), *steps])


def _imported_by_name(call: ast.Call) -> str | None:
    """The module that ``import_module`` is given; ``pkg.*`` where the end is known only at run time.

    One that begins with dots is relative to the package that is given, or to the file's own.
    """
    match call.args[0]:
        case ast.Constant(value=str(name)):
            module = name
        case (
            ast.JoinedStr(values=[ast.Constant(value=str(start)), *_])
            | ast.BinOp(left=ast.Constant(value=str(start)), op=ast.Add() | ast.Mod())
        ) if "." in start:
            module = start.rpartition(".")[0] + ".*"
        case _:
            return None
    match call.args[1:]:
        case [ast.Constant(value=str(package)), *_] if module.startswith("."):
            return package + module
    return module


def _inside(block: list[ast.stmt]) -> Iterator[ast.AST]:
    return (inner for statement in block for inner in ast.walk(statement))


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    names = "" if handler.type is None else ast.unparse(handler.type)
    return handler.type is None or any(
        name in names for name in ("ImportError", "ModuleNotFoundError", "Exception")
    )


def _note_work(tree: ast.Module, facts: FileFacts) -> list[ast.stmt]:
    """The statements that do something when the module is loaded, outside a main guard."""
    works = []
    for statement in tree.body:
        if isinstance(statement, ast.If) and _is_guard(statement.test):
            facts.has_guard = True
            facts.starts_program |= bool(_calls(statement) & _STARTING_NAMES)
        elif _works(statement):
            works.append(statement)
    facts.has_work = bool(works)
    assert facts.source is not None
    facts.starts_program |= any(word in facts.source.text for word in _STARTING_POINTS)
    return works


def _calls(statement: ast.stmt) -> set[str]:
    """The last names of what ``statement`` calls."""
    names = {_called_name(node) for node in _walk(statement) if isinstance(node, ast.Call)}
    return {name for name in names if name is not None}


def _definitions(body: list[ast.stmt]) -> Iterator[str]:
    """The names of functions and classes that importing modules can call."""
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name, body=inner):
                yield name
                yield from _definitions(inner)
            case ast.If(body=inner, orelse=other) | ast.Try(body=inner, orelse=other):
                yield from _definitions(inner)
                yield from _definitions(other)


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


def _is_interesting(facts: FileFacts, text: str, called: set[str]) -> bool:
    if facts.has_guard or (facts.has_work and not _is_in_package(facts.path)):
        return True
    if telling_words(called & _trigger_words(), facts):
        return True
    from mljob_codemod.codemods import concerns

    libraries = {name.module.partition(".")[0] for name in facts.imports if not name.level}
    return bool(called) and concerns(libraries, text)


def telling_words(words: Set[str], facts: FileFacts) -> Set[str]:
    """Those of ``words`` that say something of a file: common ones only where a library of theirs is imported."""
    special = words - _COMMON_WORDS
    return words if len(special) < len(words) and _imports_common_words(facts) else special


def _imports_common_words(facts: FileFacts) -> bool:
    text = "" if facts.source is None else facts.source.text
    for imported in facts.imports:
        library = imported.module.partition(".")[0]
        if library in _LIBRARIES_OF_COMMON_WORDS:
            return True
        if library in ("os", "sys") and (imported.names or "os.re" in text or "sys.exit" in text):
            return True
    return False


def _is_in_package(path: Path) -> bool:
    """Whether the file is a module that others import, so that it is no script by what it does alone."""
    return (path.parent / "__init__.py").is_file()


@extensible
def _trigger_words() -> frozenset[str]:
    from mljob_codemod.codemods import trigger_words

    return trigger_words()
