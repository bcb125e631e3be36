"""Options of click commands, which decorators declare."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.names import External, Program
from mljob_codemod.analysis.options import CLICK, Option, is_false, is_none, is_true, simple_name
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Scope


def click_options(program: Program, function: r.FunctionDef, scope: Scope) -> Iterator[Option]:
    """The options that the decorators of ``function`` declare."""
    names = {param.name for param in function.params}
    position = 0
    for decorator in function.decorators:
        if not isinstance(decorator, r.Call):
            continue
        for entity in program.entities(decorator.func, scope):
            if not isinstance(entity, External):
                continue
            library, _, kind = entity.name.partition(".")
            if library in CLICK and kind in ("option", "argument"):
                option = _click_option(decorator, function, names, scope, kind, position)
                if option is not None:
                    position += option.positional
                    yield option


def _click_option(
    call: r.Call,
    function: r.FunctionDef,
    params: set[str],
    scope: Scope,
    kind: str,
    position: int,
) -> Option | None:
    strings = tuple(
        argument.value.value
        for argument in call.args
        if argument.keyword is None
        and isinstance(argument.value, r.Const)
        and isinstance(argument.value.value, str)
    )
    if not strings:
        return None
    given = {argument.keyword: argument.value for argument in call.args if argument.keyword}
    bare = [text for text in strings if text.isidentifier()]
    long = [text.partition("/")[0] for text in strings if text.startswith("--")]
    spelling = strings[0] if kind == "argument" else (long or list(strings))[0]
    dest = bare[0] if bare and kind == "option" else spelling.lstrip("-")
    dest = dest.replace("-", "_").lower()
    default = given.get("default")
    switch = is_true(given.get("is_flag")) or is_true(given.get("count"))
    switch = switch or any("/" in text for text in strings)
    has_default = "default" in given and not is_none(default)
    return Option(
        framework="click",
        spelling=spelling,
        strings=strings,
        dest=dest,
        scope=scope,
        declaration=call,
        default=None if is_none(default) else default,
        required=is_true(given.get("required"))
        or (kind == "argument" and not has_default and not is_false(given.get("required"))),
        switch=switch or simple_name(given.get("type")) in ("bool", "int", "float", "BOOL", "INT"),
        type=given.get("type"),
        position=position if kind == "argument" else None,
        owner=function if dest in params else None,
    )
