"""Options made of a function's parameters, the same for each library that does so."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.options import Option, is_none, simple_name
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Scope


def parameter_options(function: r.FunctionDef, scope: Scope, framework: str) -> Iterator[Option]:
    """An option ``--name`` for each parameter of ``function``."""
    for param in function.params:
        if param.kind in ("*", "**") or param.name in ("self", "cls"):
            continue
        yield Option(
            framework=framework,
            spelling=f"--{param.name}",
            strings=(f"--{param.name}",),
            dest=param.name,
            scope=scope,
            declaration=param,
            default=None if is_none(param.default) else param.default,
            required=param.default is None,
            switch=simple_name(param.annotation) in ("bool", "int", "float"),
            type=param.annotation,
            owner=function,
        )
