"""Options that typer makes of a function's parameters."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.names import External, Program, argument_at
from mljob_codemod.analysis.options import Option, is_none, simple_name, text_of
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Scope


def typer_commands(program: Program, function: r.FunctionDef, scope: Scope) -> Iterator[Option]:
    """The options of ``function`` where it is a command or callback of a ``typer.Typer()``."""
    for decorator in function.decorators:
        func = decorator.func if isinstance(decorator, r.Call) else decorator
        if isinstance(func, r.Attribute) and func.attr in ("command", "callback"):
            if External("typer.Typer") in program.producers(func.value, scope):
                yield from typer_options(program, function, scope)
                return


def typer_options(program: Program, function: r.FunctionDef, scope: Scope) -> Iterator[Option]:
    """The options that typer makes of the parameters of ``function``."""
    position = 0
    for param in function.params:
        declared = _typer_declaration(program, param, scope)
        default = param.default
        kind = ""
        strings: tuple[str, ...] = ()
        if declared is not None:
            call, kind, annotated = declared
            texts = [text_of(argument.value) for argument in call.args if not argument.keyword]
            strings = tuple(text for text in texts if text and text.startswith("-"))
            if not annotated:
                first = argument_at(call, 0, "default")
                default = None if first is None else first.value
        if isinstance(default, r.Other) and default.kind == "Ellipsis":
            default = None  # typer.Option(...) says «required»
        positional = kind == "Argument" or (not kind and default is None)
        long = [text for text in strings if text.startswith("--")]
        spelling = param.name if positional else "--" + param.name.replace("_", "-")
        yield Option(
            framework="typer",
            spelling=(long or [spelling])[0],
            strings=strings or (spelling,),
            dest=param.name,
            scope=scope,
            declaration=param,
            default=None if is_none(default) else default,
            required=default is None,
            switch=simple_name(param.annotation) in ("bool", "int", "float"),
            type=param.annotation,
            position=position if positional else None,
            owner=function,
        )
        position += positional


def _typer_declaration(
    program: Program, param: r.Param, scope: Scope
) -> tuple[r.Call, str, bool] | None:
    """The ``typer.Option(…)`` call of a parameter, its kind, and whether it is in ``Annotated``."""
    annotated = _annotated(param.annotation)
    for candidate in (param.default, *annotated):
        if isinstance(candidate, r.Call):
            for entity in program.entities(candidate.func, scope):
                if entity in (External("typer.Option"), External("typer.Argument")):
                    assert isinstance(entity, External)
                    return candidate, entity.name.partition(".")[2], candidate is not param.default
    return None


def _annotated(annotation: r.Expr | None) -> tuple[r.Expr, ...]:
    match annotation:
        case r.Subscript(value, r.Sequence(elements, _), _) if simple_name(value) == "Annotated":
            return elements[1:]
    return ()
