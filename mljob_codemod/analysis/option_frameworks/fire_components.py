"""Options that fire makes of functions, classes and what ``**kwargs`` set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mljob_codemod.analysis.names import Definition, Program
from mljob_codemod.analysis.option_frameworks.parameters import parameter_options
from mljob_codemod.analysis.options import Option, is_literal_or_moved, is_none
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.scopes import Scope, Site


def fire_options(program: Program, site: Site) -> Iterator[Option]:
    """The parameters of what ``fire.Fire`` is given, or of all functions of the file."""
    candidates: list[Definition] = []
    values = [
        argument.value for argument in site.call.args if argument.keyword in (None, "component")
    ]
    for value in values:
        parts: Iterable[r.Expr] = (value,)
        if isinstance(value, r.Mapping):
            parts = [item for _, item in value.items]
        for part in parts:
            candidates += [
                entity
                for entity in program.entities(part, site.scope)
                if isinstance(entity, Definition)
            ]
    if not values:
        for bindings in site.scope.module.scope.bindings.values():
            candidates += [
                Definition(binding.value, binding.scope)
                for binding in bindings
                if isinstance(binding.value, r.FunctionDef)
            ]
    setting: list[r.FunctionDef] = []
    for candidate in candidates:
        if isinstance(candidate.node, r.FunctionDef):
            # Of all functions of a file some only help the others, which give what they require.
            helps = not values and bool(program.callers(candidate))
            for option in parameter_options(candidate.node, candidate.scope, "fire"):
                if not (helps and option.required):
                    yield option
            setting.append(candidate.node)
        else:
            inner = candidate.scope.module.scope_of(candidate.node)
            for bindings in inner.bindings.values():
                for binding in bindings:
                    if isinstance(binding.value, r.FunctionDef):
                        yield from parameter_options(binding.value, inner, "fire")
    if any(param.kind == "**" for function in setting for param in function.params):
        yield from _attributes_set(program)


def _attributes_set(program: Program) -> Iterator[Option]:
    """Class attributes that ``**kwargs`` of a fire function set by ``setattr(config, name, value)``."""
    classes: dict[Scope, None] = {}
    for site in program.sites_named("setattr"):
        for argument in site.call.args[:1]:
            for owner in program.instance_of(argument.value, site.scope):
                classes.update(dict.fromkeys(program.class_line(owner)))
    for klass in classes:
        for name, bindings in klass.bindings.items():
            value = bindings[0].value
            if isinstance(value, (r.Const, r.Call)) and is_literal_or_moved(value):
                yield Option(
                    framework="fire",
                    spelling=f"--{name}",
                    strings=(f"--{name}",),
                    dest=name,
                    scope=klass,
                    declaration=r.Assign((r.Name(name, value.span),), value, None, value.span),
                    default=None if is_none(value) else value,
                    switch=isinstance(value, r.Const)
                    and not isinstance(value.value, (str, type(None))),
                )
