"""Settings that the command line overrides by name: yacs-like configurations, variables of a configurator."""

from __future__ import annotations

from collections.abc import Iterator

from mljob_codemod.analysis.names import Definition, External, Program
from mljob_codemod.analysis.options import Option, is_literal_or_moved, is_none
from mljob_codemod.syntax import records as r
from mljob_codemod.syntax.walking import last_name, walk

_CONFIGURATIONS = frozenset({"CfgNode", "CN", "ConfigDict"})
_MERGING = {"merge_from_args": "--", "merge_from_list": ""}
"""How a key of a configuration is spelled as an argument, by the method that merges arguments."""


def configuration_options(program: Program) -> Iterator[Option]:
    """Keys of a yacs-like configuration that takes its values from the command line."""
    prefixes = [prefix for name, prefix in _MERGING.items() if program.sites_named(name)]
    if not prefixes:
        return
    for module in program.modules.values():
        for attr, assignments in module.attributes.items():
            for assigned in assignments:
                value = assigned.value
                if not is_literal_or_moved(value) or (
                    isinstance(value, r.Const) and not isinstance(value.value, str)
                ):
                    continue
                made = program.producers(assigned.receiver, assigned.scope)
                names = {_made_name(entity) for entity in made}
                if not names & _CONFIGURATIONS:
                    continue
                sections = [*_attribute_chain(assigned.receiver)[1:], attr]
                spelling = prefixes[0] + ".".join(sections)
                yield Option(
                    framework="other",
                    spelling=spelling,
                    strings=(spelling,),
                    dest=attr,
                    scope=assigned.scope,
                    declaration=r.Assign((assigned.receiver,), value, None, value.span),
                    default=value,
                )


def _made_name(entity: object) -> str:
    if isinstance(entity, External):
        return entity.name.rpartition(".")[2]
    return entity.node.name if isinstance(entity, Definition) else ""


def _attribute_chain(expr: r.Expr) -> list[str]:
    match expr:
        case r.Attribute(value, attr, _):
            return [*_attribute_chain(value), attr]
        case r.Name(name, _):
            return [name]
    return []


def overridden_variables(program: Program) -> Iterator[Option]:
    """``exec(open("configurator.py").read())`` makes each variable above it the option ``--name``."""
    for site in program.sites_named("exec"):
        module = site.scope.module
        if site.scope is not module.scope or module is not program.script:
            continue
        if not any(
            isinstance(part, r.Call) and last_name(part.func) == "open" for part in walk(site.call)
        ):
            continue
        for statement in module.body:
            if statement.span.start > site.call.span.start:
                break
            match statement:
                case r.Assign((r.Name(name, _),), (r.Const() | r.Call()) as value, _, _):
                    if not is_literal_or_moved(value):
                        continue
                    yield Option(
                        framework="other",
                        spelling=f"--{name}",
                        strings=(f"--{name}",),
                        dest=name,
                        scope=module.scope,
                        declaration=statement,
                        default=None if is_none(value) else value,
                        switch=isinstance(value, r.Const) and not isinstance(value.value, str),
                    )
