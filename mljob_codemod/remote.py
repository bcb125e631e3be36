"""One function of a file, as the decorator ``@remote`` of the client takes it (``apply --remote``).

The job gets the function's module and what that imports of the project, and calls the function there. So the function
need not be pickled, and nothing of its module runs here; what the decorator asks for all the same is checked here.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Union

from mljob_codemod.discovery import shown_path
from mljob_codemod.errors import InputError
from mljob_codemod.plan import RemoteFunction
from mljob_codemod.source import Source

_FRAMEWORKS = {
    "absl": "absl",
    "click": "click",
    "hydra": "hydra",
    "ray": "Ray",
    "snowflake": "snowflake.ml.jobs",
}
"""What puts something else in the place of a function that it decorates."""
_GROUPED = ("command", "group")
"""Decorators that click's groups have."""
_Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]
_Placed = Union[ast.stmt, ast.expr, ast.arg]
_Refuse = Callable[[str, _Placed], InputError]


def remote_function(
    name: str, source: Source, local_modules: Iterable[Path], roots: Sequence[Path]
) -> RemoteFunction:
    """The function ``name`` of a file, and what its job needs.

    ``local_modules`` are the files of the project that the file reaches, ``roots`` the folders that they are imported
    from. Raises ``InputError``, with the line and the remedy, for what the decorator or a job does not take.
    """
    tree = ast.parse(source.text)
    imported = _imported(tree)
    function = _find(name, tree, source.shown)

    def refuse(message: str, node: _Placed) -> InputError:
        return InputError(source.shown, message, line=node.lineno)

    for statement in _working(tree.body, imported):
        raise refuse(
            "this runs whenever the file is imported, in the job of a function too: move it into a function, "
            'or under `if __name__ == "__main__":`',
            statement,
        )
    if isinstance(function, ast.AsyncFunctionDef):
        raise refuse(
            f"{name} is asynchronous: name a function that runs it by asyncio.run()", function
        )
    if _is_generator(function):
        raise refuse(f"{name} is a generator, which cannot be a result: return a list", function)
    for decorator in function.decorator_list:
        framework = _replaced_by(decorator, imported)
        if framework is not None:
            raise refuse(
                f"{name} is made into something else by {framework}: move its body into a function of its own, and "
                "name that",
                decorator,
            )
    parameters, session = _parameters(function, imported, refuse)
    module, imports = _modules(source.path, local_modules, roots)
    return RemoteFunction(name, function.lineno, module, imports, parameters, session)


def _imported(tree: ast.Module) -> dict[str, str]:
    """The names that the file imports, with the modules they are from."""
    names = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(aliases):
                for alias in aliases:
                    names[alias.asname or alias.name.partition(".")[0]] = alias.name
            case ast.ImportFrom(module, aliases, level):
                for alias in aliases:
                    names[alias.asname or alias.name] = f"{'.' * level}{module or ''}.{alias.name}"
    return names


def _find(name: str, tree: ast.Module, shown: str) -> _Function:
    """The definition at the top of the file, in ``if`` and ``try`` too: what an import finds."""
    functions: dict[str, _Function] = {}
    for statement in _top(tree.body):
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            functions[statement.name] = statement
    if name in functions:
        return functions[name]
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=other) | ast.AsyncFunctionDef(name=other) if other == name:
                message = (
                    f"{name} is defined inside of something else: move it to the top of the file"
                )
                raise InputError(shown, message, line=node.lineno)
            case ast.ClassDef(name=other) if other == name:
                message = f"{name} is a class: name a function that makes one and uses it"
                raise InputError(shown, message, line=node.lineno)
            case ast.ImportFrom(module, aliases) if any(
                name == (alias.asname or alias.name) for alias in aliases
            ):
                message = f"{name} is imported from {module or '.'}: name the file that defines it"
                raise InputError(shown, message, line=node.lineno)
    near = difflib.get_close_matches(name, functions, n=1)
    known = f"did you mean {near[0]}?" if near else f"it has {', '.join(functions) or 'none'}"
    raise InputError(shown, f"has no function {name}; {known}")


def _top(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a file is imported, those in blocks too."""
    for statement in body:
        yield statement
        match statement:
            case ast.If(test, inner, other) if not _is_guard(test):
                yield from _top((*inner, *other))
            case ast.Try(inner, _, other, final):
                yield from _top((*inner, *other, *final))


def _is_guard(test: ast.expr) -> bool:
    text = ast.unparse(test)
    return "__name__" in text and "__main__" in text


def _working(body: Iterable[ast.stmt], imported: dict[str, str]) -> Iterator[ast.stmt]:
    """The statements among them that do work: not the settings of libraries (``warnings.filterwarnings(…)``)."""
    for statement in _top(body):
        match statement:
            case ast.For() | ast.While() | ast.With() | ast.AsyncWith():
                yield statement
            case ast.Expr(ast.Call(function)):
                root = function
                while isinstance(root, (ast.Attribute, ast.Call, ast.Subscript)):
                    root = root.func if isinstance(root, ast.Call) else root.value
                if not (isinstance(root, ast.Name) and root.id in imported):
                    yield statement


def _is_generator(function: _Function) -> bool:
    found: list[ast.AST] = [*function.body]
    while found:
        node = found.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            found += ast.iter_child_nodes(node)
    return False


def _replaced_by(decorator: ast.expr, imported: dict[str, str]) -> str | None:
    """The framework whose decorator leaves no function behind."""
    parts = ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator).split(".")
    package = imported.get(parts[0], "").partition(".")[0]
    if package in _FRAMEWORKS:
        return _FRAMEWORKS[package]
    uses_click = any(module.partition(".")[0] == "click" for module in imported.values())
    return "click" if uses_click and len(parts) > 1 and parts[-1] in _GROUPED else None


def _parameters(
    function: ast.FunctionDef, imported: dict[str, str], refuse: _Refuse
) -> tuple[tuple[tuple[str, bool], ...], str | None]:
    """The parameters, each with whether it must be given, and the one that takes the job's session."""
    given = function.args
    for star, arg in (("*", given.vararg), ("**", given.kwarg)):
        if arg is not None:
            raise refuse(f"{star}{arg.arg}: the decorator takes named parameters only", arg)
    for arg in given.posonlyargs:
        raise refuse(f"{arg.arg} is positional only, and a job's arguments have names", arg)
    first_default = len(given.args) - len(given.defaults)
    found = [(arg, number < first_default) for number, arg in enumerate(given.args)]
    found += [
        (arg, default is None)
        for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    ]
    session = None
    parameters = []
    for arg, required in found:
        kinds = _snowpark_types(arg.annotation, imported)
        if "Session" in kinds:
            session = arg.arg
        elif "DataFrame" in kinds and required:
            raise refuse(
                f"{arg.arg} is a data frame of a session, which does not travel: take a table's name",
                arg,
            )
        else:
            parameters.append((arg.arg, required))
    return tuple(parameters), session


def _snowpark_types(annotation: ast.expr | None, imported: dict[str, str]) -> set[str]:
    """The last names of Snowpark's classes in an annotation, be it a string or not."""
    if annotation is None:
        return set()
    text = ast.unparse(annotation)
    names = (name.split(".") for name in re.findall(r"[\w.]+", text))
    spelled = (".".join([imported.get(first, ""), *rest]) for first, *rest in names)
    return {name.rpartition(".")[2] for name in spelled if name.startswith("snowflake.snowpark")}


def _modules(
    script: Path, local_modules: Iterable[Path], roots: Sequence[Path]
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The function's module as the job imports it, and what is sent: paths with their names for imports.

    A package is sent whole, since its parts cannot be imported from several places.
    """
    root = script.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    places = [_import_place(script, root)]
    for path in sorted(local_modules):
        above = [folder for folder in roots if path.is_relative_to(folder)]
        places.append(_import_place(path, max(above, key=lambda folder: len(folder.parts))))
    module = ".".join(script.relative_to(root).with_suffix("").parts)
    return module, tuple(dict.fromkeys((shown_path(path), name) for path, name in places))


def _import_place(path: Path, root: Path) -> tuple[Path, str]:
    """What lies in ``root`` and holds ``path``: a file or a folder, and the name it is imported by."""
    top = root / path.relative_to(root).parts[0]
    return top, top.stem if top == path else top.name
